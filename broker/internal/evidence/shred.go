package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"consento/recordings/translog"
)

// shred destroys the keys of an approved erasure: on this machine before it
// returns, and it asks the witnesses, who follow the log, whether they did. It may be
// done again, and is until all have. The caller holds deciding.
func (e *Evidence) shred(ctx context.Context, row *erasureRow) error {
	sid, err := translog.ParseID(row.SID)
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	if row.Here == 0 {
		if err := e.shredHere(ctx, sid, row); err != nil {
			return err
		}
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return err
	}
	var ended *uint64 // the log goes later, or went earlier: it is not waited for
	if row.Scope != eraseContents {
		if ended, err = e.logEnded(ctx, sid); err != nil {
			return err
		}
	}
	waits, err := e.destroyedAt(ctx, rows, ended)
	if err != nil || len(waits) > 0 {
		return err
	}
	row.Done = e.config.Now().UnixMilli()
	if _, err := e.config.Database.NewUpdate().Model(row).Column("done").WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	return nil
}

func (e *Evidence) shredHere(ctx context.Context, sid translog.ID, row *erasureRow) error {
	id, err := translog.ParseID(row.ID)
	if err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return err
	}
	by := [2]string{row.AskedBy, row.DecidedBy}
	slices.Sort(by[:])
	for _, r := range rows {
		s := segment{sid, r.Segment}
		if r.Shred == nil {
			hash, err := e.loggedBag(ctx, s, r.Opened)
			if err != nil {
				return err
			}
			if _, err := e.add(ctx, translog.Shred{SID: sid, Segment: r.Segment, Bag: hash, By: by, Erase: id}); err != nil {
				return err
			}
		}
		if err := e.destroyBag(s); err != nil {
			return fmt.Errorf("evidence: erasure: %w", err)
		}
	}
	if err := e.destroyShares(sid, ""); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	if row.Scope != eraseContents {
		if err := e.endLog(ctx, sid, row.DecidedBy); err != nil {
			return err
		}
	}
	if err := e.keepProof(ctx, sid, false); err != nil {
		return err
	}
	row.Here = e.config.Now().UnixMilli()
	if _, err := e.config.Database.NewUpdate().Model(row).Column("here").WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	return nil
}

// destroyBag destroys the key bag of a segment, the one from before a re-wrapping,
// and what a crash left of one that was to be put in its place.
func (e *Evidence) destroyBag(s segment) error {
	files, err := filepath.Glob(e.bagPath(s) + "*")
	for _, f := range files {
		err = errors.Join(err, destroy(f))
	}
	return err
}

// loggedBag is the key bag that the log named last, whether or not it still lies here.
func (e *Evidence) loggedBag(ctx context.Context, s segment, opened uint64) (bag translog.Hash, err error) {
	numbers := []uint64{opened}
	var wrapped []uint64
	if err := e.config.Database.NewSelect().Table("log_entries").Column("number").Where("kind = 'rewrap'").Where("sid = ?", s.id.String()).
		Order("number").Scan(ctx, &wrapped); err != nil {
		return bag, fmt.Errorf("evidence: erasure: %w", err)
	}
	for _, n := range append(numbers, wrapped...) {
		entry, err := e.log.Entry(ctx, n)
		if err != nil {
			return bag, fmt.Errorf("evidence: global log: %w", err)
		}
		leaf, _, err := translog.ParseLeaf(entry)
		if err != nil {
			return bag, fmt.Errorf("evidence: global log: %w", err)
		}
		switch l := leaf.(type) {
		case translog.Opened:
			bag = l.Bag
		case translog.Rewrap:
			if l.Segment == s.number {
				bag = l.Bag
			}
		}
	}
	return bag, nil
}

// finishErasures goes on with what was decided and is not carried out everywhere.
func (e *Evidence) finishErasures(ctx context.Context) error {
	var rows []erasureRow
	if err := e.config.Database.NewSelect().Model(&rows).Where("approved").Where("done = 0").Scan(ctx); err != nil {
		return fmt.Errorf("evidence: erasure: %w", err)
	}
	for _, row := range rows {
		err := func() error {
			e.deciding.Lock()
			defer e.deciding.Unlock()
			return e.shred(ctx, &row)
		}()
		if err != nil {
			return err
		}
	}
	return nil
}

// destroy overwrites a small file and removes it, on the disk. What the medium
// below keeps of it nobody can say; that is why bags are in no backup for long.
func destroy(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err := errors.Join(err, f.Sync(), f.Close(), os.Remove(path)); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

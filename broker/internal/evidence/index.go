package evidence

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"consento/recordings"
	"consento/recordings/translog"
)

// index finds leaves again. It follows the log, never the other way round.
type index struct{ db *bun.DB }

type segmentRow struct {
	bun.BaseModel `bun:"table:log_segments"`

	SID     string `bun:"sid,pk"`
	Segment int    `bun:",pk"`
	Opened  uint64
	Closed  *uint64
	Bytes   uint64
	Tracks  uint64  // bit n: track n has content
	Shred   *uint64 // leaf of the destruction of its key bag
	Purged  *uint64 // leaf of the deletion of its file
	LogKeys *uint64 // leaf that names the file of the log's own keys last
	Summary *int64  // where its last summary lies in the file; -1: it has none, nil: not looked for
}

// searchedRow finds the search leaves that name a session.
type searchedRow struct {
	bun.BaseModel `bun:"table:log_searched"`

	SID    string `bun:"sid,pk"`
	Number uint64 `bun:",pk"` // of the leaf
}

func (r segmentRow) name() (segment, error) {
	id, err := translog.ParseID(r.SID)
	return segment{id, r.Segment}, err
}

// segment returns nil for one that the log does not know.
func (i index) segment(ctx context.Context, s segment) (*segmentRow, error) {
	row := new(segmentRow)
	err := i.db.NewSelect().Model(row).Where("sid = ?", s.id.String()).Where("segment = ?", s.number).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("evidence: index: %w", err)
	}
	return row, nil
}

// session returns the segments of a session, in order.
func (i index) session(ctx context.Context, id translog.ID) ([]segmentRow, error) {
	var rows []segmentRow
	if err := i.db.NewSelect().Model(&rows).Where("sid = ?", id.String()).Order("segment").Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: index: %w", err)
	}
	return rows, nil
}

// open returns the segments whose end is not on the log.
func (i index) open(ctx context.Context) ([]segmentRow, error) {
	var rows []segmentRow
	if err := i.db.NewSelect().Model(&rows).Where("closed IS NULL").Order("opened").Scan(ctx); err != nil {
		return nil, fmt.Errorf("evidence: index: %w", err)
	}
	return rows, nil
}

func (i index) size(ctx context.Context) (uint64, error) {
	var size uint64
	err := i.db.NewSelect().Table("log_index").Column("size").Scan(ctx, &size)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("evidence: index: %w", err)
	}
	return size, nil
}

// numbered is a leaf with its place and time.
type numbered struct {
	number uint64
	at     time.Time
	leaf   translog.Leaf
}

// take indexes leaves that follow each other, from where the index ends.
func (i index) take(ctx context.Context, leaves []numbered) error {
	if len(leaves) == 0 {
		return nil
	}
	err := i.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, l := range leaves {
			if err := takeLeaf(ctx, tx, l); err != nil {
				return err
			}
		}
		_, err := tx.NewRaw("INSERT INTO log_index (id, size) VALUES ('log', ?) ON CONFLICT (id) DO UPDATE SET size = excluded.size",
			leaves[len(leaves)-1].number+1).Exec(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("evidence: index: %w", err)
	}
	return nil
}

func takeLeaf(ctx context.Context, tx bun.Tx, l numbered) error {
	if row := entryOf(l); row != nil {
		if _, err := tx.NewInsert().Model(row).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
			return err
		}
	}
	end := func(id translog.ID, segment int, bytes uint64) error {
		_, err := tx.NewUpdate().Model((*segmentRow)(nil)).Set("closed = ?", l.number).Set("bytes = ?", bytes).
			Where("sid = ?", id.String()).Where("segment = ?", segment).Exec(ctx)
		return err
	}
	set := func(id translog.ID, segment int, column string) error {
		_, err := tx.NewUpdate().Model((*segmentRow)(nil)).Set("? = ?", bun.Ident(column), l.number).
			Where("sid = ?", id.String()).Where("segment = ?", segment).Exec(ctx)
		return err
	}
	switch leaf := l.leaf.(type) {
	case translog.Search:
		rows := make([]searchedRow, len(leaf.SIDs))
		for i, sid := range leaf.SIDs {
			rows[i] = searchedRow{SID: sid.String(), Number: l.number}
		}
		_, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx)
		return err
	case translog.Opened:
		_, err := tx.NewInsert().Model(&segmentRow{SID: leaf.SID.String(), Segment: leaf.Segment, Opened: l.number}).On("CONFLICT DO NOTHING").Exec(ctx)
		return err
	case translog.Closed:
		return end(leaf.SID, leaf.Segment, leaf.Bytes)
	case translog.Recovered:
		return end(leaf.SID, leaf.Segment, leaf.Bytes)
	case translog.Shred:
		return set(leaf.SID, leaf.Segment, "shred")
	case translog.Purge:
		return set(leaf.SID, leaf.Segment, "purged")
	case translog.LogKeys:
		return set(leaf.SID, leaf.Segment, "log_keys")
	}
	return nil
}

// tracks keeps which tracks of a segment have content, for who looks for it.
func (i index) tracks(ctx context.Context, s segment, tracks map[recordings.Track]recordings.TrackReport) error {
	var bits uint64
	for t := range tracks {
		if t < 64 {
			bits |= 1 << t
		}
	}
	_, err := i.db.NewUpdate().Model((*segmentRow)(nil)).Set("tracks = ?", bits).Where("sid = ?", s.id.String()).Where("segment = ?", s.number).Exec(ctx)
	if err != nil {
		return fmt.Errorf("evidence: index: %w", err)
	}
	return nil
}

// summary keeps where the last summary of a segment that is closed lies.
func (i index) summary(ctx context.Context, s segment, at int64) error {
	_, err := i.db.NewUpdate().Model((*segmentRow)(nil)).Set("summary = ?", at).Where("sid = ?", s.id.String()).Where("segment = ?", s.number).Exec(ctx)
	if err != nil {
		return fmt.Errorf("evidence: index: %w", err)
	}
	return nil
}

// add puts leaves on the log and into the index, and returns the number of the first.
func (e *Evidence) add(ctx context.Context, leaves ...translog.Leaf) (uint64, error) {
	// What is begun is carried out, whoever still waits for it.
	ctx = context.WithoutCancel(ctx)
	var first uint64
	err := e.withRoom(func() (err error) {
		first, err = e.log.Add(ctx, leaves...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("evidence: global log: %w", err)
	}
	return first, e.withRoom(func() error { return e.follow(ctx) })
}

// followBatch leaves are indexed in one transaction.
const followBatch = 500

// follow indexes what the log holds beyond the index.
func (e *Evidence) follow(ctx context.Context) error {
	e.following.Lock()
	defer e.following.Unlock()
	from, err := e.index.size(ctx)
	if err != nil {
		return err
	}
	size := e.log.Size()
	if from > size {
		return fmt.Errorf("the global log has %d leaves, it had %d: it was set back", size, from)
	}
	var batch []numbered
	for entry, err := range e.log.Entries(ctx, from, size) {
		if err != nil {
			return fmt.Errorf("evidence: global log: %w", err)
		}
		leaf, at, err := translog.ParseLeaf(entry.Data)
		if err != nil {
			return fmt.Errorf("evidence: global log: %w", err)
		}
		if batch = append(batch, numbered{entry.Index, at, leaf}); len(batch) == followBatch {
			if err := e.index.take(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return e.index.take(ctx, batch)
}

// catchUp lets the index follow the log, and says how segments ended whose end a
// crash kept from the log.
func (e *Evidence) catchUp(ctx context.Context) error {
	if err := e.follow(ctx); err != nil {
		return err
	}
	rows, err := e.index.open(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		s, err := row.name()
		if err != nil {
			return err
		}
		report, err := recordings.ScanFile(e.path(s), recordings.ScanOptions{LogKeys: e.logKeys()})
		if err != nil || !report.Final || report.Verdict == recordings.Tampered {
			continue // for package session to complete, or for the auditor to see
		}
		if err := e.Closed(ctx, e.path(s)); err != nil {
			return err
		}
	}
	return nil
}

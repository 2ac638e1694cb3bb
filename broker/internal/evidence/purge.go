package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"consento/recordings"
	"consento/recordings/translog"
)

// purge deletes the files of sessions whose keys were destroyed everywhere long
// enough ago. Nothing that anybody could read is lost by it, so nobody decides again;
// a legal hold keeps them all the same. What stays is the proof of it all.
func (e *Evidence) purge(ctx context.Context) error {
	if e.config.PurgeAfter == 0 {
		return nil
	}
	before := e.config.Now().Add(-e.config.PurgeAfter).UnixMilli()
	var rows []erasureRow
	err := e.config.Database.NewSelect().Model(&rows).Where("approved").Where("done > 0").Where("done <= ?", before).Where("purged = 0").
		Where("NOT EXISTS (SELECT 1 FROM holds WHERE holds.sid = erasure_row.sid AND holds.released = 0)").
		Where("NOT EXISTS (SELECT 1 FROM log_keys WHERE log_keys.sid = erasure_row.sid AND (log_keys.gone = 0 OR log_keys.gone > ?))", before).Limit(PageSize).Scan(ctx)
	if err != nil {
		return fmt.Errorf("evidence: purge: %w", err)
	}
	for _, row := range rows {
		if err := e.purgeOne(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// purgeOne may be done again. Each deletion is on the log before it happens.
func (e *Evidence) purgeOne(ctx context.Context, row erasureRow) error {
	e.deciding.Lock()
	defer e.deciding.Unlock()
	sid, err := translog.ParseID(row.SID)
	if err != nil {
		return fmt.Errorf("evidence: purge: %w", err)
	}
	held, err := e.index.holds(ctx, sid)
	if err != nil || len(held) > 0 {
		return err
	}
	rows, err := e.index.session(ctx, sid)
	if err != nil {
		return err
	}
	for _, r := range rows {
		path := e.path(segment{sid, r.Segment})
		if r.Purged == nil {
			size, err := sizeOf(path)
			if err != nil {
				return fmt.Errorf("evidence: purge: %w", err)
			}
			if _, err := e.add(ctx, translog.Purge{SID: sid, Segment: r.Segment, Bytes: size}); err != nil {
				return err
			}
		}
		for _, file := range []string{path, recordings.DefaultCosignatures(path)} {
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("evidence: purge: %w", err)
			}
		}
	}
	if err := e.keepProof(ctx, sid, false); err != nil {
		return err
	}
	row.Purged = e.config.Now().UnixMilli()
	if _, err := e.config.Database.NewUpdate().Model(&row).Column("purged").WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("evidence: purge: %w", err)
	}
	return nil
}

// sizeOf is the length of a file; of none, 0.
func sizeOf(path string) (uint64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return uint64(info.Size()), nil
}

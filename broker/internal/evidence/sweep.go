package evidence

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

const (
	sweepEvery = 24 * time.Hour
	sweepBatch = 500 // sessions in one transaction
	leastMonth = 28 * dayMS
	actsKept   = 24 * time.Hour // in the database, once they are on the log
)

// SweepConfig is what deletes the database's rows when their period is over.
type SweepConfig struct {
	// LogMonths is how many months logs are kept: for sessions that were not promised
	// anything else.
	LogMonths func(context.Context) (int, error)
	// Forget empties and deletes rows of other packages, in this transaction: of the
	// sessions named, and what else has expired.
	Forget func(ctx context.Context, tx bun.IDB, empty, gone []string) error
}

// overRow is a session whose end is long enough ago to be looked at.
type overRow struct {
	ID        string
	Ended     int64
	KeepDays  int
	LogMonths int
	Emptied   bool
	Readable  bool // some key of its recording exists
	Log       bool // the keys of its log exist
	Undecided bool // an erasure is, or is not carried out
	Unpurged  bool // its files are to be deleted
}

// until is the end of the log's period, which is never shorter than the recording's.
func (r overRow) until(months, days int) time.Time {
	if r.LogMonths > 0 {
		months = r.LogMonths
	}
	if r.KeepDays > 0 {
		days = r.KeepDays
	}
	log, recording := moment(r.Ended).AddDate(0, months, 0), moment(r.Ended).AddDate(0, 0, days)
	if log.Before(recording) {
		return recording
	}
	return log
}

// sweep deletes the rows of sessions whose period is over. Where a recording can
// still be read, because nobody decided about it, what people typed is emptied, and
// what one needs to find it and to decide stays. A legal hold keeps everything. How
// many went is on the trail, in the same transaction.
func (e *Evidence) sweep(ctx context.Context) error {
	if e.config.Sweep == nil {
		return nil
	}
	e.deciding.Lock() // no hold comes in between
	defer e.deciding.Unlock()
	logs, empty, gone, err := e.overdue(ctx)
	if err != nil {
		return fmt.Errorf("evidence: sweep: %w", err)
	}
	ended, err := e.endLogs(ctx, logs)
	if err != nil {
		return err
	}
	for ; ; ended = 0 {
		some, others := min(sweepBatch, len(empty)), min(sweepBatch, len(gone))
		if err := e.forgetRows(ctx, ended, empty[:some], gone[:others]); err != nil {
			return fmt.Errorf("evidence: sweep: %w", err)
		}
		if empty, gone = empty[some:], gone[others:]; len(empty)+len(gone) == 0 {
			return nil
		}
	}
}

// overdue finds the sessions whose logs' keys are to be destroyed, those that are to
// be emptied and those that go.
func (e *Evidence) overdue(ctx context.Context) (logs, empty, gone []string, err error) {
	months, err := e.config.Sweep.LogMonths(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	days, err := e.config.Retention(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	now := e.config.Now()
	var rows []overRow
	err = e.config.Database.NewSelect().TableExpr("session_ends AS s").ColumnExpr("s.*").
		ColumnExpr("EXISTS (SELECT 1 FROM log_segments AS l WHERE l.sid = s.id AND l.shred IS NULL) AS readable").
		ColumnExpr("EXISTS (SELECT 1 FROM log_keys AS k WHERE k.sid = s.id AND k.gone = 0) AS log").
		ColumnExpr("EXISTS (SELECT 1 FROM erasures AS x WHERE x.sid = s.id AND (x.decided = 0 OR x.approved AND x.done = 0)) AS undecided").
		ColumnExpr("EXISTS (SELECT 1 FROM erasures AS x WHERE x.sid = s.id AND x.approved AND x.purged = 0 AND ?) AS unpurged", e.config.PurgeAfter > 0).
		Where("s.ended <= ?", now.UnixMilli()-leastMonth).
		Where("NOT EXISTS (SELECT 1 FROM holds AS h WHERE h.sid = s.id AND h.released = 0)").OrderExpr("s.ended, s.id").Scan(ctx, &rows)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, r := range rows {
		switch {
		case now.Before(r.until(months, days)):
		case !r.Readable && !r.Log && !r.Undecided && !r.Unpurged:
			gone = append(gone, r.ID)
		default:
			if !r.Readable && r.Log && !r.Undecided {
				logs = append(logs, r.ID)
			}
			if !r.Emptied {
				empty = append(empty, r.ID)
			}
		}
	}
	return logs, empty, gone, nil
}

// forgetRows is one transaction of it.
func (e *Evidence) forgetRows(ctx context.Context, logs int, empty, gone []string) error {
	return e.config.Database.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		shares := 0
		for _, d := range []*bun.DeleteQuery{
			tx.NewDelete().Table("shares").Where("sid IN (?)", bun.List(slices.Concat(empty, gone, none))).Where("cleared"),
			tx.NewDelete().Table("shares").Where("sid IN (?)", bun.List(slices.Concat(gone, none))),
		} {
			result, err := d.Exec(ctx)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			shares += int(n)
		}
		for _, table := range []string{"holds", "erasures", "checks", "log_keys"} {
			if _, err := tx.NewDelete().Table(table).Where("sid IN (?)", bun.List(slices.Concat(gone, none))).Exec(ctx); err != nil {
				return err
			}
		}
		if err := e.config.Sweep.Forget(ctx, tx, empty, gone); err != nil {
			return err
		}
		if err := ops.ForgetActs(ctx, tx, e.config.Now().Add(-actsKept)); err != nil {
			return err
		}
		if logs+len(empty)+len(gone)+shares == 0 {
			return nil
		}
		return ops.NoteAct(ctx, tx, "rows.deleted", ops.ByBroker, map[string]any{"sessions": len(gone), "emptied": len(empty), "shares": shares, "logs": logs})
	})
}

// none is no session: a list in SQL is not empty.
var none = []string{""}

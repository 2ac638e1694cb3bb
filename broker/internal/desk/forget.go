package desk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// Limits of how long closed tickets are kept, in months.
const (
	DefaultKeep      = 24
	minKeep, maxKeep = 2, 120
	forgetBatch      = 100
)

// Forget deletes tickets with everything that belongs to them, their histories and files
// included, when they have been closed for as long as the office keeps them (Regulation
// (EU) 2016/679, Article 5(1)(e)). What stays: a suspected data breach, which is to be
// documented (Article 33(5)), and an incident on which others hang that stay.
func (d *Desk) Forget(ctx context.Context) error {
	hours, _, err := d.Hours(ctx)
	if err != nil {
		return err
	}
	before := d.now().AddDate(0, -hours.Keep, 0)
	for {
		n, err := d.forget(ctx, before)
		if err != nil || n < forgetBatch {
			return wrapped("desk: forget", err)
		}
	}
}

func (d *Desk) forget(ctx context.Context, before time.Time) (n int, err error) {
	var ids, attached []string
	err = d.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewSelect().Model((*ticketRow)(nil)).Column("id").Where("closed > 0").Where("closed < ?", millis(before)).
			Where("NOT EXISTS (SELECT 1 FROM breaches AS b WHERE b.ticket = ticket.id)").
			Where("NOT EXISTS (SELECT 1 FROM tickets AS child WHERE child.parent = ticket.id)").
			Order("closed").Limit(forgetBatch).Scan(ctx, &ids)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := tx.NewSelect().Model((*attachmentRow)(nil)).Column("id").Where("ticket IN (?)", bun.List(ids)).Scan(ctx, &attached); err != nil {
			return err
		}
		for _, table := range []string{"ticket_teams", "ticket_pauses", "ticket_history", "ticket_sessions", "ticket_alerts", "desk_notices", "desk_outages", "desk_attachments"} {
			if _, err := tx.NewDelete().Table(table).Where("ticket IN (?)", bun.List(ids)).Exec(ctx); err != nil {
				return err
			}
		}
		if _, err := tx.NewDelete().Model((*ticketRow)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "tickets.deleted", ops.ByBroker, map[string]any{"tickets": len(ids), "closed_before": before.UTC().Format(time.RFC3339)})
	})
	if err != nil {
		return 0, err
	}
	if d.files == nil {
		return len(ids), nil
	}
	var errs []error
	for _, id := range attached { // what stays behind here goes when the broker starts next
		if err := os.Remove(d.files.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return len(ids), errors.Join(errs...)
}

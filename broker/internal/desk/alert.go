package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// ClockKind says what a clock measures.
type ClockKind string

// The clocks of a ticket.
const (
	ResponseClock   ClockKind = "response"
	ResolutionClock ClockKind = "resolution"
	HandOnClock     ClockKind = "hand_on" // how long a level may have it, as the matrix says
)

// Alert is a promise of a ticket that runs out, or has.
type Alert struct {
	Ticket Ticket
	Clock  ClockKind
	Kind   Standing  // Warned, Breached
	Due    time.Time // since when it is so
	Seen   time.Time // when the broker saw it
}

type alertRow struct {
	bun.BaseModel `bun:"table:ticket_alerts,alias:ticket_alert"`

	Ticket string    `bun:",pk"`
	Clock  ClockKind `bun:",pk"`
	Kind   Standing  `bun:",pk"`
	Round  int64     `bun:",pk"`
	Due    int64
	Seen   int64
}

// kind is how it stands in a ticket's history.
func (r alertRow) kind() ActKind { return ActKind(string(r.Clock) + "_" + string(r.Kind)) }

// entry is it in a ticket's history. It makes no version of the ticket: whoever is at work
// on it is not in anybody's way.
func (r alertRow) entry() Entry {
	return Entry{At: timeOf(r.Seen), By: Person{ID: ops.ByBroker}, Kind: r.kind(), Data: []byte(`{"at":"` + timeOf(r.Due).Format(time.RFC3339) + `"}`)}
}

// OnAlert names what is done with each alert, once, in the transaction that notes it. It is
// called before the desk is used.
func (d *Desk) OnAlert(tell func(ctx context.Context, db bun.IDB, a Alert) error) { d.alerted = tell }

// alert notes that a promise runs out, or has; nothing if that is noted already.
func (d *Desk) alert(ctx context.Context, tx bun.Tx, t Ticket, clock ClockKind, kind Standing, round int64, due time.Time) error {
	row := alertRow{Ticket: t.ID, Clock: clock, Kind: kind, Round: round, Due: millis(due), Seen: millis(d.now())}
	result, err := tx.NewInsert().Model(&row).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("desk: alert: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	d.touch(ctx, t.ID)
	if d.alerted == nil {
		return nil
	}
	return d.alerted(ctx, tx, Alert{t, clock, kind, due, timeOf(row.Seen)})
}

// runningKind is which clock of a ticket runs.
func (t Ticket) runningKind() ClockKind {
	if t.Responded.IsZero() {
		return ResponseClock
	}
	return ResolutionClock
}

// overdue notes that the clock that runs has spent its target: before an act stops it, so
// that none is missed between two looks.
func (d *Desk) overdue(ctx context.Context, tx bun.Tx, t Ticket) error {
	if t.Standing(d.now()) != Breached {
		return nil
	}
	return d.alert(ctx, tx, t, t.runningKind(), Breached, 0, t.Due)
}

// watchBatch is how many tickets are looked at in one transaction.
const watchBatch = 200

// Look notes every promise that runs out, or has, and was not noted yet. Several brokers may
// look at the same time: what one notes is noted.
func (d *Desk) Look(ctx context.Context) error {
	for {
		n, err := d.lookAtClocks(ctx)
		if err != nil {
			return err
		}
		if n < watchBatch {
			return errors.Join(d.lookAtLevels(ctx), d.lookAtBreaches(ctx))
		}
	}
}

// lookAtClocks looks at the clocks that run, as the queue has them.
func (d *Desk) lookAtClocks(ctx context.Context) (n int, err error) {
	now := millis(d.now())
	var ids []string
	err = d.db.NewSelect().Model((*ticketRow)(nil)).Column("id").Where("resolved = 0").Where("warn > 0").Where("warn <= ?", now).
		Where(`NOT EXISTS (SELECT 1 FROM ticket_alerts AS a WHERE a.ticket = ticket.id AND a.clock = CASE WHEN ticket.responded = 0 THEN 'response' ELSE 'resolution' END
			AND (a.kind = 'breached' OR ticket.turn >= ?))`, now).Order("turn").Limit(watchBatch).Scan(ctx, &ids)
	if err != nil || len(ids) == 0 {
		return 0, wrapped("desk: watch", err)
	}
	return len(ids), d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, id := range ids {
			t, err := read(ctx, tx, id)
			if err != nil {
				return err
			}
			switch t.Standing(d.now()) {
			case Breached:
				err = d.alert(ctx, tx, t, t.runningKind(), Breached, 0, t.Due)
			case Warned:
				err = d.alert(ctx, tx, t, t.runningKind(), Warned, 0, t.Warn)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func wrapped(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// lookAtLevels looks how long levels have their tickets, where the matrix sets a time.
func (d *Desk) lookAtLevels(ctx context.Context) error {
	m, _, err := d.Matrix(ctx)
	if err != nil {
		return err
	}
	hours, _, err := d.Hours(ctx)
	if err != nil {
		return err
	}
	for _, c := range m.Categories {
		for level, cell := range c.Cells {
			if cell.After == 0 {
				continue
			}
			if err := d.lookAtCell(ctx, hours.Calendar, c.ID, level, time.Duration(cell.After)*time.Minute); err != nil {
				return err
			}
		}
	}
	return nil
}

// begun is since when the level that has a ticket has it, in SQL: its arrival or the newest
// time that it was handed on or opened again.
const begun = "(SELECT MAX(h.number) FROM ticket_history AS h WHERE h.ticket = ticket.id AND h.kind IN ('open', 'escalate', 'reopen'))"

func (d *Desk) lookAtCell(ctx context.Context, calendar Calendar, category string, level access.Level, after time.Duration) error {
	list, err := d.ticketsWhere(ctx, `ticket.resolved = 0 AND ticket.waiting = '' AND ticket.category = ? AND ticket.level = ?
		AND NOT EXISTS (SELECT 1 FROM ticket_alerts AS a WHERE a.ticket = ticket.id AND a.clock = 'hand_on' AND a.round = `+begun+`)`, category, level)
	if err != nil {
		return err
	}
	for _, t := range list {
		var row historyRow
		err := d.db.NewSelect().Model(&row).Where("ticket = ?", t.ID).Where("kind IN ('open', 'escalate', 'reopen')").Order("number DESC").Limit(1).Scan(ctx)
		if err != nil {
			return wrapped("desk: watch", err)
		}
		clock := Clock{Calendar: calendar, Target: after, Started: timeOf(row.At), Pauses: t.Pauses}
		if clock.Standing(d.now()) != Breached {
			continue
		}
		due, err := clock.Due(d.now())
		if err != nil {
			return err
		}
		if err := d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
			return d.alert(ctx, tx, t, HandOnClock, Breached, row.Number, due)
		}); err != nil {
			return err
		}
	}
	return nil
}

// Watch looks at once and then again and again until ctx ends. What goes wrong is logged,
// and looked at again.
func (d *Desk) Watch(ctx context.Context, every time.Duration, also ...func(context.Context) error) {
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		for _, look := range append([]func(context.Context) error{d.Look}, also...) {
			if err := look(ctx); err != nil && ctx.Err() == nil {
				d.log.ErrorContext(ctx, "promises of tickets cannot be looked at", slog.Any("err", err))
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// Alerts lists what presses now of the tickets that the account may read, the longest
// overdue first: one for each ticket.
func (d *Desk) Alerts(ctx context.Context, by access.Account, most int) ([]Alert, error) {
	var rows []struct {
		ticketRow `bun:",extend"`

		Clock ClockKind `bun:",scanonly"`
		AKind Standing  `bun:",scanonly"`
		ADue  int64     `bun:",scanonly"`
		ASeen int64     `bun:",scanonly"`
	}
	q := selected(d.db.NewSelect().Model(&rows).ModelTableExpr("tickets AS ticket")).ColumnExpr("a.clock AS clock, a.kind AS a_kind, a.due AS a_due, a.seen AS a_seen").
		Join("JOIN ticket_alerts AS a ON a.ticket = ticket.id").Where("ticket.resolved = 0").Where("ticket.waiting = ''").
		Where("(a.clock = 'resolution' AND ticket.responded > 0 OR a.clock = 'response' AND ticket.responded = 0 OR a.clock = 'hand_on' AND a.round = " + begun + ")").
		OrderExpr("a.kind, a.due").Limit(maxListed)
	q, any := readable(q, by)
	if !any {
		return nil, nil
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: alerts: %w", err)
	}
	var list []Alert
	for i := range rows {
		t := rows[i].ticketRow.ticket()
		if len(list) < most && !slices.ContainsFunc(list, func(a Alert) bool { return a.Ticket.ID == t.ID }) {
			list = append(list, Alert{t, rows[i].Clock, rows[i].AKind, timeOf(rows[i].ADue), timeOf(rows[i].ASeen)})
		}
	}
	return list, nil
}

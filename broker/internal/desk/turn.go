package desk

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Places in the queue behind every time at which a clock can be due (the year 9999 is
// below): tickets that have no clock yet, and those whose clocks stand still. Among
// themselves the oldest is first.
const (
	turnUnclocked int64 = 1 << 50
	turnPaused    int64 = 1 << 51
	turnDone      int64 = 1 << 52
)

// Running is the clock that runs for a ticket: of the first answer, then of the solution.
// There is none before its priority is known, where somebody has it in hand already.
func (h ServiceHours) Running(t Ticket) (Clock, bool) {
	if t.Responded.IsZero() {
		priority := t.Priority
		if priority == 0 {
			priority = Medium // nobody has looked at it
		}
		return t.Response(h.Calendar, h.Targets[priority]), true
	}
	if t.Priority == 0 {
		return Clock{}, false
	}
	return t.Resolving(h.Calendar, h.Targets[t.Priority]), true
}

// Standing is how the clock that runs stands at a moment; "" if none does.
func (t Ticket) Standing(now time.Time) Standing {
	switch {
	case t.Due.IsZero():
		return ""
	case now.After(t.Due):
		return Breached
	case !now.Before(t.Warn):
		return Warned
	}
	return OnTime
}

// turned is the ticket with its place in the queue. Between two changes of a ticket, and
// of the hours, the place does not depend on the time.
func (h ServiceHours) turned(t Ticket, now time.Time) Ticket {
	t.Due, t.Warn = time.Time{}, time.Time{}
	clock, runs := h.Running(t)
	switch {
	case !t.State.Open():
		t.Turn = turnDone + millis(t.Created)
		return t
	case t.Waiting != WaitingForNobody:
		t.Turn = turnPaused + millis(t.Created)
		return t
	case runs:
		due, err := clock.Due(now)
		if err == nil {
			t.Due, t.Turn = due, millis(due)
			if t.Warn, err = clock.WarnAt(now); err == nil {
				return t
			}
		}
	}
	t.Turn = turnUnclocked + millis(t.Created)
	return t
}

// dueOf is when a clock is due by a place in the queue; zero if none runs.
func dueOf(turn int64) time.Time {
	if turn >= turnUnclocked {
		return time.Time{}
	}
	return timeOf(turn)
}

// line gives a ticket its place in the queue, by the hours in force.
func (d *Desk) line(ctx context.Context, db bun.IDB, t Ticket) (Ticket, error) {
	var h ServiceHours
	if _, err := newest(ctx, db, ofHours, &h); err != nil {
		return t, err
	}
	return h.turned(t, d.now()), nil
}

// lineUp gives tickets their places anew: all open ones after the hours have changed, or
// those alone that never had one.
func (d *Desk) lineUp(ctx context.Context, db bun.IDB, h ServiceHours, uncounted bool) error {
	q := db.NewSelect().Model((*ticketRow)(nil)).Column("id")
	if uncounted {
		q = q.Where("turn = 0")
	} else {
		q = q.Where("resolved = 0")
	}
	var ids []string
	if err := q.Scan(ctx, &ids); err != nil {
		return fmt.Errorf("desk: queue: %w", err)
	}
	now := d.now()
	for _, id := range ids {
		t, err := read(ctx, db, id)
		if err != nil {
			return err
		}
		t = h.turned(t, now)
		if _, err := db.NewUpdate().Model((*ticketRow)(nil)).Set("turn = ?", t.Turn).Set("warn = ?", millis(t.Warn)).Where("id = ?", id).Exec(ctx); err != nil {
			return fmt.Errorf("desk: queue: %w", err)
		}
	}
	return nil
}

package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"consento/broker/internal/access"
)

// Entry is one thing that was done with a ticket, or that the broker saw of its promises.
type Entry struct {
	Number int64 // the version that it made; 0: none, it is the broker's
	At     time.Time
	By     Person
	Kind   ActKind
	Data   json.RawMessage
}

// Recent lists the newest of what was done with a ticket that the account may read, the
// newest first: at most limit entries before a number, 0 for the end of the history, with
// who was alerted.
func (d *Desk) Recent(ctx context.Context, by access.Account, id string, before int64, limit int) ([]Entry, error) {
	if _, err := d.Ticket(ctx, by, id); err != nil {
		return nil, err
	}
	var rows []historyRow
	q := d.db.NewSelect().Model(&rows).Where("ticket = ?", id).Order("number DESC").Limit(int64(limit))
	if before > 0 {
		q = q.Where("number < ?", before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	list := entriesOf(rows)
	if before > 0 {
		return list, nil
	}
	slices.Reverse(list)
	list, err := d.withAlerts(ctx, id, list)
	slices.Reverse(list)
	return list, err
}

func entriesOf(rows []historyRow) []Entry {
	list := make([]Entry, len(rows))
	for i, r := range rows {
		list[i] = Entry{r.Number, timeOf(r.At), Person{r.ByID, r.By}, r.Kind, json.RawMessage(r.Data)}
	}
	return list
}

// History lists everything that was done with a ticket that the account may read, the
// oldest first.
func (d *Desk) History(ctx context.Context, by access.Account, id string) ([]Entry, error) {
	if _, err := d.Ticket(ctx, by, id); err != nil {
		return nil, err
	}
	var rows []historyRow
	if err := d.db.NewSelect().Model(&rows).Where("ticket = ?", id).Order("number").Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	return d.withAlerts(ctx, id, entriesOf(rows))
}

// withAlerts puts beside what was done with a ticket who was alerted of it, the oldest first.
func (d *Desk) withAlerts(ctx context.Context, id string, list []Entry) ([]Entry, error) {
	var alerts []alertRow
	if err := d.db.NewSelect().Model(&alerts).Where("ticket = ?", id).Order("seen").Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	for _, a := range alerts {
		list = append(list, a.entry())
	}
	var breaches []breachRow
	if err := d.db.NewSelect().Model(&breaches).Column("begun", "acknowledged").Where("ticket = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	for _, b := range breaches {
		list = append(list, b.entries()...)
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return a.At.Compare(b.At) })
	return list, nil
}

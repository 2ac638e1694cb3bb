package desk

import (
	"context"
	"log/slog"

	"github.com/uptrace/bun"
)

// Changes delivers the ids of tickets that changed, after the change is in the database,
// until ctx ends; then the channel is closed. A slow reader is told once of what changed
// several times. Who may know of them is asked when one is read. The id "" stands for all: the
// office has decided about hours or matrix.
func (d *Desk) Changes(ctx context.Context) <-chan string { return d.feed.Subscribe(ctx, nil) }

// changed tells subscribers that these tickets changed.
func (d *Desk) changed(ids ...string) {
	for _, id := range ids {
		d.feed.Publish(id, id)
	}
}

// touchedKey is the context key of the ids that a transaction changes.
type touchedKey struct{}

// transact runs do in a transaction, and tells subscribers afterwards of the tickets that
// it changed. Everything that changes tickets runs in here.
func (d *Desk) transact(ctx context.Context, do func(ctx context.Context, tx bun.Tx) error) error {
	var touched []string
	if err := d.db.RunInTx(context.WithValue(ctx, touchedKey{}, &touched), nil, do); err != nil {
		return err
	}
	d.changed(touched...)
	return nil
}

// touch notes that a transaction changes a ticket.
func (d *Desk) touch(ctx context.Context, id string) {
	if touched, ok := ctx.Value(touchedKey{}).(*[]string); ok {
		*touched = append(*touched, id)
		return
	}
	d.log.Error("a ticket changes outside of transact: consoles are not told", slog.String("ticket", id))
}

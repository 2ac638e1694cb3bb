package desk

import (
	"context"
	"log/slog"
	"sync"

	"github.com/uptrace/bun"
)

// feed tells subscribers which tickets changed, after the change is in the database. A
// slow subscriber is told once of what changed several times.
type feed struct {
	mu   sync.Mutex
	subs map[*subscription]struct{}
}

type subscription struct {
	wake    chan struct{} // of capacity 1
	changed map[string]struct{}
	order   []string
}

func newFeed() *feed { return &feed{subs: map[*subscription]struct{}{}} }

func (f *feed) publish(ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for sub := range f.subs {
		for _, id := range ids {
			if _, there := sub.changed[id]; !there {
				sub.changed[id] = struct{}{}
				sub.order = append(sub.order, id)
			}
		}
		select {
		case sub.wake <- struct{}{}:
		default:
		}
	}
}

func (f *feed) take(sub *subscription) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(sub.order) == 0 {
		return "", false
	}
	id := sub.order[0]
	sub.order = sub.order[1:]
	delete(sub.changed, id)
	return id, true
}

// Changes delivers the ids of tickets that changed until ctx ends; then the channel is
// closed. Who may know of them is asked when one is read. The id "" stands for all: the office has
// decided about hours or matrix.
func (d *Desk) Changes(ctx context.Context) <-chan string {
	f := d.feed
	sub := &subscription{wake: make(chan struct{}, 1), changed: map[string]struct{}{}}
	f.mu.Lock()
	f.subs[sub] = struct{}{}
	f.mu.Unlock()
	out := make(chan string)
	go func() {
		defer close(out)
		defer func() {
			f.mu.Lock()
			delete(f.subs, sub)
			f.mu.Unlock()
		}()
		for {
			select {
			case <-sub.wake:
			case <-ctx.Done():
				return
			}
			for {
				id, ok := f.take(sub)
				if !ok {
					break
				}
				select {
				case out <- id:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
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
	if len(touched) > 0 {
		d.feed.publish(touched)
	}
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

package session

import (
	"context"
	"sync"

	"consento/protocol"
)

// feed tells subscribers which sessions changed. A slow subscriber misses steps
// in between, never the latest.
type feed struct {
	mu   sync.Mutex
	subs map[*subscription]struct{}
}

type subscription struct {
	wants   func(protocol.Session) bool
	wake    chan struct{} // of capacity 1
	changed map[string]protocol.Session
	order   []string
}

func newFeed() *feed { return &feed{subs: map[*subscription]struct{}{}} }

func (f *feed) publish(s protocol.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for sub := range f.subs {
		if !sub.wants(s) {
			continue
		}
		if _, there := sub.changed[s.ID]; !there {
			sub.order = append(sub.order, s.ID)
		}
		sub.changed[s.ID] = s
		select {
		case sub.wake <- struct{}{}:
		default:
		}
	}
}

// subscribe delivers every change that wants accepts until ctx ends; then the
// channel is closed.
func (f *feed) subscribe(ctx context.Context, wants func(protocol.Session) bool) <-chan protocol.Session {
	sub := &subscription{wants: wants, wake: make(chan struct{}, 1), changed: map[string]protocol.Session{}}
	f.mu.Lock()
	f.subs[sub] = struct{}{}
	f.mu.Unlock()
	out := make(chan protocol.Session)
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
				s, ok := f.take(sub)
				if !ok {
					break
				}
				select {
				case out <- s:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

func (f *feed) take(sub *subscription) (protocol.Session, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(sub.order) == 0 {
		return protocol.Session{}, false
	}
	id := sub.order[0]
	sub.order = sub.order[1:]
	s := sub.changed[id]
	delete(sub.changed, id)
	return s, true
}

// Package feed tells whoever subscribes what changed: sessions, tickets.
//
// Nobody who publishes waits for a reader. A slow one misses steps in between, never the
// latest: what changed several times since is told once, as it is now, in the order in which
// the first of these changes came. Nothing is kept for who subscribes later.
package feed

import (
	"context"
	"sync"
)

// Feed passes on changes of things that have an id. The zero one is ready; it must not be
// copied.
type Feed[T any] struct {
	mu   sync.Mutex
	subs map[*subscription[T]]struct{}
}

type subscription[T any] struct {
	wants   func(T) bool
	wake    chan struct{} // of capacity 1
	changed map[string]T
	order   []string // ids of changed
}

// Publish tells every subscriber that wants it that the thing with this id is now so.
func (f *Feed[T]) Publish(id string, now T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for sub := range f.subs {
		if !sub.wants(now) {
			continue
		}
		if _, there := sub.changed[id]; !there {
			sub.order = append(sub.order, id)
		}
		sub.changed[id] = now
		select {
		case sub.wake <- struct{}{}:
		default:
		}
	}
}

// Subscribe delivers what is published from now on and wanted until ctx ends; then the channel
// is closed. wants is asked at each Publish, one at a time, and must not block; nil wants
// everything.
func (f *Feed[T]) Subscribe(ctx context.Context, wants func(T) bool) <-chan T {
	if wants == nil {
		wants = func(T) bool { return true }
	}
	sub := &subscription[T]{wants: wants, wake: make(chan struct{}, 1), changed: map[string]T{}}
	f.mu.Lock()
	if f.subs == nil {
		f.subs = map[*subscription[T]]struct{}{}
	}
	f.subs[sub] = struct{}{}
	f.mu.Unlock()
	out := make(chan T)
	go func() {
		defer close(out)
		defer f.forget(sub)
		for {
			select {
			case <-sub.wake:
			case <-ctx.Done():
				return
			}
			for now, more := f.take(sub); more; now, more = f.take(sub) {
				select {
				case out <- now:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

func (f *Feed[T]) take(sub *subscription[T]) (now T, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(sub.order) == 0 {
		return now, false
	}
	id := sub.order[0]
	sub.order = sub.order[1:]
	now = sub.changed[id]
	delete(sub.changed, id)
	return now, true
}

func (f *Feed[T]) forget(sub *subscription[T]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.subs, sub)
}

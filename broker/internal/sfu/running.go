package sfu

import "sync"

// running counts what goes on. Unlike a sync.WaitGroup it may grow from nothing while
// somebody waits: a room is stopped, paused and left at the same time.
type running struct {
	mu sync.Mutex
	n  int
	at sync.Cond // n is 0
}

func newRunning() *running {
	r := &running{}
	r.at.L = &r.mu
	return r
}

func (r *running) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n += n; r.n == 0 {
		r.at.Broadcast()
	}
}

func (r *running) done() { r.add(-1) }

// wait returns when nothing goes on.
func (r *running) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.n > 0 {
		r.at.Wait()
	}
}

package main

import (
	"context"
	"fmt"
	"image"
	"sync"
	"time"
)

// glass is where the technician sees the customer's screen, pixel by pixel: the
// remote picture at 1:1 on the technician's screen.
type glass struct {
	on *display
	at image.Point // of the picture's upper left corner

	samples *[]scrollSample // where samples of a scene go, nil for none
	sampled time.Time
}

// watch notes when the codes that are painted appear. Codes are counted from
// some number upwards, one by one; a code that never appears counts as seen when
// a later one is.
type watch struct {
	mu      sync.Mutex
	first   int
	painted []time.Time
	seen    []time.Time // zero: not yet
	looks   int         // pictures that showed a code not shown before
}

// paint notes that the next code is about to be painted and returns it.
func (w *watch) paint() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.painted = append(w.painted, time.Now())
	w.seen = append(w.seen, time.Time{})
	return w.first + len(w.painted) - 1
}

// saw notes that a code, of which only the lower bits are known, is visible.
func (w *watch) saw(code int, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// The newest painted code that has these bits.
	newest := w.first + len(w.painted) - 1
	i := newest - ((newest-code)%codeRange+codeRange)%codeRange - w.first
	if i < 0 || i >= len(w.seen) || !w.seen[i].IsZero() {
		return
	}
	w.looks++
	for ; i >= 0 && w.seen[i].IsZero(); i-- {
		w.seen[i] = now
	}
}

// last is the newest code that was seen, as an index; -1 for none.
func (w *watch) last() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.seen) - 1; i >= 0; i-- {
		if !w.seen[i].IsZero() {
			return i
		}
	}
	return -1
}

// all: the last painted code is visible.
func (w *watch) all() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen) > 0 && !w.seen[len(w.seen)-1].IsZero()
}

// latencies from painting to seeing, of those seen.
func (w *watch) latencies() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var l []time.Duration
	for i, at := range w.seen {
		if !at.IsZero() {
			l = append(l, at.Sub(w.painted[i]))
		}
	}
	return l
}

// follow looks for codes in a square of the remote picture until ctx ends. The
// time of a look is taken after the pixels are read.
func (g *glass) follow(ctx context.Context, w *watch, square image.Rectangle) error {
	square = square.Add(g.at)
	for {
		pix, err := g.on.look(square)
		if err != nil {
			return err
		}
		if n, ok := readCode(pix, square.Dx()); ok {
			w.saw(n, time.Now())
		}
		if err := g.sample(square); err != nil {
			return err
		}
		select {
		case <-g.on.changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// until looks at a part of the technician's screen, at once and after each
// change, until it is as wanted, and returns when that was.
func (d *display) until(ctx context.Context, what string, part image.Rectangle, wanted func(pix []byte) bool) (time.Time, error) {
	for {
		pix, err := d.look(part)
		if err != nil {
			return time.Time{}, err
		}
		if wanted(pix) {
			return time.Now(), nil
		}
		select {
		case <-d.changed:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s: %w", what, ctx.Err())
		}
	}
}

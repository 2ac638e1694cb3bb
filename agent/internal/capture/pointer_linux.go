package capture

import (
	"fmt"
	"image"
	"time"

	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// The pointer is asked for its place each pointerStep while it moves, and no
// longer once it has rested for pointerRest: then the next input on the display
// wakes us (see idleAlarm), so that a resting pointer costs nothing.
const (
	pointerStep = 16 * time.Millisecond
	pointerRest = 100 * time.Millisecond
	// pointerIdle is the step on displays that cannot wake us.
	pointerIdle = 100 * time.Millisecond
)

// pointer follows the mouse pointer of a display on one goroutine.
type pointer struct {
	x     *x11
	out   *Source
	woken chan struct{} // input arrived
	shape chan struct{} // the shape changed
	alarm bool          // woken works
	stale bool          // the shape is not the one that was posted last
	last  Pointer
}

func openPointer(x *x11, s *Source) (*pointer, error) {
	p := &pointer{x: x, out: s, woken: make(chan struct{}, 1), shape: make(chan struct{}, 1)}
	first, err := x.extension("XFIXES")
	if err != nil {
		return nil, err
	}
	x.listen(first+xfixes.CursorNotify, func([]byte) { wake(p.shape) })
	p.alarm = armIdleAlarm(x, func([]byte) { wake(p.woken) }) == nil
	if err := xfixes.SelectCursorInputChecked(x.conn, x.root, xfixes.CursorNotifyMaskDisplayCursor).Check(); err != nil {
		return nil, fmt.Errorf("%w: pointer: %w", errMissing, err)
	}
	wake(p.shape)
	return p, nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run ends when the connection does.
func (p *pointer) run() {
	step := time.NewTimer(0)
	defer step.Stop()
	var moved time.Time
	for {
		select {
		case <-p.x.lost:
			return
		case <-p.shape:
			p.fetchShape()
			moved = time.Now()
		case <-p.woken:
			moved = time.Now()
			p.fetchPlace()
		case <-step.C:
			if p.fetchPlace() {
				moved = time.Now()
			}
		}
		switch {
		case time.Since(moved) < pointerRest:
			step.Reset(pointerStep)
		case !p.alarm:
			step.Reset(pointerIdle)
		}
	}
}

// fetchPlace reports whether the pointer moved.
func (p *pointer) fetchPlace() bool {
	pos, ok := p.ask()
	if ok && p.stale {
		p.fetchShape() // it changed while it was elsewhere
		return true
	}
	if !ok || pos == p.last.Pos || p.last.Shape == nil {
		return false
	}
	p.last.Pos = pos
	p.out.post(p.last)
	return true
}

// ask returns where in the frame the pointer is; false where it is not over what
// is captured.
func (p *pointer) ask() (image.Point, bool) {
	r, err := xproto.QueryPointer(p.x.conn, p.x.root).Reply()
	if err != nil || r == nil || !r.SameScreen {
		return image.Point{}, false
	}
	return p.x.view.place(image.Pt(int(r.RootX), int(r.RootY)), r.Child)
}

// fetchShape asks for the place before and after the shape: the shape that the
// pointer has over something else is not ours to tell.
func (p *pointer) fetchShape() {
	if _, ok := p.ask(); !ok {
		p.stale = true
		return
	}
	r, err := xfixes.GetCursorImage(p.x.conn).Reply()
	if err != nil || r == nil {
		return
	}
	pos, ok := p.ask()
	if !ok {
		p.stale = true
		return
	}
	s := newShape(r.CursorSerial, int(r.Width), int(r.Height), image.Pt(int(r.Xhot), int(r.Yhot)), r.CursorImage)
	if s == nil {
		return
	}
	p.stale = false
	p.last = Pointer{Pos: pos, Shape: s}
	p.out.post(p.last)
}

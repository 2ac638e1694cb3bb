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
	woken chan struct{} // input arrived
	shape chan struct{} // the shape changed
	alarm bool          // woken works
	last  Pointer
}

func openPointer(x *x11) (*pointer, error) {
	p := &pointer{x: x, woken: make(chan struct{}, 1), shape: make(chan struct{}, 1)}
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
	r, err := xproto.QueryPointer(p.x.conn, p.x.root).Reply()
	if err != nil || r == nil {
		return false
	}
	pos := image.Pt(int(r.RootX), int(r.RootY))
	if pos == p.last.Pos || p.last.Shape == nil {
		return false
	}
	p.last.Pos = pos
	p.x.source.post(p.last)
	return true
}

func (p *pointer) fetchShape() {
	r, err := xfixes.GetCursorImage(p.x.conn).Reply()
	if err != nil || r == nil {
		return
	}
	s := newShape(r.CursorSerial, int(r.Width), int(r.Height), image.Pt(int(r.Xhot), int(r.Yhot)), r.CursorImage)
	if s == nil {
		return
	}
	p.last = Pointer{Pos: image.Pt(int(r.X), int(r.Y)), Shape: s}
	p.x.source.post(p.last)
}

package ui

import (
	"image"
	"time"

	"github.com/jezek/xgb/xproto"
)

// A bar that was covered rises at once, but two windows that both want to be on top must not fight:
// after a few rises in a row the bar waits longer.
const (
	riseQuickly = 100 * time.Millisecond
	riseSlowly  = 2 * time.Second
	risesInRow  = 10
	riseCalm    = 10 * time.Second // without a rise, after which the count starts again
)

// raiser keeps one window above all others.
type raiser struct {
	last  time.Time
	row   int
	later *time.Timer
}

// due says how long to wait before the next rise, and counts it if that is now.
func (r *raiser) due(now time.Time) time.Duration {
	if now.Sub(r.last) > riseCalm {
		r.row = 0
	}
	pause := riseQuickly
	if r.row >= risesInRow {
		pause = riseSlowly
	}
	if wait := r.last.Add(pause).Sub(now); wait > 0 {
		return wait
	}
	r.last, r.row = now, r.row+1
	return 0
}

func (r *raiser) stop() {
	if r.later != nil {
		r.later.Stop()
	}
}

// keepAbove raises the window whenever another one comes to lie above it.
func (d *desktop) keepAbove(w xproto.Window) {
	d.mu.Lock()
	d.above[w] = &raiser{}
	d.mu.Unlock()
	// Each client has an event mask of its own, so this works on a window of the toolkit as well.
	xproto.ChangeWindowAttributes(d.conn, w, xproto.CwEventMask, []uint32{xproto.EventMaskVisibilityChange})
	d.raise(w, time.Now())
}

// letGo ends keepAbove.
func (d *desktop) letGo(w xproto.Window) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.above[w]; r != nil {
		r.stop()
		delete(d.above, w)
	}
}

// raise puts the window on top, now or as soon as the limit allows.
func (d *desktop) raise(w xproto.Window, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.above[w]
	if r == nil {
		return
	}
	wait := r.due(now)
	if wait == 0 {
		xproto.ConfigureWindow(d.conn, w, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove})
		return
	}
	r.stop()
	r.later = time.AfterFunc(wait, func() { d.raise(w, time.Now()) })
}

// restacked checks the kept windows soon after another one was mapped or moved in the stack. A
// composited desktop reports no visibility, so this is how the bar notices there. Dragging a window
// moves it a hundred times a second: one look answers for all of them.
func (d *desktop) restacked(by xproto.Window) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looking || d.closed || len(d.above) == 0 || d.above[by] != nil {
		return
	}
	d.looking = true
	d.looks.Add(1)
	time.AfterFunc(riseQuickly/2, d.look)
}

// look raises the kept windows that are covered.
func (d *desktop) look() {
	defer d.looks.Done()
	d.mu.Lock()
	d.looking = false
	var kept []xproto.Window
	for w := range d.above {
		kept = append(kept, w)
	}
	d.mu.Unlock()
	tree, err := xproto.QueryTree(d.conn, d.root).Reply()
	if err != nil {
		return
	}
	for _, w := range kept {
		if d.covered(w, tree.Children) {
			d.raise(w, time.Now())
		}
	}
}

// covered tells whether a visible window lies above w; stack is in bottom-to-top order.
func (d *desktop) covered(w xproto.Window, stack []xproto.Window) bool {
	own, err := xproto.GetGeometry(d.conn, xproto.Drawable(w)).Reply()
	if err != nil {
		return false
	}
	for i := len(stack) - 1; i >= 0 && stack[i] != w; i-- {
		a, err := xproto.GetWindowAttributes(d.conn, stack[i]).Reply()
		if err != nil || a.MapState != xproto.MapStateViewable || a.Class != xproto.WindowClassInputOutput {
			continue
		}
		g, err := xproto.GetGeometry(d.conn, xproto.Drawable(stack[i])).Reply()
		if err == nil && rectOf(g).Overlaps(rectOf(own)) {
			return true
		}
	}
	return false
}

func rectOf(g *xproto.GetGeometryReply) image.Rectangle {
	return image.Rect(int(g.X), int(g.Y), int(g.X)+int(g.Width), int(g.Y)+int(g.Height))
}

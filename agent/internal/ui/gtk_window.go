package ui

import (
	"sync"
	"time"

	"github.com/jezek/xgb/xproto"
)

// gtkTop is what dialogs and the bar have in common: a top-level window and its signals. Its methods
// run on the loop's goroutine, but for xid and close.
type gtkTop struct {
	*gtk
	window uintptr
	x      xproto.Window
	tell   func(event)
	ids    []uintptr // handlers to forget with the window
	once   sync.Once
}

func (g *gtk) newTop(kind int32, class, title string, tell func(event)) *gtkTop {
	t := &gtkTop{gtk: g, window: g.newWindow(kind), tell: tell}
	g.open[t] = struct{}{}
	g.setScreen(t.window, g.screen)
	g.setTitle(t.window, title)
	g.setRole(t.window, class)
	t.class(t.window, class)
	return t
}

// appear realizes the window, so that its X window is known, and maps it.
func (t *gtkTop) appear() {
	t.on(t.window, "map-event", func(uintptr) bool {
		t.tell(event{kind: shown, at: time.Now()})
		return false
	})
	t.realize(t.window)
	t.x = xproto.Window(t.gtk.xid(t.gdkWindow(t.window)))
	t.show(t.window)
	t.setIcon() // GTK takes it only from a window that is shown
}

func (t *gtkTop) xid() xproto.Window { return t.x }

// when calls h on a signal of the form (object, data).
func (t *gtkTop) when(object uintptr, signal string, h func() bool) {
	t.hook(object, signal, t.onWidget, func(uintptr) bool { return h() })
}

// on calls h on a signal of the form (object, event, data).
func (t *gtkTop) on(object uintptr, signal string, h func(ev uintptr) bool) {
	t.hook(object, signal, t.onEvent, h)
}

func (t *gtkTop) hook(object uintptr, signal string, entry uintptr, h func(uintptr) bool) {
	t.lastID++
	t.handlers[t.lastID] = h
	t.ids = append(t.ids, t.lastID)
	t.connect(object, signal, entry, t.lastID, 0, 0)
}

func (t *gtkTop) class(widget uintptr, names ...string) uintptr {
	for _, name := range names {
		t.addClass(t.style(widget), name)
	}
	return widget
}

// label makes a label that wraps, in the reading direction's alignment.
func (t *gtkTop) label(s string, classes ...string) uintptr {
	l := t.newLabel(s)
	t.wrap(l, 1)
	t.wrapMode(l, wrapWordChar)
	t.xalign(l, 0)
	t.halign(l, alignFill)
	t.maxChars(l, 1) // asks for no width of its own: the window gives it
	t.hexpand(l, 1)
	if t.attrs != 0 {
		t.attributes(l, t.attrs)
	}
	return t.class(l, classes...)
}

// remove destroys the window and forgets its handlers.
func (t *gtkTop) remove() {
	if t.window == 0 {
		return
	}
	t.destroy(t.window)
	t.window = 0
	for _, id := range t.ids {
		delete(t.handlers, id)
	}
	delete(t.open, t)
}

// change runs a change of the window on the loop, unless the window has gone.
func (t *gtkTop) change(f func()) {
	t.post(func() {
		if t.window != 0 {
			f()
		}
	})
}

func (t *gtkTop) close() {
	t.once.Do(func() {
		// An error means that the window has gone with its display.
		_ = t.do(func() {
			t.remove()
			t.displaySync(t.display) // else it is still on the screen when close returns
		})
	})
}

package ui

import (
	"image"

	"github.com/jezek/xgb/xproto"
)

// overlay is an invisible window over a button of a toolkit's window. Presses on it come over this
// package's own connection, so they are noticed at once, whatever the toolkit is busy with.
type overlay struct {
	d      *desktop
	id     xproto.Window
	press  func()
	lit    func(bool) // the pointer came or went
	mapped bool
}

// cover makes an overlay inside a window; it lies nowhere until place is called.
func (d *desktop) cover(parent xproto.Window, press func(), lit func(bool)) (*overlay, error) {
	id, err := xproto.NewWindowId(d.conn)
	if err != nil {
		return nil, ErrDisplayLost
	}
	o := &overlay{d: d, id: id, press: press, lit: lit}
	d.mu.Lock()
	d.overlays[id] = o
	d.mu.Unlock()
	screen := xproto.Setup(d.conn).DefaultScreen(d.conn)
	const events = xproto.EventMaskButtonPress | xproto.EventMaskEnterWindow | xproto.EventMaskLeaveWindow
	if err := xproto.CreateWindowChecked(d.conn, 0, id, parent, 0, 0, 1, 1, 0, xproto.WindowClassInputOnly,
		screen.RootVisual, xproto.CwEventMask, []uint32{events}).Check(); err != nil {
		o.forget()
		return nil, ErrDisplayLost
	}
	return o, nil
}

// place puts the overlay on the button, in pixels of the parent.
func (o *overlay) place(r image.Rectangle) {
	if r.Empty() {
		return
	}
	xproto.ConfigureWindow(o.d.conn, o.id, xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowWidth|
		xproto.ConfigWindowHeight|xproto.ConfigWindowStackMode,
		[]uint32{uint32(r.Min.X), uint32(r.Min.Y), uint32(r.Dx()), uint32(r.Dy()), xproto.StackModeAbove})
	if !o.mapped {
		o.mapped = true
		xproto.MapWindow(o.d.conn, o.id)
	}
}

// forget ends the overlay; the server destroys it with its parent.
func (o *overlay) forget() {
	o.d.mu.Lock()
	delete(o.d.overlays, o.id)
	o.d.mu.Unlock()
}

// onOverlay returns the overlay that an event is for, nil if none.
func (d *desktop) onOverlay(w xproto.Window) *overlay {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.overlays[w]
}

package ui

import (
	"context"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// How a dialog asks for the keyboard: first politely, then as a person's own wish, then directly.
// A window manager that prevents the stealing of focus is right in general, but a question of
// consent is what the person is waiting for.
const (
	focusPolitely  = iota // _NET_ACTIVE_WINDOW from an application (EWMH, source indication 1)
	focusInsisting        // the same from the person (source indication 2)
	focusDirectly         // SetInputFocus, for no window manager or a deaf one
	focusGivenUp
)

const focusPatience = 120 * time.Millisecond // between one way and the next

// focus gives the window the keyboard, and tries until it has it or ctx ends.
func (d *desktop) focus(ctx context.Context, w xproto.Window) {
	way := focusDirectly
	if d.activates() {
		way = focusPolitely
	}
	tick := time.NewTicker(focusPatience)
	defer tick.Stop()
	for ; way < focusGivenUp; way++ {
		if d.hasFocus(w) {
			return
		}
		now := d.now(ctx)
		switch way {
		case focusDirectly:
			xproto.SetInputFocus(d.conn, xproto.InputFocusPointerRoot, w, now)
		default:
			d.activate(w, uint32(way)+1, now)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-d.gone:
			return
		}
	}
}

// focusNow gives a window the keyboard that no window manager looks after, without waiting.
func (d *desktop) focusNow(w xproto.Window) {
	xproto.SetInputFocus(d.conn, xproto.InputFocusPointerRoot, w, xproto.TimeCurrentTime)
}

// activates tells whether a window manager runs that gives windows the focus on request.
func (d *desktop) activates() bool {
	const check = "_NET_SUPPORTING_WM_CHECK"
	b := d.property(d.root, check, 4)
	if len(b) != 4 {
		return false
	}
	// A manager that ended leaves the property behind, but not the window that it names.
	w := xproto.Window(xgb.Get32(b))
	if own := d.property(w, check, 4); len(own) != 4 || xproto.Window(xgb.Get32(own)) != w {
		return false
	}
	wanted := uint32(d.atom("_NET_ACTIVE_WINDOW"))
	list := d.property(d.root, "_NET_SUPPORTED", 4096)
	for ; len(list) >= 4; list = list[4:] {
		if xgb.Get32(list) == wanted {
			return true
		}
	}
	return false
}

// activate sends _NET_ACTIVE_WINDOW (EWMH 1.5, "Root Window Properties").
func (d *desktop) activate(w xproto.Window, source uint32, now xproto.Timestamp) {
	e := xproto.ClientMessageEvent{Format: 32, Window: w, Type: d.atom("_NET_ACTIVE_WINDOW"),
		Data: xproto.ClientMessageDataUnionData32New([]uint32{source, uint32(now), 0, 0, 0})}
	xproto.SendEvent(d.conn, false, d.root,
		xproto.EventMaskSubstructureRedirect|xproto.EventMaskSubstructureNotify, string(e.Bytes()))
}

// hasFocus tells whether the keyboard is at the window or at a child of it.
func (d *desktop) hasFocus(w xproto.Window) bool {
	r, err := xproto.GetInputFocus(d.conn).Reply()
	if err != nil {
		return false
	}
	for at, depth := r.Focus, 0; at > xproto.InputFocusPointerRoot && at != d.root && depth < 16; depth++ {
		if at == w {
			return true
		}
		tree, err := xproto.QueryTree(d.conn, at).Reply()
		if err != nil {
			return false
		}
		at = tree.Parent
	}
	return false
}

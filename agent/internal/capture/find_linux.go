package capture

import (
	"encoding/binary"
	"fmt"
	"image"
	"slices"

	"github.com/jezek/xgb/res"
	"github.com/jezek/xgb/xproto"
)

// maxWindows bounds how many windows of a desktop are looked at.
const maxWindows = 4096

// foundWindow is a window of the program that can be seen.
type foundWindow struct {
	id, top     xproto.Window // top is the child of the root window that it is in
	at          image.Point   // of its inner corner on the root window
	size        image.Point   // inside its border
	translucent bool
	pid         uint32            // whose it is; a dialog of the program may be another's
	fields      []image.Rectangle // that are to be covered, from that corner
}

// finder tells the windows of one process from all others. Whose a window is it
// learns from the server alone (X-Resource Extension 1.2): which connection made
// it, and which process holds that connection. What programs write on their
// windows about themselves counts for nothing but what they are for.
type finder struct {
	x     *x11
	mask  uint32 // of the bits of an id that its maker chooses
	self  uint32 // our own process
	pid   uint32
	gone  bool
	atoms atoms

	covers *Covers // what is to be covered; nil for nothing
}

type atoms struct {
	wmState, transient, kind, state                   xproto.Atom
	hidden, desktop, dock, manager, name, class, icon xproto.Atom
}

func newFinder(x *x11) (*finder, error) {
	if _, err := x.extension("X-Resource"); err != nil {
		return nil, err
	}
	v, err := res.QueryVersion(x.conn, 1, 2).Reply()
	if err != nil || v.ServerMajor < 1 || v.ServerMajor == 1 && v.ServerMinor < 2 {
		return nil, fmt.Errorf("%w: X-Resource 1.2", errMissing)
	}
	f := &finder{x: x, mask: xproto.Setup(x.conn).ResourceIdMask}
	for name, to := range map[string]*xproto.Atom{
		"WM_STATE": &f.atoms.wmState, "WM_TRANSIENT_FOR": &f.atoms.transient, "WM_CLASS": &f.atoms.class,
		"_NET_WM_WINDOW_TYPE": &f.atoms.kind, "_NET_WM_STATE": &f.atoms.state, "_NET_WM_STATE_HIDDEN": &f.atoms.hidden,
		"_NET_WM_WINDOW_TYPE_DESKTOP": &f.atoms.desktop, "_NET_WM_WINDOW_TYPE_DOCK": &f.atoms.dock,
		"_NET_WM_NAME": &f.atoms.name, "_NET_WM_ICON": &f.atoms.icon,
		fmt.Sprintf("_NET_WM_CM_S%d", x.conn.DefaultScreen): &f.atoms.manager,
	} {
		r, err := xproto.InternAtom(x.conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
		}
		*to = r.Atom
	}
	pids, err := f.pids()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if f.self = pids[xproto.Setup(x.conn).ResourceIdBase]; f.self == 0 {
		return nil, fmt.Errorf("%w: the display is on another machine", errMissing)
	}
	return f, nil
}

// choose makes a process the one whose windows are found.
func (f *finder) choose(app Application) error {
	pids, err := f.pids()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	for _, pid := range pids {
		if pid == uint32(app) && pid != f.self {
			f.pid = pid
			return nil
		}
	}
	return fmt.Errorf("%w: no such program", ErrTarget)
}

// pids returns the process behind each connection to the display, by the bits
// that all ids of the connection have in common.
func (f *finder) pids() (map[uint32]uint32, error) {
	all := []res.ClientIdSpec{{Client: 0, Mask: res.ClientIdMaskLocalClientPID}}
	r, err := res.QueryClientIds(f.x.conn, 1, all).Reply()
	if err != nil {
		return nil, err
	}
	pids := map[uint32]uint32{}
	for _, id := range r.Ids {
		if id.Spec.Mask == res.ClientIdMaskLocalClientPID && len(id.Value) > 0 && id.Value[0] != 0 {
			pids[id.Spec.Client&^f.mask] = id.Value[0]
		}
	}
	return pids, nil
}

// owner returns a function that tells whose a window is as of now.
func (f *finder) owner() (func(xproto.Window) uint32, error) {
	pids, err := f.pids()
	if err != nil {
		return nil, err
	}
	return func(w xproto.Window) uint32 { return pids[uint32(w)&^f.mask] }, nil
}

// find lists the program's windows that can be seen, from the lowest to the
// topmost.
func (f *finder) find() ([]foundWindow, State, error) {
	if f.gone {
		return nil, Gone, nil // its number may be another program's by now
	}
	d, err := f.look()
	if err != nil {
		return nil, 0, err
	}
	there := false
	for _, pid := range d.pids {
		there = there || pid == f.pid
	}
	if !there {
		f.gone = true
		return nil, Gone, nil
	}
	var list []foundWindow
	for _, w := range d.windows {
		if f.shares(d, w) {
			list = append(list, w.foundWindow)
		}
	}
	if len(list) == 0 {
		return nil, Hidden, nil
	}
	_, fields := f.covers.find(d.coverable, d.pids)
	for _, field := range fields {
		w, ok := field.of(d.coverable)
		for i := range list {
			if ok && list[i].id == xproto.Window(w.window) {
				list[i].fields = append(list[i].fields, field.within(w.at.Size()))
			}
		}
	}
	return list, Seen, nil
}

// shares tells whether a window is the program's, or a dialog of it.
func (f *finder) shares(d desktopLook, w seenWindow) bool {
	return w.pid == f.pid || w.pid != f.self && w.transient != 0 && d.pids[uint32(w.transient)&^f.mask] == f.pid
}

// desktopLook is all windows of a display that are a program's own, with the
// connections they come from.
type desktopLook struct {
	pids       map[uint32]uint32
	windows    []seenWindow // from the lowest to the topmost
	coverable  []coverable  // those that can be covered: minimised ones too where something is seen of them
	composited bool
	tops       map[xproto.Window]image.Rectangle // the visible children of the root window, with their borders
}

// seenWindow is a window that can be seen: one that the window manager manages,
// or one on the root window that it does not, such as a menu or its own frames.
type seenWindow struct {
	foundWindow
	managed   bool
	layer     bool // ours, for drawings
	override  bool
	transient xproto.Window // the window that it is a dialog of, 0 if none
}

// look goes through the desktop. Which windows are there is asked before whose
// they are: a window that dies in between is at worst asked for in vain.
func (f *finder) look() (desktopLook, error) {
	c := f.x.conn
	d := desktopLook{tops: map[xproto.Window]image.Rectangle{}}
	tree, err := xproto.QueryTree(c, f.x.root).Reply()
	if err != nil {
		return d, err
	}
	if d.pids, err = f.pids(); err != nil {
		return d, err
	}
	if owner, err := xproto.GetSelectionOwner(c, f.atoms.manager).Reply(); err == nil {
		d.composited = owner.Owner != 0
	}
	level := make([]branch, 0, len(tree.Children))
	for _, w := range tree.Children {
		level = append(level, branch{id: w, top: w})
	}
	order := map[xproto.Window]int{}
	for i, w := range tree.Children {
		order[w] = i
	}
	// A window manager puts a program's window into at most two of its own.
	for depth, total := 0, 0; depth < 3 && len(level) > 0 && total < maxWindows; depth++ {
		total += len(level)
		var next []branch
		for _, b := range f.inspect(level, d.pids) {
			if f.covers != nil && b.pid != 0 && !b.ground && (b.visible || depth > 0) && (b.managed || depth == 0) {
				d.coverable = append(d.coverable, coverable{pid: b.pid, class: b.class, window: uint32(b.id), top: uint32(b.top),
					at: image.Rectangle{b.at, b.at.Add(b.size)}, owner: d.pids[uint32(b.transient)&^f.mask], visible: b.visible})
			}
			if !b.visible || b.special && b.pid != f.self {
				continue
			}
			if depth == 0 {
				d.tops[b.id] = b.outer
			}
			b.layer = b.pid == f.self && drawnNow.is(uint32(b.id))
			if b.pid != 0 && (b.managed || depth == 0) {
				b.translucent = b.depth == 32 && d.composited
				d.windows = append(d.windows, b.seenWindow)
			}
			if !b.managed { // a frame of the window manager, or a menu
				for _, child := range b.children {
					next = append(next, branch{id: child, top: b.top})
				}
			}
		}
		level = next
	}
	slices.SortStableFunc(d.windows, func(a, b seenWindow) int { return order[a.top] - order[b.top] })
	return d, nil
}

// branch is a window and what is above it.
type branch struct{ id, top xproto.Window }

// inspected is a branch after it was looked at.
type inspected struct {
	seenWindow
	depth    byte
	outer    image.Rectangle
	special  bool // desktop, panel or minimised: never shared with a program
	ground   bool // desktop or panel
	class    string
	visible  bool
	children []xproto.Window
}

// inspect asks for all that is needed to know of windows, with one wait for all.
func (f *finder) inspect(list []branch, pids map[uint32]uint32) []inspected {
	c := f.x.conn
	type asked struct {
		attributes xproto.GetWindowAttributesCookie
		geometry   xproto.GetGeometryCookie
		place      xproto.TranslateCoordinatesCookie
		tree       xproto.QueryTreeCookie
		properties [4]xproto.GetPropertyCookie
		class      xproto.GetPropertyCookie
	}
	all := make([]asked, len(list))
	for i, b := range list {
		a := &all[i]
		a.attributes = xproto.GetWindowAttributes(c, b.id)
		a.geometry = xproto.GetGeometry(c, xproto.Drawable(b.id))
		a.place = xproto.TranslateCoordinates(c, b.id, f.x.root, 0, 0)
		a.tree = xproto.QueryTree(c, b.id)
		for k, atom := range []xproto.Atom{f.atoms.wmState, f.atoms.transient, f.atoms.kind, f.atoms.state} {
			a.properties[k] = xproto.GetProperty(c, false, b.id, atom, xproto.GetPropertyTypeAny, 0, 64)
		}
		if f.covers != nil {
			a.class = xproto.GetProperty(c, false, b.id, f.atoms.class, xproto.GetPropertyTypeAny, 0, maxWord)
		}
	}
	var out []inspected
	for i, b := range list {
		a := &all[i]
		attributes, err := a.attributes.Reply()
		geometry, err2 := a.geometry.Reply()
		place, err3 := a.place.Reply()
		tree, err4 := a.tree.Reply()
		var words [4][]uint32
		for k := range a.properties {
			if r, err := a.properties[k].Reply(); err == nil && r.Format == 32 {
				for v := r.Value; len(v) >= 4; v = v[4:] {
					words[k] = append(words[k], binary.LittleEndian.Uint32(v))
				}
			}
		}
		class := ""
		if f.covers != nil {
			if r, err := a.class.Reply(); err == nil {
				class = className(r.Value)
			}
		}
		if err != nil || err2 != nil || err3 != nil || err4 != nil {
			continue // it has just gone
		}
		w := inspected{depth: geometry.Depth, children: tree.Children}
		w.id, w.top, w.at = b.id, b.top, image.Pt(int(place.DstX), int(place.DstY))
		w.size = image.Pt(int(geometry.Width), int(geometry.Height))
		border := image.Pt(int(geometry.BorderWidth), int(geometry.BorderWidth))
		w.outer = image.Rectangle{w.at.Sub(border), w.at.Add(w.size).Add(border)}
		w.pid = pids[uint32(b.id)&^f.mask]
		w.visible = attributes.MapState == xproto.MapStateViewable && attributes.Class == xproto.WindowClassInputOutput
		w.override = attributes.OverrideRedirect
		w.managed = len(words[0]) > 0
		if len(words[1]) > 0 {
			w.transient = xproto.Window(words[1][0])
		}
		const iconic = 3 // ICCCM 4.1.3.1
		w.ground = slices.Contains(words[2], uint32(f.atoms.desktop)) || slices.Contains(words[2], uint32(f.atoms.dock))
		w.special = w.managed && words[0][0] == iconic || slices.Contains(words[3], uint32(f.atoms.hidden)) || w.ground
		w.class = class
		out = append(out, w)
	}
	return out
}

package capture

import (
	"encoding/binary"
	"fmt"
	"image"
	"sync"

	"github.com/jezek/xgb/xproto"
)

// own knows where this process's own windows are, frames that a window manager
// put around them included, so that a capture of the screen can leave them out:
// also while they move, since it gathers every place where they were while the
// pixels were read.
type own struct {
	x      *x11
	finder *finder

	mu    sync.Mutex
	stale bool                              // windows came, went or got another parent
	tops  map[xproto.Window]image.Rectangle // children of the root that are ours, by outer place
	been  []image.Rectangle                 // where they were since begin
}

// openOwn begins to listen; the root window's substructure events must be selected
// before the first begin.
func openOwn(x *x11) (*own, error) {
	f, err := newFinder(x)
	if err != nil {
		return nil, err
	}
	o := &own{x: x, finder: f, stale: true}
	for _, number := range []byte{xproto.CreateNotify, xproto.MapNotify, xproto.UnmapNotify, xproto.DestroyNotify, xproto.ReparentNotify} {
		x.listen(number, func([]byte) {
			o.mu.Lock()
			o.stale = true
			o.mu.Unlock()
		})
	}
	x.listen(xproto.ConfigureNotify, func(e []byte) {
		short := func(at int) int { return int(int16(binary.LittleEndian.Uint16(e[at:]))) }
		size := func(at int) int { return int(binary.LittleEndian.Uint16(e[at:])) }
		w, b := xproto.Window(binary.LittleEndian.Uint32(e[8:])), 2*size(24)
		at := image.Rect(short(16), short(18), short(16)+size(20)+b, short(18)+size(22)+b)
		o.mu.Lock()
		defer o.mu.Unlock()
		if _, ours := o.tops[w]; ours {
			o.tops[w] = at
			o.been = append(o.been, at)
		}
	})
	return o, nil
}

// begin is called before pixels are read.
func (o *own) begin() error {
	o.mu.Lock()
	stale := o.stale
	o.stale = false
	o.mu.Unlock()
	if stale {
		if err := o.rescan(); err != nil {
			o.mu.Lock()
			o.stale = true
			o.mu.Unlock()
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.been = o.been[:0]
	for _, at := range o.tops {
		o.been = append(o.been, at)
	}
	return nil
}

// end is called when the replies with the pixels are there: all that happened
// before them is known. It returns where our windows were in the meantime; false
// if that cannot be said, and the pixels must be read again.
func (o *own) end() ([]image.Rectangle, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.been, !o.stale
}

// rescan finds the children of the root window that are ours or hold a window of
// ours.
func (o *own) rescan() error {
	tops, err := o.finder.own()
	if err != nil {
		return err
	}
	o.mu.Lock()
	o.tops = map[xproto.Window]image.Rectangle{}
	for _, w := range tops {
		o.tops[w] = image.Rectangle{} // from here on its moves count
	}
	o.mu.Unlock()
	replies := make([]xproto.GetGeometryCookie, len(tops))
	for i, w := range tops {
		replies[i] = xproto.GetGeometry(o.x.conn, xproto.Drawable(w))
	}
	for i, w := range tops {
		g, err := replies[i].Reply()
		if err != nil {
			continue // it has just gone
		}
		o.mu.Lock()
		if o.tops[w].Empty() { // else it has moved since
			b := 2 * int(g.BorderWidth)
			o.tops[w] = image.Rect(int(g.X), int(g.Y), int(g.X)+int(g.Width)+b, int(g.Y)+int(g.Height)+b)
		}
		o.mu.Unlock()
	}
	return nil
}

// own lists the visible children of the root window that are this process's, or
// hold a window of it.
func (f *finder) own() ([]xproto.Window, error) {
	d, err := f.look()
	if err != nil {
		return nil, err
	}
	var tops []xproto.Window
	for _, w := range d.windows {
		if w.pid == f.self {
			tops = append(tops, w.top)
		}
	}
	return tops, nil
}

// portableOwn keeps our windows out of what the portable backend captures, by a
// connection of its own. There is no capture where it cannot be had.
type portableOwn struct{ *own }

func openPortableOwn() (*portableOwn, error) {
	x, err := connect("", func() {})
	if err != nil {
		return nil, err
	}
	defer x.limit()()
	o, err := openOwn(x)
	if err == nil {
		err = xproto.ChangeWindowAttributesChecked(x.conn, x.root, xproto.CwEventMask,
			[]uint32{xproto.EventMaskSubstructureNotify}).Check()
	}
	if err != nil {
		x.close()
		return nil, fmt.Errorf("%w: own windows cannot be left out: %v", ErrUnsupported, err) //nolint:errorlint // nothing else to try
	}
	return &portableOwn{o}, nil
}

// end waits until the display has told everything, and does what own.end does.
func (o *portableOwn) end() ([]image.Rectangle, bool, error) {
	defer o.x.limit()()
	if _, err := xproto.GetInputFocus(o.x.conn).Reply(); err != nil {
		return nil, false, err
	}
	places, ok := o.own.end()
	return places, ok, nil
}

func (o *portableOwn) begin() error {
	defer o.x.limit()()
	return o.own.begin()
}

func (o *portableOwn) close() { o.x.close() }

// without takes what lies wholly inside one of the places out of the damage.
func without(damage, places []image.Rectangle) []image.Rectangle {
	var left []image.Rectangle
next:
	for _, d := range damage {
		for _, p := range places {
			if d.In(p) {
				continue next
			}
		}
		left = append(left, d)
	}
	return left
}

package capture

import (
	"encoding/binary"
	"fmt"
	"image"
	"slices"
	"sync"
	"time"

	"github.com/jezek/xgb/xproto"
)

// own knows where this process's own windows are, and those that are covered, frames that
// a window manager put around them included, so that a capture of the screen can leave
// them out: also while they move, since it gathers every place where they were while the
// pixels were read.
type own struct {
	x      *x11
	finder *finder
	covers *Covers
	late   *time.Timer // has the display looked at again when a place is covered no longer
	stop   func()

	mu     sync.Mutex
	stale  bool                   // windows came, went or got another parent, or others are covered
	tops   map[xproto.Window]*top // children of the root that are ours or covered
	left   []vacated              // places that covered things have left
	merged bool                   // a compositing manager puts the picture together
}

// top is a child of the root window that is kept out of the picture, or parts of it.
type top struct {
	at    image.Rectangle // outer
	been  image.Rectangle // that contains all its places since begin; empty while at is not known
	ours  bool
	whole bool
	parts []image.Rectangle // that are covered, from the outer corner

	fields []foundField // of which parts are made
}

// hidden are the places of what is covered of a window that is there.
func (t *top) hidden(there image.Rectangle) []image.Rectangle {
	if t.whole {
		return []image.Rectangle{there}
	}
	var list []image.Rectangle
	for _, p := range t.parts {
		list = append(list, p.Add(there.Min))
	}
	return list
}

// openOwn begins to listen; the root window's substructure events must be selected
// before the first begin.
func openOwn(x *x11, covers *Covers, s *Source) (*own, error) {
	f, err := newFinder(x)
	if err != nil {
		return nil, err
	}
	if _, err := x.extension("SHAPE"); err != nil {
		return nil, err
	}
	f.covers = covers
	o := &own{x: x, finder: f, covers: covers, stale: true}
	o.late = time.AfterFunc(time.Hour, s.signal)
	o.late.Stop()
	setup := xproto.Setup(x.conn)
	for _, number := range []byte{xproto.CreateNotify, xproto.MapNotify, xproto.UnmapNotify, xproto.DestroyNotify, xproto.ReparentNotify} {
		x.listen(number, func(e []byte) {
			if binary.LittleEndian.Uint32(e[8:])&^setup.ResourceIdMask == setup.ResourceIdBase {
				return // uncover's, never seen
			}
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
		if t := o.tops[w]; t != nil {
			before := t.hidden(t.at)
			if t.at.Empty() {
				before = nil
			}
			t.at, t.been = at, t.been.Union(at)
			o.vacate(w, before, t.hidden(at))
		}
	})
	o.stop = covers.hear(s, func() {
		o.mu.Lock()
		o.stale = true
		o.mu.Unlock()
		s.signal()
	})
	return o, nil
}

func (o *own) close() {
	o.stop()
	o.late.Stop()
}

// vacate notes that what is covered has gone from some places; under the lock. What it
// showed may still be there: a server without a compositing manager leaves it until
// somebody paints, and a compositing manager is late.
func (o *own) vacate(w xproto.Window, before, after []image.Rectangle) {
	gone := minus(before, after)
	if len(gone) == 0 {
		return
	}
	now := time.Now()
	slot := now.UnixNano() / int64(lingerSlot)
	last := len(o.left) - 1
	if last >= 0 && o.left[last].window == uint32(w) && o.left[last].slot == slot && !o.left[last].known || last >= maxLeft {
		v := &o.left[last]
		all := image.Rectangle{}
		for _, r := range append(v.places, gone...) {
			all = all.Union(r)
		}
		v.places, v.since, v.known, v.nudged = []image.Rectangle{all}, now, false, false
	} else {
		o.left = append(o.left, vacated{window: uint32(w), slot: slot, since: now, places: gone})
	}
	o.late.Reset(lingering)
}

// maxLeft bounds how many places are told apart.
const maxLeft = 64

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
	for _, t := range o.tops {
		t.been = t.at
	}
	if o.merged {
		o.expire()
	}
	for i := range o.left {
		o.left[i].known = true
	}
	return nil
}

// expire forgets the places that were left long ago; under the lock.
func (o *own) expire() {
	o.left = slices.DeleteFunc(o.left, func(v vacated) bool { return time.Since(v.since) >= lingering })
}

// nudge, after a report of damage, has everything painted anew where something covered had
// been before it. What comes of it is in the next report, and nothing of what was covered.
func (o *own) nudge() error {
	o.mu.Lock()
	var all image.Rectangle
	for i := range o.left {
		if v := &o.left[i]; v.known && !v.nudged && !o.merged {
			v.nudged = true
			for _, r := range v.places {
				all = all.Union(r)
			}
		}
	}
	o.mu.Unlock()
	return o.x.uncover(o.x.root, all.Intersect(image.Rectangle{Max: o.x.size}))
}

// painted takes what was painted since the display was nudged: what was covered there
// has gone. Where nobody paints it stays covered.
func (o *own) painted(damage []image.Rectangle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.left {
		if v := &o.left[i]; v.nudged {
			v.places = minus(v.places, damage)
		}
	}
	o.left = slices.DeleteFunc(o.left, func(v vacated) bool { return len(v.places) == 0 })
}

// end is called when the replies with the pixels are there: all that happened
// before them is known. It returns what there was in the meantime; false
// if that cannot be said, and the pixels must be read again.
func (o *own) end() (places, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var p places
	for _, t := range o.tops {
		switch {
		case t.ours:
			p.ours = append(p.ours, t.been)
		case t.whole:
			p.covered, p.windows = append(p.covered, t.been), append(p.windows, t.at)
		default:
			for _, r := range t.parts { // wherever the window was
				r = r.Add(t.been.Min)
				p.covered = append(p.covered, image.Rectangle{r.Min, r.Max.Add(t.been.Size().Sub(t.at.Size()))})
			}
		}
	}
	for _, v := range o.left {
		p.covered = append(p.covered, v.places...)
	}
	return p, !o.stale
}

// rescan finds the children of the root window that are ours, or hold a window of
// ours or one that is covered.
func (o *own) rescan() error {
	found, merged, err := o.finder.own()
	if err != nil {
		return err
	}
	o.mu.Lock()
	before := o.tops
	o.tops, o.merged = map[xproto.Window]*top{}, merged
	for w, t := range found {
		o.tops[w] = t // from here on its moves count
	}
	o.mu.Unlock()
	replies := map[xproto.Window]xproto.GetGeometryCookie{}
	offsets := map[xproto.Window][]xproto.TranslateCoordinatesCookie{}
	for w, t := range found {
		replies[w] = xproto.GetGeometry(o.x.conn, xproto.Drawable(w))
		for _, in := range t.fields {
			offsets[w] = append(offsets[w], xproto.TranslateCoordinates(o.x.conn, in.window, w, 0, 0))
		}
	}
	for w, t := range found {
		g, err := replies[w].Reply()
		if err != nil {
			continue // it has just gone
		}
		border := int(g.BorderWidth)
		var parts []image.Rectangle
		for i, c := range offsets[w] {
			if at, err := c.Reply(); err == nil {
				parts = append(parts, t.fields[i].part.Add(image.Pt(int(at.DstX)+border, int(at.DstY)+border)))
			}
		}
		o.mu.Lock()
		t.parts = parts
		if t.at.Empty() { // else it has moved since
			t.at = image.Rect(int(g.X), int(g.Y), int(g.X)+int(g.Width)+2*border, int(g.Y)+int(g.Height)+2*border)
			t.been = t.been.Union(t.at)
		}
		o.mu.Unlock()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for w, was := range before {
		var now []image.Rectangle
		if t := o.tops[w]; t != nil && !t.at.Empty() {
			now = t.hidden(t.at)
		}
		if !was.at.Empty() {
			o.vacate(w, was.hidden(was.at), now)
		}
	}
	return nil
}

// own lists the children of the root window that are this process's, or hold a window of
// it, or something that is covered; and whether a compositing manager is there.
func (f *finder) own() (map[xproto.Window]*top, bool, error) {
	d, err := f.look()
	if err != nil {
		return nil, false, err
	}
	tops := map[xproto.Window]*top{}
	of := func(w uint32) *top {
		if tops[xproto.Window(w)] == nil {
			tops[xproto.Window(w)] = &top{}
		}
		return tops[xproto.Window(w)]
	}
	pids, fields := f.covers.find(d.coverable, d.pids)
	for _, w := range d.coverable {
		if w.pid != f.self && (pids[w.pid] || pids[w.owner]) {
			of(w.top).whole = true
		}
	}
	for _, field := range fields {
		if w, ok := field.of(d.coverable); ok && w.pid != f.self {
			t := of(w.top)
			t.fields = append(t.fields, foundField{xproto.Window(w.window), field.within(w.at.Size())})
		}
	}
	for _, w := range d.windows {
		if w.pid == f.self && !w.layer { // what is drawn on the screen belongs to the picture
			tops[w.top] = &top{ours: true}
		}
	}
	return tops, d.composited, nil
}

// foundField is a field in a window, from whose inner corner part is.
type foundField struct {
	window xproto.Window
	part   image.Rectangle
}

// portableOwn keeps our windows out of what the portable backend captures, by a
// connection of its own. There is no capture where it cannot be had.
type portableOwn struct{ *own }

func openPortableOwn(covers *Covers, s *Source) (*portableOwn, error) {
	x, err := connect("", func() {})
	if err != nil {
		return nil, err
	}
	defer x.limit()()
	o, err := openOwn(x, covers, s)
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
func (o *portableOwn) end() (places, bool, error) {
	defer o.x.limit()()
	if _, err := xproto.GetInputFocus(o.x.conn).Reply(); err != nil {
		return places{}, false, err
	}
	p, ok := o.own.end()
	return p, ok, nil
}

// begin: no damage is reported here, so nobody knows whether somebody painted where
// something covered has been. That stays covered as long as anything is.
func (o *portableOwn) begin() error {
	defer o.x.limit()()
	err := o.own.begin()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.covers.Programs()) == 0 {
		o.expire()
	}
	return err
}

func (o *portableOwn) close() {
	o.own.close()
	o.x.close()
}

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

package capture

import (
	"encoding/binary"
	"fmt"
	"image"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/xproto"
)

// program captures the windows of one process and nothing else. The server keeps
// each of them in a pixmap of its own (Composite Extension 0.4, automatic
// redirection: the person's screen looks as before), from which it is read
// whatever lies above it on the screen.
//
// A fresh pixmap is no harmless one: the server fills it with what its parent
// shows, which may be other windows, or with old memory. So a window is painted
// into the picture only once the program has painted every pixel of it anew.
type program struct {
	x      *x11
	source *Source
	finder *finder
	state  State

	canvas []byte
	dirty  []image.Rectangle // of the canvas, to be composed anew
	fresh  bool              // the whole canvas is
	drawn  []*image.RGBA     // what this process laid over it, as of change number seen
	seen   uint64

	mu      sync.Mutex
	members []*member                  // from the lowest to the topmost
	known   map[xproto.Window]*member  // the same by window
	tops    map[xproto.Window]struct{} // the children of the root that they are in
	stale   atomic.Bool                // windows came, went, moved or were restacked

	covers *Covers // of which only fields count here
	stop   func()
}

func openProgram(x *x11, s *Source, app Application, covers *Covers) (*program, error) {
	if err := x.extensions(); err != nil {
		return nil, unsupported(err)
	}
	if _, err := x.extension("Composite"); err != nil {
		return nil, unsupported(err)
	}
	if _, err := composite.QueryVersion(x.conn, 0, 4).Reply(); err != nil {
		return nil, unsupported(err)
	}
	finder, err := newFinder(x)
	if err != nil {
		return nil, unsupported(err)
	}
	finder.covers = covers
	v := &program{x: x, source: s, finder: finder, known: map[xproto.Window]*member{}, covers: covers}
	if err := v.watch(); err != nil {
		return nil, err
	}
	if err := finder.choose(app); err != nil {
		return nil, err
	}
	v.stale.Store(true)
	v.stop = covers.hear(s, v.moved)
	drawnNow.follow(v, s.signal)
	return v, nil
}

// unsupported: there is no other way to capture a program.
func unsupported(err error) error { return fmt.Errorf("%w: %v", ErrUnsupported, err) } //nolint:errorlint // errMissing would try the portable way

// watch listens to what happens to windows. Events are dealt with in the order in
// which they and the replies come from the server: what is known after a reply
// includes everything that happened before it.
func (v *program) watch() error {
	x := v.x
	shapeEvent, err := x.extension("SHAPE")
	if err != nil {
		return unsupported(err)
	}
	window := func(e []byte, at int) xproto.Window { return xproto.Window(binary.LittleEndian.Uint32(e[at:])) }
	for _, number := range []byte{xproto.CreateNotify, xproto.MapNotify, xproto.CirculateNotify} {
		x.listen(number, func([]byte) { v.moved() })
	}
	for _, number := range []byte{xproto.DestroyNotify, xproto.UnmapNotify, xproto.ReparentNotify} {
		x.listen(number, func(e []byte) {
			v.broke(window(e, 8), image.Point{})
			v.moved()
		})
	}
	x.listen(xproto.ConfigureNotify, func(e []byte) {
		size := func(at int) int { return int(binary.LittleEndian.Uint16(e[at:])) }
		v.broke(window(e, 8), image.Pt(size(20)+2*size(24), size(22)+2*size(24)))
		v.moved()
	})
	x.listen(xproto.PropertyNotify, func(e []byte) {
		if xproto.Atom(window(e, 8)) == v.finder.atoms.state {
			v.moved()
		}
	})
	x.listen(shapeEvent, func(e []byte) {
		v.broke(window(e, 4), image.Point{})
		v.moved()
	})
	err = xproto.ChangeWindowAttributesChecked(x.conn, x.root, xproto.CwEventMask,
		[]uint32{xproto.EventMaskStructureNotify | xproto.EventMaskSubstructureNotify}).Check()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	return nil
}

func (v *program) moved() {
	v.stale.Store(true)
	v.source.signal()
}

// broke notes that a window's pixmap is not the one that we know any more: unless
// the outer size that it has now is the one that it had.
func (v *program) broke(w xproto.Window, outer image.Point) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m := v.known[w]; m != nil && m.outer != outer {
		m.broken.Store(true)
	}
}

// read looks for windows, fetches what they painted, and composes the picture.
func (v *program) read() (Frame, error) {
	at := time.Now()
	if v.stale.Swap(false) {
		if err := v.rescan(); err != nil {
			v.stale.Store(true)
			return Frame{}, err
		}
	}
	if err := v.update(); err != nil {
		return Frame{}, err
	}
	size := v.x.size
	f := Frame{Pix: v.canvas, Stride: 4 * size.X, Size: size, At: at}
	if drawn, n := drawnNow.latest(); n != v.seen {
		for _, img := range append(v.drawn, drawn...) {
			v.dirty = append(v.dirty, img.Rect)
		}
		v.drawn, v.seen = drawn, n
	}
	if v.fresh {
		v.dirty = []image.Rectangle{{Max: size}}
	}
	f.Damage = bands(v.dirty, size)
	v.compose(f.Damage)
	v.dirty, v.fresh = v.dirty[:0], false
	return f, nil
}

// rescan brings members up to what the finder finds.
func (v *program) rescan() error {
	g, err := xproto.GetGeometry(v.x.conn, xproto.Drawable(v.x.root)).Reply()
	if err != nil {
		return err
	}
	if size := image.Pt(int(g.Width), int(g.Height)); v.canvas == nil || size != v.x.size {
		v.x.size, v.canvas, v.fresh = size, make([]byte, 4*size.X*size.Y), true
	}
	found, state, err := v.finder.find()
	if err != nil {
		return err
	}
	v.take(found)
	if state != v.state {
		v.state = state
		v.source.be(state)
	}
	return v.name()
}

// take makes the windows that were found the members, in their order.
func (v *program) take(found []foundWindow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.members
	v.members = nil
	v.tops = map[xproto.Window]struct{}{}
	kept := map[xproto.Window]bool{}
	for _, w := range found {
		m := v.known[w.id]
		if m == nil {
			m = &member{win: w.id}
			v.known[w.id] = m
		}
		kept[w.id], m.pid = true, w.pid
		if m.at != w.at || m.translucent != w.translucent {
			v.dirty = append(v.dirty, m.covers())
			m.at, m.translucent = w.at, w.translucent
			v.dirty = append(v.dirty, m.covers())
		}
		if !slices.Equal(m.fields, w.fields) {
			m.fields = w.fields
			v.dirty = append(v.dirty, m.covers())
		}
		v.members = append(v.members, m)
		v.tops[w.top] = struct{}{}
	}
	same := len(before) == len(v.members)
	for i, m := range before {
		if !kept[m.win] {
			v.dirty = append(v.dirty, m.covers())
			delete(v.known, m.win)
			m.release(v.x)
		} else if same && v.members[i] != m {
			same = false
		}
	}
	if !same {
		for _, m := range v.members {
			v.dirty = append(v.dirty, m.covers())
		}
	}
}

// name gets the pixmaps of members that have none, or not their present one, and
// then makes sure that the members are still whose they were: an id of a window
// that died may already be somebody else's.
func (v *program) name() error {
	named := false
	for _, m := range v.members {
		if m.pixmap != 0 && !m.broken.Load() {
			continue
		}
		if m.shown {
			v.dirty = append(v.dirty, m.covers())
		}
		m.release(v.x)
		m.broken.Store(false) // before the server is asked: what comes later counts
		ok, err := m.name(v.x, &v.mu)
		if err != nil {
			return err
		}
		named = named || ok
	}
	if !named {
		return nil
	}
	owner, err := v.finder.owner()
	if err != nil {
		return err
	}
	for _, m := range v.members {
		if m.pixmap != 0 && owner(m.win) != m.pid {
			m.broken.Store(true)
			v.stale.Store(true)
		}
	}
	return nil
}

// update fetches what the members painted.
func (v *program) update() error {
	x := v.x
	pending := make([]fetch, 0, len(v.members))
	for _, m := range v.members {
		if m.pixmap != 0 && !m.broken.Load() {
			pending = append(pending, m.ask(x))
		}
	}
	for i := range pending {
		if err := pending[i].hear(x); err != nil {
			return err
		}
	}
	for _, p := range pending {
		m := p.member
		err := p.finish()
		if err != nil && !m.broken.Load() {
			// The window may be dying, and its news on the way.
			m.broken.Store(true)
			v.stale.Store(true)
			v.source.signal()
		}
		if m.broken.Load() {
			if m.shown {
				m.shown = false
				v.dirty = append(v.dirty, m.covers())
			}
			continue
		}
		for _, r := range p.bands {
			v.dirty = append(v.dirty, r.Add(m.at))
		}
	}
	return nil
}

// compose paints those parts of the canvas anew.
func (v *program) compose(parts []image.Rectangle) {
	size := v.x.size
	for _, part := range parts {
		fill(v.canvas, 4*size.X, part, Ground)
		for _, m := range v.members {
			if m.shown && !m.broken.Load() {
				m.paint(v.canvas, 4*size.X, part)
				for _, field := range m.fields {
					hatch(v.canvas, 4*size.X, field.Add(m.at).Intersect(m.covers()).Intersect(part), image.Point{})
				}
			}
		}
		for _, img := range v.drawn {
			lay(v.canvas, size, img, part)
		}
	}
}

// lay paints the opaque pixels of an image that lie in a part of the canvas.
func lay(canvas []byte, size image.Point, img *image.RGBA, part image.Rectangle) {
	r := img.Rect.Intersect(part).Intersect(image.Rectangle{Max: size})
	for y := r.Min.Y; y < r.Max.Y; y++ {
		from := img.Pix[img.PixOffset(r.Min.X, y):][:4*r.Dx()]
		to := canvas[4*(y*size.X+r.Min.X):][:4*r.Dx()]
		for i := 0; i < len(from); i += 4 {
			if from[i+3] != 0 {
				to[i], to[i+1], to[i+2], to[i+3] = from[i+2], from[i+1], from[i], 0xff
			}
		}
	}
}

// again: a window died under the request; the rest goes on.
func (v *program) again() bool {
	v.stale.Store(true)
	_, err := xproto.GetGeometry(v.x.conn, xproto.Drawable(v.x.root)).Reply()
	return err == nil
}

// place knows the pointer only over the program: what it does elsewhere, and what
// it looks like there, is not shared.
func (v *program) place(at image.Point, over xproto.Window) (image.Point, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ours := v.tops[over]
	return at, ours
}

func (v *program) close() {
	v.stop()
	drawnNow.follow(v, nil)
	for _, m := range v.members {
		m.segment.free(nil)
	}
}

// shapeEvents asks for news of a window's shape.
func (x *x11) shapeEvents(w xproto.Window) {
	const selectInput = 6 // X Nonrectangular Window Shape Extension
	body := binary.LittleEndian.AppendUint32(nil, uint32(w))
	x.send("SHAPE", selectInput, append(body, 1, 0, 0, 0))
}

// repaint has a program paint a window and all the windows in it anew: the server
// paints their backgrounds and says that all of it is exposed. Their borders, which
// no request clears, it paints where something that lay on them goes away.
func (x *x11) repaint(w xproto.Window, size image.Point) error {
	borders := false
	level := []xproto.Window{w}
	for total := 0; len(level) > 0 && total < maxWindows; total += len(level) {
		trees := make([]xproto.QueryTreeCookie, len(level))
		shapes := make([]xproto.GetGeometryCookie, len(level))
		for i, w := range level {
			xproto.ClearArea(x.conn, true, w, 0, 0, 0, 0)
			trees[i], shapes[i] = xproto.QueryTree(x.conn, w), xproto.GetGeometry(x.conn, xproto.Drawable(w))
		}
		inside := level[0] != w
		level = nil
		for i, t := range trees {
			if r, err := t.Reply(); err == nil {
				level = append(level, r.Children...)
			}
			if g, err := shapes[i].Reply(); err == nil && inside && g.BorderWidth > 0 {
				borders = true
			}
		}
	}
	if !borders {
		return nil
	}
	return x.uncover(w, image.Rectangle{Max: size})
}

// uncover lays a window over a part of another one and takes it away again, so that all
// that is there is painted anew. It has no background, so that nothing is seen of it, and
// lets the pointer through.
func (x *x11) uncover(w xproto.Window, r image.Rectangle) error {
	if r.Empty() {
		return nil
	}
	id, err := xproto.NewWindowId(x.conn)
	if err != nil {
		return err
	}
	const none, override = 0, 1
	xproto.CreateWindow(x.conn, 0, id, w, int16(r.Min.X), int16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()), 0, xproto.WindowClassInputOutput, 0,
		xproto.CwBackPixmap|xproto.CwOverrideRedirect, []uint32{none, override})
	const rectangles, set, input = 1, 0, 2 // X Nonrectangular Window Shape Extension 1.1
	x.send("SHAPE", rectangles, append(binary.LittleEndian.AppendUint32([]byte{set, input, 0, 0}, uint32(id)), 0, 0, 0, 0))
	xproto.MapWindow(x.conn, id)
	xproto.DestroyWindow(x.conn, id)
	return nil
}

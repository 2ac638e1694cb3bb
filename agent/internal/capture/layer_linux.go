package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"sync/atomic"

	"github.com/jezek/xgb/xproto"
)

// Requests of the X Nonrectangular Window Shape Extension 1.1.
const (
	shapeRectangles = 1
	shapeSet        = 0
	shapeUnion      = 1
	shapeBounding   = 0
	shapeInput      = 2
	shapeYXSorted   = 2
)

const (
	// maxShapeParts is how many rectangles go into one request.
	maxShapeParts = 4000
	// tile is the side of what is painted anew when something in it changed.
	tile = 64
)

// layer is a window of the display's size that the server cuts to what is drawn
// (bounding shape): so it works without a compositor, and with one. An empty input
// shape lets everything through.
type layer struct {
	x      *x11
	finder *finder
	what   Target
	covers *Covers
	window xproto.Window
	gc     xproto.Gcontext
	mapped bool
	size   image.Point // of the window
	under  bool        // something that is not ours lies above, as of the last look
	drawn  *image.RGBA // nil for nothing

	exposed atomic.Bool // the server wants it painted
}

func (l *layer) open(display string, what Target, covers *Covers, changed func()) error {
	x, err := connect(display, func() {})
	if err != nil {
		return err
	}
	defer x.limit()()
	l.x, l.what, l.covers, l.size = x, what, covers, x.size
	if err := l.prepare(changed); err != nil {
		x.close()
		if errors.Is(err, ErrTarget) || errors.Is(err, ErrDisplay) {
			return err
		}
		return unsupported(err)
	}
	drawnNow.set(l, uint32(l.window), nil)
	return nil
}

func (l *layer) prepare(changed func()) (err error) {
	x := l.x
	if l.finder, err = newFinder(x); err != nil {
		return err
	}
	if l.what.Application != 0 {
		if err := l.finder.choose(l.what.Application); err != nil {
			return err
		}
	}
	if l.what.Monitor != "" {
		if err := x.watchMonitors(func([]byte) { changed() }); err != nil {
			return err
		}
	}
	if _, err := x.extension("SHAPE"); err != nil {
		return err
	}
	if l.window, err = xproto.NewWindowId(x.conn); err != nil {
		return err
	}
	if l.gc, err = xproto.NewGcontextId(x.conn); err != nil {
		return err
	}
	for _, number := range []byte{xproto.MapNotify, xproto.UnmapNotify, xproto.DestroyNotify, xproto.ConfigureNotify, xproto.CirculateNotify, xproto.ReparentNotify} {
		x.listen(number, func(e []byte) {
			if xproto.Window(binary.LittleEndian.Uint32(e[8:])) != l.window {
				changed()
			}
		})
	}
	x.listen(xproto.Expose, func([]byte) {
		l.exposed.Store(true)
		changed()
	})
	const none, override = 0, 1
	err = errors.Join(
		xproto.ChangeWindowAttributesChecked(x.conn, x.root, xproto.CwEventMask, []uint32{xproto.EventMaskStructureNotify | xproto.EventMaskSubstructureNotify}).Check(),
		xproto.CreateWindowChecked(x.conn, 0, l.window, x.root, 0, 0, uint16(x.size.X), uint16(x.size.Y), 0, xproto.WindowClassInputOutput, 0,
			xproto.CwBackPixmap|xproto.CwOverrideRedirect|xproto.CwEventMask, []uint32{none, override, xproto.EventMaskExposure}).Check(),
		xproto.CreateGCChecked(x.conn, l.gc, xproto.Drawable(l.window), 0, nil).Check())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	l.shape(shapeInput, nil)
	l.shape(shapeBounding, nil)
	return nil
}

// shape cuts the window to rectangles of its own.
func (l *layer) shape(kind byte, list []image.Rectangle) {
	for op := byte(shapeSet); ; op = shapeUnion {
		some := list[:min(len(list), maxShapeParts)]
		list = list[len(some):]
		body := binary.LittleEndian.AppendUint32([]byte{op, kind, 0, 0}, uint32(l.window))
		body = append(body, 0, 0, 0, 0)
		for _, r := range some {
			for _, n := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
				body = binary.LittleEndian.AppendUint16(body, uint16(n))
			}
		}
		l.x.send("SHAPE", shapeRectangles, body)
		if len(list) == 0 {
			return
		}
	}
}

func (l *layer) look() (Scene, error) {
	defer l.x.limit()()
	s := Scene{}
	g, err := xproto.GetGeometry(l.x.conn, xproto.Drawable(l.x.root)).Reply()
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	whole := image.Rect(0, 0, int(g.Width), int(g.Height))
	s.Picture = whole
	if l.what.Monitor != "" {
		list, err := l.x.monitors()
		if err != nil {
			return s, fmt.Errorf("%w: %w", ErrDisplay, err)
		}
		s.Picture = image.Rectangle{}
		for _, m := range list {
			if m.Name == l.what.Monitor {
				s.Picture = m.Bounds.Intersect(whole)
			}
		}
		if s.Picture.Empty() {
			return s, fmt.Errorf("%w: monitor", ErrTarget)
		}
	}
	if whole.Size() != l.size {
		l.size = whole.Size()
		xproto.ConfigureWindow(l.x.conn, l.window, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, []uint32{uint32(l.size.X), uint32(l.size.Y)})
	}
	d, err := l.finder.look()
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	l.sort(&s, d)
	if l.what.Application != 0 && len(s.Windows) == 0 {
		return s, fmt.Errorf("%w: no window", ErrTarget)
	}
	return s, nil
}

// sort finds out what of the picture may be drawn on, from the lowest window to the
// topmost.
func (l *layer) sort(s *Scene, d desktopLook) {
	ours := map[xproto.Window]bool{} // tops that are ours, or hold what is
	for _, w := range d.windows {
		if w.pid == l.finder.self && !w.layer {
			ours[w.top] = true
		}
	}
	s.Clip = []image.Rectangle{s.Picture}
	if l.what.Application != 0 {
		s.Clip = nil
	}
	passed := false // the layer itself
	for _, w := range d.windows {
		if w.layer {
			passed = passed || w.id == l.window
			continue
		}
		bounds := image.Rectangle{w.at, w.at.Add(w.size)}
		covered := w.pid != l.finder.self && l.covers.hides(w.pid) // nothing of it is shared
		program := l.what.Application != 0 && l.finder.shares(d, w)
		switch {
		case ours[w.top] || covered:
			s.Clip = cutOut(cutOut(s.Clip, d.tops[w.top]), bounds)
		case program:
			s.Windows = append(s.Windows, Place{uint32(w.id), bounds})
			s.Clip = append(cutOut(s.Clip, bounds), bounds.Intersect(s.Picture))
		case l.what.Application != 0:
			s.Clip = cutOut(s.Clip, bounds)
		}
		if passed && !ours[w.top] {
			l.under = true
		}
	}
	for _, w := range d.windows { // whatever lies above them
		if ours[w.top] {
			s.Clip = cutOut(s.Clip, d.tops[w.top])
		}
	}
}

func (l *layer) show(drawn *image.RGBA) error {
	defer l.x.limit()()
	whole := image.Rectangle{Max: l.size}
	var list []image.Rectangle
	if drawn != nil {
		for _, r := range opaque(drawn) {
			if r = r.Intersect(whole); !r.Empty() {
				list = append(list, r)
			}
		}
	}
	before := l.drawn
	if l.exposed.Swap(false) {
		before = nil
	}
	if drawn != nil && before != nil && l.mapped && !l.under && drawn.Rect == before.Rect && bytes.Equal(drawn.Pix, before.Pix) {
		return nil
	}
	if l.drawn = drawn; len(list) == 0 {
		l.drawn = nil
	}
	l.shape(shapeBounding, list)
	switch {
	case len(list) == 0 && l.mapped:
		xproto.UnmapWindow(l.x.conn, l.window)
		l.mapped, before = false, nil
	case len(list) > 0 && (!l.mapped || l.under):
		xproto.ConfigureWindow(l.x.conn, l.window, xproto.ConfigWindowStackMode, []uint32{xproto.StackModeAbove})
		xproto.MapWindow(l.x.conn, l.window)
		l.mapped, l.under = true, false
	}
	if l.drawn != nil {
		l.paint(before)
	}
	if _, err := xproto.GetInputFocus(l.x.conn).Reply(); err != nil { // it is on the screen
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	drawnNow.set(l, uint32(l.window), l.drawn)
	return nil
}

// paint puts what is drawn on the window, but for what looked the same before.
func (l *layer) paint(before *image.RGBA) {
	all := l.drawn.Rect.Intersect(image.Rectangle{Max: l.size})
	depth := xproto.Setup(l.x.conn).DefaultScreen(l.x.conn).RootDepth
	for y := all.Min.Y; y < all.Max.Y; y += tile {
		for x := all.Min.X; x < all.Max.X; x += tile {
			r := image.Rect(x, y, x+tile, y+tile).Intersect(all)
			if data, same := pixels(l.drawn, before, r); !same {
				xproto.PutImage(l.x.conn, xproto.ImageFormatZPixmap, xproto.Drawable(l.window), l.gc, uint16(r.Dx()), uint16(r.Dy()),
					int16(r.Min.X), int16(r.Min.Y), 0, depth, data)
			}
		}
	}
}

// pixels are those of a part as the server wants them; same tells that there is
// nothing to see in it, or nothing new.
func pixels(img, before *image.RGBA, r image.Rectangle) (data []byte, same bool) {
	same = true
	data = make([]byte, 0, 4*r.Dx()*r.Dy())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := img.Pix[img.PixOffset(r.Min.X, y):][:4*r.Dx()]
		for i := 0; i < len(row); i += 4 {
			data = append(data, row[i+2], row[i+1], row[i], 0xff)
			if row[i+3] != 0 && same {
				same = before != nil && before.RGBAAt(r.Min.X+i/4, y) == img.RGBAAt(r.Min.X+i/4, y)
			}
		}
	}
	return data, same
}

func (l *layer) close() {
	drawnNow.forget(l)
	l.x.close() // and the server destroys the window
}

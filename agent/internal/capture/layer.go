package capture

import (
	"image"
	"slices"
	"sync"
)

// Layer is a window that this process lays over a target, for drawings: it takes no
// input, is only where something is drawn, and, unlike our other windows, belongs to
// the picture. One goroutine may use it.
type Layer struct{ layer }

// OpenLayer connects to the display, named as for Open. changed is called, on a
// goroutine of the connection's, when windows came, went or moved, or were stacked
// anew; it must not block. What covers hides is not drawn on; nil hides nothing.
// Errors: ErrDisplay, ErrUnsupported, ErrTarget.
func OpenLayer(display string, what Target, covers *Covers, changed func()) (*Layer, error) {
	if err := what.check(); err != nil {
		return nil, err
	}
	l := &Layer{}
	if err := l.open(display, what, covers, changed); err != nil {
		return nil, err
	}
	return l, nil
}

// Look tells where the target can be seen now.
// Errors: ErrDisplay; ErrTarget if it cannot be seen at all.
func (l *Layer) Look() (Scene, error) { return l.look() }

// Show has the window be where the image is opaque, with its colours, and nowhere
// else; half-transparent is not possible. The image lies on the display, with bounds
// of its own. It must not be changed afterwards. Nil shows nothing.
// Errors: ErrDisplay.
func (l *Layer) Show(drawn *image.RGBA) error { return l.show(drawn) }

// Close takes the window away.
func (l *Layer) Close() { l.close() }

// Scene is where a target can be seen on the display.
type Scene struct {
	// Picture is the place of the target's picture on the display.
	Picture image.Rectangle
	// Windows of the program, from the lowest to the topmost; none unless the target
	// is one.
	Windows []Place
	// Clip is where drawings may lie: on the target, where it is not covered, and not
	// on windows of this process. The rectangles do not overlap.
	Clip []image.Rectangle
}

// Place is where a window is on the display.
type Place struct {
	Window uint32
	Bounds image.Rectangle
}

// drawnNow is what all layers of this process show, for those sources that do not read
// the screen itself: a program is read from its own windows.
var drawnNow drawings

type drawings struct {
	mu      sync.Mutex
	count   uint64 // of the changes
	shown   map[any]*image.RGBA
	windows map[any]uint32
	sources map[any]func() // told of each change
}

// set notes what a layer shows, nil if nothing, and in which window.
func (d *drawings) set(layer any, window uint32, drawn *image.RGBA) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shown == nil {
		d.shown, d.windows = map[any]*image.RGBA{}, map[any]uint32{}
	}
	d.count++
	d.windows[layer], d.shown[layer] = window, drawn
	for _, tell := range d.sources {
		tell()
	}
}

// forget ends a layer.
func (d *drawings) forget(layer any) {
	d.set(layer, 0, nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.shown, layer)
	delete(d.windows, layer)
}

// follow has tell called at each change, until it is nil. It must not block.
func (d *drawings) follow(source any, tell func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sources == nil {
		d.sources = map[any]func(){}
	}
	if d.sources[source] = tell; tell == nil {
		delete(d.sources, source)
	}
}

// latest is what is shown, and the number of the change that made it so.
func (d *drawings) latest() (list []*image.RGBA, count uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, img := range d.shown {
		if img != nil {
			list = append(list, img)
		}
	}
	return list, d.count
}

// is tells whether a window is a layer's.
func (d *drawings) is(window uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.windows {
		if w == window {
			return true
		}
	}
	return false
}

// cutOut takes a rectangle out of a list of those that do not overlap.
func cutOut(list []image.Rectangle, hole image.Rectangle) []image.Rectangle {
	var left []image.Rectangle
	for _, r := range list {
		h := r.Intersect(hole)
		if h.Empty() {
			left = append(left, r)
			continue
		}
		for _, part := range []image.Rectangle{
			image.Rect(r.Min.X, r.Min.Y, r.Max.X, h.Min.Y), image.Rect(r.Min.X, h.Max.Y, r.Max.X, r.Max.Y),
			image.Rect(r.Min.X, h.Min.Y, h.Min.X, h.Max.Y), image.Rect(h.Max.X, h.Min.Y, r.Max.X, h.Max.Y),
		} {
			if part.Dx() > 0 && part.Dy() > 0 { // image.Rect turns what is upside down
				left = append(left, part)
			}
		}
	}
	return left
}

// opaque lists the parts of an image that are, in rows from the top, as few
// rectangles as follow from joining equal rows.
func opaque(img *image.RGBA) []image.Rectangle {
	var list, open []image.Rectangle // open are those that reach down to the row above
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		row := img.Pix[img.PixOffset(img.Rect.Min.X, y):][:4*img.Rect.Dx()]
		var spans []image.Rectangle
		for x := 0; x < img.Rect.Dx(); x++ {
			if row[4*x+3] == 0 {
				continue
			}
			from := x
			for x < img.Rect.Dx() && row[4*x+3] != 0 {
				x++
			}
			spans = append(spans, image.Rect(img.Rect.Min.X+from, y, img.Rect.Min.X+x, y+1))
		}
		if slices.EqualFunc(open, spans, func(a, b image.Rectangle) bool { return a.Min.X == b.Min.X && a.Max.X == b.Max.X }) {
			for i := range open {
				open[i].Max.Y++
			}
			continue
		}
		list = append(list, open...)
		open = spans
	}
	return append(list, open...)
}

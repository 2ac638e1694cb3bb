package capture

import (
	"image"
	"slices"
	"sync"
	"time"
)

// Covers is what a person does not want to be seen of a display that is shown: the
// windows of programs, where the screen is shared, and fields for passwords, wherever
// they are. A capture that was opened with it draws a hatched area in their place, from
// the next frame on. Any goroutine may use it; nil covers nothing.
type Covers struct {
	mu       sync.Mutex
	programs []Program
	fields   []Field
	pids     map[uint32]bool // whose windows are covered, as a capture last found them
	label    []byte          // B, G, R, x
	size     image.Point     // of label
	heard    map[*Source]func()
}

// Field is a field for a password, as its program tells of it.
type Field struct {
	PID    uint32
	Window image.Rectangle // the window that it is in, on the desktop
	At     image.Rectangle // from the corner of that window
}

// fieldMargin is how much more is covered around a field, in pixels.
const fieldMargin = 6

// NewCovers covers nothing yet.
func NewCovers() *Covers {
	return &Covers{pids: map[uint32]bool{}, heard: map[*Source]func(){}}
}

// Hide makes these the programs that are covered: each with all windows of its process,
// and those of every other process whose windows have the same name.
func (c *Covers) Hide(programs []Program) {
	c.mu.Lock()
	c.programs = slices.Clone(programs)
	c.pids = map[uint32]bool{}
	for _, p := range programs {
		c.pids[uint32(p.Application)] = true
	}
	c.mu.Unlock()
	c.changed()
}

// Mask makes these the fields that are covered.
func (c *Covers) Mask(fields []Field) {
	c.mu.Lock()
	same := slices.Equal(c.fields, fields)
	c.fields = slices.Clone(fields)
	c.mu.Unlock()
	if !same {
		c.changed()
	}
}

// Label is what is shown in the middle of a covered window, if there is room: a picture
// that nothing shines through.
func (c *Covers) Label(img *image.RGBA) {
	size := img.Rect.Size()
	pix := make([]byte, 0, 4*size.X*size.Y)
	for y := range size.Y {
		for row := img.Pix[y*img.Stride:][:4*size.X]; len(row) > 0; row = row[4:] {
			pix = append(pix, row[2], row[1], row[0], 0xff)
		}
	}
	c.mu.Lock()
	c.label, c.size = pix, size
	c.mu.Unlock()
	c.changed()
}

// Programs are those that are covered, by their names.
func (c *Covers) Programs() []Program {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.programs)
}

// find takes what is to be covered out of what is on the display: the processes, with
// those that are found by their name only, and the fields.
func (c *Covers) find(windows []coverable, alive map[uint32]uint32) (map[uint32]bool, []Field) {
	if c == nil {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	there := map[uint32]bool{}
	for _, pid := range alive {
		there[pid] = true
	}
	for pid := range c.pids {
		if !there[pid] {
			delete(c.pids, pid) // its number may be another program's by and by
		}
	}
	for _, w := range windows {
		for _, p := range c.programs {
			if w.class != "" && w.class == p.Name {
				c.pids[w.pid] = true
			}
		}
	}
	pids := map[uint32]bool{}
	for pid := range c.pids {
		pids[pid] = true
	}
	return pids, slices.Clone(c.fields)
}

// hides tells whether the windows of a process are covered.
func (c *Covers) hides(pid uint32) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pids[pid]
}

// hear has f called at each change, until the function is called that it returns.
func (c *Covers) hear(s *Source, f func()) (stop func()) {
	if c == nil {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[s] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.heard, s)
	}
}

func (c *Covers) changed() {
	c.mu.Lock()
	var all []func()
	for _, f := range c.heard {
		all = append(all, f)
	}
	c.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// coverable is a window as far as covering it is concerned.
type coverable struct {
	pid     uint32
	class   string
	window  uint32
	top     uint32 // the child of the root window that it is in
	at      image.Rectangle
	owner   uint32 // the process of the window that it is a dialog of, 0 if none
	visible bool
}

// within says which part of a window a field is, from the window's inner corner. The
// program may count in larger pixels than the display has.
func (f Field) within(window image.Point) image.Rectangle {
	scale := 1
	if w := f.Window.Dx(); w > 0 {
		scale = max(1, (window.X+w/2)/w)
	}
	at := image.Rectangle{Min: f.At.Min.Mul(scale), Max: f.At.Max.Mul(scale)}
	return at.Inset(-fieldMargin)
}

// of chooses among windows the one that a field is in: its program's, nearest to where
// the program says that it is.
func (f Field) of(windows []coverable) (coverable, bool) {
	best, least := coverable{}, -1
	for _, w := range windows {
		if w.pid != f.PID || !w.visible {
			continue
		}
		off := w.at.Min.Sub(f.Window.Min)
		size := w.at.Size().Sub(f.Window.Size())
		away := max(off.X, -off.X) + max(off.Y, -off.Y) + max(size.X, -size.X) + max(size.Y, -size.Y)
		if least < 0 || away < least {
			best, least = w, away
		}
	}
	return best, least >= 0
}

// The hatching of what is covered: two quiet greys.
const (
	hatchDark, hatchLight = 0x4a5560, 0x566270
	hatchStep             = 32
	hatchWidth            = 4096
)

var hatching = sync.OnceValue(func() []byte {
	row := make([]byte, 4*(hatchWidth+hatchStep))
	for x := range hatchWidth + hatchStep {
		colour := uint32(hatchDark)
		if x%hatchStep < hatchStep/2 {
			colour = hatchLight
		}
		row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = byte(colour), byte(colour>>8), byte(colour>>16), 0xff
	}
	return row
})

// hatch paints a rectangle of rows that are stride bytes apart. The stripes are where
// they are on the desktop, whose point origin is the picture's corner.
func hatch(pix []byte, stride int, r image.Rectangle, origin image.Point) {
	row := hatching()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x += hatchWidth {
			n := min(hatchWidth, r.Max.X-x)
			phase := (x + y + origin.X + origin.Y) & (hatchStep - 1)
			copy(pix[y*stride+4*x:][:4*n], row[4*phase:])
		}
	}
}

// stamp puts the label into the middle of a covered window, both of the picture, as far
// as it lies in part.
func (c *Covers) stamp(pix []byte, stride int, window, part image.Rectangle) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := image.Rectangle{Max: c.size}.Add(window.Min).Add(window.Size().Sub(c.size).Div(2))
	if c.label == nil || !at.In(window) {
		return
	}
	for y, r := at.Min.Y, at.Intersect(part); y < at.Max.Y && !r.Empty(); y++ {
		if y >= r.Min.Y && y < r.Max.Y {
			copy(pix[y*stride+4*r.Min.X:][:4*r.Dx()], c.label[4*((y-at.Min.Y)*c.size.X+r.Min.X-at.Min.X):])
		}
	}
}

// lingering is for how long a place stays covered after what was there has gone, where
// another program puts the picture of the desktop together and may be late, and
// lingerSlot the time in which such places are taken together.
const (
	lingering  = 2 * time.Second
	lingerSlot = 125 * time.Millisecond
)

// vacated is a place from which something that is covered has gone.
type vacated struct {
	window uint32
	slot   int64
	since  time.Time
	places []image.Rectangle // of the display: what may still show it
	known  bool              // since before the last report of damage was asked for
	nudged bool              // and then all was painted anew
}

// minus takes rectangles out of others.
func minus(from, out []image.Rectangle) []image.Rectangle {
	for _, o := range out {
		var left []image.Rectangle
		for _, r := range from {
			in := r.Intersect(o)
			if in.Empty() {
				left = append(left, r)
				continue
			}
			for _, p := range []image.Rectangle{
				{r.Min, image.Pt(r.Max.X, in.Min.Y)}, {image.Pt(r.Min.X, in.Max.Y), r.Max},
				{image.Pt(r.Min.X, in.Min.Y), image.Pt(in.Min.X, in.Max.Y)}, {image.Pt(in.Max.X, in.Min.Y), image.Pt(r.Max.X, in.Max.Y)},
			} {
				if !p.Empty() {
					left = append(left, p)
				}
			}
		}
		from = left
	}
	return from
}

// places is where something was, or may have been, while pixels were read.
type places struct {
	ours    []image.Rectangle // windows of this process
	covered []image.Rectangle // what is covered
	windows []image.Rectangle // whole windows that are, where they are now
}

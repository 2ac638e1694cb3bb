package capture

import (
	"image"
	"sync"
	"sync/atomic"

	"github.com/jezek/xgb/composite"
	"github.com/jezek/xgb/damage"
	mitshm "github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// member is one window of the program.
type member struct {
	win         xproto.Window
	at          image.Point       // of its inner corner on the root window
	translucent bool              // its fourth byte says how much of what is below shows
	pid         uint32            // whose it is
	fields      []image.Rectangle // that are covered, from its inner corner

	pixmap  xproto.Pixmap
	damage  damage.Damage
	parts   xfixes.Region // what was painted since the last look
	missing xfixes.Region // what was not painted since the pixmap is there
	shape   []image.Rectangle
	size    image.Point // inside the border
	outer   image.Point // with the border, as the pixmap has it
	border  int
	segment segment
	shown   bool        // every pixel was painted, and is in the segment
	broken  atomic.Bool // the pixmap is not the window's any more
}

// covers is where the window is on the root window.
func (m *member) covers() image.Rectangle {
	return image.Rectangle{m.at, m.at.Add(m.size)}
}

// name gets the window's present pixmap, begins to follow what is painted, and
// has the program paint all of it. False and no error: the window cannot be seen
// at the moment, or is gone.
func (m *member) name(x *x11, mu *sync.Mutex) (bool, error) {
	c := x.conn
	pixmap, err := xproto.NewPixmapId(c)
	if err != nil {
		return false, err
	}
	ids := [3]uint32{}
	for i := range ids {
		if ids[i], err = c.NewId(); err != nil {
			return false, err
		}
	}
	m.damage, m.parts, m.missing = damage.Damage(ids[0]), xfixes.Region(ids[1]), xfixes.Region(ids[2])
	const events = xproto.EventMaskStructureNotify | xproto.EventMaskPropertyChange
	xproto.ChangeWindowAttributes(c, m.win, xproto.CwEventMask, []uint32{events})
	x.shapeEvents(m.win)
	composite.RedirectWindow(c, m.win, composite.RedirectAutomatic)
	if composite.NameWindowPixmapChecked(c, m.win, pixmap).Check() != nil {
		return false, nil // not mapped, or destroyed: the news of it come or came
	}
	m.pixmap = pixmap
	damage.Create(c, m.damage, xproto.Drawable(m.win), damage.ReportLevelNonEmpty)
	xfixes.CreateRegion(c, m.parts, nil)
	xfixes.CreateRegionFromWindow(c, m.missing, m.win, 0 /* bounding */)
	// What was painted until now may have been painted into an older pixmap.
	damage.Subtract(c, m.damage, xfixes.Region(xproto.AtomNone), xfixes.Region(xproto.AtomNone))
	whole := xproto.GetGeometry(c, xproto.Drawable(pixmap))
	inner := xproto.GetGeometry(c, xproto.Drawable(m.win))
	shape := xfixes.FetchRegion(c, m.missing)
	g, err := whole.Reply()
	if err != nil {
		m.release(x)
		return false, nil
	}
	in, err := inner.Reply()
	if err != nil {
		m.release(x)
		return false, nil
	}
	if r, err := shape.Reply(); err != nil {
		m.release(x)
		return false, nil
	} else {
		m.shape = rectangles(r.Rectangles, image.Point{})
	}
	mu.Lock()
	m.outer = image.Pt(int(g.Width), int(g.Height))
	mu.Unlock()
	m.border = int(in.BorderWidth)
	m.size = m.outer.Sub(image.Pt(2*m.border, 2*m.border))
	if m.size.X <= 0 || m.size.Y <= 0 {
		m.release(x)
		return false, nil
	}
	// A shape does not count where it lies outside, under the border.
	for i, r := range m.shape {
		m.shape[i] = r.Intersect(image.Rectangle{Max: m.size})
	}
	rect := xproto.Rectangle{Width: uint16(m.size.X), Height: uint16(m.size.Y)}
	xfixes.SetRegion(c, m.parts, []xproto.Rectangle{rect})
	xfixes.IntersectRegion(c, m.missing, m.parts, m.missing)
	if m.segment, err = x.share(4 * m.size.X * m.size.Y); err != nil {
		m.release(x)
		return false, err
	}
	return true, x.repaint(m.win, m.size)
}

// release gives everything back that the server holds for the window. It may be
// gone: then the server has dropped the damage and the redirection by itself.
func (m *member) release(x *x11) {
	m.segment.free(x)
	if m.pixmap != 0 {
		xproto.FreePixmap(x.conn, m.pixmap)
		damage.Destroy(x.conn, m.damage)
		xfixes.DestroyRegion(x.conn, m.parts)
		xfixes.DestroyRegion(x.conn, m.missing)
		composite.UnredirectWindow(x.conn, m.win, composite.RedirectAutomatic)
	}
	m.pixmap, m.shown, m.shape = 0, false, nil
}

// fetch is what a member painted, on its way.
type fetch struct {
	*member
	parts, missing xfixes.FetchRegionCookie
	bands          []image.Rectangle // of the window
	images         []mitshm.GetImageCookie
}

// ask sends the question what was painted.
func (m *member) ask(x *x11) fetch {
	c := x.conn
	f := fetch{member: m}
	damage.Subtract(c, m.damage, xfixes.Region(xproto.AtomNone), m.parts)
	if !m.shown {
		xfixes.SubtractRegion(c, m.missing, m.parts, m.missing)
		f.missing = xfixes.FetchRegion(c, m.missing)
	}
	f.parts = xfixes.FetchRegion(c, m.parts)
	return f
}

// hear takes the answer and asks for the pixels, if all of them are the program's.
func (f *fetch) hear(x *x11) error {
	m := f.member
	all := false
	if !m.shown {
		r, err := f.missing.Reply()
		if err != nil {
			return err
		}
		all = len(r.Rectangles) == 0
	}
	r, err := f.parts.Reply()
	if err != nil {
		return err
	}
	// A pixmap that was replaced before that reply is not the one that was
	// painted.
	if m.broken.Load() || !m.shown && !all {
		return nil
	}
	rects := rectangles(r.Rectangles, image.Point{})
	if all {
		rects = []image.Rectangle{{Max: m.size}}
	}
	m.shown = true
	f.bands = bands(rects, m.size)
	for _, b := range f.bands {
		f.images = append(f.images, mitshm.GetImage(x.conn, xproto.Drawable(m.pixmap), int16(m.border), int16(m.border+b.Min.Y),
			uint16(m.size.X), uint16(b.Dy()), 0xffffffff, xproto.ImageFormatZPixmap, m.segment.id, uint32(4*b.Min.Y*m.size.X)))
	}
	return nil
}

// finish waits for the pixels.
func (f *fetch) finish() (failed error) {
	for _, c := range f.images {
		if _, err := c.Reply(); err != nil {
			failed = err
		}
	}
	return failed
}

// paint puts the part of the window that lies in a rectangle on the canvas.
func (m *member) paint(canvas []byte, stride int, part image.Rectangle) {
	for _, s := range m.shape {
		r := s.Add(m.at).Intersect(part)
		if r.Empty() {
			continue
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			from := m.segment.pix[4*((y-m.at.Y)*m.size.X+r.Min.X-m.at.X):][:4*r.Dx()]
			to := canvas[y*stride+4*r.Min.X:][:4*r.Dx()]
			if m.translucent {
				over(to, from)
			} else {
				copy(to, from)
			}
		}
	}
}

// over lays pixels whose colours are multiplied by their alpha on others.
func over(to, from []byte) {
	for i := 0; i+3 < len(from); i += 4 {
		through := 255 - uint32(from[i+3])
		for k := range 3 {
			to[i+k] = byte(min(255, uint32(from[i+k])+(uint32(to[i+k])*through+127)/255))
		}
		to[i+3] = 0xff
	}
}

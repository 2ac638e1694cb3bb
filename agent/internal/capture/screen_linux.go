package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gen2brain/shm"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/randr"
	mitshm "github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// screen captures the root window, or the part of it that a monitor shows, by one
// shared memory segment that is used again and again, and damage reports.
type screen struct {
	x       *x11
	source  *Source
	monitor string                          // "" for the whole desktop
	area    atomic.Pointer[image.Rectangle] // of the root window; never outside of it
	fresh   bool                            // everything counts as damaged at the next grab
	state   State

	segment segment
	damage  damage.Damage
	region  xfixes.Region
	resized atomic.Bool // the desktop or its monitors may have changed

	own    *own
	covers *Covers
	masked []image.Rectangle // of the root window, in the segment now
}

func openScreen(x *x11, s *Source, monitor string, covers *Covers) (*screen, error) {
	v := &screen{x: x, source: s, monitor: monitor, covers: covers}
	if err := v.watch(); err != nil {
		return nil, err
	}
	var err error
	if v.own, err = openOwn(x, covers, s); err != nil {
		return nil, err
	}
	area, ok, err := v.find()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: monitor %q", ErrTarget, monitor)
	}
	if err := v.show(area); err != nil {
		return nil, err
	}
	v.become(Seen)
	return v, nil
}

// watch asks for damage reports and for news of the display's size.
func (v *screen) watch() error {
	x := v.x
	if err := x.extensions(); err != nil {
		return err
	}
	changed := func(e []byte) {
		v.resized.Store(true)
		v.source.signal()
	}
	x.listen(xproto.ConfigureNotify, func(e []byte) {
		if binary.LittleEndian.Uint32(e[8:]) == uint32(x.root) {
			changed(e)
		}
	})
	if v.monitor != "" {
		if err := x.watchMonitors(changed); err != nil {
			return err
		}
	}
	var err error
	if v.damage, err = damage.NewDamageId(x.conn); err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if v.region, err = xfixes.NewRegionId(x.conn); err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if err := errors.Join(
		xproto.ChangeWindowAttributesChecked(x.conn, x.root, xproto.CwEventMask,
			[]uint32{xproto.EventMaskStructureNotify | xproto.EventMaskSubstructureNotify}).Check(),
		damage.CreateChecked(x.conn, v.damage, xproto.Drawable(x.root), damage.ReportLevelNonEmpty).Check(),
		xfixes.CreateRegionChecked(x.conn, v.region, nil).Check(),
	); err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	return nil
}

// find looks where the area is now; false if there is no such monitor.
func (v *screen) find() (image.Rectangle, bool, error) {
	g, err := xproto.GetGeometry(v.x.conn, xproto.Drawable(v.x.root)).Reply()
	if err != nil {
		return image.Rectangle{}, false, err
	}
	v.x.size = image.Pt(int(g.Width), int(g.Height))
	all := image.Rectangle{Max: v.x.size}
	if v.monitor == "" {
		return all, true, nil
	}
	monitors, err := v.x.monitors()
	if err != nil {
		return image.Rectangle{}, false, err
	}
	for _, m := range monitors {
		if m.Name == v.monitor {
			area := m.Bounds.Intersect(all)
			return area, !area.Empty(), nil
		}
	}
	return image.Rectangle{}, false, nil
}

// show makes the area the one that is captured.
func (v *screen) show(area image.Rectangle) error {
	if old := v.area.Load(); old == nil || old.Size() != area.Size() {
		v.segment.free(v.x)
		var err error
		if v.segment, err = v.x.share(4 * area.Dx() * area.Dy()); err != nil {
			return err
		}
	}
	v.area.Store(&area)
	v.fresh = true
	return nil
}

func (v *screen) become(s State) {
	if v.state != s {
		v.state = s
		v.source.be(s)
	}
}

// read fetches the damaged rows into the segment.
func (v *screen) read() (Frame, error) {
	if v.resized.Swap(false) {
		area, ok, err := v.find()
		if err != nil {
			return Frame{}, err
		}
		if !ok {
			v.become(Gone)
			v.fresh = true
		} else if area != *v.area.Load() || v.state != Seen {
			if err := v.show(area); err != nil {
				return Frame{}, err
			}
			v.become(Seen)
		}
	}
	area := *v.area.Load()
	size := area.Size()
	f := Frame{Pix: v.segment.pix, Stride: 4 * size.X, Size: size, At: time.Now()}
	if v.state != Seen {
		if v.fresh {
			f.Damage = []image.Rectangle{{Max: size}}
			fill(f.Pix, f.Stride, f.Damage[0], Ground)
		}
		v.fresh = false
		return f, nil
	}
	for range ownTries {
		ok, err := v.fetch(&f, area)
		if err != nil || ok {
			return f, err
		}
	}
	// Windows come and go so quickly that nobody knows where ours and the covered were.
	f.Damage = []image.Rectangle{{Max: size}}
	fill(f.Pix, f.Stride, f.Damage[0], Ground)
	v.fresh = true
	v.source.signal()
	return f, nil
}

// fetch reads what is damaged, and masks our own windows and what is covered. False: it must be done
// again.
func (v *screen) fetch(f *Frame, area image.Rectangle) (bool, error) {
	if err := v.own.begin(); err != nil {
		return false, err
	}
	// First clear the damage, then read: what changes in between is reported
	// again, never lost.
	x := v.x
	damage.Subtract(x.conn, v.damage, xfixes.Region(xproto.AtomNone), v.region)
	region, err := xfixes.FetchRegion(x.conn, v.region).Reply()
	if err != nil {
		return false, err
	}
	damaged := rectangles(region.Rectangles, image.Point{})
	v.own.painted(damaged)
	if err := v.own.nudge(); err != nil {
		return false, err
	}
	// What only our own windows painted, or covered ones, is no change of the picture.
	there, _ := v.own.end()
	before := slices.Concat(there.ours, there.covered)
	rects := without(damaged, before)
	for _, r := range v.masked { // what was masked is damaged where it is no longer
		if !slices.Contains(before, r) {
			rects = append(rects, r)
		}
	}
	for i := range rects {
		rects[i] = rects[i].Sub(area.Min)
	}
	if v.fresh {
		rects = []image.Rectangle{{Max: f.Size}}
	}
	f.Damage = bands(rects, f.Size)
	replies := make([]mitshm.GetImageCookie, len(f.Damage))
	for i, r := range f.Damage {
		replies[i] = mitshm.GetImage(x.conn, xproto.Drawable(x.root), int16(area.Min.X), int16(area.Min.Y+r.Min.Y),
			uint16(f.Size.X), uint16(r.Dy()), 0xffffffff, xproto.ImageFormatZPixmap,
			v.segment.id, uint32(r.Min.Y*f.Stride))
	}
	for i := range replies {
		if _, e := replies[i].Reply(); e != nil {
			err = e
		}
	}
	if err != nil {
		// The damage is cleared but not read: read it all next time.
		v.fresh = true
		return false, err
	}
	places, ok := v.own.end()
	if !ok {
		v.fresh = true
		return false, nil
	}
	v.fresh = false
	v.mask(f, area, places)
	return true, nil
}

// mask paints over what is covered, and over our own windows. Where they are now and were
// not before, the picture has changed as well.
func (v *screen) mask(f *Frame, area image.Rectangle, p places) {
	all := slices.Concat(p.covered, p.ours)
	var changed []image.Rectangle
	for _, r := range all {
		if !slices.Contains(v.masked, r) {
			changed = append(changed, r.Intersect(area).Sub(area.Min))
		}
	}
	v.masked = append(v.masked[:0], all...)
	if len(changed) > 0 {
		f.Damage = bands(append(changed, f.Damage...), f.Size)
	}
	for _, band := range f.Damage { // whole rows were read; elsewhere the segment has the paint of before
		band.Min.X, band.Max.X = 0, f.Size.X
		for _, r := range p.covered {
			hatch(f.Pix, f.Stride, r.Sub(area.Min).Intersect(band), area.Min)
		}
		for _, w := range p.windows {
			v.covers.stamp(f.Pix, f.Stride, w.Sub(area.Min), band)
		}
	}
	for _, r := range p.ours {
		fill(f.Pix, f.Stride, r.Intersect(area).Sub(area.Min), Ground)
	}
}

// again: between the news of a new size and the request the old size was asked
// for. Look at the size once more, then believe the error.
func (v *screen) again() bool {
	before := v.x.size
	area, ok, err := v.find()
	if err != nil || v.x.size == before && ok && area == *v.area.Load() {
		return false
	}
	v.resized.Store(true)
	return true
}

func (v *screen) place(at image.Point, _ xproto.Window) (image.Point, bool) {
	area := *v.area.Load()
	return at.Sub(area.Min), at.In(area)
}

func (v *screen) close() {
	v.own.close()
	v.segment.free(nil)
}

// rectangles are those of a region, moved by a vector.
func rectangles(list []xproto.Rectangle, by image.Point) []image.Rectangle {
	out := make([]image.Rectangle, 0, len(list))
	for _, r := range list {
		p := image.Pt(int(r.X), int(r.Y)).Add(by)
		out = append(out, image.Rectangle{p, p.Add(image.Pt(int(r.Width), int(r.Height)))})
	}
	return out
}

// extensions makes sure of what every capture needs. Some want to be asked for
// their version before anything else.
func (x *x11) extensions() error {
	for _, name := range []string{"MIT-SHM", "XFIXES", "DAMAGE"} {
		first, err := x.extension(name)
		if err != nil {
			return err
		}
		switch name {
		case "XFIXES":
			_, err = xfixes.QueryVersion(x.conn, 5, 0).Reply()
		case "DAMAGE":
			x.listen(first+damage.Notify, func([]byte) { x.signal() })
			_, err = damage.QueryVersion(x.conn, 1, 1).Reply()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errMissing, err)
		}
	}
	return nil
}

// segment is shared memory that the server writes to.
type segment struct {
	id  mitshm.Seg
	pix []byte
}

// share makes a segment. It is marked for removal as soon as the server has it
// too, so that no crash leaves it behind.
func (x *x11) share(bytes int) (segment, error) {
	id, err := shm.Get(shm.IPC_PRIVATE, bytes, shm.IPC_CREAT|0o600)
	if err != nil {
		return segment{}, fmt.Errorf("%w: shared memory: %w", errMissing, err)
	}
	defer shm.Rm(id) //nolint:errcheck // nothing to be done, and free detaches
	var s segment
	if s.pix, err = shm.At(id, 0, 0); err != nil {
		return segment{}, fmt.Errorf("%w: shared memory: %w", errMissing, err)
	}
	if s.id, err = mitshm.NewSegId(x.conn); err != nil {
		_ = shm.Dt(s.pix)
		return segment{}, fmt.Errorf("%w: %w", ErrLost, err)
	}
	// A server on another machine refuses here.
	if err := mitshm.AttachChecked(x.conn, s.id, uint32(id), false).Check(); err != nil {
		_ = shm.Dt(s.pix)
		return segment{}, fmt.Errorf("%w: shared memory: %w", errMissing, err)
	}
	return s, nil
}

// free gives the segment back; x is nil once the connection has ended.
func (s *segment) free(x *x11) {
	if s.pix == nil {
		return
	}
	if x != nil {
		mitshm.Detach(x.conn, s.id)
	}
	_ = shm.Dt(s.pix)
	s.pix = nil
}

// watchMonitors has changed called when monitors come, go or change.
func (x *x11) watchMonitors(changed func([]byte)) error {
	first, err := x.extension("RANDR")
	if err != nil {
		return err
	}
	if _, err := randr.QueryVersion(x.conn, 1, 5).Reply(); err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	const screenChange, notify = 0, 1
	x.listen(first+screenChange, changed)
	x.listen(first+notify, changed)
	return randr.SelectInputChecked(x.conn, x.root,
		randr.NotifyMaskScreenChange|randr.NotifyMaskCrtcChange|randr.NotifyMaskOutputChange).Check()
}

// monitors lists the active monitors (RandR 1.5), as the server orders them.
// watchMonitors comes first.
func (x *x11) monitors() ([]Monitor, error) {
	r, err := randr.GetMonitors(x.conn, x.root, true).Reply()
	if err != nil {
		return nil, err
	}
	names := make([]xproto.GetAtomNameCookie, len(r.Monitors))
	for i, m := range r.Monitors {
		names[i] = xproto.GetAtomName(x.conn, m.Name)
	}
	var list []Monitor
	for i, m := range r.Monitors {
		name, err := names[i].Reply()
		if err != nil {
			return nil, err
		}
		at := image.Pt(int(m.X), int(m.Y))
		list = append(list, Monitor{Name: name.Name, Primary: m.Primary,
			Bounds: image.Rectangle{at, at.Add(image.Pt(int(m.Width), int(m.Height)))}})
	}
	return list, nil
}

package capture

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/xproto"
)

// maxDepth bounds how deep windows are followed from the root.
const maxDepth = 32

type reach struct {
	x      *x11
	finder *finder
	what   Target
	covers *Covers
	bounds image.Rectangle // of the target's picture, as last looked up
}

func openReach(display string, what Target, covers *Covers) (*reach, error) {
	x, err := connect(display, func() {})
	if err != nil {
		return nil, err
	}
	defer x.limit()()
	r := &reach{x: x, what: what, covers: covers, bounds: image.Rectangle{Max: x.size}}
	if r.finder, err = newFinder(x); err == nil && what.Application != 0 {
		err = r.finder.choose(what.Application)
	}
	if err == nil && what.Monitor != "" {
		err = x.watchMonitors(func([]byte) {})
	}
	if err != nil {
		x.close()
		if errors.Is(err, ErrTarget) || errors.Is(err, ErrDisplay) {
			return nil, err
		}
		return nil, unsupported(err)
	}
	return r, nil
}

func (r *reach) close() { r.x.close() }

func (r *reach) corner(size image.Point) (image.Point, error) {
	if r.bounds.Size() == size && r.what.Monitor == "" {
		return r.bounds.Min, nil
	}
	defer r.x.limit()()
	if r.what.Monitor == "" {
		g, err := xproto.GetGeometry(r.x.conn, xproto.Drawable(r.x.root)).Reply()
		if err != nil {
			return image.Point{}, fmt.Errorf("%w: %w", ErrDisplay, err)
		}
		r.bounds = image.Rect(0, 0, int(g.Width), int(g.Height))
	} else {
		// Each time: a monitor may have moved and kept its size.
		list, err := r.x.monitors()
		if err != nil {
			return image.Point{}, fmt.Errorf("%w: %w", ErrDisplay, err)
		}
		r.bounds = image.Rectangle{}
		for _, m := range list {
			if m.Name == r.what.Monitor {
				r.bounds = m.Bounds
			}
		}
	}
	if r.bounds.Size() != size {
		return image.Point{}, fmt.Errorf("%w: it has another size", ErrTarget)
	}
	return r.bounds.Min, nil
}

// at follows the windows under a point from the root down: the server itself
// delivers a press to the deepest.
func (r *reach) at(p image.Point) (bool, error) {
	defer r.x.limit()()
	owner, err := r.finder.owner()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	in, pid := r.x.root, uint32(0)
	for range maxDepth {
		t, err := xproto.TranslateCoordinates(r.x.conn, r.x.root, in, int16(p.X), int16(p.Y)).Reply()
		if err != nil {
			return false, nil // it has just gone
		}
		if t.Child == 0 {
			break
		}
		in, pid = t.Child, owner(t.Child)
		if pid == r.finder.self || r.covers.hides(pid) {
			return false, nil
		}
	}
	return r.what.Application == 0 || pid == r.finder.pid, nil
}

func (r *reach) keyboard() (bool, error) {
	defer r.x.limit()()
	f, err := xproto.GetInputFocus(r.x.conn).Reply()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	switch f.Focus {
	case xproto.InputFocusNone:
		return r.what.Application == 0, nil
	case xproto.InputFocusPointerRoot, r.x.root:
		q, err := xproto.QueryPointer(r.x.conn, r.x.root).Reply()
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrDisplay, err)
		}
		return r.at(image.Pt(int(q.RootX), int(q.RootY)))
	}
	owner, err := r.finder.owner()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	pid := owner(f.Focus)
	return pid != r.finder.self && !r.covers.hides(pid) && (r.what.Application == 0 || pid == r.finder.pid), nil
}

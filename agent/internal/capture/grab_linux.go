package capture

import (
	"context"
	"fmt"
	"image"
	"time"

	"github.com/jezek/xgb/damage"
	mitshm "github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

func (x *x11) grab(ctx context.Context) (Frame, error) {
	defer x.guard(ctx)()
	f, err := x.read()
	if err == nil {
		return f, nil
	}
	// Between the news of a new size and the request the old size was asked
	// for: look at the size once more, then believe the error.
	if g, gerr := xproto.GetGeometry(x.conn, xproto.Drawable(x.root)).Reply(); gerr == nil &&
		image.Pt(int(g.Width), int(g.Height)) != x.size {
		x.resized.Store(true)
		if f, err = x.read(); err == nil {
			return f, nil
		}
	}
	if ctx.Err() != nil {
		return Frame{}, ctx.Err()
	}
	return Frame{}, fmt.Errorf("%w: %w", ErrLost, err)
}

// guard ends the connection when a grab takes too long: the replies of xgb
// cannot be waited for with a limit.
func (x *x11) guard(ctx context.Context) (done func()) {
	n := x.grabs.Add(1)
	end := func() {
		if x.grabs.Load() == n {
			x.wire.Close()
		}
	}
	limit := time.AfterFunc(answerLimit, end)
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(cancelLimit, end) })
	return func() {
		x.grabs.Add(1)
		limit.Stop()
		stop()
	}
}

// read fetches the damaged rows into the segment.
func (x *x11) read() (Frame, error) {
	if x.resized.Swap(false) {
		if err := x.resize(); err != nil {
			return Frame{}, err
		}
	}
	at := time.Now()
	// First clear the damage, then read: what changes in between is reported
	// again, never lost.
	damage.Subtract(x.conn, x.damage, xfixes.Region(xproto.AtomNone), x.region)
	region, err := xfixes.FetchRegion(x.conn, x.region).Reply()
	if err != nil {
		return Frame{}, err
	}
	rects := make([]image.Rectangle, 0, len(region.Rectangles))
	for _, r := range region.Rectangles {
		p := image.Pt(int(r.X), int(r.Y))
		rects = append(rects, image.Rectangle{p, p.Add(image.Pt(int(r.Width), int(r.Height)))})
	}
	if x.fresh {
		rects = []image.Rectangle{{Max: x.size}}
	}
	stride := x.size.X * 4
	f := Frame{Pix: x.pix, Stride: stride, Size: x.size, Damage: bands(rects, x.size), At: at}
	replies := make([]mitshm.GetImageCookie, len(f.Damage))
	for i, r := range f.Damage {
		replies[i] = mitshm.GetImage(x.conn, xproto.Drawable(x.root), 0, int16(r.Min.Y),
			uint16(x.size.X), uint16(r.Dy()), 0xffffffff, xproto.ImageFormatZPixmap,
			x.segment, uint32(r.Min.Y*stride))
	}
	for i := range replies {
		if _, e := replies[i].Reply(); e != nil {
			err = e
		}
	}
	if err != nil {
		// The damage is cleared but not read: read it all next time.
		x.fresh = true
		return Frame{}, err
	}
	x.fresh = false
	return f, nil
}

package stream

import (
	"context"
	"image"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/encode"
)

const (
	// exactAfter is how long the display rests, sharp already, before it is coded
	// exactly; up to exactLatest where that was for nothing lately.
	exactAfter  = time.Second
	exactLatest = 8 * time.Second
	// exactUseful is how long an exact picture has to stand to have been worth it.
	exactUseful = 3 * time.Second
	// maxExact is the largest exact picture that is sent, in bytes: text is far
	// below, photographs are above. It is less than what the broker keeps for late
	// viewers, see sfu.group.
	maxExact = 1_900_000
	// Changes of an exact picture may take so many bytes at once, and a second.
	exactBurst = 400_000
	exactRate  = 200_000
)

// exact is how the picture becomes that of the display, pixel by pixel: when it
// rests, it is coded once more as a key frame of its own, 4:4:4 and lossless, and
// then small changes are, too. That frame takes half a second: it is made beside
// the stream, with an encoder of its own, and forgotten when the display changes
// meanwhile. What changes much goes on as before, from a key frame that is no
// dearer than the change.
type exact struct {
	attempt  *attempt // under way
	on       bool     // the encoder of the run is the exact one
	since    time.Time
	hopeless bool // the picture as it is is too large
	wait     time.Duration
	room     float64 // bytes that changes may take now
	filled   time.Time
}

// attempt is an exact picture in the making.
type attempt struct {
	enc    *encode.Encoder
	at     time.Time // of its pixels
	done   chan struct{}
	coded  encode.Frame // these three once done is closed
	failed error
	took   time.Duration
}

// exactAt is when an attempt is due; the zero time: not as things are.
func (r *run) exactAt() time.Time {
	p := r.plan
	if !r.crisp.Load() || r.codec != AV1 || r.exact.on || r.exact.attempt != nil || r.exact.hopeless || r.enc == nil || r.fresh ||
		r.narrow != nil || p.changed || p.keyWanted || p.refine > 0 || p.parts != partsNone {
		return time.Time{}
	}
	return later(p.still.Add(max(r.exact.wait, exactAfter)), p.last.Add(spacing))
}

// try begins an attempt.
func (r *run) try(ctx context.Context) error {
	grab, err := r.cfg.Source.Grab(ctx)
	if err != nil {
		return err
	}
	if len(grab.Damage) > 0 { // it does not rest: this is the next change
		r.again = true
		r.plan.changed = true
		return r.convert(grab)
	}
	enc, err := encode.New(encode.Config{Size: r.size, Bitrate: r.cfg.Bitrate, Exact: true})
	if err != nil {
		return err
	}
	if err := enc.Update(grab.Pix, grab.Stride, image.Rectangle{Max: r.size}); err != nil {
		enc.Close()
		return err
	}
	a := &attempt{enc: enc, at: grab.At, done: make(chan struct{})}
	started, size, epoch := time.Now(), r.size, r.epoch
	r.exact.attempt = a
	r.encoding.Go(func() {
		defer close(a.done)
		a.coded, a.failed = a.enc.Lossless(a.at.Sub(epoch), allRows(size))
		a.took = time.Since(started)
	})
	return nil
}

// tried is closed when the attempt under way is done; nil without one.
func (r *run) tried() <-chan struct{} {
	if r.exact.attempt == nil {
		return nil
	}
	return r.exact.attempt.done
}

// abandon forgets the attempt under way; its encoder is closed behind it.
func (r *run) abandon() {
	if a := r.exact.attempt; a != nil {
		r.exact.attempt = nil
		r.encoding.Go(func() { <-a.done; a.enc.Close() })
	}
}

// arrive sends the picture of an attempt that is done, and goes on with its encoder.
func (r *run) arrive(ctx context.Context) error {
	a := r.exact.attempt
	r.exact.attempt = nil
	if a.failed != nil {
		a.enc.Close()
		return a.failed
	}
	if len(a.coded.Data) > maxExact || r.plan.changed || !r.crisp.Load() || !r.wide() {
		r.exact.hopeless = len(a.coded.Data) > maxExact
		a.enc.Close()
		return nil
	}
	r.enc.Close()
	r.enc = a.enc
	now := time.Now()
	r.exact.on, r.exact.since, r.exact.room, r.exact.filled = true, now, exactBurst, now
	a.coded.CPU = 0 // beside the stream: nothing has to wait for it
	r.plan.done(taskKey, now, a.coded)
	r.plan.refine = 0
	return r.send(ctx, taskKey, a.at, a.took, a.coded)
}

// wide reports whether the link takes whole frames.
func (r *run) wide() bool {
	rate := r.cfg.Link.Rate()
	return rate == 0 || rate >= NarrowBelow
}

// leave goes back to the plain picture, which begins with a key frame.
func (r *run) leave() {
	wait := exactAfter
	if time.Since(r.exact.since) < exactUseful {
		wait = min(2*max(r.exact.wait, exactAfter), exactLatest)
	}
	r.exact.wait, r.exact.on = wait, false
	r.enc.Close()
	r.enc, r.again = nil, true
}

// exactFrame makes and sends a frame of an exact picture. It reports whether it
// did; else the plain one is to be made.
func (r *run) exactFrame(ctx context.Context, do task) (bool, error) {
	captured, took := time.Now(), time.Duration(0)
	if !r.crisp.Load() || !r.wide() || r.plan.wantsKey(do, captured) {
		r.leave()
		return false, nil
	}
	rows := make([]bool, (r.size.Y+encode.RowHeight-1)/encode.RowHeight)
	if do == taskChange {
		grab, err := r.cfg.Source.Grab(ctx)
		if err != nil {
			return true, err
		}
		if len(grab.Damage) == 0 {
			r.plan.nothing()
			return true, nil
		}
		now := time.Now()
		r.exact.room = min(exactBurst, r.exact.room+exactRate*now.Sub(r.exact.filled).Seconds())
		r.exact.filled = now
		if grab.Size != r.size || much(grab) || r.exact.room < 0 {
			r.leave()
			return false, nil
		}
		if err := r.convert(grab); err != nil {
			return true, err
		}
		captured, took = grab.At, time.Since(now)
		for _, d := range grab.Damage {
			for i := d.Min.Y / encode.RowHeight; i*encode.RowHeight < d.Max.Y && i < len(rows); i++ {
				rows[i] = true
			}
		}
	}
	started := time.Now()
	coded, err := r.code(ctx, func(enc *encode.Encoder) (encode.Frame, error) {
		return enc.Lossless(captured.Sub(r.epoch), rows)
	})
	if err != nil {
		return true, err
	}
	took += time.Since(started)
	r.exact.room -= float64(len(coded.Data))
	r.plan.done(do, captured, coded)
	r.plan.refine = 0
	return true, r.send(ctx, do, captured, took, coded)
}

// much: so much changed that lossless coding is not for it.
func much(f capture.Frame) bool {
	area := 0
	for _, d := range f.Damage {
		area += d.Dx() * d.Dy()
	}
	return area > f.Size.X*f.Size.Y/8
}

func allRows(size image.Point) []bool {
	rows := make([]bool, (size.Y+encode.RowHeight-1)/encode.RowHeight)
	for i := range rows {
		rows[i] = true
	}
	return rows
}

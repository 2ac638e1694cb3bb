package stream

import (
	"context"
	"image"
	"time"

	"consento/agent/internal/capture"
	"consento/agent/internal/encode"
)

// run is the state of one Run.
type run struct {
	*Stream
	plan  *plan
	enc   *encode.Encoder
	fresh bool // enc has not coded a frame yet
	size  image.Point

	narrow *narrow // while the link is small, else nil
	again  bool    // all is to be coded, changed or not: parts of it never were
	exact  exact
	codec  Codec // of enc
}

func (r *run) close() {
	r.abandon()
	if r.enc != nil {
		r.enc.Close()
	}
}

// frame makes and sends one frame.
func (r *run) frame(ctx context.Context, do task) error {
	if r.enc != nil && r.codec != Codec(r.Stream.codec.Load()) { // another codec begins anew
		r.abandon()
		r.enc.Close()
		r.enc, r.narrow, r.exact.on, r.again = nil, nil, false, true
		r.plan.narrow, r.plan.parts = false, partsNone
	}
	if do != taskHeartbeat {
		r.abandon()
		r.exact.hopeless = false
	}
	if r.exact.on {
		if made, err := r.exactFrame(ctx, do); made || err != nil {
			return err
		}
	}
	if rate := r.cfg.Link.Rate(); rate > 0 && rate < NarrowBelow {
		return r.narrowFrame(ctx, do, rate)
	}
	if err := r.widen(); err != nil {
		return err
	}
	captured, took, moving, page := time.Now(), time.Duration(0), false, false
	if do == taskChange || r.enc == nil {
		grab, err := r.look(ctx)
		if err != nil {
			return err
		}
		if grab.At.IsZero() && !r.again {
			r.plan.nothing()
			return nil
		}
		if !grab.At.IsZero() {
			captured, took, moving, page = grab.At, grab.convert, grab.moving, grab.page
		}
		r.again = false
	}
	started := time.Now()
	key := r.plan.wantsKey(do, captured) || r.fresh
	finest, coarsest := r.plan.bounds(do, moving)
	coded, err := r.code(ctx, func(enc *encode.Encoder) (encode.Frame, error) {
		if page {
			return enc.Draft(captured.Sub(r.epoch), key)
		}
		return enc.Encode(captured.Sub(r.epoch), key, finest, coarsest)
	})
	if err != nil {
		return err
	}
	took += time.Since(started)
	r.plan.done(do, captured, coded)
	return r.send(ctx, do, captured, took, coded)
}

// send sends a coded frame; took is the wall time that it cost.
func (r *run) send(ctx context.Context, do task, captured time.Time, took time.Duration, coded encode.Frame) error {
	info := FrameInfo{
		Captured: captured, Size: r.size, Bytes: len(coded.Data),
		Key: coded.Key, Quantizer: coded.Quantizer, Codec: r.codec, Exact: r.exact.on, Encode: took, CPU: coded.CPU,
		Timestamp: r.pack.timestamp(captured.Sub(r.epoch)),
	}
	var err error
	if info.Packets, err = r.pack.send(ctx, r.codec, coded.Data, info.Timestamp); err != nil {
		return err
	}
	switch lossy := r.cfg.Link.Loss() > lossy; {
	case lossy:
		r.pack.tails = 2
	case do == taskHeartbeat:
		r.pack.tails = 0
	default:
		r.pack.tails = 1
	}
	r.count(info)
	return nil
}

// code has the encoder make a frame. When ctx ends it does not wait for the
// codec, which may need longer than the end of a session is allowed to take: the
// frame is dropped and the encoder closed in the background, see Stream.encoding.
func (r *run) code(ctx context.Context, work func(*encode.Encoder) (encode.Frame, error)) (encode.Frame, error) {
	enc, coded, failed := r.enc, encode.Frame{}, error(nil)
	done := make(chan struct{})
	r.encoding.Go(func() {
		defer close(done)
		coded, failed = work(enc)
	})
	select {
	case <-done:
		r.fresh = false
		return coded, failed
	case <-ctx.Done():
		r.enc = nil
		r.encoding.Go(func() {
			<-done
			enc.Close()
		})
		return encode.Frame{}, ctx.Err()
	}
}

// looked says what look did: At is zero when there was no change.
type looked struct {
	At      time.Time
	convert time.Duration
	moving  bool // much changes, and did so just before
	page    bool // most of it is new, after a rest
}

// look brings what changed into the encoder. When much changes after a rest,
// a program is in the midst of painting: a coded half of it would delay the
// whole, so that look waits a moment and looks again.
func (r *run) look(ctx context.Context) (looked, error) {
	var sum looked
	for pass := 0; ; pass++ {
		grab, err := r.cfg.Source.Grab(ctx)
		if err != nil {
			return looked{}, err
		}
		if len(grab.Damage) > 0 || r.enc == nil {
			started := time.Now()
			page, err := r.newPage(grab)
			if err != nil {
				return looked{}, err
			}
			if err := r.convert(grab); err != nil {
				return looked{}, err
			}
			sum.page = sum.page || page
			sum.At = grab.At
			sum.convert += time.Since(started)
		}
		rested := r.plan.rested(grab.At)
		sum.moving = !rested && large(grab)
		if pass > 0 || r.fresh || !rested || !large(grab) {
			return sum, nil
		}
		select {
		case <-ctx.Done():
			return looked{}, ctx.Err()
		case <-time.After(settle):
		}
	}
}

// newPage reports whether the display shows something else after a rest. That is
// coded as a draft first: the viewer has it in half the time. Motion, however slow the
// machine, is not: drafts of drafts would be all that is seen of it.
func (r *run) newPage(grab capture.Frame) (bool, error) {
	if r.enc == nil || grab.Size != r.size {
		return true, nil
	}
	if r.fresh || grab.At.Sub(r.plan.still) <= restBefore || !large(grab) {
		return false, nil
	}
	share, err := r.enc.Changed(grab.Pix, grab.Stride)
	return share >= pageShare, err
}

// pageShare is how much of the display, in percent, is new on a new page: pages of
// text have half of it in common, their ground.
const pageShare = 20

// settle is the moment that look waits for a program to paint on.
const settle = 8 * time.Millisecond

// large: more than a quarter of the display changed.
func large(f capture.Frame) bool {
	area := 0
	for _, d := range f.Damage {
		area += d.Dx() * d.Dy()
	}
	return area > f.Size.X*f.Size.Y/4
}

// convert brings the changed pixels into the encoder, a new one if the display
// has a new size.
func (r *run) convert(grab capture.Frame) error {
	damage := grab.Damage
	if r.enc == nil || grab.Size != r.size {
		r.close()
		r.enc, r.exact.on = nil, false
		codec := Codec(r.Stream.codec.Load())
		enc, err := encode.New(encode.Config{Size: grab.Size, Bitrate: r.cfg.Bitrate, VP9: codec == VP9})
		if err != nil {
			return err
		}
		r.enc, r.size, r.fresh, r.codec = enc, grab.Size, true, codec
		damage = []image.Rectangle{{Max: grab.Size}}
	}
	for _, d := range damage {
		if err := r.enc.Update(grab.Pix, grab.Stride, d); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) count(info FrameInfo) {
	r.mu.Lock()
	s := &r.stats
	s.Frames++
	if info.Key {
		s.KeyFrames++
	}
	s.Packets += uint64(info.Packets)
	s.Bytes += uint64(info.Bytes)
	s.Encode += info.Encode
	s.CPU += info.CPU
	s.Last = info
	r.mu.Unlock()
	if r.cfg.OnFrame != nil {
		r.cfg.OnFrame(info)
	}
}

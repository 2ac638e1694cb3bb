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
}

func (r *run) close() {
	if r.enc != nil {
		r.enc.Close()
	}
}

// frame makes and sends one frame.
func (r *run) frame(ctx context.Context, do task) error {
	captured, took, moving := time.Now(), time.Duration(0), false
	if do == taskChange || r.enc == nil {
		grab, err := r.look(ctx)
		if err != nil {
			return err
		}
		if grab.At.IsZero() {
			r.plan.nothing()
			return nil
		}
		captured, took, moving = grab.At, grab.convert, grab.moving
	}
	started := time.Now()
	coded, err := r.encode(ctx, captured, do, moving)
	if err != nil {
		return err
	}
	r.fresh = false
	took += time.Since(started)
	info := FrameInfo{
		Captured: captured, Size: r.size, Bytes: len(coded.Data),
		Key: coded.Key, Quantizer: coded.Quantizer, Encode: took, CPU: coded.CPU,
		Timestamp: r.pack.timestamp(captured.Sub(r.epoch)),
	}
	r.plan.done(do, captured, coded)
	if info.Packets, err = r.pack.send(ctx, coded.Data, info.Timestamp); err != nil {
		return err
	}
	r.count(info)
	return nil
}

// encode codes the picture. When ctx ends it does not wait for the codec, which
// may need longer than the end of a session is allowed to take: the frame is
// dropped and the encoder closed in the background, see Stream.encoding.
func (r *run) encode(ctx context.Context, captured time.Time, do task, moving bool) (encode.Frame, error) {
	key := r.plan.wantsKey(do, captured) || r.fresh
	finest, coarsest := r.plan.bounds(do, moving)
	enc, coded, failed := r.enc, encode.Frame{}, error(nil)
	done := make(chan struct{})
	r.encoding.Go(func() {
		defer close(done)
		coded, failed = enc.Encode(captured.Sub(r.epoch), key, finest, coarsest)
	})
	select {
	case <-done:
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
			if err := r.convert(grab); err != nil {
				return looked{}, err
			}
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
		r.enc = nil
		enc, err := encode.New(encode.Config{Size: grab.Size, Bitrate: r.cfg.Bitrate})
		if err != nil {
			return err
		}
		r.enc, r.size, r.fresh = enc, grab.Size, true
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

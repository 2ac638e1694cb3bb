// Package stream shows a display to the other side: it captures what changes,
// encodes it as AV1 and hands RTP packets to a sender.
//
// It promises: a change after a rest is captured at once; when changes stop, the
// picture is refined until it is sharp, then there is silence but for one small
// frame every 1.5 s; once the context of Run is cancelled nothing is captured
// any more, and no packet is sent after Run returned. Frames are never queued:
// what is encoded is what the display shows at that moment.
//
// It does not follow the bandwidth of the link: the bit rate is fixed.
package stream

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"time"

	"github.com/pion/rtp"

	"consento/agent/internal/capture"
	"consento/agent/internal/encode"
)

// ErrSend is wrapped by Run when the sender fails.
var ErrSend = errors.New("stream: sending failed")

// Source is the display, see capture.Source for the contract.
type Source interface {
	Changed() <-chan struct{}
	Grab(ctx context.Context) (capture.Frame, error)
}

// Sender takes the packets in order. It sets payload type and SSRC (as
// pion's TrackLocalStaticRTP does) and does not keep the packet.
type Sender interface {
	WriteRTP(packet *rtp.Packet) error
}

// Config of a stream.
type Config struct {
	Source Source
	Sender Sender
	// Bitrate the encoder aims at, bit/s; 0 for 4 Mbit/s.
	Bitrate int
	// MaxFPS is the highest number of frames in a second, 1 to 60; 0 for 30.
	MaxFPS int
	// OnFrame, when not nil, is called by Run after the last packet of each
	// frame. It must not block.
	OnFrame func(FrameInfo)
}

// FrameInfo describes a frame that was sent.
type FrameInfo struct {
	Captured  time.Time // when its pixels were read, with monotonic part
	Size      image.Point
	Timestamp uint32 // of its RTP packets, 90 kHz
	Bytes     int    // coded
	Packets   int
	Key       bool
	Quantizer int           // 0 (finest) to 63
	Encode    time.Duration // wall time of conversion and encoding
}

// Stats sums up a stream since New.
type Stats struct {
	Frames, KeyFrames, Packets, Bytes uint64

	Encode time.Duration // wall time of conversion and encoding, all frames
	Last   FrameInfo     // zero before the first frame
}

// Stream is a stream that runs or can run.
type Stream struct {
	cfg   Config
	key   chan struct{} // a key frame is wanted
	pack  *packer
	epoch time.Time

	running  sync.Mutex     // held by Run
	encoding sync.WaitGroup // the codec at work; the next Run waits for it

	mu    sync.Mutex
	stats Stats
}

// New checks the configuration.
func New(cfg Config) (*Stream, error) {
	if cfg.Bitrate == 0 {
		cfg.Bitrate = 4_000_000
	}
	if cfg.MaxFPS == 0 {
		cfg.MaxFPS = 30
	}
	switch {
	case cfg.Source == nil || cfg.Sender == nil:
		return nil, errors.New("stream: source and sender are needed")
	case cfg.MaxFPS < 1 || cfg.MaxFPS > 60:
		return nil, fmt.Errorf("stream: %d frames a second", cfg.MaxFPS)
	case cfg.Bitrate < 0:
		return nil, fmt.Errorf("stream: bit rate of %d", cfg.Bitrate)
	}
	return &Stream{
		cfg:   cfg,
		key:   make(chan struct{}, 1),
		pack:  newPacker(cfg.Sender),
		epoch: time.Now(),
	}, nil
}

// RequestKeyFrame asks for a frame that a decoder can start with, as a receiver
// does that lost packets or came late (RFC 4585 section 6.3.1). Requests are
// gathered: the first is met at once, others at most twice a second.
func (s *Stream) RequestKeyFrame() {
	select {
	case s.key <- struct{}{}:
	default:
	}
}

// Stats returns what was sent so far.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run streams until ctx ends, and then returns its error. It begins with a key
// frame. After it returned it may be called again: the sequence numbers go on.
// Errors: those of ctx, capture.ErrLost, encode.ErrEncoder, ErrSend.
func (s *Stream) Run(ctx context.Context) error {
	s.running.Lock()
	defer s.running.Unlock()
	s.encoding.Wait()
	r := &run{Stream: s, plan: newPlan(s.cfg.MaxFPS)}
	defer r.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		do, at := r.plan.next(now)
		if wait := at.Sub(now); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.cfg.Source.Changed():
				r.plan.changed = true
			case <-s.key:
				r.plan.keyWanted = true
			case <-timer.C:
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.frame(ctx, do); err != nil {
			return err
		}
	}
}

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
	captured, took := time.Now(), time.Duration(0)
	if do == taskChange || r.enc == nil {
		grab, err := r.look(ctx)
		if err != nil {
			return err
		}
		if grab.At.IsZero() {
			r.plan.nothing()
			return nil
		}
		captured, took = grab.At, grab.convert
	}
	started := time.Now()
	coded, err := r.encode(ctx, captured, do)
	if err != nil {
		return err
	}
	r.fresh = false
	took += time.Since(started)
	info := FrameInfo{
		Captured: captured, Size: r.size, Bytes: len(coded.Data),
		Key: coded.Key, Quantizer: coded.Quantizer, Encode: took,
		Timestamp: r.pack.timestamp(captured.Sub(r.epoch)),
	}
	r.plan.done(do, captured, coded.Key, coded.Quantizer)
	if info.Packets, err = r.pack.send(ctx, coded.Data, info.Timestamp); err != nil {
		return err
	}
	r.count(info)
	return nil
}

// encode codes the picture. When ctx ends it does not wait for the codec, which
// may need longer than the end of a session is allowed to take: the frame is
// dropped and the encoder closed in the background, see Stream.encoding.
func (r *run) encode(ctx context.Context, captured time.Time, do task) (encode.Frame, error) {
	key, bound := r.plan.wantsKey(captured) || r.fresh, r.plan.bound(do)
	enc, coded, failed := r.enc, encode.Frame{}, error(nil)
	done := make(chan struct{})
	r.encoding.Go(func() {
		defer close(done)
		coded, failed = enc.Encode(captured.Sub(r.epoch), key, bound)
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
		if pass > 0 || r.fresh || !r.plan.rested(grab.At) || !large(grab) {
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
	s.Last = info
	r.mu.Unlock()
	if r.cfg.OnFrame != nil {
		r.cfg.OnFrame(info)
	}
}

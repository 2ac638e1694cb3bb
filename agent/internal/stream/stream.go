// Package stream shows a display to the other side: it captures what changes,
// encodes it as AV1 or VP9 and hands RTP packets to a sender.
//
// It promises: a change after a rest is captured at once; when changes stop, the
// picture is refined until it is sharp, then there is silence but for one small
// frame every 2 s; once the context of Run is cancelled nothing is captured
// any more, and no packet is sent after Run returned. Frames are never queued:
// what is encoded is what the display shows at that moment.
//
// It follows the link that it is given: where that has a limit, packets leave at
// its pace, and below NarrowBelow the picture goes in parts, see narrow. A link
// that is full holds frames back, and the next one shows what is there then.
//
// When that is wished, a picture that rests becomes that of the display pixel by
// pixel, see exact.
package stream

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"consento/agent/internal/capture"
)

// ErrSend is wrapped by Run when the sender fails.
var ErrSend = errors.New("stream: sending failed")

// Source is the display, see capture.Source for the contract.
type Source interface {
	Changed() <-chan struct{}
	Grab(ctx context.Context) (capture.Frame, error)
}

// Codec is how the picture is coded, and the payload type of its packets.
type Codec uint8

// The codecs.
const (
	AV1 Codec = 96
	VP9 Codec = 98
)

// Sender takes the packets in order. It sets the SSRC, and the payload type that
// was negotiated for that of the packet, a Codec; it does not keep the packet.
type Sender interface {
	WriteRTP(packet *rtp.Packet) error
}

// Link is what is known of the way that the packets take.
// *congestion.Estimator is one.
type Link interface {
	Rate() int                    // bit/s, 0 for no limit
	Full(now time.Time) bool      // a frame would only wait
	Sent(now time.Time, size int) // is told of each packet, with its bytes
	Loss() float64                // share of packets, 0 to 1
}

// boundless is a link that nothing is known of.
type boundless struct{}

func (boundless) Rate() int           { return 0 }
func (boundless) Full(time.Time) bool { return false }
func (boundless) Sent(time.Time, int) {}
func (boundless) Loss() float64       { return 0 }

// Config of a stream.
type Config struct {
	Source Source
	Sender Sender
	// Link that the packets take; nil for one without limits.
	Link Link
	// Sequence numbers the packets; nil for one that begins anywhere. It is for
	// senders that send something else before.
	Sequence rtp.Sequencer
	// Bitrate the encoder aims at, bit/s; 0 for 4 Mbit/s.
	Bitrate int
	// MaxFPS is the highest number of frames in a second, 1 to 60; 0 for 30.
	MaxFPS int
	// CPU is the share of one core that converting and encoding use at most
	// on average, 0.05 to 16; 0 for 0.8. Pictures in motion then come at a
	// lower rate; what changes after a rest does not wait.
	CPU float64
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
	Quantizer int // 0 (finest) to 63
	Codec     Codec
	Exact     bool          // the picture is that of the display, pixel by pixel
	Encode    time.Duration // wall time of conversion and encoding
	CPU       time.Duration // CPU time of the same
}

// Stats sums up a stream since New.
type Stats struct {
	Frames, KeyFrames, Packets, Bytes uint64

	Encode time.Duration // wall time of conversion and encoding, all frames
	CPU    time.Duration // CPU time of the same
	Last   FrameInfo     // zero before the first frame
}

// Stream is a stream that runs or can run.
type Stream struct {
	cfg   Config
	key   chan struct{} // a key frame is wanted
	codec atomic.Uint32 // a Codec
	crisp atomic.Bool   // a picture that rests becomes exact
	woken chan struct{} // that changed
	pack  *packer
	epoch time.Time

	running  sync.Mutex     // held by Run
	encoding sync.WaitGroup // the codec at work; the next Run waits for it

	mu    sync.Mutex
	stats Stats
}

// fullPause is after how long a full link is looked at again.
const fullPause = 5 * time.Millisecond

// New checks the configuration.
func New(cfg Config) (*Stream, error) {
	if cfg.Bitrate == 0 {
		cfg.Bitrate = 4_000_000
	}
	if cfg.MaxFPS == 0 {
		cfg.MaxFPS = 30
	}
	if cfg.CPU == 0 {
		cfg.CPU = 0.8
	}
	if cfg.Link == nil {
		cfg.Link = boundless{}
	}
	if cfg.Sequence == nil {
		cfg.Sequence = rtp.NewRandomSequencer()
	}
	switch {
	case cfg.Source == nil || cfg.Sender == nil:
		return nil, errors.New("stream: source and sender are needed")
	case cfg.MaxFPS < 1 || cfg.MaxFPS > 60:
		return nil, fmt.Errorf("stream: %d frames a second", cfg.MaxFPS)
	case !(cfg.CPU >= 0.05 && cfg.CPU <= 16): // NaN neither
		return nil, fmt.Errorf("stream: %v of a core", cfg.CPU)
	case cfg.Bitrate < 0:
		return nil, fmt.Errorf("stream: bit rate of %d", cfg.Bitrate)
	}
	s := &Stream{
		cfg:   cfg,
		key:   make(chan struct{}, 1),
		woken: make(chan struct{}, 1),
		pack:  newPacker(cfg.Sender, cfg.Link, cfg.Sequence),
		epoch: time.Now(),
	}
	s.codec.Store(uint32(AV1))
	return s, nil
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

// SetCrisp says whether a picture that rests is to become exact: AV1 in high
// profile, lossless. Only for receivers that decode it.
func (s *Stream) SetCrisp(on bool) {
	if s.crisp.Swap(on) == on {
		return
	}
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// SetCodec changes the codec. The next frame is a key frame of the new one.
func (s *Stream) SetCodec(codec Codec) {
	if s.codec.Swap(uint32(codec)) == uint32(codec) {
		return
	}
	s.RequestKeyFrame()
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
	r := &run{Stream: s, plan: newPlan(s.cfg.MaxFPS, s.cfg.CPU)}
	defer r.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		// What happened while a frame went out: it may be more urgent than what
		// was planned.
		select {
		case <-s.cfg.Source.Changed():
			r.plan.changed = true
		default:
		}
		select {
		case <-s.key:
			r.plan.keyWanted = true
		default:
		}
		now := time.Now()
		do, at := r.plan.next(now)
		if !at.After(now) && s.cfg.Link.Full(now) {
			at = now.Add(fullPause)
		}
		if due := r.exactAt(); !due.IsZero() && due.Before(at) && at.After(now) {
			if !due.After(now) {
				if err := r.try(ctx); err != nil {
					return err
				}
				continue
			}
			at = due
		}
		tail := r.pack.tailAt()
		if tail.IsZero() || !tail.Before(at) {
			tail = time.Time{}
		} else {
			at = tail
		}
		if wait := at.Sub(now); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-s.cfg.Source.Changed():
				r.plan.changed = true
			case <-s.key:
				r.plan.keyWanted = true
			case <-r.tried():
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := r.arrive(ctx); err != nil {
					return err
				}
			case <-s.woken:
				r.exact.hopeless = false
				r.plan.keyWanted = r.plan.keyWanted || r.exact.on && !s.crisp.Load()
			case <-timer.C:
			}
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !tail.IsZero() {
			if err := r.pack.tail(); err != nil {
				return err
			}
			continue
		}
		if err := r.frame(ctx, do); err != nil {
			return err
		}
	}
}

// Package stream shows a display to the other side: it captures what changes,
// encodes it as AV1 and hands RTP packets to a sender.
//
// It promises: a change after a rest is captured at once; when changes stop, the
// picture is refined until it is sharp, then there is silence but for one small
// frame every 2 s; once the context of Run is cancelled nothing is captured
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
	Quantizer int           // 0 (finest) to 63
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
	if cfg.CPU == 0 {
		cfg.CPU = 0.8
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
	r := &run{Stream: s, plan: newPlan(s.cfg.MaxFPS, s.cfg.CPU)}
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

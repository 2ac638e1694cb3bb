// Package encode turns the pixels of a screen into an AV1 stream (AV1 Bitstream
// & Decoding Process Specification, main profile, 8 bits, 4:2:0, BT.601 in
// studio range and said so in the sequence header), tuned for text.
//
// It promises: the first frame and each forced one is a key frame with a
// sequence header, no other is; a frame comes out of the call it went into; what
// the codec refuses is an error, never a silent gap. It does not decide when to
// encode. An Encoder is for one goroutine at a time.
package encode

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../../../build/.libaom/include
#cgo LDFLAGS: -L${SRCDIR}/../../../build/.libaom/lib -l:libaom.a -l:libyuv.a -lm -lpthread
#include "screen.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"image"
	"runtime"
	"time"
	"unsafe"
)

// ErrEncoder is wrapped by every error of this package.
var ErrEncoder = errors.New("encode: encoder failed")

// maxArea is the largest picture tried: one for which memory can still be had.
// The codec itself limits the sides to 65536.
const maxArea = 1 << 28

// Config says what to encode.
type Config struct {
	// Size of the picture in pixels. Odd sizes are fine.
	Size image.Point
	// Bitrate aimed at, bit/s, 50 kbit/s to 1 Gbit/s.
	Bitrate int
}

// Encoder is an open stream.
type Encoder struct {
	c       *C.screen_encoder
	size    image.Point
	started bool
	pts     int64 // of the last frame, 90 kHz
}

// Frame is one coded picture.
type Frame struct {
	// Data is one temporal unit in the low-overhead format (AV1 section 5.2).
	// Valid until the next call. Empty when the encoder left the frame out.
	Data []byte
	// Key: a decoder can start here.
	Key bool
	// Quantizer used, 0 (finest) to 63.
	Quantizer int
	// CPU time of all threads for it, the updates before it included.
	CPU time.Duration
}

// Bounds of the quantizer, of 0 (finest) to 63.
const (
	// Finest: less costs bits and time and cannot be seen.
	Finest = 8
	// Moving is fine enough while much of the picture moves: a good 43 dB instead
	// of 46 for a third less time. Text hardly suffers.
	Moving = 26
	// Coarsest bounds the rate control: a new page at 40 has 40 dB at once for an
	// eighth more bytes than at 56, and is sharp sooner.
	Coarsest = 40
)

// speed of libaom, 11 at most. 11 is a third cheaper for pictures, but codes
// text that moves with up to ten times the bytes and blurs it.
const speed = 10

// threads for one frame. A second one makes large changes quicker by a third
// and costs a fifth more CPU, so it is for machines that have cores to spare.
func threads() C.int {
	if runtime.NumCPU() >= 4 {
		return 2
	}
	return 1
}

// New opens an encoder.
func New(cfg Config) (*Encoder, error) {
	w, h := cfg.Size.X, cfg.Size.Y
	if w < 1 || h < 1 || w > maxArea || h > maxArea || w*h > maxArea {
		return nil, fmt.Errorf("%w: picture of %d x %d", ErrEncoder, w, h)
	}
	kbps, err := kbps(cfg.Bitrate)
	if err != nil {
		return nil, err
	}
	var reason [256]C.char
	c := C.screen_open(&C.screen_config{
		width: C.int(w), height: C.int(h), kbps: kbps,
		threads: threads(), speed: speed,
		finest: Finest, coarsest: Coarsest,
	}, &reason[0], C.size_t(len(reason)))
	if c == nil {
		return nil, fmt.Errorf("%w: %s", ErrEncoder, C.GoString(&reason[0]))
	}
	return &Encoder{c: c, size: cfg.Size}, nil
}

// kbps keeps a rate inside what the rate control's sums hold: libaom takes any.
func kbps(bitrate int) (C.int, error) {
	if bitrate < 50_000 || bitrate > 1_000_000_000 {
		return 0, fmt.Errorf("%w: bit rate of %d", ErrEncoder, bitrate)
	}
	return C.int(bitrate / 1000), nil
}

// Update takes over a rectangle of the screen. pix is the whole screen, 4 bytes
// a pixel in the order B, G, R, X, rows stride bytes apart. The rectangle is
// widened to even coordinates and cut off at the edges.
func (e *Encoder) Update(pix []byte, stride int, r image.Rectangle) error {
	if e.c == nil {
		return fmt.Errorf("%w: closed", ErrEncoder)
	}
	if stride < e.size.X*4 || len(pix) < stride*(e.size.Y-1)+e.size.X*4 {
		return fmt.Errorf("%w: %d bytes of pixels for %v", ErrEncoder, len(pix), e.size)
	}
	r.Min.X, r.Min.Y = r.Min.X&^1, r.Min.Y&^1
	r.Max.X, r.Max.Y = r.Max.X+r.Max.X&1, r.Max.Y+r.Max.Y&1
	r = r.Intersect(image.Rectangle{Max: e.size})
	if r.Empty() {
		return nil
	}
	if C.screen_update(e.c, (*C.uint8_t)(unsafe.Pointer(&pix[0])), C.int(stride),
		C.int(r.Min.X), C.int(r.Min.Y), C.int(r.Dx()), C.int(r.Dy())) != 0 {
		return fmt.Errorf("%w: converting %v", ErrEncoder, r)
	}
	return nil
}

// Encode codes the picture as updated so far. at is its time since any fixed
// moment; a time that does not rise is taken as just after the last one. The
// quantizer will be one from finest to coarsest, whatever bits that takes; both
// are brought between Finest and Coarsest.
func (e *Encoder) Encode(at time.Duration, key bool, finest, coarsest int) (Frame, error) {
	if e.c == nil {
		return Frame{}, fmt.Errorf("%w: closed", ErrEncoder)
	}
	pts := int64(at) * 9 / 100_000 // nanoseconds to 90 kHz
	if e.started && pts <= e.pts {
		pts = e.pts + 1
	}
	force := C.int(0)
	if key || !e.started {
		force = 1
	}
	coarsest = min(max(coarsest, Finest), Coarsest)
	finest = min(max(finest, Finest), coarsest)
	var out C.screen_frame
	if C.screen_encode(e.c, C.int64_t(pts), 90000/30, force, C.int(finest), C.int(coarsest), &out) != 0 {
		return Frame{}, fmt.Errorf("%w: %s", ErrEncoder, C.GoString(C.screen_reason(e.c)))
	}
	e.started, e.pts = true, pts
	return Frame{
		Data:      unsafe.Slice((*byte)(unsafe.Pointer(out.data)), int(out.size)),
		Key:       out.key != 0,
		Quantizer: int(out.quantizer),
		CPU:       time.Duration(out.cpu),
	}, nil
}

// SetBitrate changes the rate aimed at, bit/s, from the next frame on.
func (e *Encoder) SetBitrate(bitrate int) error {
	if e.c == nil {
		return fmt.Errorf("%w: closed", ErrEncoder)
	}
	k, err := kbps(bitrate)
	if err != nil {
		return err
	}
	if C.screen_set_bitrate(e.c, k) != 0 {
		return fmt.Errorf("%w: %s", ErrEncoder, C.GoString(C.screen_reason(e.c)))
	}
	return nil
}

// Close frees the encoder; once is enough, twice does no harm.
func (e *Encoder) Close() {
	C.screen_close(e.c)
	e.c = nil
}

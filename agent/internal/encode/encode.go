// Package encode turns the pixels of a screen into an AV1 stream (AV1 Bitstream
// & Decoding Process Specification, 8 bits), tuned for text: main profile, 4:2:0,
// BT.601 in studio range; or, where it is to be exact, high profile, 4:4:4, sRGB
// with the identity matrix. The sequence header says so. Or into VP9 (profile 0),
// for who has no AV1.
//
// It promises: the first frame and each forced one is a key frame with a
// sequence header, no other is; a frame comes out of the call it went into; what
// the codec refuses is an error, never a silent gap. It does not decide when to
// encode. An Encoder is for one goroutine at a time.
package encode

/*
#cgo CFLAGS: -O2 -I${SRCDIR}/../../../build/.libaom/include -I${SRCDIR}/../../../build/.libvpx/include
#cgo LDFLAGS: -L${SRCDIR}/../../../build/.libaom/lib -L${SRCDIR}/../../../build/.libvpx/lib -l:libaom.a -l:libvpx.a -l:libyuv.a -lm -lpthread
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
	// Exact keeps the colours as they are, so that Lossless can code them. It
	// costs twice the bytes and more time.
	Exact bool
	// VP9 instead of AV1, for who cannot decode that; never exact.
	VP9 bool
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
	// Data is one temporal unit in the low-overhead format (AV1 section 5.2), or
	// one frame of VP9.
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
	// Worst is all that AV1 has: text is hardly readable.
	Worst = 63
)

// RowHeight is how many rows of pixels Part takes or leaves together.
const RowHeight = 16

// speed of libaom, 11 at most. 11 is a third cheaper for pictures, but codes
// text that moves with up to ten times the bytes and blurs it.
const speed = 10

// exactSpeed is that of exact pictures: a key frame of text has a tenth to two
// thirds of the bytes that it has at 10, for twice the time.
const exactSpeed = 9

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
	config := C.screen_config{
		width: C.int(w), height: C.int(h), kbps: kbps,
		threads: threads(), speed: speed,
		finest: Finest, coarsest: Coarsest,
	}
	if cfg.VP9 && cfg.Exact {
		return nil, fmt.Errorf("%w: VP9 is never exact", ErrEncoder)
	}
	if cfg.VP9 {
		config.vp9 = 1
	}
	if cfg.Exact {
		config.exact, config.speed = 1, exactSpeed
	}
	c := C.screen_open(&config, &reason[0], C.size_t(len(reason)))
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
	if err := e.fits(pix, stride); err != nil {
		return err
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

// Changed says how much of a screen, in percent of its area, looks otherwise than
// what Update brought so far: a program that paints all of its window anew often
// paints what was there. pix and stride are those of Update. It does not see all
// of a change, but enough to tell a new page from a key stroke.
func (e *Encoder) Changed(pix []byte, stride int) (int, error) {
	if err := e.fits(pix, stride); err != nil {
		return 0, err
	}
	share := int(C.screen_changed(e.c, (*C.uint8_t)(unsafe.Pointer(&pix[0])), C.int(stride)))
	if share < 0 {
		return 0, fmt.Errorf("%w: comparing", ErrEncoder)
	}
	return share, nil
}

// fits checks the pixels of a whole screen.
func (e *Encoder) fits(pix []byte, stride int) error {
	if e.c == nil {
		return fmt.Errorf("%w: closed", ErrEncoder)
	}
	if stride < e.size.X*4 || len(pix) < stride*(e.size.Y-1)+e.size.X*4 {
		return fmt.Errorf("%w: %d bytes of pixels for %v", ErrEncoder, len(pix), e.size)
	}
	return nil
}

// Draft codes all of the picture as coarsely as can be, in half to two thirds of
// the time and with a third of the bytes of the usual: what is new is there, in
// blocks, and Encode makes it sharp for little.
func (e *Encoder) Draft(at time.Duration, key bool) (Frame, error) {
	return e.code(at, frame{key: key, finest: Worst, coarsest: Worst})
}

// Encode codes the picture as updated so far. at is its time since any fixed
// moment; a time that does not rise is taken as just after the last one. The
// quantizer will be one from finest to coarsest, whatever bits that takes; both
// are brought between Finest and Coarsest.
func (e *Encoder) Encode(at time.Duration, key bool, finest, coarsest int) (Frame, error) {
	coarsest = min(max(coarsest, Finest), Coarsest)
	return e.code(at, frame{key: key, finest: min(max(finest, Finest), coarsest), coarsest: coarsest})
}

// Part codes some rows of the picture with one quantizer, Finest to Worst; what
// is not among them stays for the viewer as it is, whatever Update brought. rows
// has one entry for each RowHeight rows of pixels. None at all makes a frame of
// some bytes. The first frame has all rows in any case.
func (e *Encoder) Part(at time.Duration, quantizer int, rows []bool) (Frame, error) {
	if n := (e.size.Y + RowHeight - 1) / RowHeight; len(rows) != n {
		return Frame{}, fmt.Errorf("%w: %d rows of %d", ErrEncoder, len(rows), n)
	}
	q := min(max(quantizer, Finest), Worst)
	return e.code(at, frame{finest: q, coarsest: q, rows: mark(rows)})
}

// Lossless is Part without any loss, of the planes: of the screen when the encoder
// is exact.
func (e *Encoder) Lossless(at time.Duration, rows []bool) (Frame, error) {
	if n := (e.size.Y + RowHeight - 1) / RowHeight; len(rows) != n {
		return Frame{}, fmt.Errorf("%w: %d rows of %d", ErrEncoder, len(rows), n)
	}
	return e.code(at, frame{rows: mark(rows)})
}

func mark(rows []bool) []byte {
	marked := make([]byte, len(rows))
	for i, coded := range rows {
		if coded {
			marked[i] = 1
		}
	}
	return marked
}

// Soft codes a key frame without detail, a thirtieth of the bytes of a sharp one:
// where things are, for Part to fill in.
func (e *Encoder) Soft(at time.Duration) (Frame, error) {
	return e.code(at, frame{key: true, finest: softQuantizer, coarsest: softQuantizer, soft: true})
}

// softQuantizer: 9 kB for a page of text in 1080p; at 63 they would be 4.
const softQuantizer = 52

// frame is what code makes.
type frame struct {
	key, soft        bool
	finest, coarsest int
	rows             []byte // nil: all
}

func (e *Encoder) code(at time.Duration, f frame) (Frame, error) {
	if e.c == nil {
		return Frame{}, fmt.Errorf("%w: closed", ErrEncoder)
	}
	pts := int64(at) * 9 / 100_000 // nanoseconds to 90 kHz
	if e.started && pts <= e.pts {
		pts = e.pts + 1
	}
	flag := func(b bool) C.int {
		if b {
			return 1
		}
		return 0
	}
	var rows *C.uint8_t
	if f.rows != nil {
		rows = (*C.uint8_t)(unsafe.Pointer(&f.rows[0]))
	}
	var out C.screen_frame
	if C.screen_encode(e.c, C.int64_t(pts), 90000/30, flag(f.key || !e.started), C.int(f.finest), C.int(f.coarsest),
		rows, flag(f.soft), &out) != 0 {
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

// Package capture reads the pixels of one display and follows its pointer.
//
// It promises: the pixels of a [Frame] are those of the display at or after
// Frame.At; every change after a Grab makes [Source.Changed] ready; nothing is
// polled while nothing changes (X11 with MIT-SHM and DAMAGE; the portable
// fallback does poll); the pointer is never painted into the pixels but comes
// apart, see [Source.Pointer]. Nothing is written to disk, and the shared
// memory segment disappears with the process, also after a kill.
//
// It does not promise a frame rate: the consumer decides when to Grab.
package capture

import (
	"context"
	"errors"
	"image"
	"time"
)

// What Open and Grab answer with, wrapped.
var (
	// ErrDisplay: there is no display of that name, or it does not let us in.
	ErrDisplay = errors.New("capture: display cannot be opened")
	// ErrUnsupported: the display is there, but its pixels have a format, or
	// the system has no way of capturing, that this package does not know.
	ErrUnsupported = errors.New("capture: display not supported")
	// ErrLost: the display went away, or stopped answering. Open again.
	ErrLost = errors.New("capture: display lost")
)

// Frame is the whole display as of one Grab.
type Frame struct {
	// Pix holds 4 bytes a pixel in the order B, G, R, undefined; rows are
	// Stride bytes apart. Valid until the next Grab or Close.
	Pix    []byte
	Stride int
	// Size of the display in pixels. When it differs from the frame before,
	// the display was resized and Damage covers it all.
	Size image.Point
	// Damage lists what may have changed since the frame before: rectangles in
	// rising order that share no rows. Empty when nothing changed.
	Damage []image.Rectangle
	// At is the time, with its monotonic part, just before the pixels were read.
	At time.Time
}

// Source is an open display. Grab is for one goroutine at a time; Close must
// not overlap a Grab.
type Source struct {
	changed chan struct{}
	pointer chan Pointer
	backend backend
}

// backend is one way of getting at pixels. It signals Source.changed itself.
type backend interface {
	grab(ctx context.Context) (Frame, error)
	close()
}

// Open connects to the display, on X11 by its name (":0"; empty for $DISPLAY).
// It chooses the quickest way that the display offers.
// Errors: ErrDisplay, ErrUnsupported.
func Open(display string) (*Source, error) {
	s := &Source{
		changed: make(chan struct{}, 1),
		pointer: make(chan Pointer, 1),
	}
	b, err := open(display, s)
	if err != nil {
		return nil, err
	}
	s.backend = b
	s.signal() // the first frame is a change
	return s, nil
}

// Changed is ready when the display may have changed since the last Grab, or
// was lost. It is ready once after Open.
func (s *Source) Changed() <-chan struct{} { return s.changed }

// Pointer delivers the newest state of the mouse pointer whenever it moved or
// changed its shape, at most about 60 times a second. A state that nobody
// fetched is replaced by the next one.
func (s *Source) Pointer() <-chan Pointer { return s.pointer }

// Grab reads what changed since the last Grab, which the first time is all.
// When ctx ends during a Grab and the display does not answer, the connection
// is given up so that the call returns.
// Errors: ErrLost; the error of ctx.
func (s *Source) Grab(ctx context.Context) (Frame, error) {
	if err := ctx.Err(); err != nil {
		return Frame{}, err
	}
	return s.backend.grab(ctx)
}

// Close lets go of the display and waits for everything that Open started.
func (s *Source) Close() error {
	s.backend.close()
	return nil
}

func (s *Source) signal() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// post puts p where the consumer finds it, in place of an older one. Only the
// one goroutine that follows the pointer may call it.
func (s *Source) post(p Pointer) {
	select {
	case <-s.pointer:
	default:
	}
	s.pointer <- p
}

// Package capture reads the pixels of one display, of one of its monitors or of
// one program on it, and follows its pointer.
//
// It promises: the pixels of a [Frame] are those of the [Target] at or after
// Frame.At; where one program is captured, no pixel is of anything else, whatever
// lies above its windows, beside or below them, and the pointer is followed over
// them only; no window of this process itself is in a frame, also not while it
// moves; every change after a Grab makes [Source.Changed] ready; nothing is
// polled while nothing changes (X11 with MIT-SHM and DAMAGE; the portable
// fallback does poll); the pointer is never painted into the pixels but comes
// apart, see [Source.Pointer]. Nothing is written to disk, and the shared
// memory segment disappears with the process, also after a kill.
//
// What [Covers] says is not in any frame either, wherever its windows go, and stays
// covered where they were until something else was painted there.
//
// It does not promise a frame rate: the consumer decides when to Grab. Nor does it
// know what a program shows inside its own windows, nor stop another program that
// declares its window to be a dialog of the captured one.
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
	// ErrTarget: the monitor or the program is not on the display.
	ErrTarget = errors.New("capture: nothing of that name")
	// ErrLost: the display went away, or stopped answering. Open again.
	ErrLost = errors.New("capture: display lost")
)

// Frame is the whole Target as of one Grab. A program stands at its place on the
// desktop, with Ground around it.
type Frame struct {
	// Pix holds 4 bytes a pixel in the order B, G, R, undefined; rows are
	// Stride bytes apart. Valid until the next Grab or Close.
	Pix    []byte
	Stride int
	// Size of the picture in pixels: of the monitor, or else of the desktop. When
	// it differs from the frame before, Damage covers it all.
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
	state   chan State
	backend backend
}

// backend is one way of getting at pixels. It signals Source.changed itself.
type backend interface {
	grab(ctx context.Context) (Frame, error)
	close()
}

// Open connects to the display, on X11 by its name (":0"; empty for $DISPLAY).
// It chooses the quickest way that the display offers.
// Errors: ErrDisplay, ErrUnsupported, ErrTarget.
func Open(display string, what Target) (*Source, error) {
	return OpenCovered(display, what, nil)
}

// OpenCovered is Open with what is not to be seen. Programs are covered where the
// display, or a monitor, is captured; fields everywhere.
func OpenCovered(display string, what Target, covers *Covers) (*Source, error) {
	if err := what.check(); err != nil {
		return nil, err
	}
	s := &Source{
		changed: make(chan struct{}, 1),
		pointer: make(chan Pointer, 1),
		state:   make(chan State, 1),
	}
	b, err := open(display, what, s, covers)
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

// State delivers the newest state of the Target: once after Open, then whenever
// it changed. One that nobody fetched is replaced by the next.
func (s *Source) State() <-chan State { return s.state }

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

// be puts a state where the consumer finds it, in place of an older one. Only the
// backend's grab and its opening may call it.
func (s *Source) be(state State) {
	select {
	case <-s.state:
	default:
	}
	s.state <- state
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

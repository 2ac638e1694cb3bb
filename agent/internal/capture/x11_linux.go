package capture

import (
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// How long the display may take to answer, and how long once nobody waits.
const (
	answerLimit = 2 * time.Second
	cancelLimit = 50 * time.Millisecond
)

// errMissing: the display lacks what this backend needs; the portable one may do.
var errMissing = errors.New("capture: display without shared memory or damage reports")

// x11 is one connection to a display, and what is captured by it.
type x11 struct {
	wire *wire
	conn *xgb.Conn
	root xproto.Window
	size image.Point // of the root window; owned by the view once there is one

	mu     sync.Mutex
	events map[byte][]func([]byte) // by event number

	signal func()        // something may have changed, or the connection ended
	lost   chan struct{} // closed when the connection ended
	grabs  atomic.Uint64 // odd while a grab is under way

	view    view
	pointer *pointer
	ended   sync.WaitGroup
}

// view is a part of a display that is captured.
type view interface {
	// read fetches what changed. Only grab calls it.
	read() (Frame, error)
	// again prepares for a second read after one that failed, and reports
	// whether it may help.
	again() bool
	// place turns a point of the root window into one of the frame. over is the
	// window under it, child of the root window. It may be called from anywhere.
	place(at image.Point, over xproto.Window) (image.Point, bool)
	// close gives back what the server does not.
	close()
}

func open(display string, what Target, s *Source, covers *Covers) (backend, error) {
	x, err := openX11(display, what, s, covers)
	if errors.Is(err, errMissing) {
		if display != "" && display != os.Getenv("DISPLAY") {
			return nil, fmt.Errorf("%w: %w, and it is not the one in DISPLAY", ErrUnsupported, err)
		}
		return openPortable(what, s, covers)
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

func openX11(display string, what Target, s *Source, covers *Covers) (_ *x11, err error) {
	x, err := connect(display, s.signal)
	if err != nil {
		return nil, err
	}
	defer x.limit()()
	defer func() {
		if err != nil {
			x.close()
		}
	}()
	if what.Application != 0 {
		p, err := openProgram(x, s, what.Application, covers)
		if err != nil {
			return nil, err
		}
		x.view = p
	} else {
		v, err := openScreen(x, s, what.Monitor, covers)
		if err != nil {
			return nil, err
		}
		x.view = v
	}
	if x.pointer, err = openPointer(x, s); err != nil {
		return nil, err
	}
	x.ended.Go(x.pointer.run)
	return x, nil
}

// limit ends the connection if the display does not answer before the function
// it returns is called: one that accepts and then says nothing must not hang us.
func (x *x11) limit() (done func()) {
	guard := time.AfterFunc(answerLimit, func() { x.wire.Close() })
	return func() { guard.Stop() }
}

// connect opens a connection on which nothing is captured yet.
func connect(display string, signal func()) (_ *x11, err error) {
	addr, err := parseDisplay(display)
	if err != nil {
		return nil, err
	}
	raw, err := addr.dial()
	if err != nil {
		return nil, err
	}
	x := &x11{
		signal: signal,
		events: make(map[byte][]func([]byte)),
		lost:   make(chan struct{}),
	}
	var once sync.Once
	x.wire = newWire(raw, x.dispatch, func() {
		once.Do(func() {
			close(x.lost)
			signal()
		})
	})
	defer x.limit()()
	if c := addr.cookie(); c != nil {
		x.conn, err = xgb.NewConnNetWithCookieHex(x.wire, hex.EncodeToString(c))
	} else {
		x.conn, err = xgb.NewConnNet(x.wire)
	}
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	x.conn.DefaultScreen = addr.screen
	x.ended.Go(x.drain)
	defer func() {
		if err != nil {
			x.close()
		}
	}()
	if err = x.checkFormat(); err != nil {
		return nil, err
	}
	return x, nil
}

// checkFormat accepts what desktops have: 32 bits a pixel, B G R in memory.
func (x *x11) checkFormat() error {
	setup := xproto.Setup(x.conn)
	if x.conn.DefaultScreen >= len(setup.Roots) {
		return fmt.Errorf("%w: it has no screen %d", ErrDisplay, x.conn.DefaultScreen)
	}
	screen := setup.DefaultScreen(x.conn)
	x.root = screen.Root
	x.size = image.Pt(int(screen.WidthInPixels), int(screen.HeightInPixels))
	bits := byte(0)
	for _, f := range setup.PixmapFormats {
		if f.Depth == screen.RootDepth {
			bits = f.BitsPerPixel
		}
	}
	var visual xproto.VisualInfo
	for _, d := range screen.AllowedDepths {
		for _, v := range d.Visuals {
			if v.VisualId == screen.RootVisual {
				visual = v
			}
		}
	}
	if bits != 32 || setup.ImageByteOrder != xproto.ImageOrderLSBFirst ||
		visual.RedMask != 0xff0000 || visual.GreenMask != 0xff00 || visual.BlueMask != 0xff {
		return fmt.Errorf("%w: colour depth %d, %d bits a pixel", ErrUnsupported, screen.RootDepth, bits)
	}
	return nil
}

// extension asks for an extension and makes it known to xgb for this
// connection. The Init functions of xgb would write to shared tables, see wire.
func (x *x11) extension(name string) (firstEvent byte, err error) {
	r, err := xproto.QueryExtension(x.conn, uint16(len(name)), name).Reply()
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if !r.Present {
		return 0, fmt.Errorf("%w: %s", errMissing, name)
	}
	x.conn.ExtLock.Lock()
	x.conn.Extensions[name] = r.MajorOpcode
	x.conn.ExtLock.Unlock()
	return r.FirstEvent, nil
}

// listen has f called, on the goroutine that reads the connection, for each
// event of that number.
func (x *x11) listen(number byte, f func(event []byte)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.events[number] = append(x.events[number], f)
}

func (x *x11) dispatch(event []byte) {
	x.mu.Lock()
	list := x.events[event[0]&0x7f]
	x.mu.Unlock()
	for _, f := range list {
		f(event)
	}
}

// drain takes the errors of requests that nobody waits for, so that xgb can go
// on; what they meant shows in the requests that are waited for.
func (x *x11) drain() {
	for {
		if event, err := x.conn.WaitForEvent(); event == nil && err == nil {
			return
		}
	}
}

func (x *x11) close() {
	x.conn.Close() // waits, elsewhere, for a last reply of the server
	limit := time.AfterFunc(cancelLimit, func() { x.wire.Close() })
	<-x.lost
	limit.Stop()
	x.ended.Wait()
	if x.view != nil {
		x.view.close()
	}
}

package capture

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gen2brain/shm"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/damage"
	mitshm "github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
)

// How long the display may take to answer, and how long once nobody waits.
const (
	answerLimit = 2 * time.Second
	cancelLimit = 50 * time.Millisecond
)

// errMissing: the display lacks what this backend needs; the portable one may do.
var errMissing = errors.New("capture: display without shared memory or damage reports")

// x11 captures by one connection, one shared memory segment that is used again
// and again, and damage reports.
type x11 struct {
	source *Source
	wire   *wire
	conn   *xgb.Conn
	root   xproto.Window
	size   image.Point
	fresh  bool // everything counts as damaged at the next grab

	segment mitshm.Seg
	pix     []byte // the attached segment
	damage  damage.Damage
	region  xfixes.Region

	mu     sync.Mutex
	events map[byte]func([]byte) // by event number

	resized atomic.Bool
	lost    chan struct{} // closed when the connection ended
	grabs   atomic.Uint64 // odd while a grab is under way

	pointer *pointer
	ended   sync.WaitGroup
}

func open(display string, s *Source) (backend, error) {
	x, err := openX11(display, s)
	if errors.Is(err, errMissing) {
		if display != "" && display != os.Getenv("DISPLAY") {
			return nil, fmt.Errorf("%w: %w, and it is not the one in DISPLAY", ErrUnsupported, err)
		}
		return openPortable(s)
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

func openX11(display string, s *Source) (_ *x11, err error) {
	addr, err := parseDisplay(display)
	if err != nil {
		return nil, err
	}
	raw, err := addr.dial()
	if err != nil {
		return nil, err
	}
	x := &x11{
		source: s,
		events: make(map[byte]func([]byte)),
		lost:   make(chan struct{}),
	}
	var once sync.Once
	x.wire = newWire(raw, x.dispatch, func() {
		once.Do(func() {
			close(x.lost)
			s.signal()
		})
	})
	// A display that accepts and then says nothing must not hang the agent.
	guard := time.AfterFunc(answerLimit, func() { raw.Close() })
	defer guard.Stop()
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
	if err = x.watch(); err != nil {
		return nil, err
	}
	if err = x.attach(); err != nil {
		return nil, err
	}
	if x.pointer, err = openPointer(x); err != nil {
		return nil, err
	}
	x.ended.Go(x.pointer.run)
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

// watch asks for damage reports and for news of the display's size.
func (x *x11) watch() error {
	if _, err := x.extension("MIT-SHM"); err != nil {
		return err
	}
	if _, err := x.extension("XFIXES"); err != nil {
		return err
	}
	damageEvent, err := x.extension("DAMAGE")
	if err != nil {
		return err
	}
	// Both want to be asked for their version before anything else.
	if _, err := xfixes.QueryVersion(x.conn, 5, 0).Reply(); err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	if _, err := damage.QueryVersion(x.conn, 1, 1).Reply(); err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	x.listen(damageEvent+damage.Notify, func([]byte) { x.source.signal() })
	x.listen(xproto.ConfigureNotify, func(e []byte) {
		if binary.LittleEndian.Uint32(e[8:]) == uint32(x.root) {
			x.resized.Store(true)
			x.source.signal()
		}
	})
	if x.damage, err = damage.NewDamageId(x.conn); err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if x.region, err = xfixes.NewRegionId(x.conn); err != nil {
		return fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	if err := errors.Join(
		xproto.ChangeWindowAttributesChecked(x.conn, x.root, xproto.CwEventMask,
			[]uint32{xproto.EventMaskStructureNotify}).Check(),
		damage.CreateChecked(x.conn, x.damage, xproto.Drawable(x.root), damage.ReportLevelNonEmpty).Check(),
		xfixes.CreateRegionChecked(x.conn, x.region, nil).Check(),
	); err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	return nil
}

// listen has f called, on the goroutine that reads the connection, for each
// event of that number.
func (x *x11) listen(number byte, f func(event []byte)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.events[number] = f
}

func (x *x11) dispatch(event []byte) {
	x.mu.Lock()
	f := x.events[event[0]&0x7f]
	x.mu.Unlock()
	if f != nil {
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

// attach makes a segment for the present size. The segment is marked for
// removal as soon as the server has it too, so that no crash leaves it behind.
func (x *x11) attach() error {
	id, err := shm.Get(shm.IPC_PRIVATE, x.size.X*x.size.Y*4, shm.IPC_CREAT|0o600)
	if err != nil {
		return fmt.Errorf("%w: shared memory: %w", errMissing, err)
	}
	defer shm.Rm(id) //nolint:errcheck // nothing to be done, and close detaches
	if x.pix, err = shm.At(id, 0, 0); err != nil {
		return fmt.Errorf("%w: shared memory: %w", errMissing, err)
	}
	if x.segment, err = mitshm.NewSegId(x.conn); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	// A server on another machine refuses here.
	if err := mitshm.AttachChecked(x.conn, x.segment, uint32(id), false).Check(); err != nil {
		return fmt.Errorf("%w: shared memory: %w", errMissing, err)
	}
	x.fresh = true
	return nil
}

func (x *x11) detach() {
	if x.pix != nil {
		_ = shm.Dt(x.pix)
		x.pix = nil
	}
}

func (x *x11) resize() error {
	g, err := xproto.GetGeometry(x.conn, xproto.Drawable(x.root)).Reply()
	if err != nil {
		return err
	}
	size := image.Pt(int(g.Width), int(g.Height))
	if size == x.size {
		return nil
	}
	mitshm.Detach(x.conn, x.segment)
	x.detach()
	x.size = size
	return x.attach()
}

func (x *x11) close() {
	x.conn.Close() // waits, elsewhere, for a last reply of the server
	limit := time.AfterFunc(cancelLimit, func() { x.wire.Close() })
	<-x.lost
	limit.Stop()
	x.ended.Wait()
	x.detach()
}

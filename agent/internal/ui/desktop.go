package ui

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// desktop is this package's own connection to the X server, beside the toolkit's: it notices when
// the server goes away, gives dialogs the keyboard, and keeps the bar above all. On a connection of
// its own none of this waits for a toolkit.
type desktop struct {
	name  string
	conn  *xgb.Conn
	root  xproto.Window
	size  image.Rectangle
	dpi   float64
	gone  chan struct{} // closed when the connection has ended
	probe xproto.Window // for the server's time
	times chan xproto.Timestamp

	mu      sync.Mutex
	above   map[xproto.Window]*raiser
	looking bool // a look at the stack is due
	closed  bool
	atoms   map[string]xproto.Atom

	overlays map[xproto.Window]*overlay
	looks    sync.WaitGroup
}

// connect opens the display and starts watching it. Error: [ErrNoDisplay].
func connect(name string) (*desktop, error) {
	if name == "" {
		name = os.Getenv("DISPLAY")
	}
	if name == "" {
		return nil, ErrNoDisplay
	}
	conn, err := xgb.NewConnDisplay(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDisplay, err)
	}
	screen := xproto.Setup(conn).DefaultScreen(conn)
	d := &desktop{name: name, conn: conn, root: screen.Root,
		size:  image.Rect(0, 0, int(screen.WidthInPixels), int(screen.HeightInPixels)),
		gone:  make(chan struct{}),
		times: make(chan xproto.Timestamp, 1),
		above: map[xproto.Window]*raiser{}, atoms: map[string]xproto.Atom{},
		overlays: map[xproto.Window]*overlay{}}
	if err := d.prepare(screen); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: %w", ErrNoDisplay, err)
	}
	go d.watch()
	return d, nil
}

func (d *desktop) prepare(screen *xproto.ScreenInfo) error {
	probe, err := xproto.NewWindowId(d.conn)
	if err != nil {
		return err
	}
	d.probe = probe
	if err := xproto.CreateWindowChecked(d.conn, 0, probe, d.root, -10, -10, 1, 1, 0, xproto.WindowClassInputOnly,
		screen.RootVisual, xproto.CwOverrideRedirect|xproto.CwEventMask,
		[]uint32{1, xproto.EventMaskPropertyChange}).Check(); err != nil {
		return err
	}
	// Where windows are stacked anew, the bar may have to rise. Other clients listen on the root too.
	if err := xproto.ChangeWindowAttributesChecked(d.conn, d.root, xproto.CwEventMask,
		[]uint32{xproto.EventMaskSubstructureNotify}).Check(); err != nil {
		return err
	}
	d.dpi = resourceDPI(d.property(d.root, "RESOURCE_MANAGER", maxDetails))
	return nil
}

// watch reads events until the connection ends.
func (d *desktop) watch() {
	defer close(d.gone)
	for {
		e, err := d.conn.WaitForEvent()
		if e == nil && err == nil {
			return
		}
		switch e := e.(type) {
		case xproto.ButtonPressEvent:
			if o := d.onOverlay(e.Event); o != nil && e.Detail == 1 {
				o.press()
			}
		case xproto.EnterNotifyEvent:
			if o := d.onOverlay(e.Event); o != nil {
				o.lit(true)
			}
		case xproto.LeaveNotifyEvent:
			if o := d.onOverlay(e.Event); o != nil {
				o.lit(false)
			}
		case xproto.PropertyNotifyEvent:
			if e.Window == d.probe {
				select {
				case d.times <- e.Time:
				default:
				}
			}
		case xproto.VisibilityNotifyEvent:
			if e.State != xproto.VisibilityUnobscured {
				d.raise(e.Window, time.Now())
			}
		case xproto.ConfigureNotifyEvent:
			d.restacked(e.Window)
		case xproto.MapNotifyEvent:
			d.restacked(e.Window)
		}
	}
}

func (d *desktop) close() {
	d.mu.Lock()
	d.closed = true
	for _, r := range d.above {
		r.stop()
	}
	d.mu.Unlock()
	d.looks.Wait()
	d.conn.Close()
	<-d.gone
}

// atom returns the number of a name, 0 if the server does not answer.
func (d *desktop) atom(name string) xproto.Atom {
	d.mu.Lock()
	a := d.atoms[name]
	d.mu.Unlock()
	if a != 0 {
		return a
	}
	r, err := xproto.InternAtom(d.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return 0
	}
	d.mu.Lock()
	d.atoms[name] = r.Atom
	d.mu.Unlock()
	return r.Atom
}

// property returns at most limit bytes of a window's property, nil if there is none.
func (d *desktop) property(w xproto.Window, name string, limit int) []byte {
	r, err := xproto.GetProperty(d.conn, false, w, d.atom(name), xproto.GetPropertyTypeAny, 0, uint32(limit/4)).Reply()
	if err != nil {
		return nil
	}
	return r.Value
}

// now asks the server for its time, as window managers want it in requests for the focus.
func (d *desktop) now(ctx context.Context) xproto.Timestamp {
	select {
	case <-d.times: // an old answer
	default:
	}
	xproto.ChangeProperty(d.conn, xproto.PropModeAppend, d.probe, d.atom("CONSENTO_TIME"), xproto.AtomString, 8, 0, nil)
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	select {
	case t := <-d.times:
		return t
	case <-ctx.Done():
	case <-d.gone:
	}
	return xproto.TimeCurrentTime
}

// resourceDPI finds Xft.dpi in the X resources, 96 where there is none. Desktops write the person's
// scale of text there.
func resourceDPI(resources []byte) float64 {
	for line := range bytes.Lines(resources) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(bytes.TrimSpace(name)) != "Xft.dpi" {
			continue
		}
		dpi, err := strconv.ParseFloat(string(bytes.TrimSpace(value)), 64)
		if err == nil && dpi >= 48 && dpi <= 480 {
			return dpi
		}
	}
	return 96
}

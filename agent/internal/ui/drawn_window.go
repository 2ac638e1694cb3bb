package ui

import (
	"encoding/binary"
	"image"
	"os"
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// drawnWindow is an X window with a wire and a goroutine of its own.
type drawnWindow struct {
	*drawn
	wire  *wire
	conn  *xgb.Conn // of the wire
	win   xproto.Window
	gc    xproto.Gcontext
	depth byte
	sheet *canvas
	tell  func(event)

	early  func(xgb.Event) // sees events first, on the wire's goroutine; may be nil
	events chan xgb.Event
	jobs   chan func()
	stop   chan struct{}
	once   sync.Once
	done   sync.WaitGroup
}

const windowEvents = xproto.EventMaskExposure | xproto.EventMaskStructureNotify | xproto.EventMaskFocusChange |
	xproto.EventMaskKeyPress | xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease |
	xproto.EventMaskPointerMotion | xproto.EventMaskLeaveWindow

// newWindow makes a window that is not yet visible. override keeps window managers away from it.
func (k *drawn) newWindow(r image.Rectangle, title, kind string, override bool) (*drawnWindow, error) {
	line, err := k.wires.take(k.desk.name)
	if err != nil {
		return nil, err
	}
	screen := xproto.Setup(line.conn).DefaultScreen(line.conn)
	w := &drawnWindow{drawn: k, wire: line, conn: line.conn, depth: screen.RootDepth, sheet: newCanvas(r.Dx(), r.Dy()),
		events: make(chan xgb.Event, 64), jobs: make(chan func(), 16), stop: make(chan struct{})}
	if err := w.create(screen, r, override); err != nil {
		k.wires.put(line)
		return nil, ErrDisplayLost
	}
	w.describe(r, title, kind, override)
	return w, nil
}

func (w *drawnWindow) create(screen *xproto.ScreenInfo, r image.Rectangle, override bool) error {
	id, err := xproto.NewWindowId(w.conn)
	if err != nil {
		return err
	}
	gc, err := xproto.NewGcontextId(w.conn)
	if err != nil {
		return err
	}
	w.win, w.gc = id, gc
	above := uint32(0)
	if override {
		above = 1
	}
	// No background: the server would flash it before the first picture.
	err = xproto.CreateWindowChecked(w.conn, screen.RootDepth, id, screen.Root, int16(r.Min.X), int16(r.Min.Y),
		uint16(r.Dx()), uint16(r.Dy()), 0, xproto.WindowClassInputOutput, screen.RootVisual,
		xproto.CwOverrideRedirect|xproto.CwEventMask, []uint32{above, windowEvents}).Check()
	if err != nil {
		return err
	}
	return xproto.CreateGCChecked(w.conn, gc, xproto.Drawable(id), 0, nil).Check()
}

// describe tells the window manager what the window is (ICCCM 4.1.2, EWMH 1.5).
func (w *drawnWindow) describe(r image.Rectangle, title, kind string, override bool) {
	w.setTitle(title)
	w.put(xproto.AtomWmClass, xproto.AtomString, 8, []byte(programName+"\x00"+programClass+"\x00"))
	if host, err := os.Hostname(); err == nil {
		w.put(xproto.AtomWmClientMachine, xproto.AtomString, 8, []byte(host))
		w.put32("_NET_WM_PID", xproto.AtomCardinal, uint32(os.Getpid()))
	}
	w.put32("_NET_WM_WINDOW_TYPE", xproto.AtomAtom, uint32(w.atom(kind)))
	w.put32("_NET_WM_STATE", xproto.AtomAtom, uint32(w.atom("_NET_WM_STATE_ABOVE")))
	if override {
		return
	}
	w.setIcon()
	w.put32("WM_PROTOCOLS", xproto.AtomAtom, uint32(w.atom("WM_DELETE_WINDOW")))
	const inputHint, stateHint, normalState = 1, 2, 1
	w.put(xproto.AtomWmHints, xproto.AtomWmHints, 32, words(inputHint|stateHint, 1, normalState, 0, 0, 0, 0, 0, 0))
	const position, minSize, maxSize = 1 << 2, 1 << 4, 1 << 5
	width, height := uint32(r.Dx()), uint32(r.Dy())
	w.put(xproto.AtomWmNormalHints, xproto.AtomWmSizeHints, 32, words(position|minSize|maxSize,
		uint32(r.Min.X), uint32(r.Min.Y), width, height, width, height, width, height, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}

func (w *drawnWindow) setTitle(title string) {
	w.put(xproto.AtomWmName, w.atom("UTF8_STRING"), 8, []byte(title))
	w.put(w.atom("_NET_WM_NAME"), w.atom("UTF8_STRING"), 8, []byte(title))
}

func words(v ...uint32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, x)
	}
	return b
}

func (w *drawnWindow) put(name, kind xproto.Atom, format byte, value []byte) {
	xproto.ChangeProperty(w.conn, xproto.PropModeReplace, w.win, name, kind, format, uint32(len(value)*8/int(format)), value)
}

func (w *drawnWindow) put32(name string, kind xproto.Atom, value ...uint32) {
	w.put(w.atom(name), kind, 32, words(value...))
}

func (w *drawnWindow) atom(name string) xproto.Atom { return w.desk.atom(name) }

// start maps the window and runs handle for each event, on one goroutine, until close.
func (w *drawnWindow) start(handle func(xgb.Event)) {
	w.wire.attach(w)
	xproto.MapWindow(w.conn, w.win)
	w.done.Go(func() {
		for {
			select {
			case e := <-w.events:
				handle(e)
			case job := <-w.jobs:
				job()
			case <-w.stop:
				return
			}
		}
	})
}

// change runs a job on the window's goroutine, unless the window has gone.
func (w *drawnWindow) change(job func()) {
	select {
	case w.jobs <- job:
	case <-w.stop:
	}
}

// show sends a part of the picture.
func (w *drawnWindow) show(r image.Rectangle) {
	w.sheet.send(w.conn, w.win, w.gc, w.depth, r)
}

func (w *drawnWindow) xid() xproto.Window { return w.win }

func (w *drawnWindow) close() {
	w.once.Do(func() {
		close(w.stop)
		w.done.Wait()
		xproto.FreeGC(w.conn, w.gc)
		// The reply says that the window is off the screen; an error, that the screen is gone.
		_ = xproto.DestroyWindowChecked(w.conn, w.win).Check()
		w.wires.put(w.wire)
	})
}

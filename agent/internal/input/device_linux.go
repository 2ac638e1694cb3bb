package input

import (
	"fmt"
	"image"
	"os"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// device speaks to an X server by its extension XTEST.
type device struct {
	conn *xgb.Conn
	root xproto.Window
	min  xproto.Keycode
	max  xproto.Keycode

	at      image.Point // of the pointer, as we know it
	keys    map[xproto.Keycode]bool
	buttons map[int]bool
	rest    image.Point // of the wheel, in 120ths
	layout  layout
}

func open(display string) (*device, error) {
	if display == "" {
		display = os.Getenv("DISPLAY")
	}
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	setup := xproto.Setup(conn)
	d := &device{conn: conn, root: setup.DefaultScreen(conn).Root, min: setup.MinKeycode, max: setup.MaxKeycode,
		keys: map[xproto.Keycode]bool{}, buttons: map[int]bool{}, layout: newLayout()}
	// Not xtest.Init, which writes to tables that all connections share.
	x, err := xproto.QueryExtension(conn, uint16(len("XTEST")), "XTEST").Reply()
	if err == nil && x.Present {
		conn.ExtLock.Lock()
		conn.Extensions["XTEST"] = x.MajorOpcode
		conn.ExtLock.Unlock()
		_, err = xtest.GetVersion(conn, 2, 2).Reply()
	}
	if err != nil || !x.Present {
		conn.Close()
		return nil, ErrUnsupported
	}
	go func() { // errors of requests that nobody waits for
		for {
			if e, err := conn.WaitForEvent(); e == nil && err == nil {
				return
			}
		}
	}()
	if _, err := d.touched(); err != nil {
		conn.Close()
		return nil, err
	}
	return d, nil
}

func (d *device) close() {
	d.unmap()
	d.conn.Close()
}

// fake sends one event. The caller syncs.
func (d *device) fake(kind, detail byte, at image.Point) {
	xtest.FakeInput(d.conn, kind, detail, 0, d.root, int16(at.X), int16(at.Y), 0)
}

// look asks where the pointer is and what is down; all that was sent is done by then.
func (d *device) look() (*xproto.QueryPointerReply, error) {
	q, err := xproto.QueryPointer(d.conn, d.root).Reply()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	return q, nil
}

func (d *device) move(to image.Point) error {
	d.fake(xproto.MotionNotify, 0, to)
	q, err := d.look()
	if err != nil {
		return err
	}
	d.at = image.Pt(int(q.RootX), int(q.RootY)) // the server may have kept it elsewhere
	return nil
}

func (d *device) button(button int, down bool) error {
	if button < 1 || button > 9 || button >= 4 && button <= 7 {
		return fmt.Errorf("%w: button %d", ErrUnknown, button)
	}
	kind := byte(xproto.ButtonRelease)
	if down {
		kind = xproto.ButtonPress
	}
	d.fake(kind, byte(button), image.Point{})
	if down {
		d.buttons[button] = true
	} else {
		delete(d.buttons, button)
	}
	return d.sync()
}

// step is a wheel's notch.
const step = 120

func (d *device) wheel(right, down int) error {
	d.rest = d.rest.Add(image.Pt(right, down))
	turn := func(rest *int, less, more byte) {
		for ; *rest <= -step; *rest += step {
			d.fake(xproto.ButtonPress, less, image.Point{})
			d.fake(xproto.ButtonRelease, less, image.Point{})
		}
		for ; *rest >= step; *rest -= step {
			d.fake(xproto.ButtonPress, more, image.Point{})
			d.fake(xproto.ButtonRelease, more, image.Point{})
		}
	}
	turn(&d.rest.Y, 4, 5)
	turn(&d.rest.X, 6, 7)
	return d.sync()
}

func (d *device) key(code string, down bool) error {
	n, ok := evdev[code]
	if !ok {
		return fmt.Errorf("%w: %q", ErrUnknown, code)
	}
	k := xproto.Keycode(n) + 8
	if k < d.min || k > d.max {
		return fmt.Errorf("%w: %q on this display", ErrUnknown, code)
	}
	d.press(k, down)
	return d.sync()
}

// press presses or releases a key and remembers it.
func (d *device) press(k xproto.Keycode, down bool) {
	kind := byte(xproto.KeyRelease)
	if down {
		kind = xproto.KeyPress
	}
	d.fake(kind, byte(k), image.Point{})
	if down {
		d.keys[k] = true
	} else {
		delete(d.keys, k)
	}
}

func (d *device) sync() error {
	_, err := d.look()
	return err
}

// touched compares the display with what we did.
func (d *device) touched() (bool, error) {
	pointer := xproto.QueryPointer(d.conn, d.root)
	keymap := xproto.QueryKeymap(d.conn)
	q, err := pointer.Reply()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	k, err := keymap.Reply()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrDisplay, err)
	}
	at := image.Pt(int(q.RootX), int(q.RootY))
	touched := at != d.at
	d.at = at
	for button := 1; button <= 3; button++ {
		touched = touched || q.Mask&(xproto.ButtonMask1<<(button-1)) != 0 && !d.buttons[button]
	}
	for code := range 256 {
		touched = touched || k.Keys[code/8]&(1<<(code%8)) != 0 && !d.keys[xproto.Keycode(code)]
	}
	return touched, nil
}

// pause waits, or until stop.
func pause(stop <-chan struct{}, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	}
}

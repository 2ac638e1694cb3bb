package main

import (
	"errors"
	"fmt"
	"image"
	"sync"

	"github.com/gen2brain/shm"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/damage"
	mitshm "github.com/jezek/xgb/shm"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// display is a connection to a screen: it reads pixels by shared memory, hears
// of changes, and presses keys and buttons as a person does.
type display struct {
	conn *xgb.Conn
	root xproto.Window
	size image.Point

	changed chan struct{} // something was drawn since look
	pressed chan struct{} // a button was pressed on the window of button
	damage  damage.Damage

	mu      sync.Mutex // grab
	segment mitshm.Seg
	pix     []byte // the attached segment
}

// dial connects. It writes to tables that all connections of xgb share, so that
// no other connection may be in use meanwhile.
func dial(name string) (*display, error) {
	conn, err := xgb.NewConnDisplay(name)
	if err != nil {
		return nil, fmt.Errorf("display %s: %w", name, err)
	}
	screen := xproto.Setup(conn).DefaultScreen(conn)
	d := &display{conn: conn, root: screen.Root, changed: make(chan struct{}, 1), pressed: make(chan struct{}, 1),
		size: image.Pt(int(screen.WidthInPixels), int(screen.HeightInPixels))}
	for _, extension := range []func(*xgb.Conn) error{mitshm.Init, xfixes.Init, damage.Init, xtest.Init} {
		if err := extension(conn); err != nil {
			conn.Close()
			return nil, fmt.Errorf("display %s: %w", name, err)
		}
	}
	return d, nil
}

// open makes the connection ready for use, when all are dialled.
func (d *display) open() error {
	id, err := shm.Get(shm.IPC_PRIVATE, d.size.X*d.size.Y*4, shm.IPC_CREAT|0o600)
	if err != nil {
		return fmt.Errorf("shared memory: %w", err)
	}
	defer shm.Rm(id) //nolint:errcheck // it is gone with the last that is attached
	if d.pix, err = shm.At(id, 0, 0); err != nil {
		return fmt.Errorf("shared memory: %w", err)
	}
	if d.segment, err = mitshm.NewSegId(d.conn); err != nil {
		return err
	}
	if err := mitshm.AttachChecked(d.conn, d.segment, uint32(id), false).Check(); err != nil {
		return fmt.Errorf("shared memory: %w", err)
	}
	if d.damage, err = damage.NewDamageId(d.conn); err != nil {
		return err
	}
	if _, err := xfixes.QueryVersion(d.conn, 5, 0).Reply(); err != nil {
		return err
	}
	if _, err := damage.QueryVersion(d.conn, 1, 1).Reply(); err != nil {
		return err
	}
	if err := damage.CreateChecked(d.conn, d.damage, xproto.Drawable(d.root), damage.ReportLevelNonEmpty).Check(); err != nil {
		return fmt.Errorf("damage: %w", err)
	}
	go d.listen()
	return nil
}

// listen ends with the connection.
func (d *display) listen() {
	for {
		event, err := d.conn.WaitForEvent()
		if event == nil && err == nil {
			return
		}
		ring := d.changed
		switch event.(type) {
		case xproto.ButtonPressEvent:
			ring = d.pressed
		case damage.NotifyEvent:
		default:
			continue
		}
		select {
		case ring <- struct{}{}:
		default:
		}
	}
}

func (d *display) close() {
	d.conn.Close()
	if d.pix != nil {
		_ = shm.Dt(d.pix) // the process ends soon
	}
}

// look reads a part of the screen, 4 bytes a pixel in the order B, G, R, X, rows
// without padding; changes from now on make changed ready again. The pixels are
// valid until the next look.
func (d *display) look(r image.Rectangle) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	damage.Subtract(d.conn, d.damage, xfixes.Region(xproto.AtomNone), xfixes.Region(xproto.AtomNone))
	_, err := mitshm.GetImage(d.conn, xproto.Drawable(d.root), int16(r.Min.X), int16(r.Min.Y), uint16(r.Dx()), uint16(r.Dy()),
		0xffffffff, xproto.ImageFormatZPixmap, d.segment, 0).Reply()
	if err != nil {
		return nil, fmt.Errorf("reading the screen: %w", err)
	}
	return d.pix[:r.Dx()*r.Dy()*4], nil
}

// press sends a key's or button's press and release.
func (d *display) press(down byte, detail byte) error {
	return errors.Join(
		xtest.FakeInputChecked(d.conn, down, detail, 0, xproto.WindowNone, 0, 0, 0).Check(),
		xtest.FakeInputChecked(d.conn, down+1, detail, 0, xproto.WindowNone, 0, 0, 0).Check())
}

// key presses a key by its X keysym.
func (d *display) key(sym xproto.Keysym) error {
	setup := xproto.Setup(d.conn)
	n := byte(setup.MaxKeycode - setup.MinKeycode + 1)
	keys, err := xproto.GetKeyboardMapping(d.conn, setup.MinKeycode, n).Reply()
	if err != nil {
		return err
	}
	for i, s := range keys.Keysyms {
		if s == sym {
			return d.press(xproto.KeyPress, byte(setup.MinKeycode)+byte(i/int(keys.KeysymsPerKeycode)))
		}
	}
	return fmt.Errorf("no key for %#x", sym)
}

// point moves the pointer.
func (d *display) point(p image.Point) error {
	return xtest.FakeInputChecked(d.conn, xproto.MotionNotify, 0, 0, d.root, int16(p.X), int16(p.Y), 0).Check()
}

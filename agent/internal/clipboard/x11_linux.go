package clipboard

import (
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/protocol"
)

// Names of selections, targets and properties (ICCCM 2.6, freedesktop.org).
const (
	selection   = "CLIPBOARD"
	targetList  = "TARGETS"
	targetTime  = "TIMESTAMP"
	targetUTF8  = "UTF8_STRING"
	targetPlain = "text/plain;charset=utf-8"
	targetPNG   = "image/png"
	byParts     = "INCR"
	// secretHint is what password managers put beside a password; its content is
	// "secret" then.
	secretHint = "x-kde-passwordManagerHint"
	property   = "CONSENTO_CLIPBOARD"
)

// desk is a connection to the display of its own, with a window that is never shown.
type desk struct {
	conn   *xgb.Conn
	window xproto.Window
	atoms  map[string]xproto.Atom
	// events is what the server tells; closed with the connection. Who reads no more
	// closes gone.
	events chan xgb.Event
	gone   chan struct{}
}

// Able reports whether there is a clipboard on the display.
func Able(display string) bool {
	d, err := connect(display)
	if err != nil {
		return false
	}
	d.close()
	return true
}

func connect(display string) (*desk, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, &Error{protocol.ClipBroken, err}
	}
	d := &desk{conn: conn, atoms: map[string]xproto.Atom{}, events: make(chan xgb.Event, 64), gone: make(chan struct{})}
	go d.listen()
	if err := d.prepare(); err != nil {
		d.close()
		return nil, &Error{protocol.ClipBroken, err}
	}
	return d, nil
}

func (d *desk) prepare() error {
	for _, name := range []string{selection, targetList, targetTime, targetUTF8, targetPlain, targetPNG, byParts, secretHint, property} {
		reply, err := xproto.InternAtom(d.conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			return err
		}
		d.atoms[name] = reply.Atom
	}
	var err error
	if d.window, err = xproto.NewWindowId(d.conn); err != nil {
		return err
	}
	screen := xproto.Setup(d.conn).DefaultScreen(d.conn)
	return xproto.CreateWindowChecked(d.conn, 0, d.window, screen.Root, -1, -1, 1, 1, 0, xproto.WindowClassInputOnly, screen.RootVisual,
		xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
}

// listen passes events on until the connection ends.
func (d *desk) listen() {
	defer close(d.events)
	for {
		e, err := d.conn.WaitForEvent()
		if e == nil && err == nil {
			return
		}
		if e == nil {
			continue // of a window that has gone
		}
		select {
		case d.events <- e:
		case <-d.gone: // until the connection is closed
		}
	}
}

// close ends the connection, and with it whatever the window owned.
func (d *desk) close() {
	close(d.gone)
	d.conn.Close()
	for range d.events { // until it is closed
	}
}

// owner is the window that has the clipboard, 0 if none has.
func (d *desk) owner() (xproto.Window, error) {
	reply, err := xproto.GetSelectionOwner(d.conn, d.atoms[selection]).Reply()
	if err != nil {
		return 0, &Error{protocol.ClipBroken, err}
	}
	return reply.Owner, nil
}

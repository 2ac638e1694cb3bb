package ui

import (
	"sync"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// wire is a connection to the X server for one window after the other. Closing it with its window
// would free the window's number for the next connection, and a window manager that is still busy
// with the old window would then unmap the new one.
type wire struct {
	conn *xgb.Conn
	mu   sync.Mutex
	to   *drawnWindow // nil between two windows
}

// wires are the connections of a toolkit.
type wires struct {
	mu   sync.Mutex
	idle []*wire
	all  []*wire
	done sync.WaitGroup
}

// take returns an idle connection, or a new one.
func (p *wires) take(display string) (*wire, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return w, nil
	}
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, ErrDisplayLost
	}
	w := &wire{conn: conn}
	p.all = append(p.all, w)
	p.done.Go(w.read)
	return w, nil
}

// put takes a connection back.
func (p *wires) put(w *wire) {
	w.attach(nil)
	p.mu.Lock()
	p.idle = append(p.idle, w)
	p.mu.Unlock()
}

func (p *wires) close() {
	p.mu.Lock()
	for _, w := range p.all {
		w.conn.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
}

// attach says which window gets the events.
func (w *wire) attach(to *drawnWindow) {
	w.mu.Lock()
	w.to = to
	w.mu.Unlock()
}

// read passes events on until the connection ends.
func (w *wire) read() {
	for {
		e, err := w.conn.WaitForEvent()
		if e == nil && err == nil {
			return
		}
		w.mu.Lock()
		to := w.to
		w.mu.Unlock()
		// An error is of a request whose window has gone.
		if e == nil || to == nil || !to.owns(e) {
			continue
		}
		if to.early != nil {
			to.early(e)
		}
		select {
		case to.events <- e:
		case <-to.stop:
		}
	}
}

// owns tells whether an event is for this window and not for the one before it.
func (w *drawnWindow) owns(e xgb.Event) bool {
	var at xproto.Window
	switch e := e.(type) {
	case xproto.ExposeEvent:
		at = e.Window
	case xproto.KeyPressEvent:
		at = e.Event
	case xproto.ButtonPressEvent:
		at = e.Event
	case xproto.ButtonReleaseEvent:
		at = e.Event
	case xproto.MotionNotifyEvent:
		at = e.Event
	case xproto.LeaveNotifyEvent:
		at = e.Event
	case xproto.FocusInEvent:
		at = e.Event
	case xproto.FocusOutEvent:
		at = e.Event
	case xproto.ClientMessageEvent:
		at = e.Window
	case xproto.SelectionNotifyEvent:
		at = e.Requestor
	case xproto.MappingNotifyEvent:
		return true
	}
	return at == w.win
}

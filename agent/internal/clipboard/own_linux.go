package clipboard

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/protocol"
)

const (
	// partSize is how much is given at once, in bytes: what is larger goes in parts.
	partSize = 64 << 10
	// maxTakers is how many programs may take something in parts at the same time.
	maxTakers = 8
)

// Owner has something on the clipboard: it gives it to the programs that the customer
// pastes into, until another program has the clipboard, or it is closed.
type Owner struct {
	desk  *desk
	times chan xproto.Timestamp
	done  chan struct{}

	mu      sync.Mutex
	content Content
	since   xproto.Timestamp
	closed  bool

	takers map[taker]*given // of the goroutine that hears the events
}

// taker is a property of another program's window.
type taker struct {
	window   xproto.Window
	property xproto.Atom
}

// given is what goes there in parts.
type given struct {
	kind xproto.Atom
	rest []byte
	last bool // the part of no bytes, which ends it, is there
	asOf time.Time
}

// Own makes ready to put something on the clipboard of a display.
func Own(display string) (*Owner, error) {
	d, err := connect(display)
	if err != nil {
		return nil, err
	}
	o := &Owner{desk: d, times: make(chan xproto.Timestamp, 1), done: make(chan struct{}), takers: map[taker]*given{}}
	go o.serve()
	return o, nil
}

// Put puts content on the clipboard in place of what was there. It returns an *Error.
func (o *Owner) Put(ctx context.Context, c Content) error {
	d := o.desk
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-o.times: // of one that waited in vain
	default:
	}
	// The server's own time: with another one an older owner could win (ICCCM 2.1).
	xproto.ChangeProperty(d.conn, xproto.PropModeAppend, d.window, d.atoms[property], xproto.AtomInteger, 32, 0, nil)
	var now xproto.Timestamp
	select {
	case now = <-o.times:
	case <-o.done:
		return &Error{protocol.ClipBroken, errors.New("the display is gone")}
	case <-ctx.Done():
		return &Error{protocol.ClipBroken, ctx.Err()}
	}
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return &Error{protocol.ClipBroken, errors.New("closed")}
	}
	o.content, o.since = c, now
	o.mu.Unlock()
	xproto.SetSelectionOwner(d.conn, d.window, d.atoms[selection], now)
	if has, err := d.owner(); err != nil || has != d.window {
		return &Error{protocol.ClipBroken, errors.Join(err, errors.New("another program has the clipboard"))}
	}
	return nil
}

// Close takes it off the clipboard again, unless another program has that by now.
func (o *Owner) Close() {
	o.mu.Lock()
	o.content, o.closed = Content{}, true
	o.mu.Unlock()
	o.desk.conn.Close() // the server takes the window, and the clipboard from it
	<-o.done
}

// serve answers who asks, until the connection ends.
func (o *Owner) serve() {
	defer close(o.done)
	for e := range o.desk.events {
		switch e := e.(type) {
		case xproto.PropertyNotifyEvent:
			switch {
			case e.Window == o.desk.window:
				select {
				case o.times <- e.Time:
				default: // nobody waits for it
				}
			case e.State == xproto.PropertyDelete:
				o.more(taker{e.Window, e.Atom})
			}
		case xproto.SelectionClearEvent:
			o.mu.Lock()
			if e.Time >= o.since {
				o.content = Content{}
			}
			o.mu.Unlock()
		case xproto.SelectionRequestEvent:
			o.asked(e)
		case xproto.DestroyNotifyEvent:
			for t := range o.takers {
				if t.window == e.Window {
					delete(o.takers, t)
				}
			}
		}
	}
}

// asked gives what a program asks for, or says that it cannot.
func (o *Owner) asked(e xproto.SelectionRequestEvent) {
	if e.Property == 0 {
		e.Property = e.Target // of programs older than ICCCM
	}
	if !o.give(e) {
		e.Property = 0
	}
	answer := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
	xproto.SendEvent(o.desk.conn, false, e.Requestor, 0, string(answer.Bytes()))
}

// give puts what is asked for on the property. It reports whether it can.
func (o *Owner) give(e xproto.SelectionRequestEvent) bool {
	d := o.desk
	o.mu.Lock()
	c, since := o.content, o.since
	o.mu.Unlock()
	if c.Type == "" || e.Requestor == d.window || e.Selection != d.atoms[selection] || e.Time != xproto.TimeCurrentTime && e.Time < since {
		return false
	}
	kinds := []string{targetUTF8, targetPlain}
	if c.Type == protocol.ClipImage {
		kinds = []string{targetPNG}
	}
	var list []byte
	for _, name := range append([]string{targetList, targetTime}, kinds...) {
		list = append(list, make([]byte, 4)...)
		xgb.Put32(list[len(list)-4:], uint32(d.atoms[name]))
	}
	switch e.Target {
	case d.atoms[targetList]:
		xproto.ChangeProperty(d.conn, xproto.PropModeReplace, e.Requestor, e.Property, xproto.AtomAtom, 32, uint32(len(list)/4), list)
		return true
	case d.atoms[targetTime]:
		at := make([]byte, 4)
		xgb.Put32(at, uint32(since))
		xproto.ChangeProperty(d.conn, xproto.PropModeReplace, e.Requestor, e.Property, xproto.AtomInteger, 32, 1, at)
		return true
	}
	for _, name := range kinds {
		if e.Target == d.atoms[name] {
			return o.pass(e, c.Data)
		}
	}
	return false
}

// pass puts content on the property: at once, or announced to go in parts.
func (o *Owner) pass(e xproto.SelectionRequestEvent, data []byte) bool {
	d := o.desk
	if len(data) <= partSize {
		xproto.ChangeProperty(d.conn, xproto.PropModeReplace, e.Requestor, e.Property, e.Target, 8, uint32(len(data)), data)
		return true
	}
	now := time.Now()
	for t, g := range o.takers {
		if now.Sub(g.asOf) > patience {
			delete(o.takers, t) // it takes no more
		}
	}
	to := taker{e.Requestor, e.Property}
	if _, again := o.takers[to]; again || len(o.takers) >= maxTakers {
		return false
	}
	xproto.ChangeWindowAttributes(d.conn, e.Requestor, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange | xproto.EventMaskStructureNotify})
	size := make([]byte, 4)
	xgb.Put32(size, uint32(len(data)))
	xproto.ChangeProperty(d.conn, xproto.PropModeReplace, e.Requestor, e.Property, d.atoms[byParts], 32, 1, size)
	o.takers[to] = &given{kind: e.Target, rest: data, asOf: now}
	return true
}

// more puts the next part there: the program has taken the one before.
func (o *Owner) more(to taker) {
	g := o.takers[to]
	if g == nil {
		return
	}
	if g.last {
		delete(o.takers, to)
		return
	}
	part := g.rest[:min(partSize, len(g.rest))]
	g.rest, g.last, g.asOf = g.rest[len(part):], len(part) == 0, time.Now()
	xproto.ChangeProperty(o.desk.conn, xproto.PropModeReplace, to.window, to.property, g.kind, 8, uint32(len(part)), part)
}

package ui

import (
	"context"
	"sync"
	"time"
)

// conversation is one dialog on the screen and what the person does in it.
type conversation struct {
	u      *UI
	w      dialogWindow
	events chan event
	since  time.Time // when it came on the screen; zero before
	quiet  bool      // it asks nothing
	stop   context.CancelFunc
	aside  func() // may be nil
	also   func() // likewise
	helper sync.WaitGroup
	once   sync.Once
}

// converse shows a dialog. The caller must close it.
func (u *UI) converse(d dialog) (*conversation, error) {
	d.title = u.title(d.title)
	c := &conversation{u: u, events: make(chan event, 16), quiet: d.quiet}
	c.asks(1)
	w, err := u.kit.openDialog(d, func(e event) {
		select {
		case c.events <- e:
		default: // sixteen unread presses: the first of them decides anyway
		}
	})
	if err != nil {
		c.asks(-1)
		return nil, err
	}
	c.w = w
	return c, nil
}

// asks counts the windows that ask something.
func (c *conversation) asks(n int32) {
	if !c.quiet {
		c.u.asking.Add(n)
	}
}

// next waits for what the person does. A nil ring never rings; when it does, the event is zero.
func (c *conversation) next(ctx context.Context, ring <-chan time.Time) (event, error) {
	for {
		var e event
		select {
		case e = <-c.events: // first: a press before the deadline is not late
		default:
			select {
			case e = <-c.events:
			case <-ring:
				return event{}, nil
			case <-ctx.Done():
				return event{}, ctx.Err()
			case <-c.u.closing:
				return event{}, ErrClosed
			case <-c.u.desktop.gone:
				return event{}, ErrDisplayLost
			}
		}
		switch e.kind {
		case shown:
			if c.since.IsZero() {
				c.since = e.at
			}
			c.attend()
		case followed:
			c.follow(e.text)
		case chatting:
			f := c.aside
			if e.text == alsoText {
				f = c.also
			}
			if f != nil {
				f()
			}
		default:
			return e, nil
		}
	}
}

// attend gives the dialog the keyboard, whatever window manager there is or is not.
func (c *conversation) attend() {
	if c.stop != nil || c.w.xid() == 0 || c.quiet {
		return // once is enough, also for a window that was minimized and comes back
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.helper.Go(func() { c.u.desktop.focus(ctx, c.w.xid()) })
}

// follow shows the page of a link, and its address where that fails.
func (c *conversation) follow(address string) {
	c.helper.Go(func() {
		if c.u.cfg.OpenLink(address) != nil {
			c.w.set(partAddress, address)
		}
	})
}

// settled tells whether the dialog has been on the screen long enough for a press at that time to
// be meant for it, and for so long at least.
func (c *conversation) settled(at time.Time, atLeast time.Duration) bool {
	return !c.since.IsZero() && at.Sub(c.since) >= max(settleTime, atLeast)
}

// settleTime is how long an accepting button ignores presses after the dialog has come up: the
// Enter of someone who is typing elsewhere is no consent.
const settleTime = 500 * time.Millisecond

func (c *conversation) close() {
	if c.stop != nil {
		c.stop()
	}
	c.w.close()
	c.helper.Wait()
	c.once.Do(func() { c.asks(-1) })
}

package ui

import (
	"fmt"
	"sync"
	"time"
)

// Bar is the slim window that stays on top of all others during a session.
type Bar struct {
	u     *UI
	w     barWindow
	ended chan struct{}
	press sync.Once

	pauses, changes, takesBack, chats chan struct{} // of capacity 1

	mu    sync.Mutex
	since time.Time

	stop chan struct{}
	once sync.Once
	done chan struct{}
}

// Bar shows the bar at the top of the screen. It takes no keyboard focus by itself; a click on it
// gives it the focus, and then Enter and Space press the red X.
func (u *UI) Bar(t BarText) (*Bar, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := u.enter(); err != nil {
		return nil, err
	}
	t.Title = u.title(t.Title)
	b := &Bar{u: u, ended: make(chan struct{}), pauses: make(chan struct{}, 1), changes: make(chan struct{}, 1), takesBack: make(chan struct{}, 1), chats: make(chan struct{}, 1), since: t.Since, stop: make(chan struct{}), done: make(chan struct{})}
	if b.since.IsZero() {
		b.since = time.Now()
	}
	w, err := u.kit.openBar(t, func(e event) {
		switch e.kind {
		case ended:
			b.press.Do(func() { close(b.ended) })
		case paused:
			ring(b.pauses)
		case changing:
			ring(b.changes)
		case takingBack:
			ring(b.takesBack)
		case chatting:
			ring(b.chats)
		}
	})
	if err != nil {
		u.work.Done()
		return nil, err
	}
	b.w = w
	u.desktop.keepAbove(w.xid())
	go b.count()
	return b, nil
}

// count shows the time and takes the window away in the end.
func (b *Bar) count() {
	defer b.u.work.Done()
	defer close(b.done)
	defer b.w.close()
	defer b.u.desktop.letGo(b.w.xid())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		b.tick()
		select {
		case <-tick.C:
		case <-b.stop:
			return
		case <-b.u.closing:
			return
		case <-b.u.desktop.gone:
			return
		}
	}
}

// tick shows the time that has passed.
func (b *Bar) tick() {
	b.mu.Lock()
	since := b.since
	b.mu.Unlock()
	b.w.elapsed(clockText(time.Since(since)))
}

// clockText is a length of time as people read it: 0:42, 12:05, 1:02:03.
func clockText(d time.Duration) string {
	s := max(0, int(d/time.Second))
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Ended is closed the instant the red X is pressed. Closing the bar does not close it.
func (b *Bar) Ended() <-chan struct{} { return b.ended }

// Pauses is ready when the button to pause, or to go on, was pressed. Presses that nobody heard count
// as one.
func (b *Bar) Pauses() <-chan struct{} { return b.pauses }

// Changes is ready when the button to change what is shown was pressed.
func (b *Bar) Changes() <-chan struct{} { return b.changes }

// TakesBack is ready when the button to take back what is allowed was pressed.
func (b *Bar) TakesBack() <-chan struct{} { return b.takesBack }

// Chats is ready when the button for the chat was pressed.
func (b *Bar) Chats() <-chan struct{} { return b.chats }

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Lost is closed when the bar is no longer on the screen, for whatever reason. A session without
// its bar must end.
func (b *Bar) Lost() <-chan struct{} { return b.done }

// Update changes the texts; a zero Since keeps the time. An unusable text leaves the old ones.
func (b *Bar) Update(t BarText) error {
	if err := t.check(); err != nil {
		return err
	}
	t.Title = b.u.title(t.Title)
	if !t.Since.IsZero() {
		b.mu.Lock()
		b.since = t.Since
		b.mu.Unlock()
	}
	b.w.update(t)
	b.tick()
	return nil
}

// Close takes the bar away and waits for that.
func (b *Bar) Close() {
	b.once.Do(func() { close(b.stop) })
	<-b.done
}

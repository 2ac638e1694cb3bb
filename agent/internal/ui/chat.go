package ui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jezek/xgb/xproto"
)

// ChatText is what the chat's window says beside the lines. All but Hint and Empty are needed.
type ChatText struct {
	Title   string
	Heading string // with whom
	Hint    string // under it
	Empty   string // in place of the lines while there are none
	Label   string // of the field
	Send    string // button
	Again   string // button at a line that was not delivered
	Close   string // button
	Most    int    // characters of the field
}

// ChatLine is one line of the chat. Text may come from a stranger; it is text and never markup.
type ChatLine struct {
	Key   string // the same as long as it is the same line
	Head  string // who wrote it, and when
	Text  string
	Own   bool   // written here
	State string // what is to be said of it; empty for nothing
	Again bool   // it can be sent again
	Links []Link // addresses in the text: a press is told, and opens nothing
}

// ChatKind says what a person did in the chat's window.
type ChatKind int

const (
	ChatSent     ChatKind = iota + 1 // wrote a line; Text is the line
	ChatAgain                        // wants to send one again; Text is its key
	ChatFollowed                     // pressed a link; Text is the address
)

// ChatEvent is something that a person did in the chat's window.
type ChatEvent struct {
	Kind ChatKind
	Text string
}

// Chat is the window in which both sides write. It decides nothing.
type Chat struct {
	u      *UI
	w      chatWindow
	events chan ChatEvent
	closed chan struct{}
	fronts chan struct{} // of capacity 1
	gone   sync.Once
	end    context.CancelFunc
	over   context.Context
	work   sync.WaitGroup
}

// Chat opens the window in which both sides write. With front it gets the keyboard, as the person
// asked for it; else it leaves the keyboard where it is.
func (u *UI) Chat(t ChatText, front bool) (*Chat, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := u.enter(); err != nil {
		return nil, err
	}
	t.Title = u.title(t.Title)
	over, end := context.WithCancel(context.Background())
	c := &Chat{u: u, events: make(chan ChatEvent, 16), closed: make(chan struct{}), fronts: make(chan struct{}, 1), over: over, end: end}
	u.asking.Add(1) // what other programs inject must not be sent as the person's words
	shown := make(chan struct{}, 1)
	w, err := u.kit.openChat(t, front, c.tell(shown))
	if err != nil {
		end()
		u.asking.Add(-1)
		u.work.Done()
		return nil, err
	}
	c.w = w
	c.work.Go(func() {
		defer u.work.Done()
		defer u.asking.Add(-1)
		c.watch(shown, front)
	})
	return c, nil
}

// tell takes what happens in the window.
func (c *Chat) tell(up chan<- struct{}) func(event) {
	send := func(k ChatKind, text string) {
		select {
		case c.events <- ChatEvent{k, text}:
		default: // sixteen that nobody has read: the person presses again
		}
	}
	return func(e event) {
		switch e.kind {
		case shown:
			select {
			case up <- struct{}{}:
			default:
			}
		case sending:
			if strings.TrimSpace(e.text) != "" {
				send(ChatSent, e.text)
			}
		case again:
			send(ChatAgain, e.text)
		case followed:
			send(ChatFollowed, e.text)
		case refused:
			c.gone.Do(func() { close(c.closed) })
		}
	}
}

// watch gives the window the keyboard once, and notices when there is no window any more.
func (c *Chat) watch(up <-chan struct{}, front bool) {
	for {
		select {
		case <-up:
			if front {
				front = false
				c.u.desktop.focus(c.over, c.w.xid())
			}
			continue
		case <-c.fronts:
			c.u.desktop.focus(c.over, c.w.xid())
			continue
		case <-c.over.Done():
		case <-c.u.closing:
		case <-c.u.desktop.gone:
		}
		c.end()
		c.gone.Do(func() { close(c.closed) })
		c.w.close()
		return
	}
}

// Show shows these lines, the newest last, and nothing else. Unusable ones leave what is there.
func (c *Chat) Show(lines []ChatLine) error {
	for _, l := range lines {
		if err := l.check(); err != nil {
			return err
		}
	}
	c.w.show(slices.Clone(lines))
	return nil
}

// Rename shows with whom the person writes from now on. A heading that is unusable leaves the
// one that is there.
func (c *Chat) Rename(heading string) error {
	if err := checkTexts(text{"heading", heading, maxLine, true}); err != nil {
		return err
	}
	c.w.rename(heading)
	return nil
}

// Front gives the window the keyboard.
func (c *Chat) Front() { ring(c.fronts) }

// Events delivers what the person does.
func (c *Chat) Events() <-chan ChatEvent { return c.events }

// Closed is closed when the person has closed the window, or it cannot be shown any more. The
// caller then closes it.
func (c *Chat) Closed() <-chan struct{} { return c.closed }

// Close takes the window off the screen and waits for that.
func (c *Chat) Close() {
	c.end()
	c.work.Wait()
}

// Follow shows a web page, as the person wishes. It returns an error for what is none, and where it
// cannot be shown.
func (u *UI) Follow(address string) error {
	if err := errors.Join(checkTexts(text{"address", address, maxLine, true}), checkURL(address)); err != nil {
		return err
	}
	return u.cfg.OpenLink(address)
}

func (t ChatText) check() error {
	if t.Most < 1 {
		return errors.Join(ErrText, errors.New("no room in the field"))
	}
	return checkTexts(text{"title", t.Title, maxLine, false}, text{"heading", t.Heading, maxLine, true}, text{"hint", t.Hint, maxBody, false},
		text{"empty", t.Empty, maxBody, false}, text{"label", t.Label, maxLine, true}, text{"sending button", t.Send, maxLine, true},
		text{"button to send again", t.Again, maxLine, true}, text{"closing button", t.Close, maxLine, true})
}

func (l ChatLine) check() error {
	return errors.Join(checkTexts(text{"key", l.Key, maxLine, true}, text{"head of a line", l.Head, maxLine, true},
		text{"line", l.Text, maxBody, true}, text{"state of a line", l.State, maxLine, false}), checkLinks(l.Links))
}

// same tells whether nothing of a line has changed.
func (l ChatLine) same(o ChatLine) bool {
	return l.Key == o.Key && l.Head == o.Head && l.Text == o.Text && l.Own == o.Own && l.State == o.State && l.Again == o.Again && slices.Equal(l.Links, o.Links)
}

// chatWindow is the chat's window on the screen.
type chatWindow interface {
	show([]ChatLine)
	rename(heading string)
	xid() xproto.Window
	close()
}

// Size of the chat's window before scaling, in pixels.
const (
	chatWidth  = 420
	chatHeight = 520
	chatEdge   = 24 // from the corner of the screen
)

// pressed is an event of now.
func pressed(k kind, text string) event { return event{kind: k, text: text, at: time.Now()} }

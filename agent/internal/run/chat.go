package run

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"consento/agent/internal/link"
	"consento/agent/internal/ui"
	"consento/protocol"
	"consento/protocol/lang"
)

const (
	// maxChatHeld bounds the lines that are shown.
	maxChatHeld = 500
	// chatAnswer is how long the broker may take to say that it has a line.
	chatAnswer = 20 * time.Second
	// chatRest is how long a window that the customer has closed stays so, where no bar
	// shows that there is something to read.
	chatRest = 10 * time.Second
)

// chat is the conversation with the technician as this program has it. A nil chat is one
// that never takes place. Its methods may be called from any goroutine; one of its own
// (run) shows the window.
type chat struct {
	ui     *ui.UI
	link   *link.Link
	log    *slog.Logger
	texts  lang.Texts
	with   string // the technician's name, isolated
	proven func(context.Context) error
	held   func() bool // somebody controls this computer: an open window would stop that
	stop   context.CancelFunc
	work   sync.WaitGroup
	wake   chan struct{} // of capacity 1: something has changed
	mark   chan struct{} // likewise, and the bar is to show it

	mu       sync.Mutex
	allowed  bool
	proved   bool
	entries  []chatEntry // those with a number first, in their order
	last     uint32
	pulling  bool // lines are missing, and the broker has not answered yet
	pulls    int  // how often something was missing
	unread   int
	barred   bool // the bar shows what is unread
	open     bool
	wanted   wish
	closedAt time.Time // by the customer; zero if it was not
}

// wish is how the window is wished to be.
type wish int

const (
	wishNone   wish = iota
	wishBeside      // shown, without taking the keyboard
	wishFront
)

// chatEntry is one line, or a gap before one.
type chatEntry struct {
	n     uint32 // 0: the broker does not have it
	key   string
	own   bool
	name  string
	text  string
	at    time.Time
	gap   uint32 // so many lines are missing here
	state entryState
	why   protocol.ErrorCode
}

type entryState int

const (
	entrySaid entryState = iota
	entrySending
	entryDoubtful // the connection was lost before the answer came
	entryFailed
)

// startChat begins the conversation, if the technician's profile has it. Nothing is shown
// or sent before it is proven that the recording stands on the office's log.
func (s *Session) startChat(ctx context.Context) {
	s.startChatWith(ctx, func(ctx context.Context) error { return s.broker.Recorded(ctx, s.joined.Session, s.joined.Proof) })
}

func (s *Session) startChatWith(ctx context.Context, proven func(context.Context) error) {
	ctx, stop := context.WithCancel(ctx)
	c := &chat{ui: s.UI, link: s.link, log: s.Log, texts: s.Texts, with: s.joined.Technician.Name, stop: stop,
		proven: proven, held: func() bool { return s.tools != nil && s.tools.gate.Load() != nil }, wake: make(chan struct{}, 1), mark: make(chan struct{}, 1), allowed: s.joined.Chat}
	s.chat = c
	c.work.Go(func() { c.run(ctx) })
}

// close ends the conversation and takes its window away.
func (c *chat) close() {
	if c == nil {
		return
	}
	c.stop()
	c.work.Wait()
}

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// possible reports whether lines may be written.
func (c *chat) possible() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allowed
}

// marks is ready when what the bar says of the chat has changed.
func (c *chat) marks() <-chan struct{} {
	if c == nil {
		return nil
	}
	return c.mark
}

// label is what the bar's button says, "" for no button.
func (c *chat) label() string {
	if !c.possible() {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unread > 0 {
		return c.texts.T("agent.bar.chat_unread", "n", strconv.Itoa(c.unread))
	}
	return c.texts.T("agent.bar.chat")
}

// bar says whether there is one, which shows what is unread.
func (c *chat) bar(there bool) {
	if c != nil {
		c.mu.Lock()
		c.barred = there
		c.mu.Unlock()
	}
}

// show opens the window, as the customer asked.
func (c *chat) show() {
	if c == nil {
		return
	}
	c.mu.Lock()
	c.wanted = wishFront
	c.mu.Unlock()
	ring(c.wake)
}

// take takes what the broker says of the chat; answer, if it was asked.
func (c *chat) take(m protocol.Chat, answer bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer ring(c.wake)
	if c.allowed != m.Allowed {
		c.allowed = m.Allowed
		ring(c.mark)
	}
	if answer {
		c.pulling = false
	}
	if !m.Allowed && len(m.Lines) > 0 {
		c.log.Warn("lines of a chat that is not allowed")
		return
	}
	for _, l := range m.Lines {
		switch {
		case l.N <= c.last:
			continue
		case l.N > c.last+1 && !answer:
			c.pull() // some were missed: they come in order, with this one
			return
		}
		c.add(l)
	}
	if m.More && len(m.Lines) > 0 {
		c.pull()
	} else if answer {
		c.settle()
	}
	c.entries = c.entries[max(0, len(c.entries)-maxChatHeld):]
}

// add puts a line behind those that have a number. The caller holds the lock.
func (c *chat) add(l protocol.ChatLine) {
	e := chatEntry{n: l.N, key: l.Key, own: l.From == protocol.ChatCustomer, name: isolate(l.Name), text: l.Text, at: l.At}
	if c.last > 0 || l.N > 1 {
		e.gap = l.N - c.last - 1
	}
	c.last = l.N
	place := len(c.entries)
	for i := len(c.entries) - 1; i >= 0 && c.entries[i].n == 0; i-- {
		place = i
	}
	for i := place; i < len(c.entries); i++ {
		if e.own && c.entries[i].key == l.Key {
			c.entries = append(c.entries[:i], c.entries[i+1:]...)
			break
		}
	}
	c.entries = append(c.entries[:place], append([]chatEntry{e}, c.entries[place:]...)...)
	if e.own || c.open {
		return
	}
	c.unread++
	ring(c.mark)
	if c.held() {
		return // the bar says that there is something to read
	}
	if c.closedAt.IsZero() || !c.barred && time.Since(c.closedAt) > chatRest {
		c.wanted = max(c.wanted, wishBeside)
	}
}

// settle gives up the lines of which the broker knows nothing. The caller holds the lock.
func (c *chat) settle() {
	for i := range c.entries {
		if c.entries[i].state == entryDoubtful {
			c.entries[i].state, c.entries[i].why = entryFailed, ""
		}
	}
}

// pull has run ask for what is missing. The caller holds the lock.
func (c *chat) pull() {
	c.pulling = true
	c.pulls++
	ring(c.wake)
}

// said takes the broker's answer to a line.
func (c *chat) said(m protocol.ChatSaid) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.entries {
		if e := &c.entries[i]; e.n == 0 && e.key == m.Key && m.N == 0 {
			e.state, e.why = entryFailed, m.Code
		}
	}
	ring(c.wake) // the line itself comes, or has come, as every other
}

// returned asks for what was missed while the connection was lost.
func (c *chat) returned() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.entries {
		if c.entries[i].state == entrySending {
			c.entries[i].state = entryDoubtful
		}
	}
	if c.allowed {
		c.pull()
	}
}

// run shows the window while it is wished, and says what is written in it.
func (c *chat) run(ctx context.Context) {
	if err := c.proven(ctx); err != nil {
		if ctx.Err() == nil {
			c.log.Error("no chat: the recording is not proven", slog.Any("error", err))
			c.mu.Lock()
			c.allowed = false
			c.mu.Unlock()
		}
		return
	}
	c.mu.Lock()
	c.proved = true
	if c.allowed {
		c.pull()
	}
	c.mu.Unlock()
	w := &chatView{chat: c}
	defer w.close()
	tick := time.NewTicker(chatAnswer / 4)
	defer tick.Stop()
	asked := 0
	for {
		select {
		case <-c.wake:
			c.mu.Lock()
			pulling, pulls, after := c.pulling, c.pulls, c.last
			c.mu.Unlock()
			if pulling && pulls != asked {
				if _, err := c.link.Send(ctx, &protocol.ChatSince{After: after}); err == nil {
					asked = pulls // else it is asked after the return
				}
			}
			w.refresh()
		case e := <-w.events():
			w.did(ctx, e)
		case <-w.closed():
			w.closedByPerson()
		case <-tick.C:
			c.expire()
		case <-ctx.Done():
			return
		}
	}
}

// expire gives up lines that were not answered in time.
func (c *chat) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.entries {
		if e := &c.entries[i]; e.n == 0 && e.state == entrySending && time.Since(e.at) > chatAnswer {
			e.state, e.why = entryFailed, ""
			ring(c.wake)
		}
	}
	if c.pulling {
		c.pull() // the broker was busy
	}
}

// write says a line, or says one again that was not delivered: key is then its key.
func (c *chat) write(ctx context.Context, text, key string) {
	c.mu.Lock()
	at := -1
	for i, e := range c.entries {
		if key != "" && e.key == key && e.n == 0 && e.state == entryFailed {
			at = i
		}
	}
	if key == "" {
		if text = protocol.ChatText(text); text == "" {
			c.mu.Unlock()
			return
		}
		c.entries = append(c.entries, chatEntry{key: rand.Text(), own: true, text: text})
		at = len(c.entries) - 1
	}
	if at < 0 {
		c.mu.Unlock()
		return
	}
	e := &c.entries[at]
	e.state, e.at = entrySending, time.Now()
	say := protocol.ChatSay{Key: e.key, Text: e.text}
	allowed := c.allowed && c.proved
	c.mu.Unlock()
	var err error
	if allowed {
		_, err = c.link.Send(ctx, &say)
	}
	if allowed && err == nil {
		ring(c.wake)
		return
	}
	why := protocol.ErrorCode("")
	if !allowed {
		why = protocol.CodeNotAllowed
	}
	c.mu.Lock()
	for i := range c.entries {
		if c.entries[i].key == say.Key && c.entries[i].n == 0 {
			c.entries[i].state, c.entries[i].why = entryFailed, why
		}
	}
	c.mu.Unlock()
	ring(c.wake)
}

package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"consento/protocol"
)

// Bounds of one session's chat. The evidence has all lines; in memory are the last.
const (
	maxChatHeld  = 500
	maxChatBytes = 128 << 10
	maxChatAll   = 2000 // lines of a session
	maxChatReply = 48 << 10
	// Lines that one side may say: at once, and for each second on average.
	chatBurst     = 10
	chatPerSecond = 1
	// maxChatKeys is how many lines are known again that are said twice.
	maxChatKeys = 32
)

// chat is what both sides have written. It belongs to the session's goroutine.
type chat struct {
	n      uint32 // number of the last line
	lines  []protocol.ChatLine
	bytes  int
	said   []chatSaid // the last, for those that are said again
	credit map[protocol.ChatSide]*chatCredit
}

// chatSaid is a line that was taken. It stands in the database, so that no line is taken
// twice because the broker was restarted: there is no content in it.
type chatSaid struct {
	Side protocol.ChatSide `json:"side"`
	Key  string            `json:"key"`
	N    uint32            `json:"n"`
}

// chatCredit counts the lines that a side may still say.
type chatCredit struct {
	left float64
	asOf time.Time
}

// mayCome counts one line of a side.
func (c *chat) mayCome(side protocol.ChatSide, now time.Time) bool {
	if c.credit == nil {
		c.credit = map[protocol.ChatSide]*chatCredit{}
	}
	k := c.credit[side]
	if k == nil {
		k = &chatCredit{left: chatBurst, asOf: now}
		c.credit[side] = k
	}
	k.left, k.asOf = min(chatBurst, k.left+now.Sub(k.asOf).Seconds()*chatPerSecond), now
	if k.left < 1 || c.n >= maxChatAll {
		return false
	}
	k.left--
	return true
}

// add holds a line that is on the evidence.
func (c *chat) add(l protocol.ChatLine) {
	c.n = l.N
	c.lines = append(c.lines, l)
	c.bytes += len(l.Text)
	for len(c.lines) > 1 && (len(c.lines) > maxChatHeld || c.bytes > maxChatBytes) {
		c.bytes -= len(c.lines[0].Text)
		c.lines = slices.Delete(c.lines, 0, 1)
	}
	c.said = append(c.said, chatSaid{l.From, l.Key, l.N})
	c.said = c.said[max(0, len(c.said)-maxChatKeys):]
}

// since are the lines behind a number, as many as one message holds.
func (c *chat) since(after uint32) (lines []protocol.ChatLine, more bool) {
	size := 0
	for _, l := range c.lines {
		if l.N <= after {
			continue
		}
		// In JSON a character takes up to six bytes more than one.
		if size += 6*len(l.Text) + 1000; len(lines) > 0 && (len(lines) == protocol.MaxChatLines || size > maxChatReply) {
			return lines, true
		}
		lines = append(lines, l)
	}
	return lines, false
}

// chatting reports whether both sides may write in this state.
func (s *session) chatting() bool {
	return s.joined && (s.row.State == protocol.StateWaiting || s.row.State == protocol.StateActive)
}

// takeLine puts a line on the evidence and passes it on, and returns its number. On the
// technician's side it may be a guest's.
// ErrTooMany says that its side writes too much.
func (s *session) takeLine(side protocol.ChatSide, by *guest, say protocol.ChatSay) (uint32, error) {
	for _, known := range s.chat.said {
		if known.Side == side && known.Key == say.Key {
			return known.N, nil
		}
	}
	if !s.chatting() {
		return 0, ErrNotNow
	}
	now := time.Now()
	if !s.chat.mayCome(side, now) {
		return 0, ErrTooMany
	}
	l := protocol.ChatLine{N: s.chat.n + 1, From: side, Text: say.Text, At: now.UTC(), Key: say.Key}
	data := map[string]any{"n": l.N, "side": side, "text": l.Text}
	if side == protocol.ChatTechnician {
		l.Name = s.person.Name
		if by != nil {
			l.Name, l.Guest = by.Name, by.Epoch
			data["guest"] = by.Epoch
		}
		data["from"] = l.Name
	}
	if err := s.write(logged{protocol.EventChat, data}); err != nil {
		s.must(err)
		return 0, errors.Join(ErrEvidence, err)
	}
	s.chat.add(l)
	s.remember()
	if s.agent != nil { // one that is away asks for what it missed
		s.agent.Send(&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{l}})
	}
	heard := &protocol.Chat{Session: s.id, Allowed: true, Lines: []protocol.ChatLine{l}}
	s.manager.listeners.tell(s.technician().ID, heard)
	for _, g := range s.guests {
		if g.in() && g.Way.Chats() {
			s.manager.listeners.tell(g.account, heard)
		}
	}
	return l.N, nil
}

// talks finds who takes part in the chat: nil for the technician whose session it is. It
// returns ErrNoSession for who does not.
func (s *session) talks(account string) (*guest, error) {
	if s.technician().ID == account {
		return nil, nil
	}
	if g := s.guestOf(account); g.in() && g.Way.Chats() {
		return g, nil
	}
	return nil, ErrNoSession
}

// Say takes a line of the technician's. Before it returns the line is on the evidence,
// and on its way to the customer.
func (m *Manager) Say(ctx context.Context, by Technician, say protocol.ChatSay) (n uint32, err error) {
	s, err := m.find(say.Session)
	if err != nil {
		return 0, err
	}
	if !by.Profile.Permissions.Allows(protocol.MayChat) {
		return 0, ErrNotAllowed
	}
	return n, s.do(ctx, func() error {
		g, err := s.talks(by.ID)
		if err != nil {
			return err
		}
		n, err = s.takeLine(protocol.ChatTechnician, g, say)
		return err
	})
}

// ChatSince gives the lines behind a number to the technician.
func (m *Manager) ChatSince(ctx context.Context, by Technician, since protocol.ChatSince) (chat protocol.Chat, err error) {
	s, err := m.find(since.Session)
	if err != nil {
		return chat, err
	}
	return chat, s.do(ctx, func() error {
		if _, err := s.talks(by.ID); err != nil {
			return err
		}
		chat = s.chatSince(since.After, by.Profile)
		chat.Session = s.id
		return nil
	})
}

// chatSince is what a side may know that has lines up to a number.
func (s *session) chatSince(after uint32, profile protocol.Profile) (c protocol.Chat) {
	if !profile.Permissions.Allows(protocol.MayChat) {
		return c
	}
	c.Allowed = s.chatting()
	c.Lines, c.More = s.chat.since(after)
	return c
}

// profile is that of the session's technician at this moment.
func (a *Agent) profile(ctx context.Context) (protocol.Profile, error) {
	now, err := a.session.manager.config.Technician(ctx, a.session.technician().ID)
	if err != nil {
		return protocol.Profile{}, fmt.Errorf("session: technician: %w", err)
	}
	return now.Profile, nil
}

// Say takes a line of the customer's, as Manager.Say does of the technician's. Where the
// profile does not have chat any more the agent is told so.
func (a *Agent) Say(ctx context.Context, say protocol.ChatSay) (n uint32, err error) {
	profile, err := a.profile(ctx)
	if err != nil {
		return 0, err
	}
	return n, a.act(ctx, func(s *session) error {
		if !profile.Permissions.Allows(protocol.MayChat) {
			s.agent.Send(&protocol.Chat{})
			return ErrNotAllowed
		}
		n, err = s.takeLine(protocol.ChatCustomer, nil, say)
		return err
	})
}

// ChatSince gives the lines behind a number to the agent.
func (a *Agent) ChatSince(ctx context.Context, since protocol.ChatSince) (chat protocol.Chat, err error) {
	profile, err := a.profile(ctx)
	if err != nil {
		return chat, err
	}
	return chat, a.act(ctx, func(s *session) error {
		chat = s.chatSince(since.After, profile)
		return nil
	})
}

package sockets

import (
	"context"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// Sessions of others: who may know of them, and come into them. The customer is asked
// beside that; package session asks.

// lists reports whether this person may know of a session, may whether they may come into
// it, and how: as their rights were when they were asked for last, a moment ago.
func (c *console) lists(w session.Whose) bool {
	return access.Can(c.current(), access.ListSessions, access.Scope(w))
}

func (c *console) may(w session.Whose, way protocol.GuestWay) bool {
	a := c.current()
	switch way {
	case protocol.WayJoin:
		return access.Can(a, access.JoinSession, access.Scope(w))
	case protocol.WaySupervise:
		return a.Role == access.Lead && access.Can(a, access.JoinSession, access.Scope(w))
	}
	return false
}

func (c *console) current() access.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.account
}

// seen is what this person sees of a session.
func (c *console) seen(s protocol.Session) protocol.Session {
	s = c.config.Sessions.Seen(c.current().ID, s)
	if s.Mine || s.Self != 0 || s.State.Over() {
		return s
	}
	whose, err := c.config.Sessions.WhoseIs(s.ID)
	if err != nil {
		return s // it is over in this moment
	}
	for _, way := range protocol.GuestWays() {
		if c.may(whose, way) {
			s.May = append(s.May, way)
		}
	}
	return s
}

// joinLive asks the customer. Who may not come into a session learns nothing of it.
func (c *console) joinLive(ctx context.Context, by session.Technician, ref uint64, m protocol.GuestJoin) error {
	whose, err := c.config.Sessions.WhoseIs(m.Session)
	if err != nil {
		return err
	}
	if !c.may(whose, m.Way) {
		return session.ErrNoSession
	}
	asked, err := c.config.Sessions.JoinLive(ctx, by, m)
	if err != nil {
		return err
	}
	c.reply(ref, &protocol.SessionChanged{Session: c.seen(asked)})
	return nil
}

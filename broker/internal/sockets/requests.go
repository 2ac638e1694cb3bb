package sockets

import (
	"context"
	"strings"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// Request is a message that a console sends, and the action that an account needs for it.
// The right is asked again with each message; whose session it is, package session asks.
type Request struct {
	Type   string
	Action access.Action

	handle  func(c *console, ctx context.Context, by session.Technician, e protocol.Envelope) error
	refused func(c *console, e protocol.Envelope, err error) error // nil: with an Error
}

// Requests lists every message that a console may send beside a Ping and what belongs to
// a tool's own channel. What is not here is not carried out; none is without an action.
func Requests() []Request {
	return []Request{
		on(access.IssueKey, (*console).issue),
		on(access.Assist, changing((*session.Manager).GiveReason)),
		on(access.ViewSession, (*console).view),
		on(access.ViewSession, (*console).stopWatching),
		on(access.ViewSession, carried((*session.Manager).SetCrisp)),
		on(access.ViewSession, changing((*session.Manager).WriteNote)),
		refusing(on(access.ViewSession, (*console).say), notSaid),
		on(access.ViewSession, (*console).chatSince),
		on(access.ViewSession, changing((*session.Manager).RequestConsent)),
		on(access.ViewSession, changing((*session.Manager).ReturnConsent)),
		on(access.ViewSession, changing((*session.Manager).TakeStill)),
		on(access.WorkTickets, changing((*session.Manager).AttachStill)),
		on(access.ViewSession, carried((*session.Manager).Annotate)),
		on(access.ViewSession, (*console).readSystem),
		on(access.ViewSession, (*console).followSystem),
		on(access.EndSession, (*console).end),
		on(access.Assist, (*console).joinLive),  // by which way, and into whose, it asks itself
		on(access.Assist, (*console).leaveLive), // oneself or, whoever may end the session, others
		on(access.ReadTickets, (*console).listTickets),
		on(access.ReadTickets, (*console).openTicket),
		on(access.ReadTickets, (*console).doTicket), // notes are for whoever reads one; package desk asks for the rest
		on(access.WorkTickets, (*console).newTicket),
		on(access.Assist, (*console).colleagues),
		on(access.InviteVendor, (*console).invite),
		on(access.Assist, changing((*session.Manager).WithdrawInvites)),
		on(access.Assist, (*console).offerLive), // likewise
		on(access.Assist, changing((*session.Manager).EndOffer)),
	}
}

// on is the request of message M, carried out by do for who may do action.
func on[M any, P interface {
	*M
	protocol.Message
}](action access.Action, do func(c *console, ctx context.Context, by session.Technician, ref uint64, m M) error) Request {
	return Request{Type: P(nil).MessageType(), Action: action, handle: func(c *console, ctx context.Context, by session.Technician, e protocol.Envelope) error {
		m, err := protocol.DecodeBody[M, P](e)
		if err != nil {
			return err
		}
		return do(c, ctx, by, e.ID, m)
	}}
}

// refusing is r with an answer of its own for who may not.
func refusing(r Request, answer func(*console, protocol.Envelope, error) error) Request {
	r.refused = answer
	return r
}

// changing answers with the session as do has changed it.
func changing[M any](do func(*session.Manager, context.Context, session.Technician, M) (protocol.Session, error)) func(*console, context.Context, session.Technician, uint64, M) error {
	return func(c *console, ctx context.Context, by session.Technician, ref uint64, m M) error {
		changed, err := do(c.config.Sessions, ctx, by, m)
		if err != nil {
			return err
		}
		c.reply(ref, &protocol.SessionChanged{Session: c.seen(changed)})
		return nil
	}
}

// carried does what has no answer.
func carried[M any](do func(*session.Manager, context.Context, session.Technician, M) error) func(*console, context.Context, session.Technician, uint64, M) error {
	return func(c *console, ctx context.Context, by session.Technician, _ uint64, m M) error {
		return do(c.config.Sessions, ctx, by, m)
	}
}

func (c *console) handle(ctx context.Context, e protocol.Envelope) error {
	if e.Type == (*protocol.Ping)(nil).MessageType() {
		c.reply(e.ID, &protocol.Pong{})
		return nil
	}
	request, ok := c.config.requests[e.Type]
	if !ok {
		return other(e)
	}
	by, err := c.technician(ctx, request.Action)
	if err != nil && request.refused != nil {
		return request.refused(c, e, err)
	}
	if err != nil {
		return err
	}
	return request.handle(c, ctx, by, e)
}

func (c *console) issue(ctx context.Context, by session.Technician, ref uint64, m protocol.NewSession) error {
	issued, key, err := c.config.Sessions.Issue(ctx, by, m)
	if err != nil {
		return err
	}
	issued.Mine = true
	c.reply(ref, &protocol.SessionIssued{Session: issued, Key: string(key), URL: c.config.PublicURL + "/k/" + string(key),
		Address: strings.TrimPrefix(c.config.PublicURL, "https://")})
	return nil
}

func (c *console) view(ctx context.Context, by session.Technician, ref uint64, m protocol.Offer) error {
	if m.Session == "" {
		return session.ErrNoSession
	}
	view, answer, err := c.config.Sessions.View(ctx, by, m.Session, m.SDP)
	if err != nil {
		return err
	}
	c.keep(m.Session, view)
	c.reply(ref, &protocol.Answer{Session: m.Session, SDP: answer})
	return nil
}

func (c *console) stopWatching(_ context.Context, _ session.Technician, _ uint64, m protocol.StopWatching) error {
	c.keep(m.Session, nil)
	return nil
}

func (c *console) say(ctx context.Context, by session.Technician, ref uint64, m protocol.ChatSay) error {
	n, err := c.config.Sessions.Say(ctx, by, m)
	return c.said(ref, m.Key, n, err)
}

func notSaid(c *console, e protocol.Envelope, err error) error {
	m, malformed := protocol.DecodeBody[protocol.ChatSay](e)
	if malformed != nil {
		return malformed
	}
	return c.said(e.ID, m.Key, 0, err)
}

func (c *console) chatSince(ctx context.Context, by session.Technician, ref uint64, m protocol.ChatSince) error {
	chat, err := c.config.Sessions.ChatSince(ctx, by, m)
	if err != nil {
		return err
	}
	c.reply(ref, &chat)
	return nil
}

func (c *console) readSystem(ctx context.Context, by session.Technician, ref uint64, m protocol.SystemRequest) error {
	started, err := c.config.Sessions.ReadSystem(ctx, by, m, c.panel)
	if err != nil {
		return err
	}
	c.reply(ref, &started)
	return nil
}

func (c *console) followSystem(ctx context.Context, by session.Technician, ref uint64, m protocol.SystemFollow) error {
	started, err := c.config.Sessions.FollowSystem(ctx, by, m, c.panel)
	if err != nil {
		return err
	}
	c.reply(ref, &started)
	return nil
}

func (c *console) end(ctx context.Context, by session.Technician, _ uint64, m protocol.EndSession) error {
	return c.config.Sessions.End(ctx, by, m.Session)
}

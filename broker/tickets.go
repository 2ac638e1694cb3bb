package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"consento/broker/internal/desk"
	"consento/broker/internal/evidence"
	"consento/broker/internal/session"
	"consento/protocol"
)

// sessionTicket is the ticket that a new session belongs to: the one that was asked for,
// or one that is made, unless the office wants none.
func (b *broker) sessionTicket(ctx context.Context, by session.Technician, asked protocol.NewSession) (session.Ticket, error) {
	if asked.Ticket == "" {
		s, err := b.access.Settings(ctx)
		if err != nil || s.LooseSessions {
			return session.Ticket{}, err
		}
	}
	account, err := b.access.ByID(ctx, by.ID)
	if err != nil {
		return session.Ticket{}, err
	}
	t, err := b.desk.ForSession(ctx, account, asked.Ticket, cmp.Or(asked.Title, asked.Reason, "Support session"))
	return session.Ticket{ID: t.ID, Ref: t.Ref}, err
}

// attachSealed names something of a session's evidence on its ticket.
func (b *broker) attachSealed(ctx context.Context, by session.Technician, ticket string, what session.Sealed) error {
	account, err := b.access.ByID(ctx, by.ID)
	if err != nil {
		return err
	}
	return b.desk.AttachSealed(ctx, account, ticket, desk.Sealed(what))
}

// linkSessions tells tickets of their sessions until ctx ends: also of those that ended
// while the broker was stopped.
func (b *broker) linkSessions(ctx context.Context) {
	changes := b.sessions.Changes(ctx)
	open, err := b.desk.Unended(ctx)
	if err != nil {
		b.log.Error("tickets are not told of sessions that ended", slog.Any("error", err))
	}
	for id := range open {
		if s, err := b.sessions.Snapshot(ctx, id); err == nil {
			b.linkSession(ctx, s)
		}
	}
	for s := range changes {
		b.linkSession(ctx, s)
	}
}

func (b *broker) linkSession(ctx context.Context, s protocol.Session) {
	if s.Ticket == nil {
		return
	}
	owner, err := b.sessions.Owner(ctx, s.ID)
	if err == nil {
		err = b.desk.NoteSession(ctx, s.Ticket.ID, desk.LinkedSession{ID: s.ID, By: desk.Person{ID: owner, Name: s.Technician.Name},
			Started: s.IssuedAt, Shared: s.ActiveAt, Ended: s.EndedAt, Reason: string(s.EndReason)})
	}
	if err != nil && ctx.Err() == nil {
		b.log.Error("ticket is not told of its session", slog.String("session", s.ID), slog.Any("error", err))
	}
}

// holdConcerned puts a preliminary legal hold on each session of a suspected data breach that
// has none yet.
func (b *broker) holdConcerned(ctx context.Context) error {
	list, err := b.desk.Concerned(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, c := range list {
		err := b.evidence.HoldAtOnce(ctx, c.Session, c.Until, c.Ticket, "suspected data breach, ticket "+c.Ref)
		if !errors.Is(err, evidence.ErrNotFound) { // nothing of it is on evidence yet: there is nothing to delete
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

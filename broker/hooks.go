package main

import (
	"context"

	"github.com/uptrace/bun"

	"consento/broker/internal/desk"
	"consento/broker/internal/hooks"
	"consento/broker/internal/ops"
	"consento/broker/internal/session"
)

// openHooks makes what tells other systems of events.
func (b *broker) openHooks(secrets *ops.Secrets) (*hooks.Hooks, error) {
	allow, err := b.config.Webhooks.Networks()
	if err != nil {
		return nil, err
	}
	roots, err := b.config.Webhooks.Roots()
	if err != nil {
		return nil, err
	}
	return hooks.New(hooks.Config{Database: b.db, Key: secrets.Derive("webhook secrets"), Allow: allow, Roots: roots, Log: b.log})
}

// tellOfSession puts on its way that a session started or ended.
func (b *broker) tellOfSession(ctx context.Context, tx bun.IDB, l session.Listed) error {
	kind := hooks.SessionStarted
	if !l.Ended.IsZero() {
		kind = hooks.SessionEnded
	}
	return b.hooks.Note(ctx, tx, kind, map[string]hooks.Session{"session": {ID: l.ID, Team: l.Team, Issued: l.Issued, Active: l.Active, Ended: l.Ended,
		EndReason: string(l.EndReason), Test: l.Test, API: b.url + "/api/v1/sessions/" + l.ID}})
}

// tellOfTicket puts on its way that a ticket came in or changed.
func (b *broker) tellOfTicket(ctx context.Context, tx bun.IDB, t desk.Ticket, did desk.ActKind) error {
	told := hooks.Ticket{ID: t.ID, Ref: t.Ref, Version: t.Version, Type: string(t.Type), State: string(t.State), Category: t.Category, Team: t.Team, Level: string(t.Level),
		API: b.url + "/api/v1/tickets/" + t.ID}
	if t.Priority != 0 {
		told.Priority = []string{"critical", "high", "medium", "low"}[t.Priority-1]
	}
	kind := hooks.TicketOpened
	if did != "open" {
		kind, told.Act = hooks.TicketChanged, string(did)
	}
	return b.hooks.Note(ctx, tx, kind, map[string]hooks.Ticket{"ticket": told})
}

package desk

import (
	"context"
	"fmt"

	"consento/broker/internal/access"
	"consento/broker/internal/mail"
	"consento/protocol/lang"

	"github.com/uptrace/bun"
)

// StaffPost tells those who work here by mail: of promises that run out, and of suspected
// data breaches. It queues letters in the transaction that notes what they tell of.
type StaffPost struct{ mail.Staff }

// Alert tells whom a ticket is assigned to, and who leads its team.
func (p StaffPost) Alert(ctx context.Context, db bun.IDB, a Alert) error {
	var to []mail.Colleague
	err := db.NewSelect().Table("accounts").Column("id", "name", "email", "language").Where("disabled_at IS NULL").
		Where("(id = ? OR team = ? AND role = ?)", a.Ticket.Assignee.ID, a.Ticket.Team, access.Lead).Order("id").Scan(ctx, &to)
	if err != nil {
		return fmt.Errorf("desk: alert: %w", err)
	}
	return p.Tell(ctx, db, to, func(x lang.Texts, to mail.Colleague) mail.Letter {
		what := x.T("desk.did." + string(a.Clock) + "_" + string(a.Kind))
		return mail.Letter{ID: fmt.Sprintf("alert-%s-%s-%s-%d-%s", a.Ticket.ID, a.Clock, a.Kind, a.Due.UnixMilli(), to.ID),
			Subject: a.Ticket.Ref + ": " + what,
			Body:    []string{x.T("levels.mail.alert", "ref", a.Ticket.Ref, "title", a.Ticket.Title, "what", what)},
			Link:    mail.Link{Text: x.T("levels.mail.open"), URL: p.URL + "/desk/" + a.Ticket.ID}}
	})
}

// Breach tells every data-protection officer; where there is none, the auditors. Nothing of
// what the ticket says is in the mail.
func (p StaffPost) Breach(ctx context.Context, db bun.IDB, b Breach, news BreachNews) error {
	var to []mail.Colleague
	for _, role := range []access.Role{access.DPO, access.Auditor} {
		if len(to) > 0 {
			break
		}
		if err := db.NewSelect().Table("accounts").Column("id", "name", "email", "language").Where("disabled_at IS NULL").Where("role = ?", role).Order("id").Scan(ctx, &to); err != nil {
			return fmt.Errorf("desk: breach: %w", err)
		}
	}
	return p.Tell(ctx, db, to, func(x lang.Texts, to mail.Colleague) mail.Letter {
		return mail.Letter{ID: "breach-" + b.Ticket.ID + "-" + string(news) + "-" + to.ID, Subject: x.T("breach.mail.subject", "ref", b.Ticket.Ref),
			Body: []string{x.T("breach.mail." + string(news)), x.T("breach.mail.due", "first", wallTime(x, b.First.UTC()), "last", wallTime(x, b.Last.UTC()))},
			Link: mail.Link{Text: x.T("levels.mail.open"), URL: p.URL + "/audit/breaches/" + b.Ticket.ID}}
	})
}

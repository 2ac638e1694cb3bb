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
type StaffPost struct {
	// Speaks returns the texts in the language of an account, or the office's for "".
	Speaks func(ctx context.Context, language string) (lang.Texts, error)
	URL    string // public address, without a slash at its end
	Queue  func(ctx context.Context, db bun.IDB, l mail.Letter) error
}

// staffRow is somebody who is told.
type staffRow struct{ ID, Name, Email, Language string }

// Alert tells whom a ticket is assigned to, and who leads its team.
func (p StaffPost) Alert(ctx context.Context, db bun.IDB, a Alert) error {
	var rows []staffRow
	err := db.NewSelect().Table("accounts").Column("id", "name", "email", "language").Where("disabled_at IS NULL").
		Where("(id = ? OR team = ? AND role = ?)", a.Ticket.Assignee.ID, a.Ticket.Team, access.Lead).Order("id").Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("desk: alert: %w", err)
	}
	for _, to := range rows {
		x, err := p.Speaks(ctx, to.Language)
		if err != nil {
			return err
		}
		what := x.T("desk.did." + string(a.Clock) + "_" + string(a.Kind))
		l := mail.Letter{ID: fmt.Sprintf("alert-%s-%s-%s-%d-%s", a.Ticket.ID, a.Clock, a.Kind, a.Due.UnixMilli(), to.ID), To: mail.Address{Name: to.Name, Email: to.Email}, Language: x.Tag,
			Subject: a.Ticket.Ref + ": " + what,
			Body:    []string{x.T("mail.hello", "name", to.Name), x.T("levels.mail.alert", "ref", a.Ticket.Ref, "title", a.Ticket.Title, "what", what)},
			Link:    mail.Link{Text: x.T("levels.mail.open"), URL: p.URL + "/desk/" + a.Ticket.ID}}
		if err := p.Queue(ctx, db, l); err != nil {
			return err
		}
	}
	return nil
}

// Breach tells every data-protection officer; where there is none, the auditors. Nothing of
// what the ticket says is in the mail.
func (p StaffPost) Breach(ctx context.Context, db bun.IDB, b Breach, news BreachNews) error {
	var rows []staffRow
	for _, role := range []access.Role{access.DPO, access.Auditor} {
		if len(rows) > 0 {
			break
		}
		if err := db.NewSelect().Table("accounts").Column("id", "name", "email", "language").Where("disabled_at IS NULL").Where("role = ?", role).Order("id").Scan(ctx, &rows); err != nil {
			return fmt.Errorf("desk: breach: %w", err)
		}
	}
	for _, to := range rows {
		x, err := p.Speaks(ctx, to.Language)
		if err != nil {
			return err
		}
		l := mail.Letter{ID: "breach-" + b.Ticket.ID + "-" + string(news) + "-" + to.ID, To: mail.Address{Name: to.Name, Email: to.Email}, Language: x.Tag,
			Subject: x.T("breach.mail.subject", "ref", b.Ticket.Ref),
			Body:    []string{x.T("mail.hello", "name", to.Name), x.T("breach.mail." + string(news)), x.T("breach.mail.due", "first", wallTime(x, b.First.UTC()), "last", wallTime(x, b.Last.UTC()))},
			Link:    mail.Link{Text: x.T("levels.mail.open"), URL: p.URL + "/audit/breaches/" + b.Ticket.ID}}
		if err := p.Queue(ctx, db, l); err != nil {
			return err
		}
	}
	return nil
}

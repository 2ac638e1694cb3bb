package hooks

import (
	"context"
	"fmt"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/mail"
	"consento/protocol/lang"

	"github.com/uptrace/bun"
)

// StaffPost tells those who may manage webhooks by mail that one was switched off.
type StaffPost struct {
	// Speaks returns the texts in the language of an account, or the office's for "".
	Speaks func(ctx context.Context, language string) (lang.Texts, error)
	URL    string // public address, without a slash at its end
	Queue  func(ctx context.Context, db bun.IDB, l mail.Letter) error
}

// Stopped queues one letter for each of them, in the transaction that switches it off.
func (p StaffPost) Stopped(ctx context.Context, db bun.IDB, t Target) error {
	var managers []access.Role
	for _, r := range access.Roles() {
		if slices.ContainsFunc(access.Grants(r), func(g access.Grant) bool { return g.Action == access.ManageOffice }) {
			managers = append(managers, r)
		}
	}
	var people []struct{ ID, Name, Email, Language string }
	if err := db.NewSelect().Table("accounts").Column("id", "name", "email", "language").Where("disabled_at IS NULL").Where("role IN (?)", bun.List(managers)).Order("id").Scan(ctx, &people); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	for _, to := range people {
		x, err := p.Speaks(ctx, to.Language)
		if err != nil {
			return fmt.Errorf("hooks: %w", err)
		}
		l := mail.Letter{To: mail.Address{Name: to.Name, Email: to.Email}, Language: x.Tag, Subject: x.T("webhooks.mail.subject", "name", t.Name),
			Body: []string{x.T("mail.hello", "name", to.Name), x.T("webhooks.mail.off", "name", t.Name), x.T("webhooks.stopped." + string(t.Stopped))},
			Link: mail.Link{Text: x.T("webhooks.mail.open"), URL: p.URL + "/admin/webhooks/" + t.ID}}
		if err := p.Queue(ctx, db, l); err != nil {
			return err
		}
	}
	return nil
}

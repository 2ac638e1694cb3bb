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
type StaffPost struct{ mail.Staff }

// Stopped queues one letter for each of them, in the transaction that switches it off.
func (p StaffPost) Stopped(ctx context.Context, db bun.IDB, t Target) error {
	var managers []access.Role
	for _, r := range access.Roles() {
		if slices.ContainsFunc(access.Grants(r), func(g access.Grant) bool { return g.Action == access.ManageOffice }) {
			managers = append(managers, r)
		}
	}
	var to []mail.Colleague
	if err := db.NewSelect().Table("accounts").Column("id", "name", "email", "language").Where("disabled_at IS NULL").Where("role IN (?)", bun.List(managers)).Order("id").Scan(ctx, &to); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	return p.Tell(ctx, db, to, func(x lang.Texts, _ mail.Colleague) mail.Letter {
		return mail.Letter{Subject: x.T("webhooks.mail.subject", "name", t.Name),
			Body: []string{x.T("webhooks.mail.off", "name", t.Name), x.T("webhooks.stopped." + string(t.Stopped))},
			Link: mail.Link{Text: x.T("webhooks.mail.open"), URL: p.URL + "/admin/webhooks/" + t.ID}}
	})
}

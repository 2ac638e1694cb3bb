package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// settle gives somebody's account what their groups say, makes it where a rule says so, and
// suspends it where none does or they are not active. Auditors and data-protection officers
// never come this way: whoever holds the token is an administrator, and makes none (ADR 48).
func (a *Access) settle(ctx context.Context, tx bun.Tx, person *personRow) error {
	rules, err := rulesIn(ctx, tx)
	if err != nil {
		return err
	}
	refs, err := groupsOf(ctx, tx, person.ID)
	if err != nil {
		return err
	}
	names := []string{}
	for _, r := range refs {
		names = append(names, r.Name)
	}
	groups, err := json.Marshal(names)
	if err != nil {
		return err
	}
	link, err := linkOf(ctx, tx, scimIssuer, person.ID)
	if err != nil {
		return err
	}
	if link == nil {
		if link, err = a.provision(ctx, tx, rules, person, names); err != nil || link == nil {
			return err
		}
	}
	link.GroupNames, link.Inactive, link.SeenAt = string(groups), !person.Active, time.Now()
	if _, err := tx.NewUpdate().Model(link).Column("group_names", "inactive", "seen_at").WherePK().Exec(ctx); err != nil {
		return err
	}
	row, err := selectAccount(ctx, tx, "account.id = ?", link.AccountID)
	if err != nil {
		return err
	}
	refused, err := reconcile(ctx, tx, rules, row, *link)
	switch {
	case err != nil:
		return err
	case refused == RefusedLast:
		return ErrLastAdministrator
	case refused != "" || row.Name == person.shown():
		return nil
	}
	before := row.Name
	row.Name = person.shown()
	if _, err := tx.NewUpdate().Model(row).Column("name").WherePK().Exec(ctx); err != nil {
		return err
	}
	return ops.NoteAct(ctx, tx, "account.changed", ops.ByBroker, map[string]any{"account": row.ID, "issuer": scimIssuer, "before": map[string]any{"name": before}, "after": map[string]any{"name": row.Name}})
}

// provision links a person with an account: a new one, one from the central accounts, or
// one that waits for them; nil if they are to have none. One with a password that does not
// wait stays as it is: a directory takes nobody's account.
func (a *Access) provision(ctx context.Context, tx bun.Tx, rules []ruleRow, person *personRow, groups []string) (*linkRow, error) {
	rule, refused := decide(rules, groups)
	if !person.Active || refused != "" || rule.Role.audits() || person.Email == "" {
		return nil, nil
	}
	link := &linkRow{Issuer: scimIssuer, Subject: person.ID, GroupNames: "[]", SeenAt: time.Now()}
	row, err := selectAccount(ctx, tx, "account.email = ?", person.Email)
	switch {
	case errors.Is(err, ErrNotFound):
		ready := newCentral(person.Email, person.shown(), a.passwords.decoy, *rule)
		if err := ready.insert(ctx, tx); err != nil {
			return nil, err
		}
		link.AccountID = ready.row.ID
	case err != nil:
		return nil, err
	default:
		waits, err := tx.NewSelect().Model((*awaitedRow)(nil)).Where("account_id = ?", row.ID).Where("expires_at > ?", time.Now()).Exists(ctx)
		if err != nil {
			return nil, err
		}
		if row.Role.audits() || !row.Central && !waits {
			a.log.WarnContext(ctx, "the e-mail of a person whom a directory wrote has an account with a password", "account", row.ID)
			return nil, nil
		}
		refused, err := fits(ctx, tx, rules, row, groups)
		if err != nil || refused != "" {
			return nil, err
		}
		if err := takeOver(ctx, tx, row, a.passwords.decoy); err != nil {
			return nil, err
		}
		link.AccountID = row.ID
	}
	if _, err := tx.NewInsert().Model(link).Exec(ctx); err != nil {
		return nil, err
	}
	return link, ops.NoteAct(ctx, tx, "account.linked", ops.ByBroker, map[string]any{"account": link.AccountID, "issuer": scimIssuer, "subject": person.ID})
}

// settleThese does it for some of them: whose groups have changed.
func (a *Access) settleThese(ctx context.Context, tx bun.Tx, ids []string) error {
	for _, id := range ids {
		row, err := peopleKind.one(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := a.settle(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
}

// settleAll does it for everybody whom SCIM wrote: after a change of the rules.
func (a *Access) settleAll(ctx context.Context, tx bun.Tx) error {
	var rows []personRow
	if err := tx.NewSelect().Model(&rows).Where("active").Where("NOT EXISTS (SELECT 1 FROM central_links WHERE issuer = ? AND subject = scim_person.id)", scimIssuer).Scan(ctx); err != nil {
		return err
	}
	for i := range rows {
		if err := a.settle(ctx, tx, &rows[i]); err != nil && !errors.Is(err, ErrLastAdministrator) {
			return err
		}
	}
	return nil
}

// Written counts people and groups that a directory wrote here, and accounts of it.
func (a *Access) Written(ctx context.Context) (people, groups, accounts int, err error) {
	err = a.db.NewSelect().ColumnExpr("(SELECT COUNT(*) FROM scim_people)").ColumnExpr("(SELECT COUNT(*) FROM scim_groups)").
		ColumnExpr("(SELECT COUNT(*) FROM central_links WHERE issuer = ? AND NOT inactive)", scimIssuer).Scan(ctx, &people, &groups, &accounts)
	if err != nil {
		err = fmt.Errorf("people: %w", err)
	}
	return people, groups, accounts, err
}

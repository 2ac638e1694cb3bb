package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// SignInCentral signs the sender of r in as whom verify found. Verify is not asked when
// the address has failed too often. Errors: ErrThrottled, *Refusal, ErrNoSignIn, and
// those of verify.
func (a *Access) SignInCentral(r *http.Request, verify func(context.Context) (Identity, error)) error {
	ctx := r.Context()
	if ctx.Value(signInKey) == nil {
		return ErrNoSignIn
	}
	address := network(r)
	if err := a.addresses.take(address); err != nil {
		return err
	}
	id, err := verify(ctx)
	if err != nil {
		if errors.Is(err, ErrProviderAway) {
			a.addresses.giveBack(address) // not the fault of who asks
		}
		return err
	}
	account, err := a.admit(ctx, id)
	if err != nil {
		if errors.Is(err, ErrRefused) {
			a.log.InfoContext(ctx, "sign-in refused", "reason", err.Error())
			a.addresses.giveBack(address)
		}
		return err
	}
	a.addresses.giveBack(address)
	_, err = a.Enter(r, account, "central "+id.Issuer, nil, "")
	return err
}

// SignOutCentral ends every sign-in, and what runs by it, of whom verify names: the provider
// says that they signed out there. It is no error if they have no account here. Errors:
// ErrThrottled, and those of verify.
func (a *Access) SignOutCentral(r *http.Request, verify func(context.Context) (issuer, subject string, err error)) error {
	ctx := r.Context()
	address := network(r)
	if err := a.addresses.take(address); err != nil {
		return err
	}
	issuer, subject, err := verify(ctx)
	if err == nil || errors.Is(err, ErrProviderAway) {
		a.addresses.giveBack(address)
	}
	if err != nil {
		return err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		link, err := linkOf(ctx, tx, issuer, subject)
		if err != nil || link == nil {
			return err
		}
		if _, err := tx.NewUpdate().Model((*accountRow)(nil)).Set("epoch = epoch + 1").Where("id = ?", link.AccountID).Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "signout.central", ops.ByBroker, map[string]any{"account": link.AccountID, "issuer": issuer})
	})
	if err != nil {
		return fmt.Errorf("central sign-out: %w", err)
	}
	return nil
}

// Directory checks passwords that are not kept here.
type Directory interface {
	// Authenticate says who has a login and a password. Errors: ErrCredentials,
	// ErrProviderAway, ErrProviderAnswer.
	Authenticate(ctx context.Context, login, password string) (Identity, error)
}

// byDirectory is authenticate for who has no password here. Its own errors are
// ErrCredentials, *Refusal, ErrProviderAway and ErrProviderAnswer.
func (a *Access) byDirectory(ctx context.Context, login, password string) (Account, error) {
	if a.directory == nil {
		return Account{}, ErrCredentials
	}
	id, err := a.directory.Authenticate(ctx, login, password)
	if err != nil {
		return Account{}, err
	}
	return a.admit(ctx, id)
}

// clean checks what a provider says.
func (id Identity) clean() (Identity, error) {
	bad := func(what string) (Identity, error) {
		return id, fmt.Errorf("%w: %s", ErrProviderAnswer, what)
	}
	if id.Issuer == "" || len(id.Issuer) > maxIssuer || id.Subject == "" || len(id.Subject) > maxSubject {
		return bad("no subject, or one that is too long")
	}
	if len(id.Groups) > maxGroups {
		return bad("too many groups")
	}
	for _, g := range id.Groups {
		if len(g) > maxGroup {
			return bad("the name of a group is too long")
		}
	}
	if name, err := ops.CleanLine(strings.TrimSpace(id.Name), maxName); err == nil {
		id.Name = name
	} else {
		id.Name = ""
	}
	return id, nil
}

// admit finds, links or makes the account of an identity, and gives it what its groups
// say now. A refusal is kept too: whoever lost their groups is out everywhere.
func (a *Access) admit(ctx context.Context, id Identity) (Account, error) {
	id, err := id.clean()
	if err != nil {
		return Account{}, err
	}
	secret := a.passwords.decoy // no password has this hash
	groups, err := json.Marshal(append([]string{}, id.Groups...))
	if err != nil || len(groups) > maxGroupsText {
		return Account{}, fmt.Errorf("%w: too many groups", ErrProviderAnswer)
	}
	accountID, refused := "", ""
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		accountID, refused = "", ""
		rules, err := rulesIn(ctx, tx)
		if err != nil {
			return err
		}
		link, err := linkOf(ctx, tx, id.Issuer, id.Subject)
		if err != nil {
			return err
		}
		if link == nil {
			if link, refused, err = connect(ctx, tx, rules, id, string(groups), secret); err != nil || refused != "" {
				return err
			}
		}
		link.GroupNames, link.SeenAt = string(groups), time.Now()
		if _, err := tx.NewUpdate().Model(link).Column("group_names", "seen_at").WherePK().Exec(ctx); err != nil {
			return err
		}
		row, err := selectAccount(ctx, tx, "account.id = ?", link.AccountID)
		if err != nil {
			return err
		}
		counts, err := deciding(ctx, tx, row.ID)
		if err != nil {
			return err
		}
		accountID = row.ID
		refused, err = reconcile(ctx, tx, rules, row, counts[0])
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("central sign-in: %w", err)
	}
	if refused != "" {
		return Account{}, &Refusal{refused}
	}
	return a.ByID(ctx, accountID)
}

// connect links an identity that is new here: with an account that waits for it, or with
// a new one if a rule says so. An e-mail alone never opens an account.
func connect(ctx context.Context, tx bun.Tx, rules []ruleRow, id Identity, groups, secret string) (_ *linkRow, refused string, _ error) {
	email, err := CleanEmail(id.Email)
	if err != nil || !id.Verified {
		return nil, RefusedEmail, nil
	}
	link := &linkRow{Issuer: id.Issuer, Subject: id.Subject, GroupNames: groups, SeenAt: time.Now()}
	row, err := selectAccount(ctx, tx, "account.email = ?", email)
	switch {
	case errors.Is(err, ErrNotFound):
		rule, refused := decide(rules, id.Groups)
		if refused != "" {
			return nil, refused, nil
		}
		ready := newCentral(email, id.Name, secret, *rule)
		if err := ready.insert(ctx, tx); err != nil {
			return nil, "", err
		}
		link.AccountID = ready.row.ID
	case err != nil:
		return nil, "", err
	default:
		awaited, err := awaits(ctx, tx, row)
		if err != nil {
			return nil, "", err
		}
		if !awaited {
			return nil, RefusedEmailTaken, nil
		}
		if refused, err := fits(ctx, tx, rules, row, id.Groups); err != nil || refused != "" {
			return nil, refused, err
		}
		if err := takeOver(ctx, tx, row, secret); err != nil {
			return nil, "", err
		}
		// Whoever had it there before has it no more: an identity that was made anew.
		if _, err := tx.NewDelete().Model((*linkRow)(nil)).Where("account_id = ?", row.ID).Where("issuer = ?", id.Issuer).Exec(ctx); err != nil {
			return nil, "", err
		}
		link.AccountID = row.ID
	}
	if _, err := tx.NewInsert().Model(link).Exec(ctx); err != nil {
		return nil, "", err
	}
	return link, "", ops.NoteAct(ctx, tx, "account.linked", link.AccountID, map[string]any{"account": link.AccountID, "issuer": id.Issuer, "subject": id.Subject})
}

// fits says whether an account can go over to what the groups of its owner give. If not,
// it keeps its password.
func fits(ctx context.Context, tx bun.Tx, rules []ruleRow, row *accountRow, groups []string) (refused string, _ error) {
	rule, refused := decide(rules, groups)
	switch {
	case row.Central:
		return "", nil // SCIM decides
	case refused != "":
		return refused, nil
	case rule.Role.audits() != row.Role.audits():
		return RefusedOtherSide, nil
	case rule.Role == row.Role || row.Role != Administrator && row.Role != Auditor:
		return "", nil
	}
	err := another(ctx, tx, row.Role, row.ID, ErrLastAdministrator)
	if errors.Is(err, ErrLastAdministrator) {
		return RefusedLast, nil
	}
	return "", err
}

// newCentral is an account that a rule makes.
func newCentral(email, name, secret string, rule ruleRow) preparedAccount {
	if name == "" {
		name = email
	}
	return preparedAccount{by: ops.ByBroker, territory: rule.Territory, row: accountRow{ID: uuid.NewString(), Email: email, Name: limitName(name), Role: rule.Role, Team: rule.Team,
		Territory: rule.Territory, Level: rule.Level, Profile: rule.Profile, PasswordHash: secret, CreatedAt: time.Now(), Joined: true, Central: true}}
}

func limitName(name string) string {
	if runes := []rune(name); len(runes) > maxName {
		return string(runes[:maxName])
	}
	return name
}

// awaits says whether an account waits for its owner to sign in centrally: because
// somebody said so, or because SCIM made it and nobody signed in yet.
func awaits(ctx context.Context, tx bun.Tx, row *accountRow) (bool, error) {
	waiting, err := tx.NewSelect().Model((*awaitedRow)(nil)).Where("account_id = ?", row.ID).Where("expires_at > ?", time.Now()).Exists(ctx)
	if err != nil || waiting || !row.Central {
		return waiting, err
	}
	var links []linkRow
	if err := tx.NewSelect().Model(&links).Where("account_id = ?", row.ID).Scan(ctx); err != nil {
		return false, err
	}
	return len(links) > 0 && !slices.ContainsFunc(links, func(l linkRow) bool { return l.Issuer != scimIssuer }), nil
}

// takeOver ends the password of an account, and every sign-in by it.
func takeOver(ctx context.Context, tx bun.Tx, row *accountRow, secret string) error {
	if _, err := tx.NewDelete().Model((*awaitedRow)(nil)).Where("account_id = ?", row.ID).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewDelete().Model((*invitationRow)(nil)).Where("account_id = ?", row.ID).Exec(ctx); err != nil {
		return err
	}
	_, err := tx.NewUpdate().Model((*accountRow)(nil)).Set("central = TRUE").Set("joined = TRUE").Set("emergency = FALSE").Set("password_hash = ?", secret).Set("epoch = epoch + 1").Where("id = ?", row.ID).Exec(ctx)
	return err
}

// Await lets the next central sign-in with the e-mail of an account take it over: from
// then on it has no password here, and its groups say what it may; a central one has
// another identity there. Good for a week. Errors: ErrForbidden, ErrNotFound, ErrEnded.
func (a *Access) Await(ctx context.Context, by Account, id string, wait bool) error {
	return a.onAccount(ctx, by, id, func(ctx context.Context, tx bun.Tx, row *accountRow) error {
		if row.Emergency {
			return ErrForbidden
		}
		if _, err := tx.NewDelete().Model((*awaitedRow)(nil)).Where("account_id = ?", id).Exec(ctx); err != nil {
			return err
		}
		what := "account.not_awaited"
		if wait {
			what = "account.awaited"
			if _, err := tx.NewInsert().Model(&awaitedRow{AccountID: id, MadeBy: by.ID, ExpiresAt: time.Now().Add(awaitedFor)}).Exec(ctx); err != nil {
				return err
			}
		}
		return ops.NoteAct(ctx, tx, what, by.ID, map[string]any{"account": id})
	})
}

// SetEmergency says whether an account signs in by password although its role signs in
// centrally. Errors: as of Await, ErrCentral, and ErrNoEmergency for the last one of a role that
// needs one.
func (a *Access) SetEmergency(ctx context.Context, by Account, id string, on bool) error {
	return a.onAccount(ctx, by, id, func(ctx context.Context, tx bun.Tx, row *accountRow) error {
		if row.Central {
			return ErrCentral
		}
		if _, err := tx.NewUpdate().Model((*accountRow)(nil)).Set("emergency = ?", on).Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model((*awaitedRow)(nil)).Where("account_id = ?", id).Exec(ctx); err != nil {
			return err
		}
		if err := needEmergency(ctx, tx, row.Role); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "account.emergency", by.ID, map[string]any{"account": id, "on": on})
	})
}

func (a *Access) onAccount(ctx context.Context, by Account, id string, do func(context.Context, bun.Tx, *accountRow) error) error {
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := selectAccount(ctx, tx, "account.id = ?", id)
		switch {
		case err != nil:
			return err
		case !mayManage(by, row.Role):
			return ErrForbidden
		case !row.DisabledAt.IsZero() && !row.Suspended:
			return ErrEnded
		}
		return do(ctx, tx, row)
	})
	if err != nil {
		return fmt.Errorf("central accounts: %w", err)
	}
	return nil
}

// CentralRoles lists the roles whose accounts do not sign in by password.
func (a *Access) CentralRoles(ctx context.Context) ([]Role, error) { return centralRoles(ctx, a.db) }

func centralRoles(ctx context.Context, db bun.IDB) (roles []Role, err error) {
	if err = db.NewSelect().Table("central_roles").Column("role").Order("role").Scan(ctx, &roles); err != nil {
		return nil, fmt.Errorf("central roles: %w", err)
	}
	return roles, nil
}

// ChangeCentralRole says whether a role signs in centrally alone. Errors: ErrForbidden;
// ErrNoEmergency where an administrator's or auditor's account for emergencies is missing.
func (a *Access) ChangeCentralRole(ctx context.Context, by Account, role Role, on bool) error {
	if !mayManage(by, role) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		was, err := tx.NewSelect().Table("central_roles").Where("role = ?", role).Exists(ctx)
		if err != nil || was == on {
			return err
		}
		if on {
			if _, err := tx.NewInsert().Model(&centralRoleRow{Role: role}).Exec(ctx); err != nil {
				return err
			}
			if err := needEmergency(ctx, tx, role); err != nil {
				return err
			}
		} else if _, err := tx.NewDelete().Model(&centralRoleRow{Role: role}).WherePK().Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "central.role", by.ID, map[string]any{"role": role, "on": on})
	})
	if err != nil {
		return fmt.Errorf("central roles: %w", err)
	}
	return nil
}

// Awaited says whether an account waits for its owner to sign in centrally.
func (a *Access) Awaited(ctx context.Context, id string) (bool, error) {
	waits, err := a.db.NewSelect().Model((*awaitedRow)(nil)).Where("account_id = ?", id).Where("expires_at > ?", time.Now()).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("central accounts: %w", err)
	}
	return waits, nil
}

// needEmergency: when the provider is away, somebody can still change the office, and
// somebody still reads the evidence.
func needEmergency(ctx context.Context, tx bun.Tx, role Role) error {
	if role != Administrator && role != Auditor {
		return nil
	}
	required, err := tx.NewSelect().Table("central_roles").Where("role = ?", role).Exists(ctx)
	if err != nil || !required {
		return err
	}
	there, err := tx.NewSelect().Model((*accountRow)(nil)).Where("role = ?", role).Where("emergency").Where("joined").Where("disabled_at IS NULL").Exists(ctx)
	if err == nil && !there {
		err = ErrNoEmergency
	}
	return err
}

// passwordAllowed says whether an account whose password was right signs in by it.
func (a *Access) passwordAllowed(ctx context.Context, row *accountRow) error {
	if !a.central {
		return nil // nowhere else to sign in
	}
	required, err := a.db.NewSelect().Table("central_roles").Where("role = ?", row.Role).Exists(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("central roles: %w", err)
	case !required:
		return nil
	case !row.Emergency:
		return ErrCentralOnly
	}
	return ops.NoteAct(ctx, a.db, "signin.emergency", row.ID, map[string]any{"role": row.Role})
}

type awaitedRow struct {
	bun.BaseModel `bun:"table:central_awaited,alias:awaited"`

	AccountID string `bun:",pk"`
	MadeBy    string
	ExpiresAt time.Time
}

type centralRoleRow struct {
	bun.BaseModel `bun:"table:central_roles,alias:central_role"`

	Role Role `bun:",pk"`
}

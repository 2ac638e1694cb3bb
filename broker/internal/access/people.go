package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// invitedFor is how long a link for a password works.
const invitedFor = 7 * 24 * time.Hour

var (
	// ErrInvitation says that a link for a password is wrong, used or too old.
	ErrInvitation = errors.New("the invitation is wrong, used or too old")
	// ErrLastAuditor protects the evidence from being nobody's.
	ErrLastAuditor = errors.New("this is the last auditor")
	// ErrOwnAccount says that nobody changes their own rights, or ends themselves.
	ErrOwnAccount = errors.New("this is one's own account")
)

// audits says whether the role has to do with evidence. Who manages the others does not
// make one of these, nor the other way round: so nobody gives themselves both.
func (r Role) audits() bool { return r == Auditor || r == DPO }

// mayManage says whether an account may make, change and end accounts of a role.
func mayManage(by Account, role Role) bool {
	if role.audits() {
		return Can(by, ManageAuditors, Scope{})
	}
	return Can(by, ManageAccounts, Scope{})
}

// Invite makes an account without a password that anybody knows, and the secret of a
// link by which its owner chooses one: shown this once, good for a week. Errors:
// ErrForbidden, *Invalid.
func (a *Access) Invite(ctx context.Context, by Account, n NewAccount) (Account, string, error) {
	if !mayManage(by, n.Role) {
		return Account{}, "", ErrForbidden
	}
	n, err := n.clean()
	if err != nil {
		return Account{}, "", err
	}
	hash, err := a.passwords.hash(ctx, newToken())
	if err != nil {
		return Account{}, "", err
	}
	ready := preparedAccount{by: by.ID, territory: n.Territory, row: accountRow{ID: uuid.NewString(), Email: n.Email, Name: n.Name, Role: n.Role, Team: n.Team,
		Territory: n.Territory, Level: n.Level, Profile: n.Profile, PasswordHash: hash, CreatedAt: time.Now()}}
	token := newToken()
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if n.Team != "" {
			if there, err := tx.NewSelect().Model((*teamRow)(nil)).Where("name = ?", n.Team).Exists(ctx); err != nil || !there {
				return errors.Join(err, invalid("team", "unknown", "there is no team %q", n.Team))
			}
		}
		if err := ready.insert(ctx, tx); err != nil {
			return err
		}
		return invite(ctx, tx, by, ready.row.ID, token)
	})
	if err != nil {
		return Account{}, "", fmt.Errorf("invite: %w", err)
	}
	account, err := a.ByID(ctx, ready.row.ID)
	return account, token, err
}

// InviteAgain makes another link for an account; the one before works no longer. The
// password that there is stays until another one is chosen. Errors: ErrForbidden,
// ErrNotFound, ErrEnded.
func (a *Access) InviteAgain(ctx context.Context, by Account, id string) (string, error) {
	token := newToken()
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := selectAccount(ctx, tx, "account.id = ?", id)
		switch {
		case err != nil:
			return err
		case !mayManage(by, row.Role):
			return ErrForbidden
		case !row.DisabledAt.IsZero():
			return ErrEnded
		case row.Central:
			return ErrCentral
		}
		if err := invite(ctx, tx, by, id, token); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "account.invited", by.ID, map[string]any{"account": id})
	})
	if err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	return token, nil
}

func invite(ctx context.Context, tx bun.Tx, by Account, id, token string) error {
	if _, err := tx.NewDelete().Model((*invitationRow)(nil)).Where("account_id = ?", id).Exec(ctx); err != nil {
		return err
	}
	now := time.Now()
	_, err := tx.NewInsert().Model(&invitationRow{TokenHash: hashToken(token), AccountID: id, MadeBy: by.ID, MadeAt: now, ExpiresAt: now.Add(invitedFor)}).Exec(ctx)
	return err
}

// Invited returns whom a link is for, or ErrInvitation. It uses nothing up.
func (a *Access) Invited(ctx context.Context, token string) (Account, error) {
	return a.invited(ctx, a.db, token)
}

func (a *Access) invited(ctx context.Context, db bun.IDB, token string) (Account, error) {
	var row invitationRow
	err := db.NewSelect().Model(&row).Where("token_hash = ?", hashToken(token)).Where("expires_at > ?", time.Now()).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrInvitation
	}
	if err != nil {
		return Account{}, fmt.Errorf("invitation: %w", err)
	}
	account, err := a.account(ctx, db, "account.id = ?", row.AccountID)
	if err == nil && account.Disabled {
		err = ErrInvitation
	}
	return account, err
}

// AcceptInvitation uses a link up: its owner's password is this one from now on, and
// every sign-in that there was is over. Errors: ErrInvitation, *Invalid for the field
// password.
func (a *Access) AcceptInvitation(ctx context.Context, token, password string) error {
	account, err := a.Invited(ctx, token)
	if err != nil {
		return err
	}
	hash, err := a.newHash(ctx, password, account.Email, account.Name)
	if err != nil {
		return err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := affect(ctx, tx.NewDelete().Model((*invitationRow)(nil)).Where("token_hash = ?", hashToken(token)).Where("expires_at > ?", time.Now()), ErrInvitation); err != nil {
			return err
		}
		update := tx.NewUpdate().Model((*accountRow)(nil)).Set("password_hash = ?", hash).Set("password_at = ?", time.Now()).Set("joined = TRUE").Set("epoch = epoch + 1").
			Where("id = ?", account.ID).Where("disabled_at IS NULL")
		if err := affect(ctx, update, ErrInvitation); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "password.changed", account.ID, map[string]any{"account": account.ID, "by": "invitation"})
	})
	if err != nil {
		return fmt.Errorf("invitation: %w", err)
	}
	return nil
}

// ChangeAccount gives an account another name, role, team, level or profile; whoever is
// in a session has what is left of their rights at once (see Recheck). E-mail and
// password stay. Errors: ErrForbidden, ErrOwnAccount, ErrNotFound, ErrEnded,
// ErrLastAdministrator, *Invalid.
func (a *Access) ChangeAccount(ctx context.Context, by Account, id string, n NewAccount) (Account, error) {
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		before, err := selectAccount(ctx, tx, "account.id = ?", id)
		switch {
		case err != nil:
			return err
		case !mayManage(by, before.Role) || !mayManage(by, n.Role):
			return ErrForbidden // a role of the evidence is an account of its own
		case id == by.ID && n.Role != before.Role:
			return ErrOwnAccount
		case !before.DisabledAt.IsZero():
			return ErrEnded
		case before.Central:
			return ErrCentral
		}
		n.Email = before.Email
		if n, err = n.clean(); err != nil {
			return err
		}
		if before.Role == Administrator && n.Role != Administrator {
			if err := another(ctx, tx, Administrator, id, ErrLastAdministrator); err != nil {
				return err
			}
		}
		if err := known(ctx, tx, n.Team, n.Profile); err != nil {
			return err
		}
		after := *before
		after.Name, after.Role, after.Team, after.Level, after.Profile = n.Name, n.Role, n.Team, n.Level, n.Profile
		if n.Role.audits() {
			after.Territory = n.Territory
		}
		if _, err := tx.NewUpdate().Model(&after).Column("name", "role", "team", "level", "profile", "territory").WherePK().Exec(ctx); err != nil {
			return err
		}
		if before.Emergency && after.Role != before.Role {
			if err := needEmergency(ctx, tx, before.Role); err != nil {
				return err
			}
		}
		return ops.NoteAct(ctx, tx, "account.changed", by.ID, map[string]any{"account": id, "before": before.rights(), "after": after.rights()})
	})
	if err != nil {
		return Account{}, fmt.Errorf("change account: %w", err)
	}
	return a.ByID(ctx, id)
}

// rights are what the trail says of an account.
func (row *accountRow) rights() map[string]any {
	return map[string]any{"name": row.Name, "role": row.Role, "team": row.Team, "level": row.Level, "profile": row.Profile, "territory": row.Territory}
}

func known(ctx context.Context, tx bun.Tx, team, profile string) error {
	if team != "" {
		if there, err := tx.NewSelect().Model((*teamRow)(nil)).Where("name = ?", team).Exists(ctx); err != nil || !there {
			return errors.Join(err, invalid("team", "unknown", "there is no team %q", team))
		}
	}
	if profile != "" {
		if there, err := tx.NewSelect().Model((*profileRow)(nil)).Where("name = ?", profile).Exists(ctx); err != nil || !there {
			return errors.Join(err, invalid("profile", "unknown", "there is no profile %q", profile))
		}
	}
	return nil
}

// another checks that somebody else has a role.
func another(ctx context.Context, tx bun.Tx, role Role, id string, last error) error {
	there, err := tx.NewSelect().Model((*accountRow)(nil)).Where("role = ?", role).Where("disabled_at IS NULL").Where("joined").Where("id <> ?", id).Exists(ctx)
	if err == nil && !there {
		err = last
	}
	return err
}

// EndAccount ends an account for good, as Disable does, on somebody's word. Errors:
// ErrForbidden, ErrOwnAccount, ErrNotFound, ErrLastAdministrator, ErrLastAuditor.
func (a *Access) EndAccount(ctx context.Context, by Account, id string) error {
	if err := a.manages(ctx, by, id); err != nil {
		return err
	}
	return a.disable(ctx, by.ID, id)
}

// manages checks that an account is one that somebody may manage, and not their own. Errors:
// ErrForbidden, ErrOwnAccount, ErrNotFound.
func (a *Access) manages(ctx context.Context, by Account, id string) error {
	account, err := a.ByID(ctx, id)
	switch {
	case err != nil:
		return err
	case !mayManage(by, account.Role):
		return ErrForbidden
	case id == by.ID:
		return ErrOwnAccount
	}
	return nil
}

type invitationRow struct {
	bun.BaseModel `bun:"table:invitations,alias:invitation"`

	TokenHash string `bun:",pk"`
	AccountID string
	MadeBy    string
	MadeAt    time.Time
	ExpiresAt time.Time
}

package access

import (
	"context"
	"fmt"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// setupFor is how long a set-up link works.
const setupFor = 24 * time.Hour

// Setup is what the first-run page asks for. Roles are given here, whatever the
// accounts say.
type Setup struct {
	Office           ops.Office // may be zero when the configuration names the office
	Languages        []string   // as Settings has them
	Logo             []byte     // the file, as CleanLogo takes it; empty: none
	Administrator    NewAccount
	Auditor          NewAccount
	AuditorRecipient string      // the auditor's public key; empty: named later, and no session starts before
	Technician       *NewAccount // optional
}

// SetupNeeded says whether there has never been an administrator.
func (a *Access) SetupNeeded(ctx context.Context) (bool, error) { return setupNeeded(ctx, a.db) }

func setupNeeded(ctx context.Context, db bun.IDB) (bool, error) {
	some, err := db.NewSelect().Model((*accountRow)(nil)).Where("role = ?", Administrator).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("first set-up: %w", err)
	}
	return !some, nil
}

// NewSetupToken makes the secret of a set-up link, which works once and for a day;
// the one before it works no longer. It fails with ErrSetupDone when there is an
// administrator.
func (a *Access) NewSetupToken(ctx context.Context) (string, error) {
	token := newToken()
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		needed, err := setupNeeded(ctx, tx)
		if err != nil {
			return err
		}
		if !needed {
			return ErrSetupDone
		}
		if _, err := tx.NewDelete().Model((*setupTokenRow)(nil)).Where("used_at IS NULL").Exec(ctx); err != nil {
			return err
		}
		_, err = tx.NewInsert().Model(&setupTokenRow{TokenHash: hashToken(token), ExpiresAt: time.Now().Add(setupFor)}).Exec(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("set-up link: %w", err)
	}
	return token, nil
}

// CheckSetupToken says whether the set-up page may be shown: nil, ErrSetupLink or
// ErrSetupDone. It uses nothing up.
func (a *Access) CheckSetupToken(ctx context.Context, token string) error {
	needed, err := a.SetupNeeded(ctx)
	if err != nil {
		return err
	}
	if !needed {
		return ErrSetupDone
	}
	good, err := a.db.NewSelect().Model((*setupTokenRow)(nil)).Where("token_hash = ?", hashToken(token)).
		Where("used_at IS NULL").Where("expires_at > ?", time.Now()).Exists(ctx)
	if err != nil {
		return fmt.Errorf("set-up link: %w", err)
	}
	if !good {
		return ErrSetupLink
	}
	return nil
}

// CompleteSetup makes the office and the first accounts, all or nothing, and uses
// the link up. Of many tries at once exactly one succeeds. Fields that are not
// accepted wrap ErrInvalid, have the form's part before the name
// ("administrator.email"), and leave the link as it was.
func (a *Access) CompleteSetup(ctx context.Context, token string, s Setup) error {
	if err := a.CheckSetupToken(ctx, token); err != nil {
		return err
	}
	ready, err := a.prepareSetup(ctx, s)
	if err != nil {
		return err
	}
	return a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		needed, err := setupNeeded(ctx, tx)
		if err != nil {
			return err
		}
		if !needed {
			return ErrSetupDone
		}
		now := time.Now()
		result, err := tx.NewUpdate().Model((*setupTokenRow)(nil)).Set("used_at = ?", now).
			Where("token_hash = ?", hashToken(token)).Where("used_at IS NULL").Where("expires_at > ?", now).Exec(ctx)
		if err != nil {
			return fmt.Errorf("set-up link: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil {
			return fmt.Errorf("set-up link: %w", err)
		} else if n != 1 {
			return ErrSetupLink
		}
		if err := ready.insert(ctx, tx); err != nil {
			return err
		}
		by := ready.accounts[0].row
		return a.noteChange(ctx, tx, Account{ID: by.ID, Name: by.Name}, "setup", "", "")
	})
}

// preparedSetup is checked and hashed.
type preparedSetup struct {
	office    *officeRow // nil: the configuration has it
	settings  Settings
	logo      Logo
	parts     []string
	accounts  []*preparedAccount
	recipient *recipientRow
}

func (a *Access) prepareSetup(ctx context.Context, s Setup) (*preparedSetup, error) {
	p := &preparedSetup{}
	if a.office == (ops.Office{}) {
		office, err := s.Office.Clean()
		if err != nil {
			return nil, invalid("office", "malformed", "%s", err)
		}
		p.office = newOfficeRow(office)
	}
	var err error
	if p.settings, err = (Settings{Fixed: true, Languages: s.Languages, RecordingDays: defaultRecordingDays, LogMonths: defaultLogMonths}).Clean(); err != nil {
		return nil, err
	}
	if len(s.Logo) > 0 {
		if p.logo, err = CleanLogo(s.Logo); err != nil {
			return nil, inPart("office", err)
		}
	}
	s.Administrator.Role, s.Auditor.Role = Administrator, Auditor
	forms := []struct {
		part string
		form NewAccount
	}{{"administrator", s.Administrator}, {"auditor", s.Auditor}}
	if s.Technician != nil {
		technician := *s.Technician
		technician.Role = Technician
		forms = append(forms, struct {
			part string
			form NewAccount
		}{"technician", technician})
	}
	if s.AuditorRecipient != "" {
		row, err := NewRecipient{Name: s.Auditor.Name, Territory: s.Auditor.Territory, PublicKey: s.AuditorRecipient}.row()
		if err != nil {
			return nil, inPart("auditor", err)
		}
		p.recipient = row
	}
	var officeName string
	if p.office != nil {
		officeName = p.office.Name
	}
	// Everything is looked at before the first hash is made.
	for i, f := range forms {
		clean, err := f.form.clean()
		if err != nil {
			return nil, inPart(f.part, err)
		}
		if _, err := CheckPassword(clean.Password, clean.Email, clean.Name, officeName); err != nil {
			return nil, inPart(f.part, err)
		}
		for _, other := range forms[:i] {
			if other.form.Email == clean.Email {
				return nil, inPart(f.part, invalid("email", "taken", "is the %s's already: these must be two accounts", other.part))
			}
		}
		forms[i].form = clean
	}
	for _, f := range forms {
		account, err := a.prepare(ctx, f.form)
		if err != nil {
			return nil, inPart(f.part, err)
		}
		p.parts, p.accounts = append(p.parts, f.part), append(p.accounts, account)
	}
	return p, nil
}

func (p *preparedSetup) insert(ctx context.Context, tx bun.Tx) error {
	if p.office != nil {
		if err := p.office.store(ctx, tx); err != nil {
			return err
		}
	}
	if err := storeSettings(ctx, tx, p.settings); err != nil {
		return err
	}
	if err := p.logo.store(ctx, tx); err != nil {
		return fmt.Errorf("logo: %w", err)
	}
	for i, account := range p.accounts {
		if err := account.insert(ctx, tx); err != nil {
			return inPart(p.parts[i], err)
		}
	}
	if p.recipient != nil {
		if err := p.recipient.insert(ctx, tx); err != nil {
			return inPart("auditor", err)
		}
	}
	return nil
}

type setupTokenRow struct {
	bun.BaseModel `bun:"table:setup_tokens"`

	TokenHash string `bun:",pk"`
	ExpiresAt time.Time
	UsedAt    time.Time `bun:",nullzero"`
}

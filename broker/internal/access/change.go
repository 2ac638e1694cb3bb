package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// Disable ends the account with this id: its sign-ins and tokens are worth nothing
// from now on. The last administrator is refused with ErrLastAdministrator.
func (a *Access) Disable(ctx context.Context, id string) error {
	return a.disable(ctx, ops.ByCommand, id)
}

func (a *Access) disable(ctx context.Context, by, id string) error {
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := selectAccount(ctx, tx, "account.id = ?", id)
		if err != nil {
			return err
		}
		if row.DisabledAt.IsZero() {
			err = nil
			switch {
			case row.Role == Administrator:
				err = another(ctx, tx, Administrator, id, ErrLastAdministrator)
			case row.Role == Auditor && by != ops.ByCommand:
				err = another(ctx, tx, Auditor, id, ErrLastAuditor)
			}
			if err != nil {
				return err
			}
		}
		if err := closeAccount(ctx, tx, id, false); err != nil {
			return err
		}
		if row.Emergency && by != ops.ByCommand {
			if err := needEmergency(ctx, tx, row.Role); err != nil {
				return err
			}
		}
		return ops.NoteAct(ctx, tx, "account.disabled", by, map[string]any{"account": id})
	})
	if err != nil {
		return fmt.Errorf("disable account: %w", err)
	}
	return nil
}

// closeAccount ends an account's sign-ins, tokens and links; suspended: for as long as
// its groups say.
func closeAccount(ctx context.Context, tx bun.Tx, id string, suspended bool) error {
	for _, model := range []any{(*invitationRow)(nil), (*awaitedRow)(nil), (*tokenRow)(nil)} {
		if _, err := tx.NewDelete().Model(model).Where("account_id = ?", id).Exec(ctx); err != nil {
			return err
		}
	}
	_, err := tx.NewUpdate().Model((*accountRow)(nil)).Set("suspended = ?", suspended).
		Set("disabled_at = COALESCE(disabled_at, ?)", time.Now()).Set("epoch = epoch + 1").Where("id = ?", id).Exec(ctx)
	return err
}

// SetPassword gives the account with this id a new password and ends its sign-ins.
func (a *Access) SetPassword(ctx context.Context, id, password string) error {
	account, err := a.ByID(ctx, id)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if account.Central {
		return fmt.Errorf("set password: %w", ErrCentral)
	}
	hash, err := a.newHash(ctx, password, account.Email, account.Name)
	if err != nil {
		return err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*accountRow)(nil)).
			Set("password_hash = ?", hash).Set("password_at = ?", time.Now()).Set("epoch = epoch + 1").Where("id = ?", id).Exec(ctx)
		if err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "password.changed", ops.ByCommand, map[string]any{"account": id})
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// Present returns the account as it is now, and ErrEnded when it is gone or
// disabled.
func (a *Access) Present(ctx context.Context, id string) (Account, error) {
	now, err := a.ByID(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && now.Disabled {
		return Account{}, ErrEnded
	}
	return now, err
}

// Recheck reads the account again and fails with ErrEnded when it was disabled or
// its sign-ins were ended since. Whoever keeps a connection open asks it now and
// then: accounts can be changed from the command line too.
func (a *Access) Recheck(ctx context.Context, before Account) (Account, error) {
	now, err := a.Present(ctx, before.ID)
	if err == nil && now.epoch != before.epoch {
		return Account{}, ErrEnded
	}
	return now, err
}

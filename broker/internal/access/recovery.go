package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

const (
	// recoveryCodes are made at a time.
	recoveryCodes = 10
	// recoveryBytes of chance make 16 characters.
	recoveryBytes = 10
)

// firstCodes makes recovery codes where there are none left.
func (a *Access) firstCodes(ctx context.Context, tx bun.Tx, account Account) ([]string, error) {
	f, err := factorsOf(ctx, tx, account.ID)
	if err != nil || f.RecoveryLeft > 0 {
		return nil, err
	}
	return a.makeCodes(ctx, tx, account)
}

func (a *Access) makeCodes(ctx context.Context, tx bun.Tx, account Account) ([]string, error) {
	if _, err := tx.NewDelete().Model((*recoveryRow)(nil)).Where("account_id = ?", account.ID).Exec(ctx); err != nil {
		return nil, err
	}
	codes, rows, now := make([]string, recoveryCodes), make([]recoveryRow, recoveryCodes), time.Now()
	for i := range codes {
		var b [recoveryBytes]byte
		rand.Read(b[:]) // never fails since Go 1.24
		code := recoveryAlphabet.EncodeToString(b[:])
		hash, err := a.hashRecovery(account.ID, code)
		if err != nil {
			return nil, err
		}
		codes[i], rows[i] = groups(code), recoveryRow{CodeHash: hash, AccountID: account.ID, MadeAt: now}
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return nil, err
	}
	return codes, ops.NoteAct(ctx, tx, "recovery_codes.made", account.ID, nil)
}

// NewRecoveryCodes replaces all the codes there are; the new ones are shown this once.
// Errors: ErrUnproven; ErrNotFound without a second factor.
func (a *Access) NewRecoveryCodes(r *http.Request) (codes []string, _ error) {
	account, err := a.changer(r)
	if err != nil {
		return nil, err
	}
	err = a.db.RunInTx(r.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		if err := present(ctx, tx, account); err != nil {
			return err
		}
		f, err := factorsOf(ctx, tx, account.ID)
		if err != nil {
			return err
		}
		if !f.Any() {
			return ErrNotFound
		}
		codes, err = a.makeCodes(ctx, tx, account)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recovery codes: %w", err)
	}
	return codes, nil
}

// recoveryAlphabet is Crockford's: no letters that are taken for others.
var recoveryAlphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// hashRecovery is how a code is stored: 80 bits of chance under a key that is not in the
// database need no slow hash.
func (a *Access) hashRecovery(account, code string) (string, error) {
	if a.derive == nil {
		return "", errors.New("access: second factors need the server's secrets")
	}
	mac := hmac.New(sha256.New, a.derive("recovery codes"))
	fmt.Fprintf(mac, "%s %s", account, code)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

func (a *Access) useRecovery(ctx context.Context, account Account, code string) error {
	hash, err := a.hashRecovery(account.ID, code)
	if err != nil {
		return err
	}
	return a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		update := tx.NewUpdate().Model((*recoveryRow)(nil)).Set("used_at = ?", time.Now()).Where("code_hash = ?", hash).Where("account_id = ?", account.ID).Where("used_at IS NULL")
		if err := affect(ctx, update, ErrCode); err != nil {
			return err
		}
		f, err := factorsOf(ctx, tx, account.ID)
		if err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "recovery_code.used", account.ID, map[string]any{"left": f.RecoveryLeft})
	})
}

type recoveryRow struct {
	bun.BaseModel `bun:"table:recovery_codes"`

	CodeHash  string `bun:",pk"`
	AccountID string
	MadeAt    time.Time
	UsedAt    time.Time `bun:",nullzero"`
}

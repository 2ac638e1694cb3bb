package access

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// Passkey opens one auditor's key beside its passphrase: the private half, wrapped
// under what an authenticator gives for a salt (W3C WebAuthn level 3, section 10.1.4,
// "prf"). That secret never comes here, and no assertion is checked: who does not have
// the authenticator has ciphertext.
type Passkey struct {
	Credential string // its id, base64url without padding
	Name       string // as the auditor calls it
	Wrapped    string // JSON, see cleanByPasskey
	Made       time.Time
}

// NewPasskey is what an auditor's browser sends.
type NewPasskey struct{ Credential, Name, Wrapped string }

// Limits of one key's passkeys.
const (
	maxPasskeys     = 10
	leastCredential = 16 // bytes, WebAuthn section 4 "Credential ID"
	mostCredential  = 1023
	maxTransports   = 8
)

// AddPasskey adds a way into one of the account's own keys; ErrNotFound for any other.
// Errors wrap ErrInvalid when a field (credential, passkey_name, passkey) is not
// accepted; ErrForbidden as AuditorKeys.
func (a *Access) AddPasskey(ctx context.Context, by Account, key string, n NewPasskey) error {
	if !Can(by, ReadTrail, Scope{}) {
		return ErrForbidden
	}
	row, err := cleanPasskey(n)
	if err != nil {
		return err
	}
	row.KeyID = key
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		own, err := tx.NewSelect().Model((*auditorKeyRow)(nil)).Where("id = ?", key).Where("account_id = ?", by.ID).Exists(ctx)
		if err != nil {
			return err
		}
		if !own {
			return ErrNotFound
		}
		return keepPasskey(ctx, tx, by, row)
	})
	if err != nil {
		return fmt.Errorf("add passkey: %w", err)
	}
	return nil
}

// keepPasskey inserts a row that is clean, for a key that is by's own.
func keepPasskey(ctx context.Context, tx bun.Tx, by Account, row passkeyRow) error {
	count, err := tx.NewSelect().Model((*passkeyRow)(nil)).Where("key_id = ?", row.KeyID).Count(ctx)
	if err != nil {
		return err
	}
	if count >= maxPasskeys {
		return invalid("passkey", "too_many", "more than %d passkeys", maxPasskeys)
	}
	if err := affect(ctx, tx.NewInsert().Model(&row).On("CONFLICT (key_id, credential) DO NOTHING"), invalid("credential", "taken", "the key %s has this passkey already", row.KeyID)); err != nil {
		return err
	}
	return ops.NoteAct(ctx, tx, "passkey.added", by.ID, map[string]any{"key": row.KeyID, "name": row.Name})
}

// RemovePasskey forgets a way into one of the account's own keys; ErrNotFound for any
// other. The passphrase stays: it is never the last way that goes.
func (a *Access) RemovePasskey(ctx context.Context, by Account, key, credential string) error {
	if !Can(by, ReadTrail, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var row passkeyRow
		err := tx.NewSelect().Model(&row).Where("key_id = ?", key).Where("credential = ?", credential).
			Where("key_id IN (SELECT id FROM auditor_keys WHERE account_id = ?)", by.ID).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := affect(ctx, tx.NewDelete().Model(&row).WherePK(), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "passkey.removed", by.ID, map[string]any{"key": key, "name": row.Name})
	})
	if err != nil {
		return fmt.Errorf("remove passkey: %w", err)
	}
	return nil
}

// passkeysOf returns those of all the account's keys, by key, the oldest first.
func (a *Access) passkeysOf(ctx context.Context, by Account) (map[string][]Passkey, error) {
	var rows []passkeyRow
	err := a.db.NewSelect().Model(&rows).Where("key_id IN (SELECT id FROM auditor_keys WHERE account_id = ?)", by.ID).Order("made_at", "credential").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	found := map[string][]Passkey{}
	for _, r := range rows {
		found[r.KeyID] = append(found[r.KeyID], Passkey{Credential: r.Credential, Name: r.Name, Wrapped: r.Wrapped, Made: r.MadeAt})
	}
	return found, nil
}

func cleanPasskey(n NewPasskey) (passkeyRow, error) {
	row := passkeyRow{Credential: n.Credential, MadeAt: time.Now()}
	id, err := base64.RawURLEncoding.Strict().DecodeString(n.Credential)
	if err != nil || len(id) < leastCredential || len(id) > mostCredential || base64.RawURLEncoding.EncodeToString(id) != n.Credential {
		return row, invalid("credential", "malformed", "a credential id is %d to %d bytes in base64url", leastCredential, mostCredential)
	}
	if row.Name, err = ops.CleanLine(n.Name, maxName); err != nil {
		return row, invalid("passkey_name", "malformed", "%s", err)
	}
	if row.Wrapped, err = cleanByPasskey(n.Wrapped); err != nil {
		return row, invalid("passkey", "malformed", "%s", err)
	}
	return row, nil
}

// wrappedByPasskey is a private key (PKCS #8) under a passkey: AES-256-GCM with the
// key that HKDF-SHA-256 makes of what the authenticator's PRF gives for the salt.
type wrappedByPasskey struct {
	Version    int      `json:"v"`
	KDF        string   `json:"kdf"`
	RP         string   `json:"rp"`         // the host that the passkey is bound to
	Transports []string `json:"transports"` // how the authenticator is reached, a hint for browsers
	Salt       string   `json:"salt"`
	Nonce      string   `json:"nonce"`
	Body       string   `json:"body"`
}

var (
	hostName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
	transport = regexp.MustCompile(`^[a-z-]{1,20}$`)
)

// cleanByPasskey refuses what has not this form; what it means, only browsers know.
func cleanByPasskey(text string) (string, error) {
	if len(text) > maxWrapped {
		return "", fmt.Errorf("more than %d bytes", maxWrapped)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var w wrappedByPasskey
	if err := d.Decode(&w); err != nil {
		return "", err
	}
	if w.Version != 1 || w.KDF != "PRF-HKDF-SHA256" {
		return "", fmt.Errorf("version %d, %q", w.Version, w.KDF)
	}
	if !hostName.MatchString(w.RP) {
		return "", fmt.Errorf("bound to %q", w.RP)
	}
	if len(w.Transports) > maxTransports {
		return "", fmt.Errorf("%d transports", len(w.Transports))
	}
	for _, t := range w.Transports {
		if !transport.MatchString(t) {
			return "", fmt.Errorf("transport %q", t)
		}
	}
	if w.Transports == nil {
		w.Transports = []string{}
	}
	if err := checkParts(wrappedPart{w.Salt, 32, 32}, wrappedPart{w.Nonce, 12, 12}, wrappedPart{w.Body, 64, 512}); err != nil {
		return "", err
	}
	out, err := json.Marshal(w)
	return string(out), err
}

type passkeyRow struct {
	bun.BaseModel `bun:"table:auditor_passkeys"`

	KeyID      string `bun:",pk"`
	Credential string `bun:",pk"`
	Name       string
	Wrapped    string
	MadeAt     time.Time
}

package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"consento/broker/internal/ops"
	"consento/recordings"

	"github.com/uptrace/bun"
)

// AuditorKey is the key pair of an auditor, or of the data-protection officer, as the
// broker keeps it: the public half, and the private half wrapped under a passphrase
// that only that person knows.
type AuditorKey struct {
	ID        string // recordings.Recipient.ID of the public half
	Name      string // as the auditor calls it
	PublicKey string // text of recordings.Recipient
	Wrapped   string // JSON, see cleanWrapped
	Passkeys  []Passkey
	Made      time.Time
}

// NewAuditorKey is what an auditor's browser sends.
type NewAuditorKey struct {
	Name, PublicKey, Wrapped string
	Passkey                  *NewPasskey // that was made with it, nil for none
}

// Limits of what one auditor keeps here.
const (
	maxAuditorKeys = 20
	maxWrapped     = 2048 // bytes
	leastRounds    = 600_000
	mostRounds     = 10_000_000
)

// AuditorKeys lists the account's own keys, the oldest first. ErrForbidden to who
// is neither auditor nor data-protection officer: nobody else has any, and nobody sees another's.
func (a *Access) AuditorKeys(ctx context.Context, by Account) ([]AuditorKey, error) {
	if !Can(by, ReadTrail, Scope{}) {
		return nil, ErrForbidden
	}
	var rows []auditorKeyRow
	if err := a.db.NewSelect().Model(&rows).Where("account_id = ?", by.ID).Order("made_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("auditor's keys: %w", err)
	}
	passkeys, err := a.passkeysOf(ctx, by)
	if err != nil {
		return nil, err
	}
	keys := make([]AuditorKey, len(rows))
	for i, row := range rows {
		keys[i] = AuditorKey{ID: row.ID, Name: row.Name, PublicKey: row.PublicKey, Wrapped: row.Wrapped, Passkeys: passkeys[row.ID], Made: row.MadeAt}
	}
	return keys, nil
}

// AddAuditorKey keeps a key for its auditor. It names no recipient: that is a
// step of its own. Errors wrap ErrInvalid when a field (name, public_key, wrapped, or
// one of AddPasskey) is not accepted; ErrForbidden as AuditorKeys.
func (a *Access) AddAuditorKey(ctx context.Context, by Account, n NewAuditorKey) (AuditorKey, error) {
	if !Can(by, ReadTrail, Scope{}) {
		return AuditorKey{}, ErrForbidden
	}
	key, err := recordings.ParseRecipient(strings.TrimSpace(n.PublicKey))
	if err != nil {
		return AuditorKey{}, invalid("public_key", "malformed", "%s", err)
	}
	if n.Name, err = ops.CleanLine(n.Name, maxName); err != nil {
		return AuditorKey{}, invalid("name", "malformed", "%s", err)
	}
	if n.Wrapped, err = cleanWrapped(n.Wrapped); err != nil {
		return AuditorKey{}, invalid("wrapped", "malformed", "%s", err)
	}
	var passkey passkeyRow
	if n.Passkey != nil {
		if passkey, err = cleanPasskey(*n.Passkey); err != nil {
			return AuditorKey{}, err
		}
		passkey.KeyID = key.ID()
	}
	row := auditorKeyRow{ID: key.ID(), AccountID: by.ID, Name: n.Name, PublicKey: key.String(), Wrapped: n.Wrapped, MadeAt: time.Now()}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		count, err := tx.NewSelect().Model((*auditorKeyRow)(nil)).Where("account_id = ?", by.ID).Count(ctx)
		if err != nil {
			return err
		}
		if count >= maxAuditorKeys {
			return invalid("name", "too_many", "more than %d keys", maxAuditorKeys)
		}
		if err := affect(ctx, tx.NewInsert().Model(&row).On("CONFLICT (id) DO NOTHING"), invalid("public_key", "taken", "the key %s is kept already", row.ID)); err != nil {
			return err
		}
		if err := ops.NoteAct(ctx, tx, "auditor_key.added", by.ID, map[string]any{"key": row.ID, "name": row.Name}); err != nil || n.Passkey == nil {
			return err
		}
		return keepPasskey(ctx, tx, by, passkey)
	})
	if err != nil {
		return AuditorKey{}, fmt.Errorf("add auditor's key: %w", err)
	}
	return AuditorKey{ID: row.ID, Name: row.Name, PublicKey: row.PublicKey, Wrapped: row.Wrapped, Made: row.MadeAt}, nil
}

// RemoveAuditorKey forgets one of the account's own keys and its passkeys; ErrNotFound
// for any other. What is encrypted for it stays so.
func (a *Access) RemoveAuditorKey(ctx context.Context, by Account, id string) error {
	if !Can(by, ReadTrail, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*passkeyRow)(nil)).Where("key_id = ?", id).Where("key_id IN (SELECT id FROM auditor_keys WHERE account_id = ?)", by.ID).Exec(ctx); err != nil {
			return err
		}
		if err := affect(ctx, tx.NewDelete().Model((*auditorKeyRow)(nil)).Where("id = ?", id).Where("account_id = ?", by.ID), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "auditor_key.removed", by.ID, map[string]any{"key": id})
	})
	if err != nil {
		return fmt.Errorf("remove auditor's key: %w", err)
	}
	return nil
}

// RelockAuditorKey keeps one of the account's own keys under another passphrase, in
// place of the one before; ErrNotFound for any other key. Errors wrap ErrInvalid
// (wrapped); ErrForbidden as AuditorKeys.
func (a *Access) RelockAuditorKey(ctx context.Context, by Account, id, wrapped string) error {
	if !Can(by, ReadTrail, Scope{}) {
		return ErrForbidden
	}
	wrapped, err := cleanWrapped(wrapped)
	if err != nil {
		return invalid("wrapped", "malformed", "%s", err)
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		q := tx.NewUpdate().Model((*auditorKeyRow)(nil)).Set("wrapped = ?", wrapped).Where("id = ?", id).Where("account_id = ?", by.ID)
		if err := affect(ctx, q, ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "auditor_key.relocked", by.ID, map[string]any{"key": id})
	})
	if err != nil {
		return fmt.Errorf("relock auditor's key: %w", err)
	}
	return nil
}

// wrappedKey is a private key (PKCS #8) under a passphrase: AES-256-GCM with the
// key that PBKDF2-SHA256 makes of passphrase and salt.
type wrappedKey struct {
	Version int    `json:"v"`
	KDF     string `json:"kdf"`
	Rounds  int    `json:"rounds"`
	Salt    string `json:"salt"`
	Nonce   string `json:"nonce"`
	Body    string `json:"body"`
}

// cleanWrapped refuses what is not wrapped as it should be: a browser that sent a
// private key in clear, or under a weak derivation, would be told, not believed.
func cleanWrapped(text string) (string, error) {
	if len(text) > maxWrapped {
		return "", fmt.Errorf("more than %d bytes", maxWrapped)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var w wrappedKey
	if err := d.Decode(&w); err != nil {
		return "", err
	}
	if w.Version != 1 || w.KDF != "PBKDF2-SHA256" || w.Rounds < leastRounds || w.Rounds > mostRounds {
		return "", fmt.Errorf("version %d, %q with %d rounds", w.Version, w.KDF, w.Rounds)
	}
	if err := checkParts(wrappedPart{w.Salt, 16, 64}, wrappedPart{w.Nonce, 12, 12}, wrappedPart{w.Body, 64, 512}); err != nil {
		return "", err
	}
	out, err := json.Marshal(w)
	return string(out), err
}

// wrappedPart is bytes in base64, and how many there have to be.
type wrappedPart struct {
	text        string
	least, most int
}

func checkParts(parts ...wrappedPart) error {
	for _, part := range parts {
		b, err := base64.StdEncoding.Strict().DecodeString(part.text)
		if err != nil || len(b) < part.least || len(b) > part.most {
			return fmt.Errorf("a part of %d bytes", len(b))
		}
		// PKCS #8 begins with a SEQUENCE; ciphertext does so once in 65,536 keys.
		if bytes.HasPrefix(b, []byte{0x30, 0x81}) {
			return fmt.Errorf("not encrypted")
		}
	}
	return nil
}

type auditorKeyRow struct {
	bun.BaseModel `bun:"table:auditor_keys"`

	ID        string `bun:",pk"`
	AccountID string
	Name      string
	PublicKey string
	Wrapped   string
	MadeAt    time.Time
}

// TrailReaders lists the keys that reasons and the trail of administration are sealed
// for: those of all recipients of recordings, and those of the data-protection
// officers, which open no recording.
func (a *Access) TrailReaders(ctx context.Context) ([]recordings.Recipient, error) {
	named, err := a.Recipients(ctx)
	if err != nil {
		return nil, err
	}
	var keys []recordings.Recipient
	known := map[string]bool{}
	for _, r := range named {
		keys = append(keys, r.Key)
		known[r.Key.ID()] = true
	}
	var officers []string
	err = a.db.NewSelect().Model((*auditorKeyRow)(nil)).Column("public_key").
		Where("account_id IN (SELECT id FROM accounts WHERE role = ? AND disabled_at IS NULL)", DPO).Order("made_at", "id").Scan(ctx, &officers)
	if err != nil {
		return nil, fmt.Errorf("readers of the trail: %w", err)
	}
	for _, text := range officers {
		key, err := recordings.ParseRecipient(text)
		if err != nil {
			return nil, fmt.Errorf("readers of the trail: %w", err)
		}
		if !known[key.ID()] {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

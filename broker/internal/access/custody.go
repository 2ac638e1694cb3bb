package access

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"consento/broker/internal/ops"
	"consento/recordings"

	"github.com/uptrace/bun"
)

// RootKey is an auditor's own copy of the key that signs recipient policies, locked
// under a passphrase that only that person knows.
type RootKey struct {
	PublicKey string // Ed25519, 64 hexadecimal digits
	Wrapped   string // JSON, see cleanWrapped
	Made      time.Time
}

// maxRootKeys bounds what one auditor keeps here.
const maxRootKeys = 10

// RootKeys lists the account's own copies, the oldest first. ErrForbidden to who is
// no auditor.
func (a *Access) RootKeys(ctx context.Context, by Account) ([]RootKey, error) {
	if !Can(by, ManageRecipients, Scope{}) {
		return nil, ErrForbidden
	}
	var rows []rootKeyRow
	if err := a.db.NewSelect().Model(&rows).Where("account_id = ?", by.ID).Order("made_at", "public_key").Scan(ctx); err != nil {
		return nil, fmt.Errorf("root keys: %w", err)
	}
	keys := make([]RootKey, len(rows))
	for i, row := range rows {
		keys[i] = RootKey{row.PublicKey, row.Wrapped, row.MadeAt}
	}
	return keys, nil
}

// KeepRootKey keeps a copy; one of the same key takes the place of the one before,
// as under a new passphrase. It gives no right: the signature of policies does.
// Errors wrap ErrInvalid (public_key, wrapped); ErrForbidden as RootKeys.
func (a *Access) KeepRootKey(ctx context.Context, by Account, publicKey, wrapped string) error {
	if !Can(by, ManageRecipients, Scope{}) {
		return ErrForbidden
	}
	if b, err := hex.DecodeString(publicKey); err != nil || len(b) != ed25519.PublicKeySize || hex.EncodeToString(b) != publicKey {
		return invalid("public_key", "malformed", "an Ed25519 public key is 64 hexadecimal digits")
	}
	wrapped, err := cleanWrapped(wrapped)
	if err != nil {
		return invalid("wrapped", "malformed", "%s", err)
	}
	row := rootKeyRow{AccountID: by.ID, PublicKey: publicKey, Wrapped: wrapped, MadeAt: time.Now()}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		count, err := tx.NewSelect().Model((*rootKeyRow)(nil)).Where("account_id = ?", by.ID).Where("public_key <> ?", publicKey).Count(ctx)
		if err != nil {
			return err
		}
		if count >= maxRootKeys {
			return invalid("public_key", "too_many", "more than %d keys", maxRootKeys)
		}
		if _, err := tx.NewInsert().Model(&row).On("CONFLICT (account_id, public_key) DO UPDATE").Set("wrapped = EXCLUDED.wrapped").Set("made_at = EXCLUDED.made_at").Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "root_key.kept", by.ID, map[string]any{"key": publicKey})
	})
	if err != nil {
		return fmt.Errorf("keep root key: %w", err)
	}
	return nil
}

// RemoveRootKey forgets one of the account's own copies; ErrNotFound for any other.
func (a *Access) RemoveRootKey(ctx context.Context, by Account, publicKey string) error {
	if !Can(by, ManageRecipients, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := affect(ctx, tx.NewDelete().Model((*rootKeyRow)(nil)).Where("account_id = ?", by.ID).Where("public_key = ?", publicKey), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "root_key.removed", by.ID, map[string]any{"key": publicKey})
	})
	if err != nil {
		return fmt.Errorf("remove root key: %w", err)
	}
	return nil
}

// EscrowSet is the public halves of three printed keys, that a policy may name.
type EscrowSet struct {
	Keys []recordings.Recipient // three, or none
	Made time.Time
}

// EscrowKeys returns the newest set that was printed. ErrForbidden to who is no auditor.
func (a *Access) EscrowKeys(ctx context.Context, by Account) (EscrowSet, error) {
	if !Can(by, ManageRecipients, Scope{}) {
		return EscrowSet{}, ErrForbidden
	}
	var rows []escrowKeyRow
	if err := a.db.NewSelect().Model(&rows).Order("number").Scan(ctx); err != nil {
		return EscrowSet{}, fmt.Errorf("escrow keys: %w", err)
	}
	var set EscrowSet
	for _, row := range rows {
		key, err := recordings.ParseRecipient(row.PublicKey)
		if err != nil {
			return EscrowSet{}, fmt.Errorf("escrow keys: %w", err)
		}
		set.Keys, set.Made = append(set.Keys, key), row.MadeAt
	}
	return set, nil
}

// PrepareEscrow keeps the public halves of three keys whose sheets were printed and
// typed back; they take the place of those before. No recording is encrypted for them
// before a signed policy names them. Errors wrap ErrInvalid; ErrForbidden as EscrowKeys.
func (a *Access) PrepareEscrow(ctx context.Context, by Account, publicKeys [3]string) error {
	if !Can(by, ManageRecipients, Scope{}) {
		return ErrForbidden
	}
	now := time.Now()
	var rows []escrowKeyRow
	var ids []string
	for i, text := range publicKeys {
		key, err := recordings.ParseRecipient(text)
		if err != nil {
			return invalid("public_key", "malformed", "%s", err)
		}
		if slices.Contains(ids, key.ID()) {
			return invalid("public_key", "taken", "the key %s stands there twice", key.ID())
		}
		rows, ids = append(rows, escrowKeyRow{Number: i + 1, PublicKey: text, MadeBy: by.ID, MadeAt: now}), append(ids, key.ID())
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewDelete().Model((*escrowKeyRow)(nil)).Where("number > 0").Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "escrow.prepared", by.ID, map[string]any{"keys": ids})
	})
	if err != nil {
		return fmt.Errorf("prepare escrow: %w", err)
	}
	return nil
}

// KeptKey is a public key that somebody may be made a reader by.
type KeptKey struct {
	Owner, Name string // of the person; of the key
	Auditor     bool   // the person is an auditor, not the data-protection officer
	PublicKey   string
}

// KeptKeys lists the public halves of all keys that auditors and data-protection
// officers who still work here keep, and those that were named on this broker, each
// once. ErrForbidden to who is no auditor.
func (a *Access) KeptKeys(ctx context.Context, by Account) ([]KeptKey, error) {
	if !Can(by, ManageRecipients, Scope{}) {
		return nil, ErrForbidden
	}
	var keys []KeptKey
	err := a.db.NewSelect().TableExpr("auditor_keys AS k").Join("JOIN accounts AS a ON a.id = k.account_id").
		ColumnExpr("a.name AS owner").ColumnExpr("k.name AS name").ColumnExpr("a.role = ? AS auditor", Auditor).ColumnExpr("k.public_key AS public_key").
		Where("a.disabled_at IS NULL").Order("a.name", "k.made_at", "k.id").Scan(ctx, &keys)
	if err != nil {
		return nil, fmt.Errorf("kept keys: %w", err)
	}
	named, err := a.Recipients(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range named {
		text := r.Key.String()
		if !slices.ContainsFunc(keys, func(k KeptKey) bool { return k.PublicKey == text }) {
			keys = append(keys, KeptKey{Owner: r.Name, Auditor: true, PublicKey: text})
		}
	}
	return keys, nil
}

type rootKeyRow struct {
	bun.BaseModel `bun:"table:auditor_roots"`

	AccountID string `bun:",pk"`
	PublicKey string `bun:",pk"`
	Wrapped   string
	MadeAt    time.Time
}

type escrowKeyRow struct {
	bun.BaseModel `bun:"table:escrow_keys"`

	Number    int `bun:",pk"`
	PublicKey string
	MadeBy    string
	MadeAt    time.Time
}

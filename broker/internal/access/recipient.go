package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"consento/broker/internal/ops"
	"consento/recordings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Recipient is an auditors' public key that recordings are encrypted for.
type Recipient struct {
	ID        string               // UUIDv4
	Name      string               // whose it is
	Team      string               // only sessions of this team; "" of every team
	Territory string               // only sessions of this territory; "" of every territory
	Key       recordings.Recipient // Key.ID() is its fingerprint
	AddedBy   string               // account id; "" from the command line or the first set-up
	Added     time.Time
}

// NewRecipient is what makes a recipient.
type NewRecipient struct {
	Name, Team, Territory string
	PublicKey             string // the text that recordings.ParseRecipient reads
	AddedBy               string // account id, or ""
}

// AddRecipient names a public key. The same key cannot be named twice. Errors wrap
// ErrInvalid when a field is not accepted.
func (a *Access) AddRecipient(ctx context.Context, n NewRecipient) (Recipient, error) {
	row, err := n.row()
	if err != nil {
		return Recipient{}, err
	}
	if err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error { return row.insert(ctx, tx) }); err != nil {
		return Recipient{}, fmt.Errorf("add recipient: %w", err)
	}
	return row.recipient()
}

// Recipients lists all of them, the oldest first.
func (a *Access) Recipients(ctx context.Context) ([]Recipient, error) {
	return a.recipients(ctx, a.db.NewSelect())
}

// RecipientsFor lists whom a session of this team and territory is encrypted for.
// None means that no session may start.
func (a *Access) RecipientsFor(ctx context.Context, team, territory string) ([]Recipient, error) {
	return a.recipients(ctx, a.db.NewSelect().
		Where("(team IS NULL OR team = ?)", team).Where("territory IN ('', ?)", territory))
}

func (a *Access) recipients(ctx context.Context, q *bun.SelectQuery) ([]Recipient, error) {
	var rows []recipientRow
	if err := q.Model(&rows).Order("added_at", "id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	recipients := make([]Recipient, len(rows))
	for i := range rows {
		var err error
		if recipients[i], err = rows[i].recipient(); err != nil {
			return nil, err
		}
	}
	return recipients, nil
}

func (n NewRecipient) row() (*recipientRow, error) {
	key, err := recordings.ParseRecipient(strings.TrimSpace(n.PublicKey))
	if err != nil {
		return nil, invalid("public_key", "malformed", "%s", err)
	}
	if n.Name, err = ops.CleanLine(n.Name, maxName); err != nil {
		return nil, invalid("name", "malformed", "%s", err)
	}
	if n.Territory = strings.TrimSpace(n.Territory); n.Territory != "" {
		if n.Territory, err = ops.CleanLine(n.Territory, maxTeam); err != nil {
			return nil, invalid("territory", "malformed", "%s", err)
		}
	}
	return &recipientRow{
		ID: uuid.NewString(), Fingerprint: key.ID(), Name: n.Name, Team: strings.TrimSpace(n.Team), Territory: n.Territory,
		PublicKey: key.String(), AddedBy: n.AddedBy, AddedAt: time.Now(),
	}, nil
}

func (row *recipientRow) insert(ctx context.Context, tx bun.Tx) error {
	if row.Team != "" {
		known, err := tx.NewSelect().Model((*teamRow)(nil)).Where("name = ?", row.Team).Exists(ctx)
		if err != nil {
			return err
		}
		if !known {
			return invalid("team", "unknown", "there is no team %q", row.Team)
		}
	}
	if err := affect(ctx, tx.NewInsert().Model(row).On("CONFLICT (fingerprint) DO NOTHING"), invalid("public_key", "taken", "the key %s is named already", row.Fingerprint)); err != nil {
		return err
	}
	return ops.NoteAct(ctx, tx, "recipient.added", row.AddedBy, map[string]any{"recipient": row.ID, "key": row.Fingerprint, "name": row.Name,
		"team": row.Team, "territory": row.Territory})
}

func (row *recipientRow) recipient() (Recipient, error) {
	key, err := recordings.ParseRecipient(row.PublicKey)
	if err != nil {
		return Recipient{}, fmt.Errorf("recipient %s: %w", row.ID, err)
	}
	return Recipient{ID: row.ID, Name: row.Name, Team: row.Team, Territory: row.Territory, Key: key,
		AddedBy: row.AddedBy, Added: row.AddedAt}, nil
}

type recipientRow struct {
	bun.BaseModel `bun:"table:recipients"`

	ID          string `bun:",pk"`
	Fingerprint string
	Name        string
	Team        string `bun:",nullzero"`
	Territory   string
	PublicKey   string
	AddedBy     string `bun:",nullzero"`
	AddedAt     time.Time
}

// inPart puts the part of a larger form before the field's name.
func inPart(part string, err error) error {
	var in *Invalid
	if !errors.As(err, &in) {
		return fmt.Errorf("%s: %w", part, err)
	}
	return &Invalid{Field: part + "." + in.Field, Code: in.Code, Reason: in.Reason}
}

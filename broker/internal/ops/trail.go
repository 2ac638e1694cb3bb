package ops

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// Act is one act of administration on its way to the trail that auditors read.
type Act struct {
	ID   string // UUIDv4
	At   time.Time
	What string          // code: account.added, signin, …
	By   string          // account id, ByCommand or ByBroker
	Body json.RawMessage // what was done, one object
}

// ByCommand stands for whoever can run the broker's own commands on its machine.
const ByCommand = "command"

// ByBroker stands for what the broker does by itself, as it was set.
const ByBroker = "broker"

type actRow struct {
	bun.BaseModel `bun:"table:trail"`

	ID   string `bun:",pk"`
	At   int64
	What string
	By   string
	Body string
	Leaf *uint64
}

// NoteAct puts an act on its way, in the transaction that carries it out: one is
// not there without the other. The broker that serves puts it on the global log.
func NoteAct(ctx context.Context, db bun.IDB, what, by string, body map[string]any) error {
	if by == "" {
		by = ByCommand
	}
	data, err := json.Marshal(body)
	if err == nil {
		_, err = db.NewInsert().Model(&actRow{ID: uuid.NewString(), At: time.Now().UnixMilli(), What: what, By: by, Body: string(data)}).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("trail: %s: %w", what, err)
	}
	return nil
}

// ActsWaiting returns the oldest acts that are not on the log.
func ActsWaiting(ctx context.Context, db bun.IDB, most int) ([]Act, error) {
	var rows []actRow
	if err := db.NewSelect().Model(&rows).Where("leaf IS NULL").Order("at", "id").Limit(int64(most)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	acts := make([]Act, len(rows))
	for i, r := range rows {
		acts[i] = Act{ID: r.ID, At: time.UnixMilli(r.At).UTC(), What: r.What, By: r.By, Body: json.RawMessage(r.Body)}
	}
	return acts, nil
}

// ActLogged keeps of an act no more than which leaf it is.
func ActLogged(ctx context.Context, db bun.IDB, id string, leaf uint64) error {
	if _, err := db.NewUpdate().Model((*actRow)(nil)).Set("leaf = ?", leaf).Set("body = ''").Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return nil
}

// ForgetActs deletes what is kept of acts that have been on the log since before a
// time.
func ForgetActs(ctx context.Context, db bun.IDB, before time.Time) error {
	if _, err := db.NewDelete().Model((*actRow)(nil)).Where("leaf IS NOT NULL").Where("at < ?", before.UnixMilli()).Exec(ctx); err != nil {
		return fmt.Errorf("trail: %w", err)
	}
	return nil
}

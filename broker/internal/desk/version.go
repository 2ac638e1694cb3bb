package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// Version is one version of what the office decided about its desk.
type Version struct {
	Number int64 // from 1
	At     time.Time
	By     Person // zero: it came with the program
}

// What there are versions of.
const (
	ofMatrix = "matrix"
	ofHours  = "hours"
)

type versionRow struct {
	bun.BaseModel `bun:"table:desk_versions,alias:desk_version"`

	What   string `bun:",pk"`
	Number int64  `bun:",pk"`
	At     int64
	ByID   string
	By     string
	Data   string
}

func (r versionRow) version() Version {
	return Version{r.Number, timeOf(r.At), Person{r.ByID, r.By}}
}

// newest reads the version in force into to; the zero Version if there is none.
func newest(ctx context.Context, db bun.IDB, what string, to any) (Version, error) {
	return readVersion(db.NewSelect().Where("what = ?", what).Order("number DESC").Limit(1), ctx, to)
}

// numbered reads one version, likewise.
func numbered(ctx context.Context, db bun.IDB, what string, number int64, to any) (Version, error) {
	return readVersion(db.NewSelect().Where("what = ?", what).Where("number = ?", number), ctx, to)
}

func readVersion(q *bun.SelectQuery, ctx context.Context, to any) (Version, error) {
	var row versionRow
	err := q.Model(&row).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Version{}, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(row.Data), to)
	}
	if err != nil {
		return Version{}, fmt.Errorf("desk: %w", err)
	}
	return row.version(), nil
}

// versions lists the newest, the newest first.
func (d *Desk) versions(ctx context.Context, what string, limit int) ([]Version, error) {
	var rows []versionRow
	err := d.db.NewSelect().Model(&rows).ExcludeColumn("data").Where("what = ?", what).Order("number DESC").Limit(int64(limit)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	list := make([]Version, len(rows))
	for i, r := range rows {
		list[i] = r.version()
	}
	return list, nil
}

// add stores the version after base together with what else belongs to it, and notes on
// the trail who made it. It returns ErrStale where base is not the version in force any
// more, ErrForbidden to who may not.
func (d *Desk) add(ctx context.Context, by access.Account, what string, base int64, data any, also ...func(context.Context, bun.Tx) error) (Version, error) {
	if !access.Can(by, access.ManageDesk, access.Scope{}) {
		return Version{}, ErrForbidden
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return Version{}, fmt.Errorf("desk: %w", err)
	}
	row := versionRow{What: what, Number: base + 1, At: millis(d.now()), ByID: by.ID, By: by.Name, Data: string(raw)}
	err = d.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		newest, err := newest(ctx, tx, what, new(json.RawMessage))
		if err != nil {
			return err
		}
		if newest.Number != base {
			return ErrStale
		}
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		for _, do := range also {
			if err := do(ctx, tx); err != nil {
				return err
			}
		}
		return ops.NoteAct(ctx, tx, "desk."+what, by.ID, map[string]any{"version": row.Number, "data": json.RawMessage(raw)})
	})
	if err != nil {
		return Version{}, err
	}
	return row.version(), nil
}

// begin stores a first version where there is none.
func (d *Desk) begin(ctx context.Context, what string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("desk: %w", err)
	}
	row := versionRow{What: what, Number: 1, At: millis(d.now()), Data: string(raw)}
	if _, err := d.db.NewInsert().Model(&row).On("CONFLICT (what, number) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("desk: %w", err)
	}
	return nil
}

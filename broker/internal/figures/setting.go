package figures

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
)

// Setting is whether figures by person are shown: off, until an administrator switches
// it on and says so to the people concerned.
type Setting struct {
	Version  int64 // 0: nobody has decided yet
	ByPerson bool
	Told     string    // what the people are told: why, and what is done with it
	Since    time.Time // when it was switched on; what was before is nobody's figure
	By       string    // name of who decided
}

// Bounds of what people are told, in characters.
const (
	MinTold = 40
	MaxTold = 2000
)

type settingRow struct {
	bun.BaseModel `bun:"table:figures_setting"`

	ID       string `bun:",pk"`
	Version  int64
	ByPerson bool
	Told     string
	Since    int64
	By       string
}

// Setting reads it.
func (f *Figures) Setting(ctx context.Context) (Setting, error) { return f.setting(ctx, f.db) }

func (f *Figures) setting(ctx context.Context, db bun.IDB) (Setting, error) {
	var row settingRow
	err := db.NewSelect().Model(&row).Where("id = 'office'").Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return Setting{}, nil
	}
	if err != nil {
		return Setting{}, fmt.Errorf("figures: %w", err)
	}
	return Setting{row.Version, row.ByPerson, row.Told, at(row.Since), row.By}, nil
}

// Switch switches figures by person on or off after a version that was seen, and notes it
// on the trail. It returns ErrForbidden, ErrStale, or an *access.Invalid where nothing
// is told to the people. Switched on again it begins anew.
func (f *Figures) Switch(ctx context.Context, by access.Account, seen int64, on bool, told string) error {
	if !access.Can(by, access.ManageOffice, access.Scope{}) {
		return ErrForbidden
	}
	told = strings.TrimSpace(strings.ReplaceAll(told, "\r\n", "\n"))
	switch n := utf8.RuneCountInString(told); {
	case !utf8.ValidString(told) || strings.ContainsRune(told, 0):
		return &access.Invalid{Field: "told", Code: "malformed", Reason: "is malformed"}
	case on && n < MinTold:
		return &access.Invalid{Field: "told", Code: "missing", Reason: "is missing"}
	case n > MaxTold:
		return &access.Invalid{Field: "told", Code: "too_long", Reason: "is too long"}
	}
	err := f.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		before, err := f.setting(ctx, tx)
		if err != nil {
			return err
		}
		if before.Version != seen {
			return ErrStale
		}
		row := settingRow{ID: "office", Version: seen + 1, ByPerson: on, Told: told, By: by.Name}
		switch {
		case on && before.ByPerson:
			row.Since = before.Since.UnixMilli()
		case on:
			row.Since = f.now().UnixMilli()
		}
		_, err = tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").Set("version = EXCLUDED.version").Set("by_person = EXCLUDED.by_person").
			Set("told = EXCLUDED.told").Set("since = EXCLUDED.since").Set("by = EXCLUDED.by").Exec(ctx)
		if err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "figures.by_person", by.ID, map[string]any{"on": on, "told": told})
	})
	if err != nil {
		return fmt.Errorf("figures: by person: %w", err)
	}
	return nil
}

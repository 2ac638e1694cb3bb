package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// Team is a group of people that shares a level and a territory.
type Team struct {
	Name      string
	Territory string // "" for an office without territories
	Level     Level
	People    int // accounts that did not end
}

// ErrInUse says that something is still somebody's.
var ErrInUse = errors.New("still in use")

// Teams lists the teams by name.
func (a *Access) Teams(ctx context.Context) ([]Team, error) {
	var rows []struct {
		Name, Territory string
		Level           Level
		People          int
	}
	err := a.db.NewSelect().Model((*teamRow)(nil)).Column("name", "territory", "level").
		ColumnExpr("(SELECT COUNT(*) FROM accounts WHERE accounts.team = team.name AND disabled_at IS NULL) AS people").Order("name").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("teams: %w", err)
	}
	teams := make([]Team, len(rows))
	for i, r := range rows {
		teams[i] = Team(r)
	}
	return teams, nil
}

// AddTeam makes a team. Errors: ErrForbidden, *Invalid.
func (a *Access) AddTeam(ctx context.Context, by Account, t Team) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	t, err := t.clean()
	if err != nil {
		return err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row := teamRow{Name: t.Name, Territory: t.Territory, Level: t.Level, CreatedAt: time.Now()}
		if err := affect(ctx, tx.NewInsert().Model(&row).On("CONFLICT (name) DO NOTHING"), invalid("name", "taken", "there is a team %q", t.Name)); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "team.added", by.ID, map[string]any{"team": t.Name, "territory": t.Territory, "level": t.Level})
	})
	if err != nil {
		return fmt.Errorf("add team: %w", err)
	}
	return nil
}

func (t Team) clean() (Team, error) {
	var err error
	if t.Name, err = ops.CleanLine(t.Name, maxTeam); err != nil {
		return t, invalid("name", "malformed", "%s", err)
	}
	if t.Territory = strings.TrimSpace(t.Territory); t.Territory != "" {
		if t.Territory, err = ops.CleanLine(t.Territory, maxTeam); err != nil {
			return t, invalid("territory", "malformed", "%s", err)
		}
	}
	if !slices.Contains(Levels(), t.Level) {
		return t, invalid("level", "unknown", "%q is not a level", t.Level)
	}
	return t, nil
}

// ChangeTeam gives a team another level. Its territory says who audits what it did, and
// its name stands on the evidence: both stay. Errors: ErrForbidden, ErrNotFound,
// *Invalid.
func (a *Access) ChangeTeam(ctx context.Context, by Account, name string, level Level) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	if !slices.Contains(Levels(), level) {
		return invalid("level", "unknown", "%q is not a level", level)
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if err := affect(ctx, tx.NewUpdate().Model((*teamRow)(nil)).Set("level = ?", level).Where("name = ?", name), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "team.changed", by.ID, map[string]any{"team": name, "level": level})
	})
	if err != nil {
		return fmt.Errorf("change team: %w", err)
	}
	return nil
}

// DeleteTeam takes away a team that no account, ended or not, has, and no ticket ever had. Errors: ErrForbidden,
// ErrNotFound, ErrInUse.
func (a *Access) DeleteTeam(ctx context.Context, by Account, name string) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		used, err := tx.NewSelect().Model((*accountRow)(nil)).Where("team = ?", name).Exists(ctx)
		if err != nil {
			return err
		}
		if !used { // a ticket that it has, or had, is not left with nobody
			used, err = tx.NewSelect().Table("ticket_teams").Where("team = ?", name).Exists(ctx)
		}
		if err == nil && !used {
			used, err = tx.NewSelect().Model((*ruleRow)(nil)).Where("team = ?", name).Exists(ctx)
		}
		if err != nil {
			return err
		}
		if used {
			return ErrInUse
		}
		if err := affect(ctx, tx.NewDelete().Model((*teamRow)(nil)).Where("name = ?", name), ErrNotFound); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "team.deleted", by.ID, map[string]any{"team": name})
	})
	if err != nil {
		return fmt.Errorf("delete team: %w", err)
	}
	return nil
}

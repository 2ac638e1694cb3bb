package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// Group is a group of such people.
type Group struct {
	ID       string
	Name     string
	External string
	Members  []Ref // for saving, ID counts
	Version  int64
	Created  time.Time
	Changed  time.Time
}

type groupRow struct {
	bun.BaseModel `bun:"table:scim_groups,alias:scim_group"`
	writtenRow

	Name    string
	NameKey string
}

type memberRow struct {
	bun.BaseModel `bun:"table:scim_members,alias:scim_member"`

	GroupID  string `bun:",pk"`
	PersonID string `bun:",pk"`
}

var groupKind = writtenKind[groupRow]{name: "group", plural: "groups", key: "name_key",
	columns: map[string]column{"id": {"id", nil}, "externalId": {"external_id", nil}, "displayName": {"name_key", groupKey}},
	written: func(row *groupRow) *writtenRow { return &row.writtenRow }}

// Groups returns a page of groups without their members, and how many there are in all.
// Errors: ErrForbidden, *Invalid for a column that there is none of.
func (a *Access) Groups(ctx context.Context, by Account, q Query) ([]Group, int, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return nil, 0, ErrForbidden
	}
	rows, total, err := groupKind.page(ctx, a.db, q)
	if err != nil {
		return nil, 0, err
	}
	groups := make([]Group, len(rows))
	for i := range rows {
		groups[i] = rows[i].group()
	}
	return groups, total, nil
}

// Group returns one with its members, or ErrNotFound.
func (a *Access) Group(ctx context.Context, by Account, id string) (Group, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return Group{}, ErrForbidden
	}
	row, err := groupKind.one(ctx, a.db, id)
	if err != nil {
		return Group{}, err
	}
	g := row.group()
	err = a.db.NewSelect().Table("scim_people").ColumnExpr("id").ColumnExpr("user_name AS name").
		Where("id IN (SELECT person_id FROM scim_members WHERE group_id = ?)", id).Order("user_key").Scan(ctx, &g.Members)
	if err != nil {
		return Group{}, fmt.Errorf("members: %w", err)
	}
	return g, nil
}

// SaveGroup makes a group (ID is "") or changes it with all its members, and what they may
// with it, at once. version is the one that was seen, 0 for any. Errors: ErrForbidden,
// ErrNotFound, ErrStale, ErrTaken, ErrLastAdministrator, *Invalid.
func (a *Access) SaveGroup(ctx context.Context, by Account, g Group, version int64) (Group, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return Group{}, ErrForbidden
	}
	g, err := g.clean()
	if err != nil {
		return Group{}, err
	}
	what := "scim.group_changed"
	if g.ID == "" {
		what = "scim.group_added"
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		renamed := false
		row, err := groupKind.save(ctx, tx, g.ID, version, groupKey(g.Name), func(row *groupRow) {
			renamed = row.NameKey != groupKey(g.Name)
			row.Name, row.NameKey, row.ExternalID = g.Name, groupKey(g.Name), g.External
		})
		if err != nil {
			return err
		}
		g.ID = row.ID
		touched, err := members(ctx, tx, row.ID, g.Members, renamed)
		if err != nil {
			return err
		}
		if err := ops.NoteAct(ctx, tx, what, by.ID, map[string]any{"group": row.ID, "name": row.Name, "members": len(g.Members), "changed": len(touched)}); err != nil {
			return err
		}
		return a.settleThese(ctx, tx, touched)
	})
	if err != nil {
		return Group{}, fmt.Errorf("save group: %w", err)
	}
	return a.Group(ctx, by, g.ID)
}

// DeleteGroup takes a group out, and what its members may by it. Errors: as of SaveGroup.
func (a *Access) DeleteGroup(ctx context.Context, by Account, id string, version int64) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := groupKind.seen(ctx, tx, id, version)
		if err != nil {
			return err
		}
		touched, err := members(ctx, tx, id, nil, false)
		if err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		if err := ops.NoteAct(ctx, tx, "scim.group_deleted", by.ID, map[string]any{"group": id, "name": row.Name, "changed": len(touched)}); err != nil {
			return err
		}
		return a.settleThese(ctx, tx, touched)
	})
	if err != nil {
		return fmt.Errorf("delete group: %w", err)
	}
	return nil
}

// members makes these the members of a group, and returns whom it concerns: who came or
// went, or everybody.
func members(ctx context.Context, tx bun.Tx, group string, to []Ref, everybody bool) ([]string, error) {
	var before []string
	if err := tx.NewSelect().Table("scim_members").Column("person_id").Where("group_id = ?", group).Scan(ctx, &before); err != nil {
		return nil, err
	}
	had, has, touched := map[string]bool{}, map[string]bool{}, []string{}
	for _, id := range before {
		had[id] = true
	}
	for _, m := range to {
		if has[m.ID] {
			continue
		}
		has[m.ID] = true
		if had[m.ID] {
			if everybody {
				touched = append(touched, m.ID)
			}
			continue
		}
		if _, err := peopleKind.one(ctx, tx, m.ID); errors.Is(err, ErrNotFound) {
			return nil, invalid("members", "unknown", "there is nobody with the id %q", m.ID)
		} else if err != nil {
			return nil, err
		}
		if _, err := tx.NewInsert().Model(&memberRow{GroupID: group, PersonID: m.ID}).Exec(ctx); err != nil {
			return nil, err
		}
		touched = append(touched, m.ID)
	}
	for _, id := range before {
		if has[id] {
			continue
		}
		if _, err := tx.NewDelete().Model(&memberRow{GroupID: group, PersonID: id}).WherePK().Exec(ctx); err != nil {
			return nil, err
		}
		touched = append(touched, id)
	}
	return touched, nil
}

func (g Group) clean() (Group, error) {
	var err error
	if g.Name, err = ops.CleanLine(strings.TrimSpace(g.Name), maxWord); err != nil {
		return g, invalid("displayName", "malformed", "%s", err)
	}
	if g.External = strings.TrimSpace(g.External); g.External != "" {
		if g.External, err = ops.CleanLine(g.External, maxWord); err != nil {
			return g, invalid("externalId", "malformed", "%s", err)
		}
	}
	if len(g.Members) > MaxWritten {
		return g, invalid("members", "many", "at most %d members", MaxWritten)
	}
	return g, nil
}

func (row *groupRow) group() Group {
	return Group{ID: row.ID, Name: row.Name, External: row.ExternalID, Version: row.Version, Created: row.CreatedAt, Changed: row.ChangedAt}
}

package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// Groups returns a page of groups without their members, and how many there are in all.
// Errors: ErrForbidden, *Invalid for a column that there is none of.
func (a *Access) Groups(ctx context.Context, by Account, q Query) ([]Group, int, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return nil, 0, ErrForbidden
	}
	var rows []groupRow
	s := a.db.NewSelect().Model(&rows)
	for column, value := range q.Equal {
		switch column {
		case "id":
			s = s.Where("id = ?", value)
		case "externalId":
			s = s.Where("external_id = ?", value)
		case "displayName":
			s = s.Where("name_key = ?", groupKey(value))
		default:
			return nil, 0, invalid("filter", "unknown", "no group is found by %q", column)
		}
	}
	total, err := s.Order("name_key").Offset(int64(max(q.Start-1, 0))).Limit(int64(min(max(q.Count, 1), MaxPage))).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("groups: %w", err)
	}
	groups := make([]Group, len(rows))
	for i, row := range rows {
		groups[i] = row.group()
	}
	return groups, int(total), nil
}

// Group returns one with its members, or ErrNotFound.
func (a *Access) Group(ctx context.Context, by Account, id string) (Group, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return Group{}, ErrForbidden
	}
	row, err := groupOf(ctx, a.db, id)
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
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row := &groupRow{ID: uuid.NewString(), CreatedAt: time.Now()}
		what := "scim.group_added"
		if g.ID != "" {
			if row, err = groupOf(ctx, tx, g.ID); err != nil {
				return err
			}
			what = "scim.group_changed"
		} else if err := room(ctx, tx, (*groupRow)(nil)); err != nil {
			return err
		}
		if version != 0 && version != row.Version {
			return ErrStale
		}
		taken, err := tx.NewSelect().Model((*groupRow)(nil)).Where("name_key = ?", groupKey(g.Name)).Where("id <> ?", row.ID).Exists(ctx)
		if err != nil {
			return err
		}
		if taken {
			return ErrTaken
		}
		renamed := row.NameKey != groupKey(g.Name)
		row.Name, row.NameKey, row.ExternalID, row.Version, row.ChangedAt = g.Name, groupKey(g.Name), g.External, row.Version+1, time.Now()
		if err := put(ctx, tx, row, g.ID == ""); err != nil {
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
		row, err := groupOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if version != 0 && version != row.Version {
			return ErrStale
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
		if _, err := personOf(ctx, tx, m.ID); errors.Is(err, ErrNotFound) {
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

func (a *Access) settleThese(ctx context.Context, tx bun.Tx, ids []string) error {
	for _, id := range ids {
		row, err := personOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := a.settle(ctx, tx, row); err != nil {
			return err
		}
	}
	return nil
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

func groupOf(ctx context.Context, db bun.IDB, id string) (*groupRow, error) {
	row := &groupRow{}
	err := db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	return row, nil
}

func (row *groupRow) group() Group {
	return Group{ID: row.ID, Name: row.Name, External: row.ExternalID, Version: row.Version, Created: row.CreatedAt, Changed: row.ChangedAt}
}

type groupRow struct {
	bun.BaseModel `bun:"table:scim_groups,alias:scim_group"`

	ID         string `bun:",pk"`
	Name       string
	NameKey    string
	ExternalID string
	Version    int64
	CreatedAt  time.Time
	ChangedAt  time.Time
}

type memberRow struct {
	bun.BaseModel `bun:"table:scim_members,alias:scim_member"`

	GroupID  string `bun:",pk"`
	PersonID string `bun:",pk"`
}

package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// Person is somebody whom a directory writes here (SCIM). An account comes of it where a
// rule says what their groups are; it is not there otherwise.
type Person struct {
	ID       string // UUIDv4
	UserName string
	External string // id over there, "" for none
	Email    string
	Name     string // as it is shown
	Given    string
	Family   string
	Active   bool
	Groups   []Ref // read only
	Version  int64
	Created  time.Time
	Changed  time.Time
}

type personRow struct {
	bun.BaseModel `bun:"table:scim_people,alias:scim_person"`
	writtenRow

	UserName string
	UserKey  string
	Email    string
	Name     string
	Given    string
	Family   string
	Active   bool
}

var peopleKind = writtenKind[personRow]{name: "person", plural: "people", key: "user_key",
	columns: map[string]column{"id": {"id", nil}, "userName": {"user_key", foldCase}, "externalId": {"external_id", nil}, "displayName": {"name", nil}, "emails": {"email", foldCase}},
	written: func(row *personRow) *writtenRow { return &row.writtenRow }}

// People returns a page of people, and how many there are in all. Errors: ErrForbidden,
// *Invalid for a column that there is none of.
func (a *Access) People(ctx context.Context, by Account, q Query) ([]Person, int, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return nil, 0, ErrForbidden
	}
	rows, total, err := peopleKind.page(ctx, a.db, q)
	if err != nil {
		return nil, 0, err
	}
	people := make([]Person, len(rows))
	for i := range rows {
		if people[i], err = rows[i].person(ctx, a.db); err != nil {
			return nil, 0, err
		}
	}
	return people, total, nil
}

// Person returns one, or ErrNotFound.
func (a *Access) Person(ctx context.Context, by Account, id string) (Person, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return Person{}, ErrForbidden
	}
	row, err := peopleKind.one(ctx, a.db, id)
	if err != nil {
		return Person{}, err
	}
	return row.person(ctx, a.db)
}

// SavePerson makes somebody (ID is "") or changes them, and with them their account, at
// once. version is the one that was seen, 0 for any. Errors: ErrForbidden, ErrNotFound,
// ErrStale, ErrTaken, ErrLastAdministrator, *Invalid.
func (a *Access) SavePerson(ctx context.Context, by Account, p Person, version int64) (Person, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return Person{}, ErrForbidden
	}
	p, err := p.clean()
	if err != nil {
		return Person{}, err
	}
	what := "scim.person_changed"
	if p.ID == "" {
		what = "scim.person_added"
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := peopleKind.save(ctx, tx, p.ID, version, foldCase(p.UserName), func(row *personRow) {
			row.UserName, row.UserKey, row.ExternalID, row.Email, row.Name, row.Given, row.Family, row.Active = p.UserName, foldCase(p.UserName), p.External, p.Email, p.Name, p.Given, p.Family, p.Active
		})
		if err != nil {
			return err
		}
		p.ID = row.ID
		if err := ops.NoteAct(ctx, tx, what, by.ID, map[string]any{"person": row.ID, "user": row.UserName, "active": row.Active}); err != nil {
			return err
		}
		return a.settle(ctx, tx, row)
	})
	if err != nil {
		return Person{}, fmt.Errorf("save person: %w", err)
	}
	return a.Person(ctx, by, p.ID)
}

// DeletePerson takes somebody out; their account is suspended. Errors: as of SavePerson.
func (a *Access) DeletePerson(ctx context.Context, by Account, id string, version int64) error {
	if !Can(by, ManageAccounts, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := peopleKind.seen(ctx, tx, id, version)
		if err != nil {
			return err
		}
		row.Active = false
		if err := a.settle(ctx, tx, row); err != nil {
			return err
		}
		if _, err := tx.NewDelete().Model(row).WherePK().Exec(ctx); err != nil {
			return err
		}
		return ops.NoteAct(ctx, tx, "scim.person_deleted", by.ID, map[string]any{"person": row.ID, "user": row.UserName})
	})
	if err != nil {
		return fmt.Errorf("delete person: %w", err)
	}
	return nil
}

func (p Person) clean() (Person, error) {
	var err error
	for _, f := range []struct {
		field    string
		text     *string
		required bool
	}{{"userName", &p.UserName, true}, {"externalId", &p.External, false}, {"displayName", &p.Name, false}, {"name", &p.Given, false}, {"name", &p.Family, false}} {
		if *f.text = strings.TrimSpace(*f.text); *f.text == "" && !f.required {
			continue
		}
		if *f.text, err = ops.CleanLine(*f.text, maxWord); err != nil {
			return p, invalid(f.field, "malformed", "%s", err)
		}
	}
	if p.Email == "" && strings.Contains(p.UserName, "@") {
		p.Email = p.UserName
	}
	if p.Email != "" {
		if p.Email, err = CleanEmail(p.Email); err != nil {
			return p, invalid("emails", "malformed", "%s", err)
		}
	}
	return p, nil
}

// shown is the name that customers read.
func (row *personRow) shown() string {
	for _, name := range []string{row.Name, strings.TrimSpace(row.Given + " " + row.Family), row.UserName} {
		if clean, err := ops.CleanLine(name, maxName); err == nil {
			return clean
		}
	}
	return row.Email
}

func groupsOf(ctx context.Context, db bun.IDB, person string) ([]Ref, error) {
	var refs []Ref
	err := db.NewSelect().Table("scim_groups").ColumnExpr("id").ColumnExpr("name").
		Where("id IN (SELECT group_id FROM scim_members WHERE person_id = ?)", person).Order("name_key").Scan(ctx, &refs)
	if err != nil {
		return nil, fmt.Errorf("groups of a person: %w", err)
	}
	return refs, nil
}

func (row *personRow) person(ctx context.Context, db bun.IDB) (Person, error) {
	groups, err := groupsOf(ctx, db, row.ID)
	return Person{ID: row.ID, UserName: row.UserName, External: row.ExternalID, Email: row.Email, Name: row.Name, Given: row.Given, Family: row.Family, Active: row.Active,
		Groups: groups, Version: row.Version, Created: row.CreatedAt, Changed: row.ChangedAt}, err
}

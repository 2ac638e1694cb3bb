package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/broker/internal/ops"
)

// ErrTaken says that a name or an e-mail is somebody else's.
var ErrTaken = errors.New("this is taken")

// Limits of what a directory may write.
const (
	MaxWritten = 20_000 // people, groups, members of a group
	MaxPage    = 200
	maxWord    = 255 // characters of a name
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

// Ref names a person or a group.
type Ref struct{ ID, Name string }

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

// Query chooses people or groups: Equal holds columns by their SCIM names (id, userName,
// externalId, displayName, emails), all of which must fit.
type Query struct {
	Equal        map[string]string
	Start, Count int // from 1; at most MaxPage
}

// People returns a page of people, and how many there are in all. Errors: ErrForbidden,
// *Invalid for a column that there is none of.
func (a *Access) People(ctx context.Context, by Account, q Query) ([]Person, int, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return nil, 0, ErrForbidden
	}
	var rows []personRow
	s := a.db.NewSelect().Model(&rows)
	for column, value := range q.Equal {
		switch column {
		case "id":
			s = s.Where("id = ?", value)
		case "userName":
			s = s.Where("user_key = ?", foldCase(value))
		case "externalId":
			s = s.Where("external_id = ?", value)
		case "displayName":
			s = s.Where("name = ?", value)
		case "emails":
			s = s.Where("email = ?", foldCase(value))
		default:
			return nil, 0, invalid("filter", "unknown", "nobody is found by %q", column)
		}
	}
	total, err := s.Order("user_key").Offset(int64(max(q.Start-1, 0))).Limit(int64(min(max(q.Count, 1), MaxPage))).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("people: %w", err)
	}
	people := make([]Person, len(rows))
	for i, row := range rows {
		if people[i], err = row.person(ctx, a.db); err != nil {
			return nil, 0, err
		}
	}
	return people, int(total), nil
}

// Person returns one, or ErrNotFound.
func (a *Access) Person(ctx context.Context, by Account, id string) (Person, error) {
	if !Can(by, ManageAccounts, Scope{}) {
		return Person{}, ErrForbidden
	}
	row, err := personOf(ctx, a.db, id)
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
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row := &personRow{ID: uuid.NewString(), CreatedAt: time.Now()}
		what := "scim.person_added"
		if p.ID != "" {
			if row, err = personOf(ctx, tx, p.ID); err != nil {
				return err
			}
			what = "scim.person_changed"
		} else if err := room(ctx, tx, (*personRow)(nil)); err != nil {
			return err
		}
		if version != 0 && version != row.Version {
			return ErrStale
		}
		other, err := tx.NewSelect().Model((*personRow)(nil)).Where("user_key = ?", foldCase(p.UserName)).Where("id <> ?", row.ID).Exists(ctx)
		if err != nil {
			return err
		}
		if other {
			return ErrTaken
		}
		row.UserName, row.UserKey, row.ExternalID, row.Email, row.Name, row.Given, row.Family, row.Active = p.UserName, foldCase(p.UserName), p.External, p.Email, p.Name, p.Given, p.Family, p.Active
		row.Version, row.ChangedAt = row.Version+1, time.Now()
		if err := put(ctx, tx, row, p.ID == ""); err != nil {
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
		row, err := personOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if version != 0 && version != row.Version {
			return ErrStale
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

// settle gives somebody's account what their groups say, makes it where a rule says so, and
// suspends it where none does or they are not active. Auditors and data-protection officers
// never come this way: whoever holds the token is an administrator, and makes none (ADR 48).
func (a *Access) settle(ctx context.Context, tx bun.Tx, person *personRow) error {
	rules, err := rulesIn(ctx, tx)
	if err != nil {
		return err
	}
	refs, err := groupsOf(ctx, tx, person.ID)
	if err != nil {
		return err
	}
	names := []string{}
	for _, r := range refs {
		names = append(names, r.Name)
	}
	groups, err := json.Marshal(names)
	if err != nil {
		return err
	}
	link, err := linkOf(ctx, tx, scimIssuer, person.ID)
	if err != nil {
		return err
	}
	if link == nil {
		if link, err = a.provision(ctx, tx, rules, person, names); err != nil || link == nil {
			return err
		}
	}
	link.GroupNames, link.Inactive, link.SeenAt = string(groups), !person.Active, time.Now()
	if _, err := tx.NewUpdate().Model(link).Column("group_names", "inactive", "seen_at").WherePK().Exec(ctx); err != nil {
		return err
	}
	row, err := selectAccount(ctx, tx, "account.id = ?", link.AccountID)
	if err != nil {
		return err
	}
	refused, err := reconcile(ctx, tx, rules, row, *link)
	switch {
	case err != nil:
		return err
	case refused == RefusedLast:
		return ErrLastAdministrator
	case refused != "" || row.Name == person.shown():
		return nil
	}
	before := row.Name
	row.Name = person.shown()
	if _, err := tx.NewUpdate().Model(row).Column("name").WherePK().Exec(ctx); err != nil {
		return err
	}
	return ops.NoteAct(ctx, tx, "account.changed", ops.ByBroker, map[string]any{"account": row.ID, "issuer": scimIssuer, "before": map[string]any{"name": before}, "after": map[string]any{"name": row.Name}})
}

// provision links a person with an account: a new one, one from the central accounts, or
// one that waits for them; nil if they are to have none. One with a password that does not
// wait stays as it is: a directory takes nobody's account.
func (a *Access) provision(ctx context.Context, tx bun.Tx, rules []ruleRow, person *personRow, groups []string) (*linkRow, error) {
	rule, refused := decide(rules, groups)
	if !person.Active || refused != "" || rule.Role.audits() || person.Email == "" {
		return nil, nil
	}
	link := &linkRow{Issuer: scimIssuer, Subject: person.ID, GroupNames: "[]", SeenAt: time.Now()}
	row, err := selectAccount(ctx, tx, "account.email = ?", person.Email)
	switch {
	case errors.Is(err, ErrNotFound):
		ready := newCentral(person.Email, person.shown(), a.passwords.decoy, *rule)
		if err := ready.insert(ctx, tx); err != nil {
			return nil, err
		}
		link.AccountID = ready.row.ID
	case err != nil:
		return nil, err
	default:
		waits, err := tx.NewSelect().Model((*awaitedRow)(nil)).Where("account_id = ?", row.ID).Where("expires_at > ?", time.Now()).Exists(ctx)
		if err != nil {
			return nil, err
		}
		if row.Role.audits() || !row.Central && !waits {
			a.log.WarnContext(ctx, "the e-mail of a person whom a directory wrote has an account with a password", "account", row.ID)
			return nil, nil
		}
		refused, err := fits(ctx, tx, rules, row, groups)
		if err != nil || refused != "" {
			return nil, err
		}
		if err := takeOver(ctx, tx, row, a.passwords.decoy); err != nil {
			return nil, err
		}
		link.AccountID = row.ID
	}
	if _, err := tx.NewInsert().Model(link).Exec(ctx); err != nil {
		return nil, err
	}
	return link, ops.NoteAct(ctx, tx, "account.linked", ops.ByBroker, map[string]any{"account": link.AccountID, "issuer": scimIssuer, "subject": person.ID})
}

// settleAll does it for everybody whom SCIM wrote: after a change of the rules.
func (a *Access) settleAll(ctx context.Context, tx bun.Tx) error {
	var rows []personRow
	if err := tx.NewSelect().Model(&rows).Where("active").Where("NOT EXISTS (SELECT 1 FROM central_links WHERE issuer = ? AND subject = scim_person.id)", scimIssuer).Scan(ctx); err != nil {
		return err
	}
	for i := range rows {
		if err := a.settle(ctx, tx, &rows[i]); err != nil && !errors.Is(err, ErrLastAdministrator) {
			return err
		}
	}
	return nil
}

// Written counts people and groups that a directory wrote here, and accounts of it.
func (a *Access) Written(ctx context.Context) (people, groups, accounts int, err error) {
	err = a.db.NewSelect().ColumnExpr("(SELECT COUNT(*) FROM scim_people)").ColumnExpr("(SELECT COUNT(*) FROM scim_groups)").
		ColumnExpr("(SELECT COUNT(*) FROM central_links WHERE issuer = ? AND NOT inactive)", scimIssuer).Scan(ctx, &people, &groups, &accounts)
	if err != nil {
		err = fmt.Errorf("people: %w", err)
	}
	return people, groups, accounts, err
}

// room refuses more of something than MaxWritten.
func room(ctx context.Context, tx bun.Tx, model any) error {
	n, err := tx.NewSelect().Model(model).Count(ctx)
	if err == nil && n >= MaxWritten {
		err = invalid("", "many", "at most %d", MaxWritten)
	}
	return err
}

func put(ctx context.Context, tx bun.Tx, row any, add bool) error {
	var err error
	if add {
		_, err = tx.NewInsert().Model(row).Exec(ctx)
	} else {
		_, err = tx.NewUpdate().Model(row).WherePK().Exec(ctx)
	}
	return err
}

func personOf(ctx context.Context, db bun.IDB, id string) (*personRow, error) {
	row := &personRow{}
	err := db.NewSelect().Model(row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("person: %w", err)
	}
	return row, nil
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

type personRow struct {
	bun.BaseModel `bun:"table:scim_people,alias:scim_person"`

	ID         string `bun:",pk"`
	UserName   string
	UserKey    string
	ExternalID string
	Email      string
	Name       string
	Given      string
	Family     string
	Active     bool
	Version    int64
	CreatedAt  time.Time
	ChangedAt  time.Time
}

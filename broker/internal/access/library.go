package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"consento/protocol"
)

// Shelf is a kind of text that the office writes for its technicians.
type Shelf string

// The shelves.
const (
	Answers   Shelf = "answer"   // prepared answers of the chat
	Templates Shelf = "template" // of session summaries
	Scripts   Shelf = "script"   // for the customer's computer
)

// Shelves lists the closed set.
func Shelves() []Shelf { return []Shelf{Answers, Templates, Scripts} }

// Entry is one text of the library, in one version. Description, Platform,
// Interpreter and ReadOnly belong to scripts, and are zero elsewhere.
type Entry struct {
	ID          string
	Shelf       Shelf
	Version     int // from 1
	Name        string
	Description string
	Language    string // BCP 47; of scripts perhaps "": every one
	Team        string // "": every one
	Platform    protocol.Platform
	Interpreter protocol.Interpreter
	ReadOnly    bool   // as its author says
	Text        string // lines separated by \n
	SHA256      string // of the text
	Author      string // name at that time
	Made        time.Time
}

// Clean returns the entry as it is stored, or an *Invalid. The field is one of shelf,
// name, description, language, platform, interpreter, text.
func (e Entry) Clean() (Entry, error) {
	e.Text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.Text)
	e.Name, e.Description = strings.TrimSpace(e.Name), strings.TrimSpace(e.Description)
	e.SHA256 = protocol.ScriptHash(e.Text)
	text := protocol.ScriptOK
	switch e.Shelf {
	case Answers:
		text, e.Text = protocol.AnswerOK, strings.TrimSpace(e.Text)
	case Templates:
		text = protocol.TemplateOK
	case Scripts:
	default:
		return e, invalid("shelf", "unknown", "%q", e.Shelf)
	}
	if e.Shelf != Scripts {
		e.Description, e.Platform, e.Interpreter, e.ReadOnly = "", "", "", false
		e.SHA256 = protocol.ScriptHash(e.Text)
	}
	switch {
	case !protocol.NameOK(e.Name, protocol.MaxPassageName):
		return e, invalid("name", "line", "1 to %d characters on one line", protocol.MaxPassageName)
	case e.Description != "" && !protocol.NameOK(e.Description, protocol.MaxDescription):
		return e, invalid("description", "line", "at most %d characters on one line", protocol.MaxDescription)
	case e.Language == "" && e.Shelf != Scripts || len(e.Language) > 35 || strings.ContainsFunc(e.Language, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' }):
		return e, invalid("language", "unknown", "%q", e.Language)
	case e.Shelf == Scripts && !slices.Contains(protocol.Platforms(), e.Platform):
		return e, invalid("platform", "unknown", "%q", e.Platform)
	case e.Shelf == Scripts && !slices.Contains(protocol.Interpreters(), e.Interpreter):
		return e, invalid("interpreter", "unknown", "%q", e.Interpreter)
	case e.Platform == protocol.Linux && e.Interpreter == protocol.PowerShell || e.Platform == protocol.Windows && e.Interpreter == protocol.Sh:
		return e, invalid("interpreter", "platform", "%s does not come with %s", e.Interpreter, e.Platform)
	case !text(e.Text):
		return e, invalid("text", "text", "blank, too long, or with characters that cannot be seen")
	}
	return e, nil
}

// label is how an entry stands in the list of changes and on the trail.
func (e Entry) label() string {
	if e.Version == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%d, SHA-256 %s)", e.Name, e.Version, e.SHA256)
}

// Shelf returns what stands on a shelf now, in the office's order.
func (a *Access) Shelf(ctx context.Context, shelf Shelf) ([]Entry, error) {
	return a.entries(ctx, a.db, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("library.kind = ?", shelf).Where("NOT library.gone").Where("v.version = library.version").Order("library.position", "v.id")
	})
}

// Entry returns an entry as it is now, or ErrNotFound.
func (a *Access) Entry(ctx context.Context, id string) (Entry, error) { return a.entry(ctx, a.db, id) }

func (a *Access) entry(ctx context.Context, db bun.IDB, id string) (Entry, error) {
	list, err := a.entries(ctx, db, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("library.id = ?", id).Where("NOT library.gone").Where("v.version = library.version")
	})
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Entry{}, err
	}
	return list[0], nil
}

// EntryVersions returns all versions of an entry, the newest first.
func (a *Access) EntryVersions(ctx context.Context, id string) ([]Entry, error) {
	return a.entries(ctx, a.db, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("library.id = ?", id).OrderExpr("v.version DESC")
	})
}

func (a *Access) entries(ctx context.Context, db bun.IDB, which func(*bun.SelectQuery) *bun.SelectQuery) ([]Entry, error) {
	var rows []entryRow
	q := db.NewSelect().TableExpr("library_versions AS v").Join("JOIN library ON library.id = v.id").
		ColumnExpr("v.*").ColumnExpr("library.kind AS kind")
	if err := which(q).Scan(ctx, &rows); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("library: %w", err)
	}
	list := make([]Entry, len(rows))
	for i, r := range rows {
		list[i] = r.entry()
	}
	return list, nil
}

// Library is what a technician of a team has at hand.
func (a *Access) Library(ctx context.Context, team string) (protocol.Library, error) {
	l := protocol.Library{Answers: []protocol.Passage{}, Templates: []protocol.Passage{}, Scripts: []protocol.OwnScript{}}
	for _, shelf := range Shelves() {
		list, err := a.Shelf(ctx, shelf)
		if err != nil {
			return l, err
		}
		for _, e := range list {
			if e.Team != "" && e.Team != team {
				continue
			}
			passage := protocol.Passage{ID: e.ID, Language: e.Language, Name: e.Name, Text: e.Text}
			switch shelf {
			case Answers:
				l.Answers = append(l.Answers, passage)
			case Templates:
				l.Templates = append(l.Templates, passage)
			case Scripts:
				l.Scripts = append(l.Scripts, e.script())
			}
		}
	}
	return l, nil
}

func (e Entry) script() protocol.OwnScript {
	return protocol.OwnScript{ID: e.ID, Version: uint32(e.Version), Name: e.Name, Description: e.Description, Language: e.Language,
		Platform: e.Platform, Interpreter: e.Interpreter, ReadOnly: e.ReadOnly, Text: e.Text, SHA256: e.SHA256}
}

// Script returns a script that a technician of a team may run, in the version that is
// in force: ErrNotFound for another team's, ErrStale for another version.
func (a *Access) Script(ctx context.Context, team, id string, version uint32) (protocol.OwnScript, error) {
	e, err := a.Entry(ctx, id)
	switch {
	case err != nil:
		return protocol.OwnScript{}, err
	case e.Shelf != Scripts || e.Team != "" && e.Team != team:
		return protocol.OwnScript{}, ErrNotFound
	case uint32(e.Version) != version:
		return protocol.OwnScript{}, ErrStale
	}
	return e.script(), nil
}

// SaveEntry stores an entry as the next version of the one that it names, or as a new
// one at the end where ID is "", and notes who did. Version is the one that was
// edited. Errors: ErrForbidden, ErrNotFound, ErrStale, *Invalid; its field is shelf
// with the code full where there are too many.
func (a *Access) SaveEntry(ctx context.Context, by Account, e Entry) (Entry, error) {
	if !Can(by, ManageOffice, Scope{}) {
		return Entry{}, ErrForbidden
	}
	e, err := e.Clean()
	if err != nil {
		return Entry{}, err
	}
	e.Author, e.Made = by.Name, time.Now().UTC().Truncate(time.Millisecond)
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		if e.Team != "" {
			if there, err := tx.NewSelect().Table("teams").Where("name = ?", e.Team).Exists(ctx); err != nil || !there {
				return errors.Join(err, invalid("team", "unknown", "there is no team %q", e.Team))
			}
		}
		before := Entry{}
		if e.ID == "" {
			return a.addEntry(ctx, tx, by, &e)
		}
		if before, err = a.entry(ctx, tx, e.ID); err != nil {
			return err
		}
		if before.Version != e.Version || before.Shelf != e.Shelf {
			return ErrStale
		}
		same := e
		same.Author, same.Made = before.Author, before.Made
		if same == before {
			e = before
			return nil
		}
		e.Version++
		if _, err := tx.NewUpdate().Table("library").Set("version = ?", e.Version).Where("id = ?", e.ID).Exec(ctx); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(rowOf(e)).ExcludeColumn("kind").Exec(ctx); err != nil {
			return err
		}
		return a.noteChange(ctx, tx, by, string(e.Shelf), before.label(), e.label())
	})
	if err != nil {
		return Entry{}, fmt.Errorf("library: %w", err)
	}
	return e, nil
}

func (a *Access) addEntry(ctx context.Context, tx bun.Tx, by Account, e *Entry) error {
	var last, count int64
	if err := tx.NewSelect().Table("library").ColumnExpr("COALESCE(MAX(position), 0), COUNT(*)").Where("kind = ?", e.Shelf).Where("NOT gone").Scan(ctx, &last, &count); err != nil {
		return err
	}
	if count >= protocol.MaxLibrary {
		return invalid("shelf", "full", "at most %d", protocol.MaxLibrary)
	}
	e.ID, e.Version = uuid.NewString(), 1
	head := libraryRow{ID: e.ID, Kind: e.Shelf, Position: last + 1, Version: 1}
	if _, err := tx.NewInsert().Model(&head).Exec(ctx); err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(rowOf(*e)).ExcludeColumn("kind").Exec(ctx); err != nil {
		return err
	}
	return a.noteChange(ctx, tx, by, string(e.Shelf), "", e.label())
}

// DeleteEntry takes an entry off its shelf; its versions stay. Errors: ErrForbidden,
// ErrNotFound, ErrStale.
func (a *Access) DeleteEntry(ctx context.Context, by Account, id string, version int) error {
	if !Can(by, ManageOffice, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		e, err := a.entry(ctx, tx, id)
		if err != nil {
			return err
		}
		if e.Version != version {
			return ErrStale
		}
		if _, err := tx.NewUpdate().Table("library").Set("gone = TRUE").Where("id = ?", id).Exec(ctx); err != nil {
			return err
		}
		return a.noteChange(ctx, tx, by, string(e.Shelf), e.label(), "")
	})
	if err != nil {
		return fmt.Errorf("library: %w", err)
	}
	return nil
}

// MoveEntry moves an entry one place up or down on its shelf; at the end it stays.
// Errors: ErrForbidden, ErrNotFound.
func (a *Access) MoveEntry(ctx context.Context, by Account, id string, up bool) error {
	if !Can(by, ManageOffice, Scope{}) {
		return ErrForbidden
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		e, err := a.entry(ctx, tx, id)
		if err != nil {
			return err
		}
		var order []string
		if err := tx.NewSelect().Table("library").Column("id").Where("kind = ?", e.Shelf).Where("NOT gone").Order("position", "id").Scan(ctx, &order); err != nil {
			return err
		}
		at := slices.Index(order, id)
		to := at + 1
		if up {
			to = at - 1
		}
		if to < 0 || to >= len(order) {
			return nil
		}
		order[at], order[to] = order[to], order[at]
		for i, id := range order {
			if _, err := tx.NewUpdate().Table("library").Set("position = ?", i+1).Where("id = ?", id).Exec(ctx); err != nil {
				return err
			}
		}
		return a.noteChange(ctx, tx, by, "library_order", fmt.Sprintf("%s: %d", e.Name, at+1), fmt.Sprintf("%s: %d", e.Name, to+1))
	})
	if err != nil {
		return fmt.Errorf("library: %w", err)
	}
	return nil
}

// SeedTemplates puts the templates that come with the program on their shelf, once: an
// office that deleted them has deleted them.
func (a *Access) SeedTemplates(ctx context.Context, list []Entry) error {
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		there, err := tx.NewSelect().Table("library").Where("kind = ?", Templates).Exists(ctx)
		if err != nil || there {
			return err
		}
		for i, e := range list {
			e.Shelf, e.Author, e.Made = Templates, "", time.Now().UTC().Truncate(time.Millisecond)
			if e, err = e.Clean(); err != nil {
				return err
			}
			e.ID, e.Version = uuid.NewString(), 1
			if _, err := tx.NewInsert().Model(&libraryRow{ID: e.ID, Kind: e.Shelf, Position: int64(i + 1), Version: 1}).Exec(ctx); err != nil {
				return err
			}
			if _, err := tx.NewInsert().Model(rowOf(e)).ExcludeColumn("kind").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("library: %w", err)
	}
	return nil
}

type libraryRow struct {
	bun.BaseModel `bun:"table:library"`

	ID       string `bun:",pk"`
	Kind     Shelf
	Position int64
	Version  int
	Gone     bool
}

type entryRow struct {
	bun.BaseModel `bun:"table:library_versions,alias:v"`

	ID          string `bun:",pk"`
	Version     int    `bun:",pk"`
	Kind        Shelf
	Name        string
	Description string
	Language    string
	Team        string
	Platform    protocol.Platform
	Interpreter protocol.Interpreter
	ReadOnly    bool
	Body        string
	SHA256      string `bun:"sha256"`
	Author      string
	Made        int64
}

func rowOf(e Entry) *entryRow {
	return &entryRow{ID: e.ID, Version: e.Version, Kind: e.Shelf, Name: e.Name, Description: e.Description, Language: e.Language, Team: e.Team,
		Platform: e.Platform, Interpreter: e.Interpreter, ReadOnly: e.ReadOnly, Body: e.Text, SHA256: e.SHA256, Author: e.Author, Made: e.Made.UnixMilli()}
}

func (r entryRow) entry() Entry {
	return Entry{ID: r.ID, Shelf: r.Kind, Version: r.Version, Name: r.Name, Description: r.Description, Language: r.Language, Team: r.Team,
		Platform: r.Platform, Interpreter: r.Interpreter, ReadOnly: r.ReadOnly, Text: r.Body, SHA256: r.SHA256, Author: r.Author, Made: time.UnixMilli(r.Made).UTC()}
}

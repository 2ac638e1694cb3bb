package desk

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"consento/broker/internal/access"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
	"golang.org/x/text/encoding/unicode"
)

// Limits of a file of tickets, and how long what came of it can be undone.
const (
	MaxImport     = 1 << 20 // bytes
	maxImportRows = 500
	maxColumns    = 60
	ImportLife    = time.Hour
)

// ErrNoImport says that there is no such import of this account's, or that its time is over.
var ErrNoImport = errors.New("desk: no such import")

// ImportRow is one line of a file, as it would become a ticket.
type ImportRow struct {
	Line    int // in the file, from 1
	New     NewTicket
	Problem *access.Invalid // nil: it becomes one
	Twin    string          // number of an open ticket that says the same: it is left out
}

// Import is a file that was looked at, or that became tickets.
type Import struct {
	ID   string
	Rows []ImportRow
	Good int // rows that become tickets
}

type importRow struct {
	bun.BaseModel `bun:"table:desk_imports,alias:desk_import"`

	ID     string `bun:",pk"`
	ByID   string
	At     int64
	Rows   string
	Made   string
	Undone int64
}

// decoded makes text of a file: UTF-8, or UTF-16 where it says so, as spreadsheets write it.
func decoded(data []byte) (string, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		text, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
		if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
			return "", wrong("import", "encoding")
		}
		data = text
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return "", wrong("import", "encoding")
	}
	return string(data), nil
}

// readImport reads a file (RFC 4180; comma, semicolon or tab between cells), whose first
// line names the columns.
func readImport(data []byte, language string, team Team) ([]ImportRow, error) {
	if len(data) > MaxImport {
		return nil, wrong("import", "too_large")
	}
	text, err := decoded(data)
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.ReuseRecord, r.Comma = true, ','
	for _, c := range ";\t" {
		if strings.Count(head, string(c)) > strings.Count(head, string(r.Comma)) {
			r.Comma = c
		}
	}
	names, err := r.Read()
	if err != nil || len(names) > maxColumns {
		return nil, wrong("import", "head")
	}
	column := map[string]int{}
	for i, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		if _, twice := column[n]; twice && n != "" {
			return nil, wrong("import", "head")
		}
		column[n] = i
	}
	for _, needed := range []string{"title", "requester"} {
		if _, there := column[needed]; !there {
			return nil, wrong("import", "head")
		}
	}
	var rows []ImportRow
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			if !errors.Is(err, csv.ErrFieldCount) {
				return nil, wrong("import", "quotes")
			}
			rows = append(rows, ImportRow{Line: broken.StartLine, Problem: &access.Invalid{Field: "import", Code: "cells", Reason: "has more or fewer cells than the first line"}})
		} else {
			line, _ := r.FieldPos(0)
			cell := func(name string) string {
				if i, there := column[name]; there {
					return undefused(cells[i])
				}
				return ""
			}
			n := NewTicket{Type: Type(cell("type")), Title: cell("title"), Text: cell("text"), Language: cell("language"), Channel: Channel(cell("channel")), Area: cell("area"), Team: team,
				Requester: Requester{Name: cell("requester"), Email: cell("email"), Phone: cell("phone"), Office: cell("whole_office") == "true"}}
			rows = append(rows, importedRow(line, n, language))
		}
		if len(rows) > maxImportRows {
			return nil, wrong("import", "too_many")
		}
	}
	if len(rows) == 0 {
		return nil, wrong("import", "empty")
	}
	return rows, nil
}

func importedRow(line int, n NewTicket, language string) ImportRow {
	if n.Type == "" {
		n.Type = Incident
	}
	if n.Channel == "" {
		n.Channel = ByStaff
	}
	if n.Language == "" {
		n.Language = language
	}
	clean, err := n.clean()
	row := ImportRow{Line: line, New: clean}
	errors.As(err, &row.Problem)
	if row.Problem != nil {
		row.New = n
	}
	return row
}

// undefused takes off the apostrophe that keeps spreadsheets from calculating.
func undefused(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune("=+-@\t\r|% ", rune(s[1])) {
		return s[1:]
	}
	return s
}

// twinKey is what makes two tickets one.
func twinKey(title, email, phone string) string {
	return fold(title) + "\n" + fold(email) + "\n" + strings.Join(strings.Fields(phone), "")
}

// LookAtImport says what a file would become, and keeps it for the account to decide on.
// The *access.Invalid of one that cannot be read has the field "import".
func (d *Desk) LookAtImport(ctx context.Context, by access.Account, data []byte, language string) (Import, error) {
	if !access.Can(by, access.WorkTickets, access.Scope{Team: by.Team}) {
		return Import{}, ErrForbidden
	}
	rows, err := readImport(data, language, Team{by.Team, by.Territory, by.Level})
	if err != nil {
		return Import{}, err
	}
	var open []ticketRow
	if err := d.db.NewSelect().Model(&open).Column("ref", "title", "email", "phone").Where("resolved = 0").Where("team = ?", by.Team).Scan(ctx); err != nil {
		return Import{}, fmt.Errorf("desk: import: %w", err)
	}
	twins := map[string]string{}
	for _, t := range open {
		twins[twinKey(t.Title, t.Email, t.Phone)] = t.Ref
	}
	i := Import{ID: uuid.NewString(), Rows: rows}
	var good []NewTicket
	for n := range rows {
		row := &rows[n]
		if row.Problem != nil {
			continue
		}
		key := twinKey(row.New.Title, row.New.Requester.Email, row.New.Requester.Phone)
		if row.Twin = twins[key]; row.Twin == "" {
			twins[key] = fmt.Sprint("#", row.Line)
			good = append(good, row.New)
		}
	}
	i.Good = len(good)
	raw, err := json.Marshal(good)
	if err != nil {
		return Import{}, err
	}
	return i, d.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		old := millis(d.now().Add(-24 * time.Hour))
		if _, err := tx.NewDelete().Model((*importRow)(nil)).Where("at < ?", old).Exec(ctx); err != nil {
			return fmt.Errorf("desk: import: %w", err)
		}
		if _, err := tx.NewInsert().Model(&importRow{ID: i.ID, ByID: by.ID, At: millis(d.now()), Rows: string(raw)}).Exec(ctx); err != nil {
			return fmt.Errorf("desk: import: %w", err)
		}
		return nil
	})
}

// quietly has nobody told of what is done: what comes from a file is old, or a mistake.
type quietly struct{}

// MakeImport makes tickets of what was looked at: all of them or none. They wait for
// somebody to take them in hand, and nobody is told by mail. It returns how many they are.
func (d *Desk) MakeImport(ctx context.Context, by access.Account, id string) (made int, err error) {
	if !access.Can(by, access.WorkTickets, access.Scope{Team: by.Team}) {
		return 0, ErrForbidden
	}
	err = d.transact(context.WithValue(ctx, quietly{}, true), func(ctx context.Context, tx bun.Tx) error {
		row, err := d.importOf(ctx, tx, by, id, "rows <> ''")
		if err != nil {
			return err
		}
		var list []NewTicket
		if err := json.Unmarshal([]byte(row.Rows), &list); err != nil {
			return fmt.Errorf("desk: import: %w", err)
		}
		ids := make([]string, len(list))
		for i, n := range list {
			n.Team = Team{by.Team, by.Territory, by.Level}
			t, err := d.put(ctx, tx, personOf(by), n, Identified)
			if err != nil {
				return err
			}
			ids[i] = t.ID
		}
		made = len(ids)
		raw, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Model((*importRow)(nil)).Set("rows = ''").Set("made = ?", string(raw)).Set("at = ?", millis(d.now())).Where("id = ?", id).Exec(ctx)
		return err
	})
	return made, err
}

// UndoImport withdraws and closes the tickets that an import made, within ImportLife: those
// that nobody has touched. What was done is never taken out of a history. It returns how
// many it closed, and how many were somebody's work already and stay.
func (d *Desk) UndoImport(ctx context.Context, by access.Account, id string) (closed, stay int, err error) {
	err = d.transact(context.WithValue(ctx, quietly{}, true), func(ctx context.Context, tx bun.Tx) error {
		row, err := d.importOf(ctx, tx, by, id, "made <> '' AND undone = 0")
		if err != nil {
			return err
		}
		var ids []string
		if err := json.Unmarshal([]byte(row.Made), &ids); err != nil {
			return fmt.Errorf("desk: import: %w", err)
		}
		for ids := range slices.Values(ids) {
			t, err := read(ctx, tx, ids)
			if err != nil {
				return err
			}
			if t.Version != 1 {
				stay++
				continue
			}
			for _, a := range []Act{{Kind: ActLog}, {Kind: ActResolve, Resolution: WithdrawnByThem}, {Kind: ActClose}} {
				if t, err = d.change(ctx, tx, personOf(by), t, a); err != nil {
					return err
				}
			}
			closed++
		}
		_, err = tx.NewUpdate().Model((*importRow)(nil)).Set("undone = ?", millis(d.now())).Where("id = ?", id).Exec(ctx)
		return err
	})
	return closed, stay, err
}

func (d *Desk) importOf(ctx context.Context, tx bun.Tx, by access.Account, id, where string) (row importRow, err error) {
	err = tx.NewSelect().Model(&row).Where("id = ?", id).Where("by_id = ?", by.ID).Where("at >= ?", millis(d.now().Add(-ImportLife))).Where(where).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return row, ErrNoImport
	}
	if err != nil {
		return row, fmt.Errorf("desk: import: %w", err)
	}
	return row, nil
}

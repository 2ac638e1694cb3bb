package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// MaxLegalText bounds one document in one language, in bytes.
const MaxLegalText = 64 << 10

// Texts are the terms and the privacy notice, by document and language: terms.en.
// {placeholders} stand for the facts; what they are called is not known here.
type Texts map[string]string

// hash tells sets of texts apart.
func (t Texts) hash() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(h, "%s %d %s\n", name, len(t[name]), t[name])
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// TextsVersion is one version of the texts. It never changes.
type TextsVersion struct {
	ID     string // as on the evidence
	Made   time.Time
	Author string // name of the account; "": the program itself
	Why    string // start, program (came with a new program), office (facts changed), texts, restored
	About  string // texts: the language; restored: the version
	Own    bool   // the office's texts; else those that came with the program
	Facts  Facts
	Texts  Texts // nil in a list
}

// CurrentTexts returns the version that holds for an office of these facts. Where
// the newest says something else, because the configuration has changed or because
// ours, the texts that come with the program, are new and the office has none of
// its own, the next version is made here: what is shown is always a version.
func (a *Access) CurrentTexts(ctx context.Context, facts Facts, ours Texts) (TextsVersion, error) {
	v, err := a.newestFor(ctx, a.db, facts, ours)
	if err == nil && v.ID == "" {
		err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			if v, err = a.newestFor(ctx, tx, facts, ours); err != nil || v.ID != "" {
				return err // somebody was quicker
			}
			v, err = followProgram(ctx, tx, facts, ours)
			return err
		})
	}
	if err != nil {
		return TextsVersion{}, fmt.Errorf("texts: %w", err)
	}
	return v, nil
}

// newestFor returns the newest version if it says these facts and holds what ours
// holds, else the zero value.
func (a *Access) newestFor(ctx context.Context, db bun.IDB, facts Facts, ours Texts) (TextsVersion, error) {
	row, err := newestVersion(ctx, db)
	if err != nil || row == nil || row.facts() != facts || !row.Own && row.TextsHash != ours.hash() {
		return TextsVersion{}, err
	}
	v, err := row.version(ctx, db)
	if err != nil {
		return TextsVersion{}, err
	}
	for name := range ours {
		if v.Texts[name] == "" {
			return TextsVersion{}, nil // the program has learnt a language
		}
	}
	return v, nil
}

// followProgram makes the version that newestFor misses.
func followProgram(ctx context.Context, tx bun.Tx, facts Facts, ours Texts) (TextsVersion, error) {
	next, texts := versionRow{Why: "start"}, maps.Clone(ours)
	newest, err := newestVersion(ctx, tx)
	if err != nil {
		return TextsVersion{}, err
	}
	if newest != nil {
		if next.Why = "program"; newest.facts() != facts {
			next.Why = "office"
		}
		if next.Own = newest.Own; next.Own {
			own, err := textsOf(ctx, tx, newest.ID)
			if err != nil {
				return TextsVersion{}, err
			}
			maps.Copy(texts, own)
		}
	}
	if err := next.insert(ctx, tx, Account{}, facts, texts); err != nil {
		return TextsVersion{}, err
	}
	return next.version(ctx, tx)
}

var versionID = regexp.MustCompile(`^\d{4}-\d\d-\d\d-\d{1,9}$`)

// TextsVersion returns a version, or ErrNotFound.
func (a *Access) TextsVersion(ctx context.Context, id string) (TextsVersion, error) {
	if !versionID.MatchString(id) {
		return TextsVersion{}, ErrNotFound
	}
	var row versionRow
	err := a.db.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return TextsVersion{}, ErrNotFound
	}
	if err != nil {
		return TextsVersion{}, fmt.Errorf("texts: %w", err)
	}
	return row.version(ctx, a.db)
}

// TextsVersions lists versions without their texts, the newest first.
func (a *Access) TextsVersions(ctx context.Context, limit int) ([]TextsVersion, error) {
	var rows []versionRow
	if err := a.db.NewSelect().Model(&rows).OrderExpr("number DESC").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	list := make([]TextsVersion, len(rows))
	for i := range rows {
		list[i] = rows[i].bare()
	}
	return list, nil
}

// SaveTexts makes a new version of the one called base, with some texts replaced,
// all of one language. ours are the texts that come with the program. It returns
// ErrStale if base is not the newest any more.
func (a *Access) SaveTexts(ctx context.Context, by Account, base, language string, replaced, ours Texts) (TextsVersion, error) {
	return a.nextTexts(ctx, by, base, versionRow{Why: "texts", About: language}, replaced, ours)
}

// OfProgram names the texts that come with the program, for RestoreTexts.
const OfProgram = "program"

// RestoreTexts makes a new version with the texts of an older one, or of
// OfProgram, and the facts of now. It returns ErrStale if base is not the newest any more, ErrNotFound if there
// is no such older one.
func (a *Access) RestoreTexts(ctx context.Context, by Account, base, older string, ours Texts) (TextsVersion, error) {
	texts := ours
	if older != OfProgram {
		old, err := a.TextsVersion(ctx, older)
		if err != nil {
			return TextsVersion{}, err
		}
		texts = old.Texts
	}
	return a.nextTexts(ctx, by, base, versionRow{Why: "restored", About: older}, texts, ours)
}

func (a *Access) nextTexts(ctx context.Context, by Account, base string, next versionRow, replaced, ours Texts) (TextsVersion, error) {
	if !Can(by, ManageOffice, Scope{}) {
		return TextsVersion{}, ErrForbidden
	}
	for name, text := range replaced {
		if text == "" || len(text) > MaxLegalText {
			return TextsVersion{}, invalid(name, "too_long", "has %d bytes, 1 to %d are taken", len(text), MaxLegalText)
		}
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		row, err := newestVersion(ctx, tx)
		if err != nil {
			return err
		}
		if row == nil || row.ID != base {
			return ErrStale
		}
		texts, err := textsOf(ctx, tx, row.ID)
		if err != nil {
			return err
		}
		maps.Copy(texts, replaced)
		hash := texts.hash()
		if hash == row.TextsHash {
			next = *row // nothing was changed
			return nil
		}
		next.Own = hash != ours.hash()
		if err := next.insert(ctx, tx, by, row.facts(), texts); err != nil {
			return err
		}
		return a.noteChange(ctx, tx, by, next.Why, row.ID, next.ID)
	})
	if err != nil {
		return TextsVersion{}, fmt.Errorf("texts: %w", err)
	}
	return next.version(ctx, a.db)
}

// factsChanged makes the version that says the new facts, if there is one to say
// others.
func (a *Access) factsChanged(ctx context.Context, tx bun.Tx, by Account, facts Facts) error {
	row, err := newestVersion(ctx, tx)
	if err != nil || row == nil || row.facts() == facts {
		return err
	}
	texts, err := textsOf(ctx, tx, row.ID)
	if err != nil {
		return err
	}
	next := versionRow{Why: "office", Own: row.Own}
	return next.insert(ctx, tx, by, facts, texts)
}

// newestVersion returns nil before the first.
func newestVersion(ctx context.Context, db bun.IDB) (*versionRow, error) {
	row := &versionRow{}
	err := db.NewSelect().Model(row).OrderExpr("number DESC").Limit(1).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return row, err
}

func textsOf(ctx context.Context, db bun.IDB, version string) (Texts, error) {
	var rows []versionTextRow
	if err := db.NewSelect().Model(&rows).Where("version = ?", version).Scan(ctx); err != nil {
		return nil, err
	}
	texts := Texts{}
	for _, r := range rows {
		texts[r.Name] = r.Text
	}
	return texts, nil
}

// insert numbers the version and stores it. Its id is the day and which of the day
// it is: 2026-12-24-1.
func (row *versionRow) insert(ctx context.Context, tx bun.Tx, by Account, facts Facts, texts Texts) error {
	newest, err := newestVersion(ctx, tx)
	if err != nil {
		return err
	}
	row.MadeAt = time.Now().UTC()
	row.Number, row.AccountID, row.Author, row.TextsHash = 1, by.ID, by.Name, texts.hash()
	if newest != nil {
		row.Number = newest.Number + 1
	}
	day := row.MadeAt.Format(time.DateOnly)
	n, err := tx.NewSelect().Model((*versionRow)(nil)).Where("id LIKE ?", day+"-%").Count(ctx)
	if err != nil {
		return err
	}
	row.ID = fmt.Sprintf("%s-%d", day, n+1)
	o := facts.Office
	row.Office, row.Phone, row.Controller, row.PrivacyContact = o.Name, o.Phone, o.Controller, o.PrivacyContact
	row.RecordingDays, row.LogMonths = facts.RecordingDays, facts.LogMonths
	if _, err := tx.NewInsert().Model(row).Exec(ctx); err != nil {
		return err
	}
	rows := make([]versionTextRow, 0, len(texts))
	for name, text := range texts {
		rows = append(rows, versionTextRow{Version: row.ID, Name: name, Text: text})
	}
	_, err = tx.NewInsert().Model(&rows).Exec(ctx)
	return err
}

func (row *versionRow) facts() Facts {
	return Facts{Office: ops.Office{Name: row.Office, Phone: row.Phone, Controller: row.Controller, PrivacyContact: row.PrivacyContact},
		RecordingDays: row.RecordingDays, LogMonths: row.LogMonths}
}

func (row *versionRow) bare() TextsVersion {
	return TextsVersion{ID: row.ID, Made: row.MadeAt, Author: row.Author, Why: row.Why, About: row.About, Own: row.Own, Facts: row.facts()}
}

func (row *versionRow) version(ctx context.Context, db bun.IDB) (TextsVersion, error) {
	v := row.bare()
	var err error
	if v.Texts, err = textsOf(ctx, db, row.ID); err != nil {
		return TextsVersion{}, fmt.Errorf("texts: %w", err)
	}
	return v, nil
}

type versionRow struct {
	bun.BaseModel `bun:"table:text_versions"`

	Number         int64  `bun:",pk"`
	ID             string `bun:"id"`
	MadeAt         time.Time
	AccountID      string `bun:",nullzero"`
	Author         string
	Why            string
	About          string
	Own            bool
	TextsHash      string
	Office         string
	Phone          string
	Controller     string
	PrivacyContact string
	RecordingDays  int
	LogMonths      int
}

type versionTextRow struct {
	bun.BaseModel `bun:"table:version_texts"`

	Version string `bun:",pk"`
	Name    string `bun:",pk"`
	Text    string
}

package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

var (
	// ErrForbidden says that an account may not do what it asked for.
	ErrForbidden = errors.New("this account may not do this")
	// ErrStale says that somebody else changed meanwhile what is being changed.
	ErrStale = errors.New("changed by somebody else meanwhile")
)

// How long recordings and logs are kept unless the office says otherwise, and the
// most that it may say.
const (
	defaultRecordingDays = 90
	defaultLogMonths     = 6
	maxRecordingDays     = 3650
	maxLogMonths         = 120
	// How long a customer's private link works.
	defaultCustomerDays = 7
	maxCustomerDays     = 90
)

// Settings is what the office decides about its pages.
type Settings struct {
	Office        ops.Office
	Fixed         bool     // Office stands in the configuration and is not changed here
	Languages     []string // BCP 47 tags in which the pages are offered; none: every one
	RecordingDays int      // how long recordings are kept, as the privacy notice says: 1 to 3650
	LogMonths     int      // how long logs are: 1 to 120
	Logo          string   // names the picture that Logo returns; "" if there is none
	// Customers get the recording by a private link that works for so many days, 1
	// to 90; 0: as shipped. WithholdRecording: the log alone.
	WithholdRecording bool
	CustomerDays      int
	// LooseSessions: a session may belong to no ticket; else one is made for it.
	LooseSessions bool
}

// Facts is what the terms and the privacy notice say about the office.
type Facts struct {
	Office        ops.Office
	RecordingDays int
	LogMonths     int
}

// Clean returns the settings as they are stored, or an *Invalid. The field is one
// of office.name, office.phone, office.controller, office.privacy_contact,
// languages, recording_days, log_months, customer_days.
func (s Settings) Clean() (Settings, error) {
	if !s.Fixed {
		// One by one: people are told which field it is.
		probe := ops.Office{Name: "any", Phone: "000"}
		for _, f := range []struct {
			field string
			set   func(*ops.Office)
		}{
			{"office.name", func(o *ops.Office) { o.Name = s.Office.Name }},
			{"office.phone", func(o *ops.Office) { o.Phone = s.Office.Phone }},
			{"office.controller", func(o *ops.Office) { o.Controller = s.Office.Controller }},
			{"office.privacy_contact", func(o *ops.Office) { o.PrivacyContact = s.Office.PrivacyContact }},
		} {
			f.set(&probe)
			var err error
			if probe, err = probe.Clean(); err != nil {
				return Settings{}, invalid(f.field, "malformed", "%s", err)
			}
		}
		s.Office = probe
	}
	for _, tag := range s.Languages {
		if tag == "" || len(tag) > 35 || strings.ContainsFunc(tag, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", r)
		}) {
			return Settings{}, invalid("languages", "malformed", "%q is no language tag", tag)
		}
	}
	if s.RecordingDays < 1 || s.RecordingDays > maxRecordingDays {
		return Settings{}, invalid("recording_days", "range", "1 to %d days", maxRecordingDays)
	}
	if s.LogMonths < 1 || s.LogMonths > maxLogMonths {
		return Settings{}, invalid("log_months", "range", "1 to %d months", maxLogMonths)
	}
	if s.CustomerDays == 0 {
		s.CustomerDays = defaultCustomerDays
	}
	if s.CustomerDays < 1 || s.CustomerDays > maxCustomerDays {
		return Settings{}, invalid("customer_days", "range", "1 to %d days", maxCustomerDays)
	}
	return s, nil
}

// What stands on the trail for WithholdRecording.
const give, withhold = "give", "withhold"

// CustomerRecording is WithholdRecording in a word: give or withhold.
func (s Settings) CustomerRecording() string {
	if s.WithholdRecording {
		return withhold
	}
	return give
}

// What stands on the trail for LooseSessions.
const made, none = "made", "none"

// SessionTickets is LooseSessions in a word, what is done where a session belongs to no
// ticket: made or none.
func (s Settings) SessionTickets() string {
	if s.LooseSessions {
		return none
	}
	return made
}

// facts are those of the settings.
func (s Settings) facts() Facts {
	return Facts{Office: s.Office, RecordingDays: s.RecordingDays, LogMonths: s.LogMonths}
}

// Settings returns what holds now.
func (a *Access) Settings(ctx context.Context) (Settings, error) { return a.settings(ctx, a.db) }

func (a *Access) settings(ctx context.Context, db bun.IDB) (Settings, error) {
	s := Settings{Fixed: a.office != (ops.Office{}), RecordingDays: defaultRecordingDays, LogMonths: defaultLogMonths, CustomerDays: defaultCustomerDays}
	var err error
	if s.Office, err = a.officeIn(ctx, db); err != nil {
		return Settings{}, err
	}
	var row settingsRow
	err = db.NewSelect().Model(&row).ExcludeColumn("logo").Where("id = ?", officeID).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	s.Languages, s.RecordingDays, s.LogMonths, s.Logo = strings.Fields(row.Languages), row.RecordingDays, row.LogMonths, row.LogoHash
	s.WithholdRecording, s.CustomerDays = row.CustomerRecording == withhold, row.CustomerDays
	s.LooseSessions = row.SessionTickets == none
	return s, nil
}

// ChangeSettings stores all but the logo, and notes who changed what. What the
// terms and the privacy notice say changes with it: that is a new version of
// them. It returns ErrForbidden to who may not, and an *Invalid as Clean does.
func (a *Access) ChangeSettings(ctx context.Context, by Account, s Settings) error {
	if !Can(by, ManageOffice, Scope{}) {
		return ErrForbidden
	}
	s.Fixed = a.office != (ops.Office{})
	s, err := s.Clean()
	if err != nil {
		return err
	}
	err = a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		before, err := a.settings(ctx, tx)
		if err != nil {
			return err
		}
		if s.Fixed {
			s.Office = before.Office
		} else if err := newOfficeRow(s.Office).store(ctx, tx); err != nil {
			return err
		}
		if err := storeSettings(ctx, tx, s); err != nil {
			return err
		}
		if err := a.noteSettings(ctx, tx, by, before, s); err != nil {
			return err
		}
		return a.factsChanged(ctx, tx, by, s.facts())
	})
	if err != nil {
		return fmt.Errorf("change settings: %w", err)
	}
	return nil
}

// noteSettings notes each setting that differs.
func (a *Access) noteSettings(ctx context.Context, tx bun.Tx, by Account, before, after Settings) error {
	for _, f := range []struct{ what, before, after string }{
		{"name", before.Office.Name, after.Office.Name},
		{"phone", before.Office.Phone, after.Office.Phone},
		{"controller", before.Office.Controller, after.Office.Controller},
		{"privacy_contact", before.Office.PrivacyContact, after.Office.PrivacyContact},
		{"languages", strings.Join(before.Languages, " "), strings.Join(after.Languages, " ")},
		{"recording_days", strconv.Itoa(before.RecordingDays), strconv.Itoa(after.RecordingDays)},
		{"log_months", strconv.Itoa(before.LogMonths), strconv.Itoa(after.LogMonths)},
		{"customer_recording", before.CustomerRecording(), after.CustomerRecording()},
		{"customer_days", strconv.Itoa(before.CustomerDays), strconv.Itoa(after.CustomerDays)},
		{"session_tickets", before.SessionTickets(), after.SessionTickets()},
	} {
		if f.before == f.after {
			continue
		}
		if err := a.noteChange(ctx, tx, by, f.what, f.before, f.after); err != nil {
			return err
		}
	}
	return nil
}

func storeSettings(ctx context.Context, tx bun.Tx, s Settings) error {
	row := settingsRow{ID: officeID, Languages: strings.Join(s.Languages, " "), RecordingDays: s.RecordingDays, LogMonths: s.LogMonths,
		CustomerRecording: s.CustomerRecording(), CustomerDays: s.CustomerDays, SessionTickets: s.SessionTickets(), ChangedAt: time.Now()}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").Set("languages = EXCLUDED.languages").
		Set("recording_days = EXCLUDED.recording_days").Set("log_months = EXCLUDED.log_months").Set("changed_at = EXCLUDED.changed_at").
		Set("customer_recording = EXCLUDED.customer_recording").Set("customer_days = EXCLUDED.customer_days").Set("session_tickets = EXCLUDED.session_tickets").Exec(ctx)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return nil
}

// Change is one thing that somebody changed.
type Change struct {
	At            time.Time
	Account       string // name at that time
	What          string // setup, name, phone, controller, privacy_contact, languages, recording_days, log_months, customer_recording, customer_days, logo, texts, restored
	Before, After string
}

// Changes returns the newest changes of the settings, the newest first.
func (a *Access) Changes(ctx context.Context, limit int) ([]Change, error) {
	var rows []changeRow
	if err := a.db.NewSelect().Model(&rows).OrderExpr("number DESC").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("changes: %w", err)
	}
	changes := make([]Change, len(rows))
	for i, r := range rows {
		changes[i] = Change{At: r.At, Account: r.Account, What: r.What, Before: r.Before, After: r.After}
	}
	return changes, nil
}

func (a *Access) noteChange(ctx context.Context, tx bun.Tx, by Account, what, before, after string) error {
	var last int64
	if err := tx.NewSelect().Model((*changeRow)(nil)).ColumnExpr("COALESCE(MAX(number), 0)").Scan(ctx, &last); err != nil {
		return fmt.Errorf("changes: %w", err)
	}
	row := changeRow{Number: last + 1, At: time.Now().UTC(), AccountID: by.ID, Account: by.Name, What: what, Before: before, After: after}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("changes: %w", err)
	}
	if err := ops.NoteAct(ctx, tx, "office.changed", by.ID, map[string]any{"what": what, "before": before, "after": after}); err != nil {
		return err
	}
	a.log.InfoContext(ctx, "office changed", "account", by.ID, "what", what, "before", before, "after", after)
	return nil
}

type settingsRow struct {
	bun.BaseModel `bun:"table:office_settings"`

	ID                string `bun:",pk"`
	Languages         string
	RecordingDays     int
	LogMonths         int
	Logo              string
	LogoHash          string
	CustomerRecording string
	CustomerDays      int
	SessionTickets    string
	ChangedAt         time.Time
}

type changeRow struct {
	bun.BaseModel `bun:"table:office_changes"`

	Number    int64 `bun:",pk"`
	At        time.Time
	AccountID string
	Account   string
	What      string
	Before    string
	After     string
}

func newOfficeRow(o ops.Office) *officeRow {
	return &officeRow{ID: officeID, Name: o.Name, Phone: o.Phone, Controller: o.Controller, PrivacyContact: o.PrivacyContact, ChangedAt: time.Now()}
}

func (row *officeRow) store(ctx context.Context, tx bun.Tx) error {
	_, err := tx.NewInsert().Model(row).On("CONFLICT (id) DO UPDATE").Set("name = EXCLUDED.name").
		Set("phone = EXCLUDED.phone").Set("controller = EXCLUDED.controller").
		Set("privacy_contact = EXCLUDED.privacy_contact").Set("changed_at = EXCLUDED.changed_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("office: %w", err)
	}
	return nil
}

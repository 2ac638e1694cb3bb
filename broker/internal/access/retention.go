package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"
)

// Classes of retention, as they stand in each recording's first record and on the
// log. The period of the standard one is Settings.RecordingDays.
const (
	KeptStandard = "standard"
	KeptShort    = "short"
	KeptLong     = "long"
)

// KeptClasses lists the closed set.
func KeptClasses() []string { return []string{KeptStandard, KeptShort, KeptLong} }

const (
	defaultShortDays = 30
	defaultLongDays  = 365
)

// Retention is how long recordings are kept, by class and team.
type Retention struct {
	StandardDays, ShortDays, LongDays int        // 1 to 3650
	LogMonths                         int        // of logs; changed with the settings
	Teams                             []KeptTeam // by name
}

// KeptTeam is the class of a team.
type KeptTeam struct{ Team, Class string }

// Days of a class.
func (r Retention) Days(class string) int {
	switch class {
	case KeptShort:
		return r.ShortDays
	case KeptLong:
		return r.LongDays
	}
	return r.StandardDays
}

// LogMonthsOf is for how many months logs of a class are kept.
func (r Retention) LogMonthsOf(class string) int {
	return max(r.LogMonths, (r.Days(class)*12+364)/365)
}

// Clean checks it; the field of an *Invalid is short_days, long_days or team.
func (r Retention) Clean() error {
	for _, f := range []struct {
		name string
		days int
	}{{"short_days", r.ShortDays}, {"long_days", r.LongDays}} {
		if f.days < 1 || f.days > maxRecordingDays {
			return invalid(f.name, "range", "1 to %d days", maxRecordingDays)
		}
	}
	for _, t := range r.Teams {
		if t.Class != KeptStandard && t.Class != KeptShort && t.Class != KeptLong {
			return invalid("team", "class", "%q is no class", t.Class)
		}
	}
	return nil
}

// Retention returns what holds now.
func (a *Access) Retention(ctx context.Context) (Retention, error) { return a.retention(ctx, a.db) }

func (a *Access) retention(ctx context.Context, db bun.IDB) (Retention, error) {
	s, err := a.settings(ctx, db)
	if err != nil {
		return Retention{}, err
	}
	r := Retention{StandardDays: s.RecordingDays, LogMonths: s.LogMonths, ShortDays: defaultShortDays, LongDays: defaultLongDays}
	err = db.NewSelect().Table("office_settings").Column("short_days", "long_days").Where("id = ?", officeID).Scan(ctx, &r.ShortDays, &r.LongDays)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Retention{}, fmt.Errorf("retention: %w", err)
	}
	var rows []struct{ Name, Retention string }
	if err := db.NewSelect().Table("teams").Column("name", "retention").Order("name").Scan(ctx, &rows); err != nil {
		return Retention{}, fmt.Errorf("retention: %w", err)
	}
	for _, row := range rows {
		r.Teams = append(r.Teams, KeptTeam{row.Name, row.Retention})
	}
	return r, nil
}

// ChangeRetention stores the periods of the classes short and long, and the classes
// of the teams that it names, and notes who changed what. Sessions that were keep the
// period of their day. Errors: ErrForbidden, *Invalid.
func (a *Access) ChangeRetention(ctx context.Context, by Account, after Retention) error {
	if !Can(by, ManageOffice, Scope{}) {
		return ErrForbidden
	}
	if err := after.Clean(); err != nil {
		return err
	}
	err := a.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		before, err := a.retention(ctx, tx)
		if err != nil {
			return err
		}
		if before.ShortDays != after.ShortDays || before.LongDays != after.LongDays {
			s, err := a.settings(ctx, tx)
			if err != nil {
				return err
			}
			if err := storeSettings(ctx, tx, s); err != nil { // so that there is a row
				return err
			}
			if _, err := tx.NewUpdate().Table("office_settings").Set("short_days = ?", after.ShortDays).Set("long_days = ?", after.LongDays).Where("id = ?", officeID).Exec(ctx); err != nil {
				return err
			}
		}
		for _, f := range []struct {
			what          string
			before, after int
		}{{"short_days", before.ShortDays, after.ShortDays}, {"long_days", before.LongDays, after.LongDays}} {
			if f.before == f.after {
				continue
			}
			if err := a.noteChange(ctx, tx, by, f.what, strconv.Itoa(f.before), strconv.Itoa(f.after)); err != nil {
				return err
			}
		}
		was := map[string]string{}
		for _, t := range before.Teams {
			was[t.Team] = t.Class
		}
		for _, t := range after.Teams {
			if was[t.Team] == "" {
				return invalid("team", "unknown", "there is no team %q", t.Team)
			}
			if was[t.Team] == t.Class {
				continue
			}
			if _, err := tx.NewUpdate().Table("teams").Set("retention = ?", t.Class).Where("name = ?", t.Team).Exec(ctx); err != nil {
				return err
			}
			if err := a.noteChange(ctx, tx, by, "team_retention", t.Team+": "+was[t.Team], t.Team+": "+t.Class); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("change retention: %w", err)
	}
	return nil
}

// Kept is for how long a session is kept.
type Kept struct {
	Class     string
	Days      int // its recording
	LogMonths int // its log, never shorter than the recording, which holds it
}

// KeptFor says it of a team's sessions that begin now.
func (a *Access) KeptFor(ctx context.Context, team string) (Kept, error) {
	r, err := a.Retention(ctx)
	if err != nil {
		return Kept{}, err
	}
	class := KeptStandard
	for _, t := range r.Teams {
		if t.Team == team {
			class = t.Class
		}
	}
	return Kept{class, r.Days(class), r.LogMonthsOf(class)}, nil
}

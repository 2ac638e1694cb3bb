package access

import (
	"errors"
	"testing"
)

// TestRetention: classes by team, noted, by administrators alone.
func TestRetention(t *testing.T) {
	a := newTestAccess(t, newTestDB(t))
	anna, carla := mustAdd(t, a, technician("anna@office.example")), mustAdd(t, a, administrator("carla@office.example"))
	kept := func(class string, days, months int) {
		t.Helper()
		k, err := a.KeptFor(t.Context(), anna.Team)
		if err != nil || k != (Kept{class, days, months}) {
			t.Errorf("%+v, %v; want %s, %d, %d", k, err, class, days, months)
		}
	}
	kept(KeptStandard, 90, 6)
	next := Retention{ShortDays: 7, LongDays: 400, Teams: []KeptTeam{{anna.Team, KeptShort}}}
	if err := a.ChangeRetention(t.Context(), Account{ID: "x", Role: Auditor}, next); !errors.Is(err, ErrForbidden) {
		t.Errorf("an auditor: %v", err)
	}
	if err := a.ChangeRetention(t.Context(), carla, next); err != nil {
		t.Fatal(err)
	}
	kept(KeptShort, 7, 6)
	changes, err := a.Changes(t.Context(), 10)
	if err != nil || len(changes) != 3 || changes[0].What != "team_retention" || changes[0].After != anna.Team+": short" {
		t.Errorf("%+v, %v", changes, err)
	}
	for name, bad := range map[string]Retention{
		"no days": {LongDays: 1}, "too many": {ShortDays: 1, LongDays: 4000},
		"no class": {ShortDays: 1, LongDays: 1, Teams: []KeptTeam{{anna.Team, "for ever"}}},
		"no team":  {ShortDays: 1, LongDays: 1, Teams: []KeptTeam{{"nobody", KeptLong}}},
	} {
		var wrong *Invalid
		if err := a.ChangeRetention(t.Context(), carla, bad); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	kept(KeptShort, 7, 6)
	next.Teams[0].Class = KeptLong
	if err := a.ChangeRetention(t.Context(), carla, next); err != nil {
		t.Fatal(err)
	}
	kept(KeptLong, 400, 14) // the recording holds the log
	// What else is set does not change it.
	s, err := a.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Office, s.RecordingDays = testFacts.Office, 60
	if err := a.ChangeSettings(t.Context(), carla, s); err != nil {
		t.Fatal(err)
	}
	kept(KeptLong, 400, 14) // the recording holds the log
}

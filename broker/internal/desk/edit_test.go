package desk

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestEditParts: two who change different parts both keep theirs; of two who change the
// same part the second is told, and everything before comes back.
func TestEditParts(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	cell := func(step string) Cell {
		return Cell{Team: second.Name, After: 90, Words: map[string]Work{"it": {Steps: []string{step}}}}
	}
	must := func(v Version, err error) int64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v.Number
	}
	if n := must(e.EditCell(ctx, e.admin, 1, "network", access.L1, cell("one"))); n != 2 {
		t.Error(n)
	}
	if n := must(e.EditCell(ctx, e.admin, 1, "software", access.L1, cell("two"))); n != 3 {
		t.Error(n)
	}
	if _, err := e.EditCell(ctx, e.admin, 1, "network", access.L1, cell("three")); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	if _, err := e.EditCell(ctx, e.lead, 3, "network", access.L1, cell("three")); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	for name, c := range map[string]Cell{"after": {After: -1}, "long": {After: maxAfter + 1}, "team": {Team: "x"}} {
		if _, err := e.EditCell(ctx, e.admin, 3, "network", access.L1, c); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, _, _ := e.Matrix(ctx)
	network, _ := m.Find("network")
	network.Retired = true
	must(e.EditCategory(ctx, e.admin, 1, network)) // nobody touched name and flags since
	must(e.AddCategory(ctx, e.admin, Category{Words: map[string]Words{"it": {Name: "Anagrafe"}}}))
	m, v, _ := e.Matrix(ctx)
	if network, _ = m.Find("network"); v.Number != 5 || !network.Retired || network.Cells[access.L1].After != 90 || network.Cells[access.L1].Words["it"].Steps[0] != "one" || len(m.Categories) != 5 {
		t.Errorf("%d %+v", v.Number, network)
	}
	if _, err := e.RestoreMatrix(ctx, e.admin, 4, 1); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	if _, err := e.RestoreMatrix(ctx, e.admin, 5, 9); !errors.Is(err, access.ErrInvalid) {
		t.Error(err)
	}
	must(e.RestoreMatrix(ctx, e.admin, 5, 1))
	m, _, _ = e.Matrix(ctx)
	if network, _ = m.Find("network"); network.Retired || network.Cells[access.L1].After != 0 || len(m.Categories) != 5 || !m.Categories[4].Retired {
		t.Errorf("%+v", m.Categories[4])
	}

	hours, _, _ := e.Hours(ctx)
	calendar := hours.Calendar
	calendar.Zone = time.UTC
	must(e.SetCalendar(ctx, e.admin, 1, calendar))
	must(e.AddHoliday(ctx, e.admin, Holiday{"Natale", Date{2026, 12, 25}, Date{2026, 12, 26}, true}))
	must(e.AddHoliday(ctx, e.admin, Holiday{"Natale", Date{2026, 12, 25}, Date{2026, 12, 26}, true}))
	hours.Targets[Critical] = Target{30 * time.Minute, 4 * time.Hour, 50}
	for _, p := range Priorities() {
		k := hours.Targets[p]
		k.Warn = 50
		hours.Targets[p] = k
	}
	must(e.SetTargets(ctx, e.admin, 1, hours))
	if _, err := e.SetTargets(ctx, e.admin, 1, hours); err == nil {
		// The same once more is what stands: nothing of anybody's is lost, yet it was not seen.
		t.Error("saved over what was not seen")
	}
	if _, err := e.SetCalendar(ctx, e.admin, 1, Calendar{Always: true}); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	now, v, _ := e.Hours(ctx)
	if now.Warn() != 50 || now.Targets[Critical].Response != 30*time.Minute || len(now.Calendar.Holidays) != 1 || now.Calendar.Zone != time.UTC {
		t.Errorf("%+v", now)
	}
	if _, err := e.SetCalendar(ctx, e.admin, v.Number, Calendar{}); !errors.Is(err, ErrNeverOpen) {
		t.Error(err)
	}
	if _, err := e.AddHoliday(ctx, e.admin, Holiday{"Before", Date{2026, 5, 2}, Date{2026, 5, 1}, false}); !errors.Is(err, ErrCalendar) {
		t.Error(err)
	}
	must(e.RemoveHoliday(ctx, e.admin, now.Calendar.Holidays[0]))
	must(e.RestoreHours(ctx, e.admin, v.Number+1, 3))
	if now, _, _ = e.Hours(ctx); len(now.Calendar.Holidays) != 1 || now.Warn() != DefaultWarn {
		t.Errorf("%+v", now)
	}
	for name, change := range map[string]func(*ServiceHours){
		"warn": func(h *ServiceHours) {
			k := h.Targets[Medium]
			k.Warn = 100
			h.Targets[Medium] = k
		},
		"average":     func(h *ServiceHours) { h.Average = 0 },
		"first":       func(h *ServiceHours) { h.Breach.First = h.Breach.Last + time.Hour },
		"more than 3": func(h *ServiceHours) { h.Breach.Last = 73 * time.Hour },
		"hold":        func(h *ServiceHours) { h.Breach.Hold = time.Hour },
	} {
		h, _, _ := e.Hours(ctx)
		change(&h)
		if _, err := h.Clean(); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMatrixProblems: what was right when it was saved and is not any more is told, and
// forbids no other change.
func TestMatrixProblems(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	if list, err := e.MatrixProblems(ctx); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	if _, err := e.EditCell(ctx, e.admin, 1, "network", access.L1, Cell{Team: second.Name}); err != nil {
		t.Fatal(err)
	}
	ticket := e.do(e.anna, e.open(e.anna, "A"), categorise)
	if list, _ := e.MatrixProblems(ctx); len(list) != 1 || list[0].Kind != NothingToDo || list[0].Open != 1 {
		t.Error(list)
	}
	if _, err := e.db.ExecContext(ctx, "UPDATE teams SET level = 'L1' WHERE name = ?", second.Name); err != nil {
		t.Fatal(err)
	}
	m, _, _ := e.Matrix(ctx)
	network, _ := m.Find("network")
	network.Retired = true
	if _, err := e.EditCategory(ctx, e.admin, 2, network); err != nil {
		t.Error("another change is refused:", err)
	}
	list, _ := e.MatrixProblems(ctx)
	var kinds []string
	for _, p := range list {
		kinds = append(kinds, string(p.Kind))
	}
	if strings.Join(kinds, " ") != "team_circle retired_open" {
		t.Error(kinds)
	}
	if gone := m.problems(map[string]access.Level{}, func(string, access.Level) int { return 0 }); len(gone) != 1 || gone[0].Kind != TeamGone {
		t.Error(gone)
	}
	people, err := access.New(context.Background(), access.Config{DB: e.db, Log: e.log, Rounds: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if err := people.AddTeam(ctx, e.admin, access.Team{Name: "Short", Level: access.L3}); err != nil {
		t.Fatal(err)
	}
	e.do(e.anna, ticket, prioritise, diagnose, Act{Kind: ActEscalate, Team: &Team{Name: "Short"}, Text: "why"})
	if err := people.DeleteTeam(ctx, e.admin, "Short"); !errors.Is(err, access.ErrInUse) {
		t.Error("a team with a ticket is deleted:", err)
	}
}

// TestEffect: what other hours would do to open tickets.
func TestEffect(t *testing.T) {
	e := newEnv(t)
	e.do(e.anna, e.open(e.anna, "A"), categorise, prioritise)
	e.pass(25 * time.Hour)
	hours, _, _ := e.Hours(t.Context())
	hours.Calendar = Calendar{Always: true}
	if got, err := e.EffectOf(t.Context(), hours); err != nil || got != (Effect{1, 0, 1}) {
		t.Error(got, err)
	}
	calendar := Calendar{Zone: zone(t, "Europe/Rome"), Week: shipped(time.UTC).Week, Holidays: []Holiday{{"Ponte", Date{2026, 12, 24}, Date{2027, 1, 6}, true}}}
	if !calendar.Holidays[0].OverNewYear() {
		t.Error("it goes over the new year")
	}
	if open, h := calendar.Day(time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)); h == nil || len(open) != 0 {
		t.Error(open, h)
	}
	if open, h := calendar.Day(time.Date(2027, 1, 7, 12, 0, 0, 0, time.UTC)); h != nil || len(open) != 2 {
		t.Error(open, h)
	}
}

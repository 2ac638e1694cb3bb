package desk

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestReport: hand-worked. Around the clock; an answer within 1 h, a solution within 24 h.
func TestReport(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.promise(time.Hour, Calendar{Zone: zone(t, "Europe/Rome"), Always: true})
	receive := func() Ticket {
		t.Helper()
		ticket, err := e.Receive(ctx, call("A"))
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	// do lets each act pass one minute first. The day is 2 March, 10:00 in Rome.
	a := receive()
	a = e.do(e.anna, a, Act{Kind: ActTake}, categorise, prioritise) // answered after 1 min
	a = e.do(e.anna, a, Act{Kind: ActWait, Waiting: WaitingForRequester})
	e.pass(10 * time.Hour)
	a = e.do(e.anna, a, Act{Kind: ActGoOn}) // 10 h 1 min
	e.pass(20*time.Hour - 5*time.Minute)
	a = e.do(e.anna, a, resolve) // 4 min before the pause, 19 h 56 min after it: 20 h
	e.pass(time.Hour)
	a = e.do(e.anna, a, Act{Kind: ActReopen, Text: "again"}) // 1 h 1 min in between
	e.do(e.anna, a, resolve)                                 // 20 h 1 min
	b := receive()                                           // 3 March
	e.pass(2 * time.Hour)
	b = e.do(e.anna, b, Act{Kind: ActTake}, Act{Kind: ActCategory, Category: "software"}, Act{Kind: ActPriority, Impact: ImpactUser, Urgency: UrgencyLow}) // 2 h 1 min: too late
	e.pass(30 * time.Hour)
	e.do(e.anna, b, resolve) // 32 h 4 min
	c := receive()           // 4 March
	e.pass(90 * time.Minute) // not answered: late
	_ = c
	few := Asked{First: Date{2026, 3, 1}, Last: Date{2026, 3, 31}, By: ByTeam}
	r, err := e.Report(ctx, e.admin, few) // four people in two teams, of which one is alone in hers
	if err != nil || len(r.Rows) != 1 || r.Rows[0].Key != first.Name {
		t.Errorf("%+v %v", r.Rows, err)
	}
	few.Team = second.Name
	if _, err := e.Report(ctx, e.admin, few); !errors.Is(err, ErrFew) {
		t.Error("figures of one person:", err)
	}
	few.Told = true
	if _, err := e.Report(ctx, e.admin, few); err != nil {
		t.Error("she was told:", err)
	}
	groups := map[string][]Ticket{"A": nil, "B": nil, "C": nil}
	for name, c := range map[string]struct {
		people map[string]int
		want   string
	}{"all large": {map[string]int{"A": 3, "B": 4, "C": 5}, "[] 0"}, "one small": {map[string]int{"A": 1, "B": 4, "C": 5}, "[A B] 5"}, "enough small ones": {map[string]int{"A": 2, "B": 1, "C": 5}, "[A B] 3"},
		"none": {map[string]int{"A": 1, "B": 1}, "[A B C] 2"}} {
		others, n := together(groups, c.people)
		if got := fmt.Sprint(others, n); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	asked := Asked{First: Date{2026, 3, 1}, Last: Date{2026, 3, 31}, By: ByCategory}
	r, err = e.Report(ctx, e.admin, asked)
	if err != nil {
		t.Fatal(err)
	}
	all := r.Total
	if all.Count != 3 || all.Open != 1 || all.Late != 1 {
		t.Errorf("%+v", all)
	}
	if want := (Summary{2, 1, 61 * time.Minute, 61 * time.Minute}); all.Response != want {
		t.Errorf("%+v, want %+v", all.Response, want)
	}
	mean := (20*time.Hour + time.Minute + 32*time.Hour + 4*time.Minute) / 2
	if want := (Summary{2, 1, mean, mean}); all.Resolution != want {
		t.Errorf("%+v, want %+v", all.Resolution, want)
	}
	if want := (Paused{1, 10*time.Hour + time.Minute}); all.Paused["requester"] != want {
		t.Errorf("%+v", all.Paused)
	}
	if want := (Paused{1, time.Hour + time.Minute}); all.Paused[PauseResolved] != want {
		t.Errorf("%+v", all.Paused)
	}
	if len(r.Rows) != 3 || r.Rows[0].Key != "" || r.Rows[1].Key != "network" || r.Rows[1].Resolution.Kept != 1 || r.Rows[2].Resolution.Kept != 0 {
		t.Errorf("%+v", r.Rows)
	}
	for by, rows := range map[Grouping]int{ByTeam: 1, ByPriority: 3, ByMonth: 1, ByWeek: 1} {
		asked.By = by
		if r, err := e.Report(ctx, e.admin, asked); err != nil || len(r.Rows) != rows {
			t.Errorf("%s: %v %v", by, r.Rows, err)
		}
	}
	for name, c := range map[string]struct {
		by   access.Account
		a    Asked
		want error
	}{
		"all, by a lead":          {e.lead, Asked{First: asked.First, Last: asked.Last, By: ByTeam}, ErrForbidden},
		"another team, by a lead": {e.lead, Asked{First: asked.First, Last: asked.Last, By: ByTeam, Team: second.Name}, ErrForbidden},
		"own team":                {e.lead, Asked{First: asked.First, Last: asked.Last, By: ByTeam, Team: first.Name}, nil},
		"auditor":                 {e.auditor, Asked{First: asked.First, Last: asked.Last, By: ByTeam}, ErrForbidden},
		"backwards":               {e.admin, Asked{First: asked.Last, Last: asked.First, By: ByTeam}, access.ErrInvalid},
		"two years":               {e.admin, Asked{First: Date{2025, 1, 1}, Last: asked.Last, By: ByTeam}, access.ErrInvalid},
		"no such day":             {e.admin, Asked{First: Date{2026, 2, 30}, Last: asked.Last, By: ByTeam}, access.ErrInvalid},
		"by nothing":              {e.admin, Asked{First: asked.First, Last: asked.Last}, access.ErrInvalid},
	} {
		if _, err := e.Report(ctx, c.by, c.a); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := Asked{First: Date{2026, 3, 4}, Last: Date{2026, 3, 4}, By: ByTeam, Priority: Low}
	if r, err := e.Report(ctx, e.admin, one); err != nil || r.Total.Count != 0 {
		t.Error(r.Total, err)
	}
	one.Priority = 0
	if r, err := e.Report(ctx, e.admin, one); err != nil || r.Total.Count > 1 {
		t.Error(r.Total, err)
	}
	if ByWeek.key(Ticket{Created: time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)}, nil) != "2026-W53" || ByMonth.key(Ticket{Created: time.Date(2026, 2, 28, 23, 30, 0, 0, time.UTC)}, zone(t, "Europe/Rome")) != "2026-03" {
		t.Error("weeks go over the new year, months by the office's clock")
	}
}

package figures

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// TestHandWorked: a small week whose every figure was worked out by hand. The desk is
// open Monday to Friday 9-13 and 14-18; 2 March 2026 is a Monday.
func TestHandWorked(t *testing.T) {
	e := newEnv(t)
	var none time.Time
	// Friday 17:00, answered Monday 9:30: 64.5 hours on the wall, 1.5 that count. Resolved Tuesday 11:00, of which an hour was somebody else's: 1+8+2-1.
	one := e.ticket("Anna", "network", desk.High, wall(2, 27, 17, 0), wall(3, 2, 9, 30), wall(3, 3, 11, 0))
	e.pause(one, wall(3, 2, 10, 0), wall(3, 2, 11, 0))
	// Monday 12:00, answered 15:30: 3.5 on the wall, 2.5 that count: critical, so missed. Resolved Wednesday 18:00: 1+4+8+8 = 21.
	e.ticket("Bruno", "network", desk.Critical, wall(3, 2, 12, 0), wall(3, 2, 15, 30), wall(3, 4, 18, 0))
	// By phone on Tuesday at 10, resolved Friday 18:00: 3+4+3*8 = 31 hours: missed.
	e.ticket("Dino", "cloud", desk.Low, wall(3, 3, 10, 0), wall(3, 3, 10, 0), wall(3, 6, 18, 0))
	// Sunday, nobody has answered; due and late by April.
	e.ticket("Elia", "", desk.High, wall(3, 8, 12, 0), none, none)
	// After the range: open, and not its.
	e.ticket("Gino", "cloud", 0, wall(3, 9, 0, 0), none, none)

	e.session("Anna", one, wall(3, 2, 9, 50), wall(3, 2, 10, 0), wall(3, 2, 10, 30), 5)
	e.session("Anna", "", wall(3, 2, 23, 50), wall(3, 3, 0, 5), wall(3, 3, 0, 15), 0) // begins on Tuesday
	e.session("Dino", "", wall(3, 4, 9, 0), wall(3, 4, 9, 5), none, 0)                // goes on
	e.session("Gino", "", wall(3, 5, 9, 0), none, wall(3, 5, 9, 10), 0)               // nobody came
	e.session("Bruno", "", wall(2, 24, 9, 0), wall(2, 24, 9, 1), wall(2, 24, 9, 2), 3)
	test := e.session("Bruno", "", wall(3, 4, 9, 0), wall(3, 4, 9, 1), wall(3, 4, 9, 2), 1)
	e.do(`UPDATE sessions SET test = TRUE WHERE id = ?`, test)

	r := e.report("Ada", Query{Range: march(2, 8)})
	w := r.Whole
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"sessions", w.Sessions, 3}, {"unstarted", w.Unstarted, 1}, {"opened", w.Opened, 3}, {"resolved", w.Resolved, 3}, {"open", w.Open, 1}, {"overdue", w.Overdue, 1},
		{"before", r.Earlier.Sessions, 1}, {"opened before", r.Earlier.Opened, 1}, {"rating before", r.Earlier.Stars, [6]int{3: 1}},
		{"begin", w.Begin.Spread, Spread{3, 10 * time.Minute, 15 * time.Minute, 10 * time.Minute}},
		{"length", w.Length.Spread, Spread{2, 20 * time.Minute, 30 * time.Minute, 20 * time.Minute}},
		{"stars", w.Stars, [6]int{1, 0, 0, 0, 0, 1}},
		{"waiting", w.Waiting.Spread, Spread{2, 34 * time.Hour, 64*time.Hour + 30*time.Minute, 34 * time.Hour}},
		{"response", w.Response.Spread, Spread{2, 2 * time.Hour, 150 * time.Minute, 2 * time.Hour}},
		{"response kept", [2]int{w.Response.Kept, w.Response.Missed}, [2]int{1, 1}},
		{"resolution", w.Resolution.Spread, Spread{3, 21 * time.Hour, 31 * time.Hour, (10 + 21 + 31) * time.Hour / 3}},
		{"resolution kept", [2]int{w.Resolution.Kept, w.Resolution.Missed}, [2]int{2, 1}},
		{"days", days(r.Days), "2 1 1 0, 3 1 1 1, 4 1 0 1, 5 0 0 0, 6 0 0 1, 7 0 0 0, 8 0 1 0"},
		{"load", [5]int{r.Load[1][10], r.Load[1][12], r.Load[2][0], r.Load[2][10], r.Load[0][12]}, [5]int{1, 1, 1, 1, 1}},
	} {
		if fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, by hand %v", c.what, c.got, c.want)
		}
	}
	names := func(groups []*Group) (list []string) {
		for _, g := range groups {
			list = append(list, fmt.Sprintf("%s%v %d/%d/%d", g.Name, g.Of, g.Sessions, g.Opened, g.Resolved))
		}
		return list
	}
	if got := names(r.ByCategory); !slices.Equal(got, []string{"[] 2/1/0", "cloud[] 0/1/1", "network[] 1/1/2"}) {
		t.Errorf("by category: %q", got)
	}
	if got := names(r.ByPriority); !slices.Equal(got, []string{"1[] 0/1/1", "2[] 0/1/1", "4[] 0/1/1"}) {
		t.Errorf("by priority: %q", got)
	}
	// One person works in Labs: what they did stands with the smallest other team.
	if got := names(r.ByTeam); !slices.Equal(got, []string{"Desk[] 2/1/2", "[Labs Nets] 1/2/1"}) {
		t.Errorf("by team: %q", got)
	}
	if r.ByPerson != nil {
		t.Error("figures by person before anybody decided")
	}
	if r := e.report("Ada", Query{Range: march(2, 8), Team: "Labs"}); !r.Small || r.Whole.Unstarted != 0 {
		t.Errorf("the figures of one person: %+v", r.Whole)
	}
	if r := e.report("Lara", Query{Range: march(2, 8)}); r.Whole.Sessions != 2 || len(r.ByTeam) != 1 || r.Teams != nil || r.Query.Team != "Desk" {
		t.Errorf("the lead's: %+v", r.Whole)
	}
}

func days(list []Day) string {
	var said []string
	for _, d := range list {
		said = append(said, fmt.Sprint(d.Day, d.Sessions, d.Opened, d.Resolved))
	}
	return strings.Join(said, ", ")
}

// TestWho: everybody, whose figures.
func TestWho(t *testing.T) {
	e := newEnv(t)
	ctx := context.Background()
	for name, want := range map[string]string{"Ada": "", "Lara": "Desk", "Anna": "no", "Udo": "no", "Mia": "no", "Pia": "no"} {
		r, err := e.Report(ctx, e.people[name], Query{Range: march(1, 2)})
		if errors.Is(err, ErrForbidden) != (want == "no") || err == nil && r.Query.Team != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Report(ctx, e.people["Lara"], Query{Range: march(1, 2), Team: "Nets"}); !errors.Is(err, ErrForbidden) {
		t.Error("another team's:", err)
	}
	for _, r := range []Range{march(2, 1), {desk.Date{Year: 2020, Month: 1, Day: 1}, desk.Date{Year: 2026, Month: 1, Day: 1}}, {}} {
		if _, err := e.Report(ctx, e.people["Ada"], Query{Range: r}); !errors.Is(err, ErrRange) {
			t.Errorf("%v: %v", r, err)
		}
	}
}

// TestByPerson: nothing by person until an administrator says so to the people, and
// nothing from before.
func TestByPerson(t *testing.T) {
	e := newEnv(t)
	ctx := context.Background()
	ada := e.people["Ada"]
	told := strings.Repeat("We count sessions by person to share the work out fairly. ", 2)
	for name, c := range map[string]struct {
		by   access.Account
		seen int64
		told string
		want error
	}{
		"a lead": {e.people["Lara"], 0, told, ErrForbidden}, "an auditor": {e.people["Udo"], 0, told, ErrForbidden},
		"says nothing": {ada, 0, "   ", access.ErrInvalid}, "says too much": {ada, 0, strings.Repeat("x", MaxTold+1), access.ErrInvalid}, "NUL": {ada, 0, told + "\x00", access.ErrInvalid},
		"an old page": {ada, 3, told, ErrStale},
	} {
		if err := e.Switch(ctx, c.by, c.seen, true, c.told); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := e.Setting(ctx); err != nil || s.ByPerson || s.Version != 0 {
		t.Fatal(s, err)
	}
	e.session("Anna", "", wall(3, 10, 9, 0), wall(3, 10, 9, 5), wall(3, 10, 9, 30), 4)
	e.session("Anna", "", wall(3, 20, 9, 0), wall(3, 20, 9, 5), wall(3, 20, 9, 30), 5)
	e.session("Gino", "", wall(3, 20, 9, 0), wall(3, 20, 9, 5), wall(3, 20, 9, 30), 2)
	e.now = wall(3, 15, 8, 0)
	if err := e.Switch(ctx, ada, 0, true, told); err != nil {
		t.Fatal(err)
	}
	r := e.report("Ada", Query{Range: march(1, 31)})
	if len(r.ByPerson) != 2 || r.ByPerson[0].Name != "Anna Rossi" || r.ByPerson[0].Sessions != 1 || r.ByPerson[1].Name != "Gino Rossi" {
		t.Errorf("by person: %+v", r.ByPerson)
	}
	if len(r.ByTeam) != 2 || r.ByTeam[1].Name != "" {
		t.Errorf("the small team, for a time in which its people did not know: %+v", r.ByTeam)
	}
	if r := e.report("Ada", Query{Range: march(16, 31)}); len(r.ByTeam) != 2 || r.ByTeam[1].Name != "Labs" {
		t.Errorf("by team, since: %+v", r.ByTeam)
	}
	if r := e.report("Lara", Query{Range: march(1, 31)}); len(r.ByPerson) != 1 {
		t.Errorf("the lead sees %d people", len(r.ByPerson))
	}
	e.now = wall(3, 25, 8, 0)
	if err := e.Switch(ctx, ada, 1, true, told+"!"); err != nil {
		t.Fatal(err)
	}
	if s, _ := e.Setting(ctx); !s.Since.Equal(wall(3, 15, 8, 0)) {
		t.Error("other words begin anew:", s.Since)
	}
	if err := e.Switch(ctx, ada, 2, false, ""); err != nil {
		t.Fatal(err)
	}
	if r := e.report("Ada", Query{Range: march(1, 31)}); r.ByPerson != nil {
		t.Error("it is off")
	}
	var acts int
	if err := e.db.NewRaw(`SELECT COUNT(*) FROM trail WHERE what = 'figures.by_person'`).Scan(ctx, &acts); err != nil || acts != 3 {
		t.Errorf("%d acts on the trail, %v", acts, err)
	}
}

// TestSums: whatever happened, over both changes of the clock too, what is shown for
// teams, categories, days and hours adds up to the whole.
func TestSums(t *testing.T) {
	e := newEnv(t)
	r := rand.New(rand.NewPCG(7, 8))
	names := []string{"Anna", "Bruno", "Carla", "Dino", "Elia", "Fina", "Gino"}
	categories := []string{"", "network", "cloud"}
	e.do("BEGIN")
	for range 400 {
		began := wall(1, 1, 0, 0).Add(time.Duration(r.Int64N(int64(330 * 24 * time.Hour))))
		some := func() time.Duration { return time.Duration(r.Int64N(int64(50 * time.Hour))).Truncate(time.Second) }
		var answered, resolved time.Time
		if r.IntN(5) > 0 {
			answered = began.Add(some())
			if r.IntN(3) > 0 {
				resolved = answered.Add(some())
			}
		}
		who := names[r.IntN(len(names))]
		ticket := e.ticket(who, categories[r.IntN(3)], desk.Priority(r.IntN(5)), began, answered, resolved)
		var active time.Time
		if r.IntN(4) > 0 {
			active = began.Add(some() / 50)
		}
		e.session(who, ticket, began, active, began.Add(some()), r.IntN(6))
	}
	e.do("COMMIT")
	for _, q := range []Range{march(1, 31), march(29, 29), {desk.Date{Year: 2026, Month: 1, Day: 1}, desk.Date{Year: 2026, Month: 12, Day: 31}}, {desk.Date{Year: 2026, Month: 10, Day: 25}, desk.Date{Year: 2026, Month: 10, Day: 25}}} {
		report := e.report("Ada", Query{Range: q})
		numbers := func(c Count) []int {
			list := append([]int{c.Sessions, c.Unstarted, c.Opened, c.Resolved, c.Open, c.Overdue, c.Waiting.Count, c.Response.Count, c.Response.Kept, c.Resolution.Count, c.Resolution.Missed, c.Length.Count}, c.Stars[:]...)
			return list
		}
		for what, groups := range map[string][]*Group{"teams": report.ByTeam, "categories": report.ByCategory} {
			sum := make([]int, len(numbers(report.Whole)))
			for _, g := range groups {
				for i, n := range numbers(g.Count) {
					sum[i] += n
				}
				if what == "teams" && g.People() < Fewest {
					t.Errorf("a group of %d: %s %v", g.People(), g.Name, g.Of)
				}
			}
			if !slices.Equal(sum, numbers(report.Whole)) {
				t.Errorf("%v: %s add up to %v, not to %v", q, what, sum, numbers(report.Whole))
			}
		}
		var sessions, opened, resolved, load, teams int
		for _, d := range report.Days {
			sessions, opened, resolved = sessions+d.Sessions, opened+d.Opened, resolved+d.Resolved
		}
		if w := report.Whole; sessions != w.Sessions || opened != w.Opened || resolved != w.Resolved {
			t.Errorf("%v: days add up to %d, %d, %d", q, sessions, opened, resolved)
		}
		for _, day := range report.Load {
			for _, n := range day {
				load += n
			}
		}
		for _, l := range report.LoadByTeam {
			for _, n := range l.Hours {
				teams += n
			}
		}
		if want := report.Whole.Sessions + report.Whole.Opened; load != want || teams != want {
			t.Errorf("%v: the load adds up to %d and %d, not to %d", q, load, teams, want)
		}
		before := e.report("Ada", Query{Range: report.Before()})
		if fmt.Sprint(numbers(before.Whole)[:4]) != fmt.Sprint(numbers(report.Earlier)[:4]) {
			t.Errorf("%v: the period before is %v, by itself %v", q, numbers(report.Earlier), numbers(before.Whole))
		}
	}
}

// TestTogether: no group has too few people, and none is lost, whatever the teams are.
func TestTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		var groups []*Group
		all, sum := map[string]bool{}, 0
		for n := range r.IntN(7) {
			g := &Group{Name: fmt.Sprint("team ", n), people: map[string]bool{}}
			for range r.IntN(6) {
				id := fmt.Sprint(r.IntN(12)) // some work in several
				g.people[id], all[id] = true, true
			}
			g.Sessions = r.IntN(9)
			sum += g.Sessions
			groups = append(groups, g)
		}
		list, enough := together(groups)
		got, alone := 0, 0
		for _, g := range list {
			got += g.Sessions
			if g.People() < Fewest {
				alone++
			}
		}
		if got != sum || enough && alone > 0 || !enough && len(all) >= Fewest {
			t.Fatalf("%d of %d sessions, %d groups too small, enough: %t of %d people", got, sum, alone, enough, len(all))
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		all  []time.Duration
		want Spread
	}{
		{nil, Spread{}}, {[]time.Duration{5}, Spread{1, 5, 5, 5}}, {[]time.Duration{2, 4}, Spread{2, 3, 4, 3}},
		{[]time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}, Spread{10, 5, 9, 14}},
		{[]time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Spread{11, 6, 10, 6}},
	} {
		if got := spreadOf(c.all); got != c.want {
			t.Errorf("%v: %v, want %v", c.all, got, c.want)
		}
	}
}

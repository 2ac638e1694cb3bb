package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"

	"github.com/uptrace/bun"
)

// told keeps what an env is told of.
func (e *env) told() *[]string {
	var list []string
	e.OnAlert(func(_ context.Context, _ bun.IDB, a Alert) error {
		list = append(list, fmt.Sprintf("%s %s %s", a.Clock, a.Kind, a.Due.UTC().Format("02 15:04")))
		return nil
	})
	return &list
}

// minuteByMinute looks each minute until a moment, and returns what was seen when.
func (e *env) minuteByMinute(until time.Time) (seen []string) {
	e.t.Helper()
	list := e.told()
	for !e.now.After(until) {
		before := len(*list)
		if err := e.Look(e.t.Context()); err != nil {
			e.t.Fatal(err)
		}
		for _, said := range (*list)[before:] {
			seen = append(seen, said+" at "+e.now.UTC().Format("02 15:04"))
		}
		e.pass(time.Minute)
	}
	return seen
}

func (e *env) promise(response time.Duration, c Calendar) {
	e.t.Helper()
	h, v, err := e.Hours(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	h.Calendar = c
	for _, p := range Priorities() {
		h.Targets[p] = Target{response, max(response, 24*time.Hour), DefaultWarn}
	}
	if _, err := e.SaveHours(e.t.Context(), e.admin, v.Number, h); err != nil {
		e.t.Fatal(err)
	}
}

// TestWatchOverClockChanges: hand-worked, on the two days of 2026 on which the clocks in
// Rome change. On 29 March 2:00 to 3:00 is left out, on 25 October it comes twice.
func TestWatchOverClockChanges(t *testing.T) {
	rome := zone(t, "Europe/Rome")
	night := func(from, to int) Calendar {
		c := Calendar{Zone: rome}
		c.Week[time.Sunday] = []Hours{{from * 60, to * 60}}
		return c
	}
	for name, c := range map[string]struct {
		came     time.Time // UTC
		calendar Calendar
		target   time.Duration
		until    time.Time
		want     []string
	}{
		// 0:30 in Rome (CET) is 23:30 UTC. 2 h 15 min later it is 3:45 there (CEST), 3 h later 4:30.
		"spring, around the clock": {time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC), Calendar{Always: true}, 3 * time.Hour, time.Date(2026, 3, 29, 4, 0, 0, 0, time.UTC),
			[]string{"response warned 29 01:45 at 29 01:45", "response breached 29 02:30 at 29 02:31"}},
		// Open 0-6: between 0:30 and 4:30 on the wall only 3 h pass.
		"spring, a night": {time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC), night(0, 6), 3 * time.Hour, time.Date(2026, 3, 29, 4, 0, 0, 0, time.UTC),
			[]string{"response warned 29 01:45 at 29 01:45", "response breached 29 02:30 at 29 02:31"}},
		// Open 2-3 only: that hour is not there on this Sunday; 45 min of the next are 2:45 CEST on 5 April.
		"spring, the hour that is left out": {time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC), night(2, 3), time.Hour, time.Date(2026, 4, 5, 2, 0, 0, 0, time.UTC),
			[]string{"response warned 05 00:45 at 05 00:45", "response breached 05 01:00 at 05 01:01"}},
		// 0:30 in Rome (CEST) is 22:30 UTC. 3 h later it is 2:30 there for the second time (CET).
		"autumn, a night": {time.Date(2026, 10, 24, 22, 30, 0, 0, time.UTC), night(0, 6), 3 * time.Hour, time.Date(2026, 10, 25, 4, 0, 0, 0, time.UTC),
			[]string{"response warned 25 00:45 at 25 00:45", "response breached 25 01:30 at 25 01:31"}},
		// Open 2-3 only, which comes twice: two hours long; 1 h 30 min of it end at the second 2:30.
		"autumn, the hour that comes twice": {time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC), night(2, 3), 90 * time.Minute, time.Date(2026, 10, 25, 4, 0, 0, 0, time.UTC),
			[]string{"response warned 25 01:07 at 25 01:08", "response breached 25 01:30 at 25 01:31"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			e.promise(c.target, c.calendar)
			e.now = c.came
			n := call("A")
			if _, err := e.Receive(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			e.pass(30 * time.Minute)
			if skip := c.until.Add(-3 * time.Hour); e.now.Before(skip) && c.until.Sub(e.now) > 24*time.Hour {
				if got := e.minuteByMinute(e.now.Add(6 * time.Hour)); len(got) > 0 {
					t.Errorf("while it is closed: %q", got)
				}
				e.now = skip
			}
			if got := e.minuteByMinute(c.until); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestAlerts: each is noted once, after a restart and by two brokers too; an act that stops
// a clock too late leaves it noted; what waits does not press; history and head show it, to
// those who may read.
func TestAlerts(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.promise(time.Hour, Calendar{Always: true})
	list := e.told()
	n := call("A")
	ticket, err := e.Receive(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	look := func(want ...string) {
		t.Helper()
		before := len(*list)
		for range 2 {
			if err := e.Look(ctx); err != nil {
				t.Fatal(err)
			}
		}
		other, err := New(ctx, Config{Database: e.db, LinkKey: make([]byte, 32), Log: e.log, Now: e.Desk.now})
		if err != nil {
			t.Fatal(err)
		}
		other.OnAlert(func(context.Context, bun.IDB, Alert) error { t.Error("told twice"); return nil })
		if err := other.Look(ctx); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, said := range (*list)[before:] {
			got = append(got, said[:strings.LastIndex(said, " ")-3])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	e.pass(40 * time.Minute)
	look()
	e.pass(10 * time.Minute)
	look("response warned")
	if a, err := e.Alerts(ctx, e.lead, 10); err != nil || len(a) != 1 || a[0].Kind != Warned || a[0].Ticket.ID != ticket.ID {
		t.Error(a, err)
	}
	if a, err := e.Alerts(ctx, e.carla, 10); err != nil || len(a) != 0 {
		t.Error("another team is told", a, err)
	}
	e.pass(11 * time.Minute)
	ticket = e.do(e.anna, ticket, Act{Kind: ActTake}) // too late, and nobody has looked since
	if got := *list; len(got) != 2 || !strings.HasPrefix(got[1], "response breached") {
		t.Error(got)
	}
	look()
	if a, _ := e.Alerts(ctx, e.lead, 10); len(a) != 0 {
		t.Error("what is answered presses:", a)
	}
	e.promise(10*time.Hour, Calendar{Always: true})
	ticket = e.do(e.anna, ticket, categorise, prioritise, Act{Kind: ActWait, Waiting: WaitingForRequester})
	e.pass(100 * time.Hour)
	look()
	ticket = e.do(e.anna, ticket, Act{Kind: ActGoOn})
	e.pass(30 * time.Hour)
	look("resolution breached") // the warning came and went while nobody looked
	history, err := e.History(ctx, e.anna, ticket.ID)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, h := range history {
		if h.By.ID == ops.ByBroker {
			kinds = append(kinds, string(h.Kind))
		}
	}
	if strings.Join(kinds, " ") != "response_warned response_breached resolution_breached" {
		t.Error(kinds)
	}
	e.do(e.anna, ticket, resolve)
	look()
	for _, sql := range []string{"UPDATE ticket_alerts SET seen = 1", "DELETE FROM ticket_alerts"} {
		if _, err := e.db.ExecContext(ctx, sql); err == nil {
			t.Error("the database lets this through:", sql)
		}
	}
	e.OnAlert(func(context.Context, bun.IDB, Alert) error { return errors.New("mail is broken") })
	if _, err = e.Receive(ctx, call("B")); err != nil {
		t.Fatal(err)
	}
	e.pass(100 * time.Hour)
	if err := e.Look(ctx); err == nil {
		t.Error("an alert that nobody is told of is lost")
	}
	list = e.told()
	look("response breached")
}

// TestHandOn: a level that has a ticket longer than the matrix says, each time anew.
func TestHandOn(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.promise(100*time.Hour, Calendar{Always: true})
	if _, err := e.EditCell(ctx, e.admin, 1, "network", access.L1, Cell{After: 30}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.EditCell(ctx, e.admin, 1, "network", access.L2, Cell{After: 60}); err != nil {
		t.Fatal(err)
	}
	list := e.told()
	ticket := e.do(e.anna, e.open(e.anna, "A"), categorise, prioritise, diagnose)
	look := func(want int) {
		t.Helper()
		for range 2 {
			if err := e.Look(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if len(*list) != want {
			t.Errorf("%q, want %d", *list, want)
		}
	}
	e.pass(26 * time.Minute)
	look(0)
	e.pass(2 * time.Minute)
	look(1)
	if a, _ := e.Alerts(ctx, e.lead, 10); len(a) != 1 || a[0].Clock != HandOnClock {
		t.Error(a)
	}
	ticket = e.do(e.anna, ticket, escalate)
	if a, _ := e.Alerts(ctx, e.lead, 10); len(a) != 0 {
		t.Error("it is handed on, and still presses", a)
	}
	e.pass(59 * time.Minute)
	look(1)
	e.pass(2 * time.Minute)
	look(2)
	e.do(e.carla, ticket, inquire, resolve)
	e.pass(1000 * time.Hour)
	look(2)
}

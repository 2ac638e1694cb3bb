package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestQueue: open tickets by the time that is left, those whose clocks stand still last;
// page by page; and anew when the office changes its hours.
func TestQueue(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	low := e.do(e.anna, e.open(e.anna, "Mouse"), categorise, Act{Kind: ActPriority, Impact: ImpactUser, Urgency: UrgencyLow})
	pressing := e.do(e.anna, e.open(e.anna, "Switch"), categorise, prioritise)
	unknown := e.open(e.anna, "Something")
	paused := e.do(e.anna, e.open(e.anna, "Toner"), categorise, prioritise, Act{Kind: ActWait, Waiting: WaitingForRequester})
	fresh, err := e.Receive(ctx, call("From the portal"))
	if err != nil {
		t.Fatal(err)
	}
	done := e.do(e.anna, e.open(e.anna, "Cable"), categorise, prioritise, resolve)
	queue := func(f Filter) (refs []string, list []Ticket) {
		t.Helper()
		f.ByTurn, f.Open = true, true
		list, err := e.List(ctx, e.bruno, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			refs = append(refs, x.Ref)
		}
		return refs, list
	}
	want := []string{fresh.Ref, low.Ref, pressing.Ref, unknown.Ref, paused.Ref} // both targets are 24 hours: the older is due first
	refs, list := queue(Filter{Limit: 10})
	if !slices.Equal(refs, want) || slices.Contains(refs, done.Ref) {
		t.Errorf("the queue is %v, want %v", refs, want)
	}
	hours, v, err := e.Hours(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range list {
		whole, err := e.Ticket(ctx, e.bruno, x.ID)
		if err != nil {
			t.Fatal(err)
		}
		clock, runs := hours.Running(whole)
		if runs = runs && whole.Waiting == WaitingForNobody; runs != !x.Due.IsZero() || runs != !x.Warn.IsZero() {
			t.Errorf("%d: due %v, warned %v", i, x.Due, x.Warn)
		}
		if due, _ := clock.Due(e.Desk.now()); runs && !due.Equal(x.Due) {
			t.Errorf("%d: due %v, the clock says %v", i, x.Due, due)
		}
	}
	var paged []string
	for f := (Filter{Limit: 2}); ; {
		refs, page := queue(f)
		if paged = append(paged, refs...); len(page) < 2 {
			break
		}
		f.After = Turn{page[1].Turn, page[1].ID}
	}
	if !slices.Equal(paged, want) {
		t.Errorf("page by page %v, want %v", paged, want)
	}
	e.do(e.anna, paused, Act{Kind: ActGoOn})
	if refs, _ := queue(Filter{Limit: 10}); refs[4] != unknown.Ref {
		t.Errorf("what goes on stays behind: %v", refs)
	}
	hours.Targets[Critical], hours.Targets[High] = Target{time.Hour, 2 * time.Hour, DefaultWarn}, Target{time.Hour, 2 * time.Hour, DefaultWarn}
	if _, err := e.SaveHours(ctx, e.admin, v.Number, hours); err != nil {
		t.Fatal(err)
	}
	if refs, _ := queue(Filter{Limit: 10}); refs[0] != pressing.Ref {
		t.Errorf("the hours have changed, and the queue has not: %v", refs)
	}
}

// TestQueueUsesIndexes: the pages of the queue are read along an index, not sorted out of
// all tickets.
func TestQueueUsesIndexes(t *testing.T) {
	e := newEnv(t)
	for name, f := range map[string]Filter{
		"everybody's":  {},
		"the team's":   {Team: first.Name},
		"one's own":    {Assignee: e.anna.ID},
		"a later page": {Team: first.Name, After: Turn{1, "x"}},
	} {
		f.ByTurn, f.Open, f.Limit = true, true, 50
		for who, by := range map[string]access.Account{"technician": e.anna, "administrator": e.admin} {
			q := e.found(by, f)
			plan, err := e.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.String())
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for plan.Next() {
				var id, parent, unused int
				var step string
				if err := plan.Scan(&id, &parent, &unused, &step); err != nil {
					t.Fatal(err)
				}
				steps = append(steps, step)
			}
			if err := errors.Join(plan.Err(), plan.Close()); err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(steps, "\n"); strings.Contains(all, "TEMP B-TREE FOR ORDER BY") || strings.Contains(all, "SCAN ticket\n") {
				t.Errorf("%s of the %s:\n%s", name, who, all)
			}
		}
	}
}

// TestChanges: who listens is told of each change once it can be read, and of none that
// did not come to be.
func TestChanges(t *testing.T) {
	e := newEnv(t)
	ctx, stop := context.WithCancel(t.Context())
	changes := e.Changes(ctx)
	ticket := e.open(e.anna, "Printer")
	if id := <-changes; id != ticket.ID {
		t.Errorf("told of %q", id)
	}
	if _, err := e.Do(ctx, e.anna, ticket.ID, ticket.Version+5, categorise); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	e.do(e.anna, ticket, categorise)
	if id := <-changes; id != ticket.ID {
		t.Errorf("told of %q", id)
	}
	if t2, err := e.Ticket(ctx, e.anna, ticket.ID); err != nil || t2.Category != "network" {
		t.Errorf("told before it could be read: %+v, %v", t2, err)
	}
	stop()
	for range changes {
		t.Error("told of what did not happen")
	}
}

package desk

import (
	"errors"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestSessionsOfTickets: whose ticket a session may belong to, one that is made for a call
// that nothing is known of, and what a ticket knows of its sessions.
func TestSessionsOfTickets(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	waiting, err := e.Receive(ctx, call("Printer"))
	if err != nil {
		t.Fatal(err)
	}
	done := e.do(e.anna, e.open(e.anna, "Cable"), categorise, prioritise, resolve)
	for name, c := range map[string]struct {
		by   access.Account
		id   string
		want error
	}{
		"the team's own": {e.bruno, waiting.ID, nil}, "another team's": {e.carla, waiting.ID, ErrNoTicket}, "one that is read only": {e.admin, waiting.ID, ErrForbidden},
		"none": {e.anna, "x", ErrNoTicket}, "one that is done": {e.anna, done.ID, ErrStep},
	} {
		if got, err := e.ForSession(ctx, c.by, c.id, ""); !errors.Is(err, c.want) || err == nil && got.ID != c.id {
			t.Errorf("%s: %v, %v", name, got.ID, err)
		}
	}
	made, err := e.ForSession(ctx, e.anna, "", "Support session, 9:00")
	if err != nil || made.State != Logged || made.Assignee.ID != e.anna.ID || made.Requester != (Requester{}) || made.Category != "" {
		t.Fatalf("%+v, %v", made, err)
	}
	if made = e.do(e.anna, made, Act{Kind: ActEdit, Requester: &Requester{Name: "Maria Verdi", Phone: "1"}}); made.Requester.Name == "" {
		t.Error("whoever called is not written down")
	}

	// Whoever helps has it in hand; the same told again changes nothing.
	s := LinkedSession{ID: "s1", By: personOf(e.bruno), Started: e.now}
	for range 2 {
		if err := e.NoteSession(ctx, waiting.ID, s); err != nil {
			t.Fatal(err)
		}
	}
	after, err := e.Ticket(ctx, e.bruno, waiting.ID)
	if err != nil || after.State != Logged || after.Assignee.ID != e.bruno.ID || after.Responded.IsZero() || after.Version != waiting.Version+1 {
		t.Errorf("%+v, %v", after, err)
	}
	if open, err := e.Unended(ctx); err != nil || len(open) != 1 || open["s1"] != waiting.ID {
		t.Errorf("%v, %v", open, err)
	}
	s.Shared, s.Ended, s.Reason = e.now.Add(time.Minute), e.now.Add(time.Hour), "customer"
	if err := e.NoteSession(ctx, waiting.ID, s); err != nil {
		t.Fatal(err)
	}
	list, err := e.Sessions(ctx, e.anna, waiting.ID)
	if err != nil || len(list) != 1 || list[0] != (LinkedSession{"s1", personOf(e.bruno), s.Started, s.Shared, s.Ended, "customer"}) {
		t.Errorf("%+v, %v", list, err)
	}
	if again, _ := e.Ticket(ctx, e.bruno, waiting.ID); again.Version != after.Version {
		t.Error("the end of a session takes the ticket from whoever is typing")
	}
	if _, err := e.Sessions(ctx, e.carla, waiting.ID); !errors.Is(err, ErrNoTicket) {
		t.Error("another team reads its sessions", err)
	}
	// One in work keeps whoever has it; a session that comes late is no reopening.
	if err := e.NoteSession(ctx, done.ID, LinkedSession{ID: "s2", By: personOf(e.bruno), Started: e.now}); err != nil {
		t.Fatal(err)
	}
	if again, _ := e.Ticket(ctx, e.anna, done.ID); again.State != Resolved || again.Assignee.ID != e.anna.ID {
		t.Errorf("%+v", again)
	}
	if err := e.NoteSession(ctx, "x", s); !errors.Is(err, ErrNoTicket) {
		t.Error(err)
	}
}

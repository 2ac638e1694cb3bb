package session

import (
	"context"
	"errors"
	"testing"

	"consento/protocol"
)

// TestTicketOfSession: a session belongs to the ticket that was found or made for it, says
// so to its technician and on its evidence, also after a restart; and there is none where
// there is no ticket.
func TestTicketOfSession(t *testing.T) {
	t.Parallel()
	errNone := errors.New("no such ticket")
	ticket := func(_ context.Context, by Technician, asked protocol.NewSession) (Ticket, error) {
		if asked.Ticket == "gone" {
			return Ticket{}, errNone
		}
		return Ticket{"id of " + asked.Ticket, "T-ABCDEF"}, nil
	}
	e := newEnv(t, func(c *Config) { c.Ticket = ticket })
	if _, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Ticket: "gone"}); !errors.Is(err, errNone) {
		t.Error(err)
	}
	if s, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Test: true}); err != nil || s.Ticket != nil {
		t.Errorf("a test belongs to %+v, %v", s.Ticket, err)
	}
	changes := e.m.Changes(t.Context())
	s, key, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Ticket: "one"})
	want := protocol.TicketName{ID: "id of one", Ref: "T-ABCDEF"}
	if err != nil || s.Ticket == nil || *s.Ticket != want {
		t.Fatalf("%+v, %v", s.Ticket, err)
	}
	for c := range changes {
		if c.ID == s.ID {
			if c.Ticket == nil || *c.Ticket != want {
				t.Errorf("the change says %+v", c.Ticket)
			}
			break
		}
	}
	if owner, err := e.m.Owner(t.Context(), s.ID); err != nil || owner != anna.ID {
		t.Error(owner, err)
	}
	p := (&play{e: e, id: s.ID, key: key, link: &link{}}).redeem(t).name(t).join(t).terms(t).activate(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
	if over := must(e.m.Snapshot(t.Context(), s.ID))(t); over.Ticket == nil || *over.Ticket != want {
		t.Errorf("afterwards %+v", over.Ticket)
	}
	list, _ := e.events(t, s.ID)
	if issued := find(list, protocol.EventIssued); issued.Data["ticket"] != "T-ABCDEF" {
		t.Errorf("on the evidence %v", issued.Data)
	}
}

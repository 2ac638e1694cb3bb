package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"consento/protocol"
)

// known lets the broker look up luca and vera too.
func known(c *Config) {
	allowAll(c)
	of := c.Technician
	c.Technician = func(ctx context.Context, id string) (Technician, error) {
		for _, t := range []Technician{luca, vera} {
			if t.ID == id {
				return t, nil
			}
		}
		return of(ctx, id)
	}
}

func (p *play) offered(t testing.TB, to Receiver) error {
	t.Helper()
	_, err := p.e.m.OfferLive(t.Context(), full, p.id, to, "Network, floor 2")
	return err
}

// belongs checks whose a session is, for all that ask.
func (p *play) belongs(t testing.TB, to, not Technician) {
	t.Helper()
	if s := p.state(t); s.Technician.Name != to.Name || s.Technician.Team != to.Team || !p.e.m.Seen(to, s).Mine || p.e.m.Seen(not, s).Mine {
		t.Errorf("it belongs to %+v", s.Technician)
	}
	if _, err := p.e.m.RequestConsent(t.Context(), not, protocol.ConsentRequest{Session: p.id, Permission: protocol.Control}); !errors.Is(err, ErrNoSession) {
		t.Errorf("%s asks for control: %v", not.Name, err)
	}
}

// TestTakeOver: with the customer's yes the session is the other's; what was allowed beside
// the view is over and is asked for anew; who had it stays as a guest.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	e := newEnv(t, known)
	p := e.attended(t, protocol.Control)
	p.allow(t, protocol.Control)
	must(0, p.joins(t, luca, protocol.WayTakeOver))(t)
	p.belongs(t, full, luca)
	p.said(t, protocol.ConsentRefused, protocol.GuestCustomer)
	if p.consent(t, protocol.Control).State != protocol.ConsentGiven {
		t.Error("a no takes something away")
	}
	p.on(t, func(s *session) { clear(s.turnedAway) })
	must(0, p.joins(t, luca, protocol.WayTakeOver))(t)
	epoch := p.said(t, protocol.ConsentGiven, "")
	p.belongs(t, luca, full)
	handed := last[*protocol.HandedOver](p.link)
	if handed == nil || handed.Epoch != epoch || handed.Technician.Name != luca.Name || handed.Technician.Office != office.Office || handed.Former.Name != full.Name {
		t.Fatalf("the agent heard %+v", handed)
	}
	if c := p.consent(t, protocol.Control); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseHanded {
		t.Errorf("control is %+v", c)
	}
	if got := p.guests(t); !slices.Equal(got, []string{full.Name + " given"}) || p.consent(t, protocol.ViewScreen).State != protocol.ConsentGiven {
		t.Errorf("guests %v", got)
	}
	if _, err := e.m.ChatSince(t.Context(), full, protocol.ChatSince{Session: p.id}); err != nil {
		t.Errorf("who had it does not read the chat any more: %v", err)
	}
	// Over a restart of the broker.
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	p.belongs(t, luca, full)
	p.link = &link{}
	agent, resumed, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: p.secret}, p.link)
	p.agent = must(agent, err)(t)
	if resumed.Handed == nil || resumed.Handed.Epoch != epoch || len(resumed.Guests) != 1 {
		t.Errorf("resumed %+v", resumed)
	}
	// The former technician takes it back: nobody is asked twice.
	must(0, p.joins(t, full, protocol.WayTakeOver))(t)
	p.belongs(t, full, luca)
	must(0, e.m.End(t.Context(), full, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	if list, _, err := e.m.Watch(t.Context(), luca, nothing); err != nil || slices.ContainsFunc(list, func(s protocol.Session) bool { return s.ID == p.id }) {
		t.Errorf("in the list of who does not have it: %v", err)
	}
	list, _ := e.events(t, p.id)
	if handed := find(list, protocol.EventHandedOver); handed == nil || handed.Data["before"] != full.Name || handed.Data["account"] != luca.ID || handed.Data["way"] != "take_over" {
		t.Errorf("on the evidence: %+v", handed)
	}
}

// TestOffer: to a team, whose first has it; refused by the customer, declined, withdrawn,
// out of time: nothing is lost.
func TestOffer(t *testing.T) {
	t.Parallel()
	e := newEnv(t, known)
	p := e.attended(t)
	offer := func() *protocol.Offering { return p.state(t).Offer }
	to := Receiver{Team: vera.Team}
	if err := p.joins(t, vera, protocol.WayTransfer); !errors.Is(err, ErrNoSession) {
		t.Errorf("takes what is not on offer: %v", err)
	}
	must(0, p.offered(t, to))(t)
	if err := p.offered(t, to); !errors.Is(err, ErrNotNow) {
		t.Errorf("offered twice: %v", err)
	}
	if seen := e.m.Seen(vera, p.state(t)); seen.Offer == nil || !seen.Offer.Mine || seen.Offer.Words == "" || seen.Sharing != nil {
		t.Errorf("vera sees %+v", seen)
	}
	if seen := e.m.Seen(luca, p.state(t)); seen.Offer != nil {
		t.Errorf("luca, of another team, sees %+v", seen.Offer)
	}
	if _, err := e.m.EndOffer(t.Context(), luca, protocol.LiveOfferEnd{Session: p.id}); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger ends it: %v", err)
	}
	must(0, p.joins(t, vera, protocol.WayTransfer))(t)
	colleague := vera
	colleague.ID, colleague.Name = "vito-id", "Vito Blu"
	if err := p.joins(t, colleague, protocol.WayTransfer); !errors.Is(err, ErrNotNow) {
		t.Errorf("a second one takes it: %v", err)
	}
	p.said(t, protocol.ConsentRefused, protocol.GuestNoAnswer)
	p.belongs(t, full, vera)
	if offer() != nil || len(p.guests(t)) != 0 {
		t.Errorf("after the no: %+v", offer())
	}
	must(0, p.offered(t, Receiver{Account: luca.ID, Name: luca.Name, Team: luca.Team}))(t)
	must(e.m.EndOffer(t.Context(), luca, protocol.LiveOfferEnd{Session: p.id}))(t)
	must(0, p.offered(t, to))(t)
	p.on(t, func(s *session) { clear(s.turnedAway) })
	must(0, p.joins(t, vera, protocol.WayTransfer))(t)
	must(e.m.EndOffer(t.Context(), full, protocol.LiveOfferEnd{Session: p.id}))(t)
	if m := last[*protocol.GuestEnded](p.link); m == nil || offer() != nil || len(p.guests(t)) != 0 {
		t.Errorf("withdrawn while the customer is asked: %+v", p.guests(t))
	}
	must(0, p.offered(t, to))(t)
	p.on(t, func(s *session) { s.offerSecond(time.Now().Add(offerLife + time.Second)) })
	if offer() != nil {
		t.Error("it is on offer for ever")
	}
	must(0, p.offered(t, to))(t)
	must(0, p.joins(t, vera, protocol.WayTransfer))(t)
	p.said(t, protocol.ConsentGiven, "")
	p.belongs(t, vera, full)
	if offer() != nil {
		t.Error("on offer after it was taken")
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	var causes []string
	for _, x := range list {
		if x.Code == protocol.EventOfferEnded {
			causes = append(causes, x.Data["cause"].(string))
		}
	}
	if !slices.Equal(causes, []string{"refused", "declined", "withdrawn", "expired", "taken"}) {
		t.Errorf("offers ended: %v", causes)
	}
}

// TestOnlookerDoesNotTakeOver: the customer was told that this person only looks on.
func TestOnlookerDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	e := newEnv(t, known)
	p := e.attended(t)
	must(0, p.joins(t, luca, protocol.WaySupervise))(t)
	p.said(t, protocol.ConsentGiven, "")
	if err := p.joins(t, luca, protocol.WayTakeOver); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("takes over: %v", err)
	}
	p.belongs(t, full, luca)
}

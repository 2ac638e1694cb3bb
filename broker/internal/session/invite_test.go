package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

func newLink() *link { return &link{} }

// row is what stands in the database.
func (p *play) row(t testing.TB) row {
	t.Helper()
	return must(p.e.m.store.get(t.Context(), p.id))(t)
}

// invites makes a link.
func (p *play) invites(t testing.TB) string {
	t.Helper()
	link, until, err := p.e.m.Invite(t.Context(), full, protocol.VendorInvite{Session: p.id})
	must(0, err)(t)
	if link == "" || time.Until(until) < protocol.InviteLifetime-time.Minute {
		t.Fatalf("link %q until %s", link, until)
	}
	return link
}

// TestInvite: one device, one session, the customer's yes, nothing but seeing and writing; over with
// the sending away, the withdrawal, the time and the session.
func TestInvite(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.attended(t, protocol.Control)
	open := func(link, name, company string) (string, error) {
		return e.m.OpenInvite(t.Context(), "192.0.2.7", link, name, company)
	}
	if _, _, err := e.m.Invite(t.Context(), luca, protocol.VendorInvite{Session: p.id}); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger invites: %v", err)
	}
	link := p.invites(t)
	for _, bad := range [][2]string{{"", "Printers"}, {"Max", ""}, {"Max\u202e", "Printers"}, {strings.Repeat("x", 101), "Printers"}, {"Max", "two\nlines"}} {
		if _, err := open(link, bad[0], bad[1]); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "x", link[1:], strings.ToLower(link)} {
		if _, err := open(bad, "Max Muster", "Printers"); !errors.Is(err, ErrKey) {
			t.Errorf("the link %q: %v", bad, err)
		}
	}
	device, err := open(link, "Max Muster", "Printers Inc.")
	must(device, err)(t)
	if _, err := open(link, "Mallory", "Printers Inc."); !errors.Is(err, ErrKey) {
		t.Errorf("on a second device: %v", err)
	}
	if strings.Contains(p.row(t).Memory, link) || strings.Contains(p.row(t).Memory, device) {
		t.Error("a secret stands in the database")
	}
	max := must(e.m.VendorOf(t.Context(), device))(t)
	if _, err := e.m.VendorOf(t.Context(), link); !errors.Is(err, ErrNoSession) {
		t.Errorf("the link itself: %v", err)
	}
	if max.Session != p.id || max.Name != "Max Muster" || max.InvitedBy != full.ID || max.Profile.Permissions.Allows(protocol.Control) {
		t.Errorf("the vendor is %+v", max)
	}
	if _, err := e.m.ChatSince(t.Context(), max.Technician, protocol.ChatSince{Session: p.id}); !errors.Is(err, ErrNoSession) {
		t.Errorf("reads before the yes: %v", err)
	}
	must(0, p.joins(t, max.Technician, protocol.WayVendor))(t)
	if g := last[*protocol.GuestAsk](p.link).Guest; g.By != full.Name || g.Team != "Printers Inc." || g.Way != protocol.WayVendor {
		t.Errorf("asked %+v", g)
	}
	p.said(t, protocol.ConsentRefused, protocol.GuestCustomer)
	p.on(t, func(s *session) { clear(s.turnedAway) })
	must(0, p.joins(t, max.Technician, protocol.WayVendor))(t)
	p.said(t, protocol.ConsentGiven, "")
	must(e.m.Say(t.Context(), max.Technician, protocol.ChatSay{Session: p.id, Key: "v", Text: "Hello"}))(t)
	for what, err := range map[string]error{
		"takes over": p.joins(t, max.Technician, protocol.WayTakeOver), "takes an offer": p.joins(t, max.Technician, protocol.WayTransfer), "ends it": e.m.End(t.Context(), max.Technician, p.id),
	} {
		if err == nil {
			t.Error("a vendor " + what)
		}
	}
	if _, err := e.m.RequestConsent(t.Context(), max.Technician, protocol.ConsentRequest{Session: p.id, Permission: protocol.Control}); !errors.Is(err, ErrNoSession) {
		t.Errorf("asks for control: %v", err)
	}
	// Over a restart of the broker.
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	max = must(e.m.VendorOf(t.Context(), device))(t)
	p.link = newLink()
	agent, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: p.secret}, p.link)
	p.agent = must(agent, err)(t)
	must(e.m.LeaveLive(t.Context(), full, protocol.GuestLeave{Session: p.id, Epoch: p.state(t).Guests[0].Epoch}, false))(t)
	if _, err := e.m.VendorOf(t.Context(), device); !errors.Is(err, ErrNoSession) {
		t.Errorf("after being sent away: %v", err)
	}
	withdrawn := p.invites(t)
	must(e.m.WithdrawInvites(t.Context(), full, protocol.VendorWithdraw{Session: p.id}))(t)
	late := p.invites(t)
	p.on(t, func(s *session) { s.invites[0].Until = time.Now().Add(-time.Second) })
	if _, err := open(late, "Max", "P"); !errors.Is(err, ErrKey) {
		t.Errorf("too late: %v", err)
	}
	p.on(t, func(s *session) { s.inviteSecond() })
	if _, err := open(withdrawn, "Max", "P"); !errors.Is(err, ErrKey) {
		t.Errorf("withdrawn: %v", err)
	}
	unopened := p.invites(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	if _, err := open(unopened, "Max", "P"); !errors.Is(err, ErrKey) {
		t.Errorf("after the end: %v", err)
	}
	// Guessing is throttled as that of keys is.
	var throttled *ThrottledError
	for range 100 {
		if _, err := open("guess", "Max", "P"); errors.As(err, &throttled) {
			break
		}
	}
	if throttled == nil {
		t.Error("guessing is not throttled")
	}
}

// FuzzOpenInvite: no text but the link itself opens it, and no name that cannot be shown comes in.
func FuzzOpenInvite(f *testing.F) {
	e := newEnv(f, allowAll)
	p := e.attended(f)
	link := p.invites(f)
	for _, x := range []string{"", link[:25], link + " ", "\x00", strings.Repeat("A", 5000)} {
		f.Add(x, "Max Muster", "Printers")
	}
	f.Add("guess", "\u202eevil", "a\nb")
	f.Fuzz(func(t *testing.T, guess, name, company string) {
		if guess == link {
			return
		}
		e.m.throttle = newThrottle()
		if device, err := e.m.OpenInvite(t.Context(), "192.0.2.8", guess, name, company); err == nil || device != "" {
			t.Fatalf("%q opened it", guess)
		}
		if _, err := e.m.VendorOf(t.Context(), guess); err == nil {
			t.Fatalf("%q is a device", guess)
		}
	})
}

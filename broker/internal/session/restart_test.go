package session

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"consento/protocol"
)

var (
	ticketSecret = base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	ticketHash   = func() string {
		sum := sha256.Sum256(make([]byte, 32))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}()
	thisMachine = base64.RawURLEncoding.EncodeToString([]byte("a computer of thirty-two letters"))
)

var errUnheard = errors.New("of a consent that is over")

// progress has the agent say how far the restart is.
func (p *play) progress(t testing.TB, m protocol.Restart) error {
	t.Helper()
	recorded, err := p.agent.Restart(t.Context(), m)
	if err == nil && !recorded {
		err = errUnheard
	}
	return err
}

// restarts goes on until the computer is gone.
func (p *play) restarts(t testing.TB) *play {
	t.Helper()
	epoch := p.allow(t, protocol.Reboot)
	must(0, p.progress(t, protocol.Restart{Epoch: epoch, State: protocol.RestartCounting, Seconds: 30, Hash: ticketHash, Machine: thisMachine}))(t)
	must(0, p.progress(t, protocol.Restart{Epoch: epoch, State: protocol.RestartGoing}))(t)
	must(0, p.agent.Gone(t.Context(), false))(t)
	return p
}

func (p *play) back(t testing.TB, change func(*protocol.Return)) (*Agent, protocol.Joined, *link, error) {
	t.Helper()
	with := protocol.Return{Session: p.id, Secret: ticketSecret, Machine: thisMachine}
	change(&with)
	l := &link{}
	agent, joined, err := p.e.m.Join(t.Context(), hello, protocol.Join{Return: &with, Tools: []protocol.Permission{protocol.Control}}, "192.0.2.1", l)
	return agent, joined, l, err
}

func unchanged(*protocol.Return) {}

// TestRestart: the agent comes back once, on the same computer, and everything is asked
// for anew.
func TestRestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control, protocol.Reboot)
	p.allow(t, protocol.Control)
	epoch := p.allow(t, protocol.Reboot)
	say := func(m protocol.Restart) error { return p.progress(t, m) }
	counting := protocol.Restart{Epoch: epoch, State: protocol.RestartCounting, Seconds: 30, Hash: ticketHash, Machine: thisMachine}
	for _, early := range []protocol.Restart{{Epoch: epoch, State: protocol.RestartGoing}, {Epoch: epoch, State: protocol.RestartByHand}, {Epoch: epoch + 1, State: protocol.RestartCounting}} {
		if err := say(early); !errors.Is(err, ErrNotNow) {
			t.Errorf("%+v: %v", early, err)
		}
	}
	if _, _, _, err := p.back(t, unchanged); !errors.Is(err, ErrKey) {
		t.Errorf("back before anything was announced: %v", err)
	}
	must(0, say(counting))(t)
	if r := p.state(t).Restart; r == nil || r.State != protocol.RestartCounting || r.Until.Sub(r.At) != protocol.RestartLimit {
		t.Errorf("the console sees %+v", r)
	}
	if err := say(counting); !errors.Is(err, ErrNotNow) {
		t.Errorf("announced twice: %v", err)
	}
	if _, _, _, err := p.back(t, unchanged); !errors.Is(err, ErrNotNow) {
		t.Errorf("back while the agent is there: %v", err)
	}
	must(0, say(protocol.Restart{Epoch: epoch, State: protocol.RestartGoing}))(t)
	must(0, p.agent.Slept(t.Context(), protocol.Slept{N: 1, MS: 1000}))(t) // as computers may say that go down
	if p.consent(t, protocol.Reboot).State != protocol.ConsentGiven || p.consent(t, protocol.Control).State != protocol.ConsentWithdrawn {
		t.Error("going down ended the restart")
	}
	before := p.agent
	must(0, before.Gone(t.Context(), false))(t)
	if s := p.state(t); s.AwayUntil.Sub(s.Restart.Until).Abs() > time.Second || s.Restart.State != protocol.RestartGoing {
		t.Errorf("waited for until %s, back until %s", s.AwayUntil, s.Restart.Until)
	}

	for name, change := range map[string]func(*protocol.Return){
		"another session": func(r *protocol.Return) { r.Session = "0198" },
		"another secret":  func(r *protocol.Return) { r.Secret = thisMachine },
		"another machine": func(r *protocol.Return) { r.Machine = ticketSecret },
	} {
		if _, _, _, err := p.back(t, change); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	agent, joined, l, err := p.back(t, unchanged)
	must(0, err)(t)
	if joined.Session != p.id || joined.ConfirmName || joined.Technician.Name != full.Name || joined.Terms.Text == "" || joined.Resume == p.secret {
		t.Errorf("joined %+v", joined)
	}
	if _, _, _, err := p.back(t, unchanged); !errors.Is(err, ErrKey) {
		t.Errorf("a ticket that is used: %v", err)
	}
	if _, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: p.secret}, &link{}); !errors.Is(err, ErrKey) {
		t.Errorf("the agent that was: %v", err)
	}
	for _, c := range p.state(t).Consents {
		if c.State == protocol.ConsentGiven || c.State == protocol.ConsentAsked {
			t.Errorf("after the restart: %+v", c)
		}
	}
	if s := p.state(t); s.State != protocol.StateActive || s.Restart != nil || s.Sharing != nil || !s.AwaySince.IsZero() || !slices.Equal(s.Tools, []protocol.Permission{protocol.Control}) {
		t.Errorf("%+v", s)
	}
	p.agent, p.link = agent, l
	if err := agent.Share(t.Context(), sharingOf(protocol.SharingShown)); !errors.Is(err, ErrNotNow) {
		t.Errorf("shown without a yes: %v", err)
	}
	must(0, agent.AskAgain(t.Context()))(t)
	ask := last[*protocol.ConsentAsk](l)
	if ask == nil || ask.Permission != protocol.ViewScreen || ask.Epoch != epoch+1 {
		t.Fatalf("asked %+v", ask)
	}
	if _, err := p.request(t, protocol.Control); !errors.Is(err, ErrNotNow) {
		t.Errorf("control before the view: %v", err)
	}
	must(0, agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: ask.Epoch}))(t)
	must(0, agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	if s := p.state(t); s.Sharing == nil || p.consent(t, protocol.ViewScreen).State != protocol.ConsentGiven {
		t.Errorf("%+v", s)
	}
	// The new agent comes back after a lost connection, as any does.
	must(0, agent.Gone(t.Context(), true))(t)
	p.secret = joined.Resume
	p.resume(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	replay(t, list)
	var said []protocol.EventCode
	for _, x := range list {
		switch x.Code {
		case protocol.EventRestartPrepared, protocol.EventRestartBegan, protocol.EventRestartReturned, protocol.EventRestartRefused, protocol.EventRestartCancelled:
			said = append(said, x.Code)
		}
	}
	if want := []protocol.EventCode{protocol.EventRestartRefused, protocol.EventRestartPrepared, protocol.EventRestartBegan, protocol.EventRestartRefused, protocol.EventRestartRefused,
		protocol.EventRestartReturned, protocol.EventRestartRefused}; !slices.Equal(said, want) {
		t.Errorf("the evidence says %v", said)
	}
}

// TestRestartCancelled: what the customer stops leaves no ticket that is good.
func TestRestartCancelled(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Reboot)
	epoch := p.allow(t, protocol.Reboot)
	must(0, p.progress(t, protocol.Restart{Epoch: epoch, State: protocol.RestartCounting, Seconds: 30, Hash: ticketHash, Machine: thisMachine}))(t)
	must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.Reboot, State: protocol.ConsentWithdrawn, Epoch: epoch, Cause: protocol.CauseCustomer}))(t)
	if s := p.state(t); s.Restart != nil || s.State != protocol.StateActive {
		t.Errorf("%+v", s.Restart)
	}
	if err := p.progress(t, protocol.Restart{Epoch: epoch, State: protocol.RestartGoing}); !errors.Is(err, errUnheard) {
		t.Errorf("it restarts all the same: %v", err)
	}
	must(0, p.agent.Gone(t.Context(), false))(t)
	if s := p.state(t); s.AwayUntil.Sub(s.AwaySince) != closedPatience {
		t.Errorf("waited for %s", s.AwayUntil.Sub(s.AwaySince))
	}
	if _, _, _, err := p.back(t, unchanged); !errors.Is(err, ErrKey) {
		t.Errorf("back: %v", err)
	}
	p.resume(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	if find(list, protocol.EventRestartCancelled) == nil {
		t.Errorf("%v", codes(list))
	}
}

// TestRestartExpires: who does not come back in time ends the session, and is late
// afterwards.
func TestRestartExpires(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll, limits(Limits{Restart: 50 * time.Millisecond}))
	p := e.showing(t, full, protocol.Reboot).restarts(t)
	if s := p.closed(t); s.EndReason != protocol.EndLimit {
		t.Errorf("ended with %s", s.EndReason)
	}
	if _, _, _, err := p.back(t, unchanged); !errors.Is(err, ErrKey) {
		t.Errorf("back: %v", err)
	}
	list, _ := e.events(t, p.id)
	if began, expired := find(list, protocol.EventRestartBegan), find(list, protocol.EventRestartExpired); began == nil || expired == nil {
		t.Errorf("%v", codes(list))
	}
}

// TestRestartOfBoth: the broker is restarted while the customer's computer is, too.
func TestRestartOfBoth(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control, protocol.Reboot).restarts(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	if s := p.state(t); s.Restart == nil || s.State != protocol.StateActive {
		t.Fatalf("%s, %+v", s.State, s.Restart)
	}
	agent, _, l, err := p.back(t, unchanged)
	must(0, err)(t)
	must(0, agent.AskAgain(t.Context()))(t)
	ask := last[*protocol.ConsentAsk](l)
	must(0, agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentRefused, Epoch: ask.Epoch}))(t)
	must(0, agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	if s := p.closed(t); s.EndReason != protocol.EndConsentRefused {
		t.Errorf("ended with %s", s.EndReason)
	}
	list, segments := e.whole(t, p.id)
	if segments != 2 || find(list, protocol.EventRestartReturned) == nil {
		t.Errorf("%d segments, %v", segments, codes(list))
	}

	// The technician ends it meanwhile: who comes back is told why.
	p = e.showing(t, full, protocol.Reboot).restarts(t)
	must(0, e.m.End(t.Context(), full, p.id))(t)
	_, _, _, err = p.back(t, unchanged)
	var over *EndedError
	if !errors.As(err, &over) || over.Reason != protocol.EndTechnician {
		t.Errorf("back to a session that is over: %v", err)
	}
}

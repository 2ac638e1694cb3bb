package session

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"consento/protocol"
)

// full is anna with every permission, as far as a profile can give it.
var full = func() Technician { t := anna; t.Profile = protocol.BuiltInProfiles()[1]; return t }()

func allowAll(c *Config) {
	c.Technician = func(context.Context, string) (Technician, error) { return full, nil }
}

// showing is an active session of a technician with these tools in the agent.
func (e *env) showing(t testing.TB, by Technician, able ...protocol.Permission) *play {
	t.Helper()
	return e.showingFor(t, by, protocol.NewSession{}, able...)
}

func (e *env) showingFor(t testing.TB, by Technician, asked protocol.NewSession, able ...protocol.Permission) *play {
	t.Helper()
	issued, key, err := e.m.Issue(t.Context(), by, asked)
	must(issued, err)(t)
	p := (&play{e: e, id: issued.ID, key: key, link: &link{}}).redeem(t).name(t)
	ticket := must(e.m.Ticket(t.Context(), p.id, "en"))(t)
	agent, joined, err := e.m.Join(t.Context(), hello, protocol.Join{Ticket: string(ticket), Tools: able}, "192.0.2.1", p.link)
	p.agent, p.secret = must(agent, err)(t), joined.Resume
	p.terms(t).activate(t)
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	return p
}

func (p *play) request(t testing.TB, permission protocol.Permission) (protocol.Session, error) {
	t.Helper()
	r := protocol.ConsentRequest{Session: p.id, Permission: permission}
	if permission == protocol.SSH {
		r.Device = &aDevice
	}
	return p.e.m.RequestConsent(t.Context(), full, r)
}

// allow asks for a tool and gives it.
func (p *play) allow(t testing.TB, permission protocol.Permission) uint32 {
	t.Helper()
	must(p.request(t, permission))(t)
	ask := last[*protocol.ConsentAsk](p.link)
	must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: permission, State: protocol.ConsentGiven, Epoch: ask.Epoch}))(t)
	return ask.Epoch
}

func (p *play) consent(t testing.TB, permission protocol.Permission) protocol.Consent {
	t.Helper()
	for _, c := range p.state(t).Consents {
		if c.Permission == permission {
			return c
		}
	}
	return protocol.Consent{}
}

// on does something on the session's goroutine.
func (p *play) on(t testing.TB, do func(*session)) {
	t.Helper()
	s := must(p.e.m.find(p.id))(t)
	must(0, s.do(t.Context(), func() error { do(s); return nil }))(t)
}

// TestToolConsent: asked, given and taken back, each on the evidence, each with an
// epoch of its own, and the session goes on.
func TestToolConsent(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control, protocol.SendClipboard)
	if able := p.state(t).Tools; !slices.Equal(able, []protocol.Permission{protocol.Control, protocol.SendClipboard}) {
		t.Errorf("the console is told of %v", able)
	}
	asked := must(p.request(t, protocol.Control))(t)
	ask := last[*protocol.ConsentAsk](p.link)
	if ask.Permission != protocol.Control || ask.Epoch != 2 || ask.Technician.Name != full.Name || len(asked.Consents) != 2 {
		t.Fatalf("asked %+v, %+v", ask, asked.Consents)
	}
	for _, other := range []protocol.Permission{protocol.Control, protocol.SendClipboard} {
		if _, err := p.request(t, other); !errors.Is(err, ErrNotNow) {
			t.Errorf("%s beside an open question: %v", other, err)
		}
	}
	answer := func(state protocol.ConsentState, epoch uint32, cause protocol.ConsentCause) error {
		return p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.Control, State: state, Epoch: epoch, Cause: cause})
	}
	for epoch, want := range map[uint32]error{0: nil, 1: nil, 3: ErrNotNow} { // what is older was sent before the question was heard
		if err := answer(protocol.ConsentGiven, epoch, ""); !errors.Is(err, want) || p.consent(t, protocol.Control).State != protocol.ConsentAsked {
			t.Errorf("a yes to epoch %d: %v", epoch, err)
		}
	}
	must(0, answer(protocol.ConsentGiven, 2, ""))(t)
	if r := last[*protocol.ConsentRecorded](p.link); r.Permission != protocol.Control || r.Epoch != 2 {
		t.Errorf("recorded %+v", r)
	}
	if _, err := p.request(t, protocol.Control); !errors.Is(err, ErrNotNow) {
		t.Errorf("asked for what is given: %v", err)
	}
	must(0, answer(protocol.ConsentWithdrawn, 2, protocol.CauseCustomer))(t)
	if c := p.consent(t, protocol.Control); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseCustomer || p.state(t).State != protocol.StateActive {
		t.Errorf("%+v", c)
	}
	if err := answer(protocol.ConsentGiven, 2, ""); err != nil || p.consent(t, protocol.Control).State != protocol.ConsentWithdrawn {
		t.Errorf("a yes after the withdrawal: %v", err)
	}
	if _, err := p.request(t, protocol.Control); !errors.Is(err, ErrNotNow) {
		t.Errorf("asked again at once: %v", err)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	var said []string
	for _, x := range list {
		if x.Data["permission"] == "control" {
			said = append(said, string(x.Code))
			if x.Data["epoch"] != 2.0 || x.Code == protocol.EventConsentWithdrawn && x.Data["cause"] != "customer" {
				t.Errorf("%+v", x)
			}
		}
	}
	if !slices.Equal(said, []string{"consent.asked", "consent.given", "consent.withdrawn"}) {
		t.Errorf("on the evidence: %v", said)
	}
}

// TestToolIsNotAsked for without right, program, picture or agent, nor of a person
// who said no often enough.
func TestToolIsNotAsked(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control)
	for name, c := range map[string]struct {
		by         Technician
		permission protocol.Permission
		want       error
	}{
		"a profile without it":    {anna, protocol.Control, ErrNotAllowed},
		"a program without it":    {full, protocol.SendClipboard, ErrNotAllowed},
		"the view":                {full, protocol.ViewScreen, ErrNotAllowed},
		"somebody else's session": {Technician{ID: "other", Profile: full.Profile}, protocol.Control, ErrNoSession},
	} {
		if _, err := e.m.RequestConsent(t.Context(), c.by, protocol.ConsentRequest{Session: p.id, Permission: c.permission}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	if _, err := p.request(t, protocol.Control); !errors.Is(err, ErrNotNow) {
		t.Errorf("while nothing is shown: %v", err)
	}
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	for n := range maxNoes {
		must(p.request(t, protocol.Control))(t)
		ask := last[*protocol.ConsentAsk](p.link)
		must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentRefused, Epoch: ask.Epoch, Cause: protocol.CauseNoAnswer}))(t)
		want := ErrNotNow
		if n+1 == maxNoes {
			want = ErrNotAllowed
		}
		if _, err := p.request(t, protocol.Control); !errors.Is(err, want) {
			t.Errorf("after no %d: %v", n+1, err)
		}
		p.on(t, func(s *session) {
			no := s.tools.refused[protocol.Control]
			no.Last = time.Now().Add(-askPause)
			s.tools.refused[protocol.Control] = no
		})
	}
	if _, err := p.request(t, protocol.Control); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a fourth time: %v", err)
	}
	waiting := e.waiting(t)
	if _, err := waiting.request(t, protocol.Control); !errors.Is(err, ErrNotAllowed) && !errors.Is(err, ErrNotNow) {
		t.Errorf("before the view: %v", err)
	}
}

// TestToolsAreWithdrawn by whatever takes the ground from under a yes, and the
// agent and the evidence are told why.
func TestToolsAreWithdrawn(t *testing.T) {
	t.Parallel()
	for cause, do := range map[protocol.ConsentCause]func(*testing.T, *play){
		protocol.CauseSlept: func(t *testing.T, p *play) {
			must(0, p.agent.Slept(t.Context(), protocol.Slept{N: 1, MS: 5000}))(t)
		},
		protocol.CauseLocked: func(t *testing.T, p *play) {
			must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingLocked)))(t)
		},
		protocol.CauseShared: func(t *testing.T, p *play) {
			other := sharingOf(protocol.SharingShown)
			other.Source = protocol.SourceDesktop
			must(0, p.agent.Share(t.Context(), other))(t)
		},
		protocol.CauseTechnician: func(t *testing.T, p *play) {
			must(p.e.m.ReturnConsent(t.Context(), full, protocol.ConsentReturn{Session: p.id, Permission: protocol.Control}))(t)
			if _, err := p.e.m.ReturnConsent(t.Context(), full, protocol.ConsentReturn{Session: p.id, Permission: protocol.Control}); !errors.Is(err, ErrNotNow) {
				t.Errorf("given back twice: %v", err)
			}
		},
		protocol.CauseRights: func(t *testing.T, p *play) { must(0, p.e.m.Limit(t.Context(), anna))(t) },
		protocol.CauseAway: func(t *testing.T, p *play) {
			must(0, p.agent.Gone(t.Context(), true))(t)
			eventually(t, "withdrawn", func() bool { return p.consent(t, protocol.Control).State == protocol.ConsentWithdrawn })
		},
	} {
		t.Run(string(cause), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, allowAll, limits(Limits{Away: 20 * time.Millisecond}))
			p := e.showing(t, full, protocol.Control)
			epoch := p.allow(t, protocol.Control)
			do(t, p)
			if c := p.consent(t, protocol.Control); c.State != protocol.ConsentWithdrawn || c.Cause != cause {
				t.Errorf("%+v", c)
			}
			if ended := last[*protocol.ConsentEnded](p.link); cause != protocol.CauseAway && (ended == nil || ended.Epoch != epoch || ended.Cause != cause) {
				t.Errorf("the agent was told %+v", ended)
			}
			if view := p.consent(t, protocol.ViewScreen); view.State != protocol.ConsentGiven || p.state(t).State != protocol.StateActive {
				t.Errorf("the view: %+v", view)
			}
			must(0, e.m.End(t.Context(), full, p.id))(t)
		})
	}
}

// TestToolsDoNotOutliveARestart of the broker: how long it took nobody knows. What was
// refused does.
func TestToolsDoNotOutliveARestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control, protocol.SendClipboard)
	must(p.request(t, protocol.SendClipboard))(t)
	ask := last[*protocol.ConsentAsk](p.link)
	must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.SendClipboard, State: protocol.ConsentRefused, Epoch: ask.Epoch}))(t)
	p.allow(t, protocol.Control)
	e.close(t)
	e.m = must(New(t.Context(), e.config))(t)
	if c := p.consent(t, protocol.Control); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseRestart {
		t.Errorf("%+v", c)
	}
	if view := p.consent(t, protocol.ViewScreen); view.State != protocol.ConsentGiven {
		t.Errorf("the view: %+v", view)
	}
	if able := p.state(t).Tools; !slices.Equal(able, []protocol.Permission{protocol.Control, protocol.SendClipboard}) {
		t.Errorf("the agent's tools: %v", able)
	}
	p.on(t, func(s *session) {
		now := time.Now()
		if no := s.tools.refused[protocol.SendClipboard]; no.Times != 1 || !no.lately(now) || no.lately(now.Add(askPause)) || no.lately(now.Add(-2*askPause)) {
			t.Errorf("refused %+v", no)
		}
		if no := s.tools.refused[protocol.Control]; no.Times != 0 || no.lately(now) {
			t.Errorf("what was allowed: refused %+v", no)
		}
	})
}

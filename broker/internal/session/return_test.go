package session

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// resume plays an agent that dials again.
func (p *play) resume(t testing.TB) protocol.Resumed {
	t.Helper()
	p.link = &link{}
	agent, resumed, err := p.e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: p.secret}, p.link)
	p.agent = must(agent, err)(t)
	must(0, p.agent.Remind(t.Context()))(t)
	return resumed
}

// whole reads the events of all segments and checks that each continues the last.
func (e *env) whole(t testing.TB, id string) (list []entry, segments int) {
	t.Helper()
	paths := must(recordings.Segments(e.path(id)))(t)
	var before *recordings.Report
	for _, path := range paths {
		s := e.opens(t, path)
		report, err := s.Read(recordings.ScanOptions{LogKeys: []ed25519.PublicKey{e.logKey.Public().(ed25519.PublicKey)}}, func(i recordings.Item) error {
			x := entry{index: i.Index}
			list = append(list, x)
			return json.Unmarshal(i.Body, &list[len(list)-1])
		}, recordings.TrackEvents)
		must(0, errors.Join(err, s.Close()))(t)
		if report.Verdict != recordings.Unanchored {
			t.Errorf("%s: %s, %v", path, report.Verdict, report.Fault)
		}
		if before != nil {
			must(0, recordings.Continues(*before, report))(t)
		}
		before = &report
	}
	return list, len(paths)
}

func TestAgentComesBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	for _, wrong := range []protocol.Resume{{Session: p.id, Secret: "x"}, {Session: "x", Secret: p.secret}, {Session: e.waiting(t).id, Secret: p.secret}} {
		if _, _, err := e.m.Resume(t.Context(), hello, wrong, &link{}); !errors.Is(err, ErrKey) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	unjoined := e.issue(t)
	if _, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: unjoined.id, Secret: e.m.resumeSecret(unjoined.id, 0)}, &link{}); !errors.Is(err, ErrKey) {
		t.Errorf("a session without an agent: %v", err)
	}

	old := p.agent
	p.terms(t)
	must(0, old.Gone(t.Context(), true))(t)
	if s := p.state(t); s.State != protocol.StateWaiting || s.AwaySince.IsZero() || s.AwayUntil.Sub(s.AwaySince) != protocol.ReturnLimit {
		t.Errorf("away: %s, %s to %s", s.State, s.AwaySince, s.AwayUntil)
	}
	resumed := p.resume(t)
	if !resumed.Named || !resumed.Accepted || len(resumed.Consents) != 1 || resumed.Consents[0].State != protocol.ConsentAsked || resumed.Picture {
		t.Errorf("resumed: %+v", resumed)
	}
	if ask := last[*protocol.ConsentAsk](p.link); ask == nil || ask.Epoch != 1 {
		t.Errorf("not asked again: %+v", ask)
	}
	if s := p.state(t); !s.AwaySince.IsZero() || !s.AwayUntil.IsZero() {
		t.Errorf("still away: %+v", s)
	}
	// What the old connection says counts no more, nor does its end.
	if err := old.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 1}); !isNotNow(err) {
		t.Errorf("the old connection answers: %v", err)
	}
	if err := old.Gone(t.Context(), false); !isNotNow(err) || !p.state(t).AwaySince.IsZero() {
		t.Errorf("the old connection is lost once more: %v", err)
	}
	p.activate(t)

	must(0, p.agent.Gone(t.Context(), false))(t)
	if s := p.state(t); s.AwayUntil.Sub(s.AwaySince) != closedPatience || s.State != protocol.StateActive {
		t.Errorf("closed: %s, waits for %s", s.State, s.AwayUntil.Sub(s.AwaySince))
	}
	if resumed = p.resume(t); resumed.Consents[0].State != protocol.ConsentGiven || last[*protocol.ConsentAsk](p.link) != nil {
		t.Errorf("asked once more for what was given: %+v", resumed)
	}

	// The technician ends it while the agent is away: it is told when it returns.
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	if s := p.state(t); s.State != protocol.StateEnding || !s.AwaySince.IsZero() {
		t.Errorf("ended while away: %s %s", s.State, s.AwaySince)
	}
	p.resume(t)
	if end := last[*protocol.Ended](p.link); end == nil || end.Reason != protocol.EndTechnician {
		t.Errorf("told %+v", end)
	}
	if s := p.removed(t).closed(t); s.Removed == nil || !*s.Removed {
		t.Error("the removal is not known")
	}
	// After the end the agent is told why, and who has no secret nothing.
	over := &EndedError{}
	if _, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: p.secret}, &link{}); !errors.As(err, &over) || over.Reason != protocol.EndTechnician || !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end: %v", err)
	}
	if _, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: "x"}, &link{}); !errors.Is(err, ErrKey) {
		t.Errorf("after the end, with a wrong secret: %v", err)
	}
	list, _ := e.events(t, p.id)
	replay(t, list)
	var gaps []protocol.EventCode
	for _, code := range codes(list) {
		if code == protocol.EventAgentAway || code == protocol.EventAgentReturned {
			gaps = append(gaps, code)
		}
	}
	if want := slices.Repeat([]protocol.EventCode{protocol.EventAgentAway, protocol.EventAgentReturned}, 3); !slices.Equal(gaps, want) {
		t.Errorf("gaps on the evidence: %v", gaps)
	}
}

// TestSessionsOutliveTheBroker stops a broker as people do and as kill -9 does;
// whatever state a session is in, it goes on, on one chain of evidence.
func TestSessionsOutliveTheBroker(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*testing.T, *env){
		"stopped": func(t *testing.T, e *env) { must(0, e.m.Close(t.Context()))(t) },
		"killed":  func(t *testing.T, e *env) { e.crash(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			issued, joined, waiting, asked, active := e.issue(t), e.issue(t).redeem(t).name(t), e.waiting(t), e.waiting(t).terms(t), e.active(t)
			before := active.state(t)
			for range 2 {
				stop(t, e)
				if _, _, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: active.id, Secret: active.secret}, &link{}); name == "stopped" && !errors.Is(err, ErrStopping) {
					t.Errorf("between the runs: %v", err) // to be tried again
				}
				e.m = must(New(t.Context(), e.config))(t)
			}
			if s := active.state(t); s.State != protocol.StateActive || !s.ActiveAt.Equal(before.ActiveAt) || s.System != "Debian" ||
				len(s.Consents) != 1 || s.AwaySince.IsZero() || !slices.Equal(s.Steps, before.Steps) {
				t.Errorf("after the restart: %+v", s)
			}
			issued.redeem(t).name(t).join(t).terms(t).activate(t)
			joined.join(t).terms(t).activate(t)
			if r := waiting.resume(t); !r.Named || r.Accepted {
				t.Errorf("waiting: %+v", r)
			}
			waiting.terms(t).activate(t)
			asked.resume(t)
			asked.activate(t)
			if r := active.resume(t); r.Consents[0].State != protocol.ConsentGiven || r.Picture {
				t.Errorf("active: %+v", r)
			}
			for _, p := range []*play{issued, joined, waiting, asked, active} {
				must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
				p.removed(t).closed(t)
				list, segments := e.whole(t, p.id)
				path := replay(t, list)
				if segments != 3 || path[len(path)-1] != protocol.StateClosed || len(path) != 6 {
					t.Errorf("%d segments, %v", segments, path)
				}
				if n := len(list); find(list, protocol.EventResumed) == nil || list[n-2].Code != protocol.EventClosed {
					t.Errorf("events: %v", codes(list))
				}
			}
		})
	}
}

// TestAgentThatDoesNotComeBackAfterARestart: the session ends, and the evidence
// says so.
func TestAgentThatDoesNotComeBackAfterARestart(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	e.crash(t)
	e.config.Limits.Return = 30 * time.Millisecond
	e.m = must(New(t.Context(), e.config))(t)
	if s := p.closed(t); s.EndReason != protocol.EndNetworkLost {
		t.Errorf("ended by %s", s.EndReason)
	}
	list, _ := e.whole(t, p.id)
	if end := find(list, protocol.EventEnded); end == nil || end.Data["reason"] != string(protocol.EndNetworkLost) || find(list, protocol.EventRemovalUnknown) == nil {
		t.Errorf("%v", codes(list))
	}
}

package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// TestEndings plays every way in which a session can end, and reads the
// evidence of it as an auditor does.
func TestEndings(t *testing.T) {
	const (
		issued, joined, waiting, active, ending, closed = protocol.StateIssued, protocol.StateJoined, protocol.StateWaiting,
			protocol.StateActive, protocol.StateEnding, protocol.StateClosed
	)
	short := Limits{Key: 30 * time.Millisecond}
	for name, c := range map[string]struct {
		limits Limits
		play   func(*testing.T, *env) *play
		reason protocol.EndReason
		by     string
		path   []protocol.State
		events []protocol.EventCode // in this order, others may stand between
		told   bool                 // the agent
	}{
		"key expired": {short, func(t *testing.T, e *env) *play { return e.issue(t) }, protocol.EndKeyExpired, "broker",
			[]protocol.State{issued, ending, closed}, []protocol.EventCode{protocol.EventIssued, protocol.EventEnded, protocol.EventClosed}, false},
		"nobody fetches the agent": {Limits{Joining: 30 * time.Millisecond}, func(t *testing.T, e *env) *play { return e.issue(t).redeem(t) }, protocol.EndLimit, "broker",
			[]protocol.State{issued, joined, ending, closed}, []protocol.EventCode{protocol.EventRedeemed, protocol.EventEnded}, false},
		"longest session": {Limits{Active: 30 * time.Millisecond, Removal: 30 * time.Millisecond}, func(t *testing.T, e *env) *play {
			p := e.waiting(t).terms(t)
			must(0, p.answer(t, protocol.ConsentGiven))(t)
			return p // which may be over already
		}, protocol.EndLimit, "broker",
			[]protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventConsentGiven, protocol.EventEnded, protocol.EventRemovalUnknown, protocol.EventClosed}, true},
		"name not confirmed": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.issue(t).redeem(t)
			must(0, e.m.ConfirmName(t.Context(), p.id, false))(t)
			return p
		}, protocol.EndNameNotConfirmed, "portal", []protocol.State{issued, joined, ending, closed}, []protocol.EventCode{protocol.EventNameRefused, protocol.EventEnded}, false},
		"reported": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.issue(t).redeem(t)
			must(0, e.m.Report(t.Context(), p.id))(t)
			return p
		}, protocol.EndReported, "portal", []protocol.State{issued, joined, ending, closed}, []protocol.EventCode{protocol.EventReported, protocol.EventEnded}, false},
		"customer on the portal": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.issue(t).redeem(t)
			must(0, e.m.Stop(t.Context(), p.id))(t)
			return p
		}, protocol.EndCustomer, "portal", []protocol.State{issued, joined, ending, closed}, []protocol.EventCode{protocol.EventEnded}, false},
		"terms declined": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.waiting(t)
			must(0, p.agent.AnswerTerms(t.Context(), protocol.TermsAnswer{Version: "7"}))(t)
			return p.removed(t)
		}, protocol.EndTermsDeclined, "agent", []protocol.State{issued, joined, waiting, ending, closed},
			[]protocol.EventCode{protocol.EventAgentJoined, protocol.EventTermsShown, protocol.EventTermsDeclined, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed}, false},
		"consent refused": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.waiting(t).terms(t)
			must(0, p.answer(t, protocol.ConsentRefused))(t)
			return p.removed(t)
		}, protocol.EndConsentRefused, "agent", []protocol.State{issued, joined, waiting, ending, closed},
			[]protocol.EventCode{protocol.EventTermsAccepted, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventEnded, protocol.EventRemoved}, false},
		"consent withdrawn": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, p.answer(t, protocol.ConsentWithdrawn))(t)
			return p.removed(t)
		}, protocol.EndConsentWithdrawn, "agent", []protocol.State{issued, joined, waiting, active, ending, closed},
			[]protocol.EventCode{protocol.EventConsentGiven, protocol.EventConsentWithdrawn, protocol.EventEnded, protocol.EventRemoved}, false},
		"withdrawn with another epoch": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentWithdrawn, Epoch: 99}))(t)
			return p.removed(t)
		}, protocol.EndConsentWithdrawn, "agent", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventConsentWithdrawn, protocol.EventEnded}, false},
		"red X of the customer": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
			return p.removed(t)
		}, protocol.EndCustomer, "agent", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed}, false},
		"red X of the technician": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, e.m.End(t.Context(), anna, p.id))(t)
			return p.removed(t)
		}, protocol.EndTechnician, "technician", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventEnded, protocol.EventRemoved}, true},
		"agent silent": {Limits{Return: 30 * time.Millisecond}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, p.agent.Gone(t.Context(), true))(t)
			return p
		}, protocol.EndNetworkLost, "broker", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventAgentAway, protocol.EventEnded, protocol.EventRemovalUnknown, protocol.EventClosed}, false},
		"agent killed": {Limits{Return: 30 * time.Millisecond}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, p.agent.Gone(t.Context(), false))(t)
			return p
		}, protocol.EndAgentLost, "broker", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventAgentAway, protocol.EventEnded, protocol.EventRemovalUnknown, protocol.EventClosed}, false},
		"agent lost while it removes itself": {Limits{}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, p.agent.End(t.Context(), protocol.EndNetworkLost))(t)
			must(0, p.agent.Gone(t.Context(), false))(t)
			return p
		}, protocol.EndNetworkLost, "agent", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventEnded, protocol.EventRemovalUnknown}, false},
		"rights revoked": {Limits{Removal: 30 * time.Millisecond}, func(t *testing.T, e *env) *play {
			p := e.active(t)
			must(0, e.m.Revoke(t.Context(), "somebody else"))(t)
			if p.state(t).State != protocol.StateActive {
				t.Error("ended by another's loss")
			}
			must(0, e.m.Revoke(t.Context(), anna.ID))(t)
			return p
		}, protocol.EndRightsRevoked, "broker", []protocol.State{issued, joined, waiting, active, ending, closed}, []protocol.EventCode{protocol.EventEnded, protocol.EventRemovalUnknown}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, limits(c.limits))
			p := c.play(t, e)
			s := p.closed(t)
			if s.EndReason != c.reason || s.EndedAt.IsZero() {
				t.Errorf("ended by %q at %s", s.EndReason, s.EndedAt)
			}
			list, report := e.events(t, p.id)
			if report.Verdict != recordings.Unanchored || !report.Final {
				t.Errorf("verdict %s, final %t, %v", report.Verdict, report.Final, report.Fault)
			}
			if path := replay(t, list); !slices.Equal(path, c.path) {
				t.Errorf("path %v, want %v", path, c.path)
			}
			rest := codes(list)
			for _, code := range c.events {
				i := slices.Index(rest, code)
				if i < 0 {
					t.Fatalf("%s is missing or not in order: %v", code, codes(list))
				}
				rest = rest[i+1:]
			}
			if list[0].Code != protocol.EventIssued || list[len(list)-2].Code != protocol.EventClosed {
				t.Errorf("first and last: %v", codes(list))
			}
			if end := find(list, protocol.EventEnded); end.Data["reason"] != string(c.reason) || end.Data["by"] != c.by {
				t.Errorf("ended: %v", end.Data)
			}
			if got := last[*protocol.Ended](p.link); (got != nil) != c.told || got != nil && got.Reason != c.reason {
				t.Errorf("the agent was told %+v", got)
			}
			if removed := find(list, protocol.EventRemoved) != nil; (s.Removed != nil && *s.Removed) != removed {
				t.Errorf("removed %v", s.Removed)
			}
		})
	}
}

// removed plays the agent's last word.
func (p *play) removed(t testing.TB) *play {
	t.Helper()
	if state := p.state(t).State; state != protocol.StateEnding {
		t.Fatalf("state %s", state)
	}
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	return p
}

// TestConsentIsSealedBeforeItsEffect reads the file at the very moment when the
// agent is told that it may begin.
func TestConsentIsSealedBeforeItsEffect(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	looked := 0
	sealed := func(code protocol.EventCode) {
		looked++
		list, report := e.events(t, p.id)
		x := find(list, code)
		if x == nil || x.index >= report.Sealed {
			t.Errorf("%s is not sealed", code)
		}
	}
	p.link.onSend = func(m protocol.Message) {
		switch m.(type) {
		case *protocol.ConsentAsk:
			sealed(protocol.EventTermsAccepted)
			sealed(protocol.EventConsentAsked)
		case *protocol.ConsentRecorded:
			sealed(protocol.EventConsentGiven)
			var state protocol.State
			must(0, e.db.NewSelect().Table("sessions").Column("state").Where("id = ?", p.id).Scan(t.Context(), &state))(t)
			if state != protocol.StateActive {
				t.Errorf("the database says %s", state)
			}
		}
	}
	p.terms(t).activate(t)
	if looked != 3 {
		t.Errorf("looked %d times", looked)
	}
}

// TestNotNow tries every message of an agent in every state where it does not
// belong.
func TestNotNow(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	tries := map[string]func(*play) error{
		"name": func(p *play) error { return p.agent.AnswerName(t.Context(), true) },
		"terms": func(p *play) error {
			return p.agent.AnswerTerms(t.Context(), protocol.TermsAnswer{Version: "7", Accepted: true})
		},
		"terms of another version": func(p *play) error {
			return p.agent.AnswerTerms(t.Context(), protocol.TermsAnswer{Version: "6", Accepted: true})
		},
		"given":   func(p *play) error { return p.answer(t, protocol.ConsentGiven) },
		"refused": func(p *play) error { return p.answer(t, protocol.ConsentRefused) },
		"given for control": func(p *play) error {
			return p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentGiven})
		},
		"given with an old epoch": func(p *play) error {
			return p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 9})
		},
		"removed": func(p *play) error { return p.agent.Removed(t.Context(), protocol.Removed{}) },
		"publish": func(p *play) error { _, err := p.agent.Publish(t.Context(), "v=0"); return err },
		"ticket":  func(p *play) error { _, err := e.m.Ticket(t.Context(), p.id, "en"); return err },
	}
	for state, c := range map[string]struct {
		play    *play
		refused []string
	}{
		"waiting": {e.waiting(t), []string{"terms of another version", "given", "refused", "given for control", "given with an old epoch", "removed", "ticket"}},
		"asked":   {e.waiting(t).terms(t), []string{"terms", "given for control", "given with an old epoch", "removed", "ticket"}},
		"active":  {e.active(t), []string{"terms", "given", "refused", "given for control", "given with an old epoch", "removed", "ticket"}},
		"ending": {func() *play { p := e.active(t); must(0, e.m.End(t.Context(), anna, p.id))(t); return p }(),
			[]string{"name", "terms", "given", "refused", "given for control", "publish", "ticket"}},
	} {
		before := c.play.state(t)
		for _, try := range c.refused {
			if err := tries[try](c.play); !isNotNow(err) {
				t.Errorf("%s while %s: %v", try, state, err)
			}
		}
		if after := c.play.state(t); after.State != before.State {
			t.Errorf("%s became %s", before.State, after.State)
		}
	}
	// An agent cannot say what only the broker can know.
	p := e.active(t)
	for _, reason := range []protocol.EndReason{protocol.EndTechnician, protocol.EndShutdown, "", "x"} {
		if err := p.agent.End(t.Context(), reason); err != ErrNotAllowed || p.state(t).State != protocol.StateActive {
			t.Errorf("end by %q: %v", reason, err)
		}
	}
	// After the end nothing of it is there any more.
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Gone(t.Context(), false))(t)
	p.closed(t)
	for name, try := range tries {
		if err := try(p); err == nil {
			t.Errorf("%s after the end", name)
		}
	}
}

// TestMarkedAsTest: the mark is on the evidence, in the list and in the customer's
// copy, also after a restart of the broker; nothing else is different.
func TestMarkedAsTest(t *testing.T) {
	e := newEnv(t)
	s, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Test: true})
	if err != nil || !s.Test {
		t.Fatalf("%+v, %v", s, err)
	}
	if plain, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{}); err != nil || plain.Test {
		t.Fatalf("%+v, %v", plain, err)
	}
	log, err := e.m.Log(t.Context(), s.ID)
	if err != nil || len(log.Entries) == 0 || !strings.Contains(string(log.Entries[0].Data), `"test":true`) {
		t.Errorf("the customer's copy: %+v, %v", log, err)
	}
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	if again, err := e.m.Snapshot(t.Context(), s.ID); err != nil || !again.Test {
		t.Errorf("after a restart: %+v, %v", again, err)
	}
}

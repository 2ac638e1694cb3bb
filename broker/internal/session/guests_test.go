package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"consento/protocol"
)

// nothing is what somebody may know of others' sessions.
func nothing(Whose) bool { return false }

var (
	luca = Technician{ID: "luca-id", Name: "Luca Verdi", Team: anna.Team, Territory: anna.Territory, Profile: protocol.BuiltInProfiles()[1]}
	vera = Technician{ID: "vera-id", Name: "Vera Neri", Team: "Network", Territory: anna.Territory, Profile: protocol.BuiltInProfiles()[1]}
)

// attended is an active session whose agent can ask about people.
func (e *env) attended(t testing.TB, able ...protocol.Permission) *play {
	t.Helper()
	p := e.showing(t, full, able...)
	p.on(t, func(s *session) { s.tools.guests = true })
	return p
}

func (p *play) joins(t testing.TB, by Technician, way protocol.GuestWay) error {
	t.Helper()
	_, err := p.e.m.JoinLive(t.Context(), by, protocol.GuestJoin{Session: p.id, Way: way})
	return err
}

// said answers the newest question about a person.
func (p *play) said(t testing.TB, state protocol.ConsentState, cause protocol.GuestCause) uint32 {
	t.Helper()
	epoch := last[*protocol.GuestAsk](p.link).Guest.Epoch
	must(0, p.agent.AnswerGuest(t.Context(), protocol.GuestAnswer{Epoch: epoch, State: state, Cause: cause}))(t)
	return epoch
}

func (p *play) guests(t testing.TB) (list []string) {
	t.Helper()
	for _, g := range p.state(t).Guests {
		list = append(list, g.Name+" "+string(g.State))
	}
	return list
}

// TestGuestNeedsTheCustomer: until the yes a colleague comes to nothing of a session, then
// to picture and chat and to no tool; each step is on the evidence.
func TestGuestNeedsTheCustomer(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.attended(t, protocol.Control)
	must(p.agent.Say(t.Context(), protocol.ChatSay{Key: "a", Text: "It is mine"}))(t)
	comesTo := func(what string, view, chat, write error) {
		t.Helper()
		if _, _, err := e.m.View(t.Context(), luca, p.id, "no offer"); !errors.Is(err, view) {
			t.Errorf("%s: picture %v", what, err)
		}
		if _, err := e.m.ChatSince(t.Context(), luca, protocol.ChatSince{Session: p.id}); !errors.Is(err, chat) {
			t.Errorf("%s: chat %v", what, err)
		}
		if _, err := e.m.Say(t.Context(), luca, protocol.ChatSay{Session: p.id, Key: what, Text: what}); !errors.Is(err, write) {
			t.Errorf("%s: writing %v", what, err)
		}
		if _, err := e.m.RequestConsent(t.Context(), luca, protocol.ConsentRequest{Session: p.id, Permission: protocol.Control}); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: a tool %v", what, err)
		}
		if err := e.m.End(t.Context(), luca, p.id); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: the red X %v", what, err)
		}
	}
	comesTo("before", ErrNoSession, ErrNoSession, ErrNoSession)
	must(0, p.joins(t, luca, protocol.WayJoin))(t)
	asked := last[*protocol.GuestAsk](p.link).Guest
	if asked.Name != luca.Name || asked.Team != luca.Team || asked.Way != protocol.WayJoin || asked.State != protocol.ConsentAsked {
		t.Errorf("asked %+v", asked)
	}
	comesTo("while asked", ErrNoSession, ErrNoSession, ErrNoSession)
	if seen := e.m.Seen(luca, p.state(t)); seen.Self != asked.Epoch || seen.Sharing != nil || seen.System != "" || seen.Mine {
		t.Errorf("sees %+v", seen)
	}
	if err := p.joins(t, vera, protocol.WaySupervise); !errors.Is(err, ErrNotNow) {
		t.Errorf("two questions at once: %v", err)
	}
	if _, err := p.request(t, protocol.Control); !errors.Is(err, ErrNotNow) {
		t.Errorf("a tool beside the question: %v", err)
	}
	p.said(t, protocol.ConsentGiven, "")
	if r := last[*protocol.GuestRecorded](p.link); r == nil || r.Epoch != asked.Epoch {
		t.Errorf("recorded %+v", r)
	}
	p.allow(t, protocol.Control)
	if seen := e.m.Seen(luca, p.state(t)); seen.Self != asked.Epoch || seen.Sharing == nil || len(seen.Consents) != 1 || seen.Tools != nil || seen.Note != "" {
		t.Errorf("sees %+v", seen)
	}
	chat := must(e.m.ChatSince(t.Context(), luca, protocol.ChatSince{Session: p.id}))(t)
	must(e.m.Say(t.Context(), luca, protocol.ChatSay{Session: p.id, Key: "b", Text: "Good morning"}))(t)
	heard := last[*protocol.Chat](p.link).Lines
	if len(chat.Lines) != 1 || len(heard) != 1 || heard[0].Name != luca.Name || heard[0].Guest != asked.Epoch {
		t.Errorf("chat %+v, heard %+v", chat, heard)
	}
	// A guest's console may say what it likes on the channels of tools.
	v := &View{account: luca.ID}
	p.on(t, func(s *session) {
		v.session = s
		s.viewers[v] = struct{}{}
		s.takeInput(v, protocol.Input{Epoch: s.consent(protocol.Control).Epoch, Width: 800, Height: 600, Acts: []protocol.InputAct{{Kind: protocol.InputKey, Code: "KeyA", Down: true}}}, nil, time.Now())
		if s.tools.control.view != nil || s.tools.control.used != (used{}) {
			t.Error("a guest controls")
		}
	})
	must(0, p.agent.AnswerGuest(t.Context(), protocol.GuestAnswer{Epoch: asked.Epoch, State: protocol.ConsentWithdrawn, Cause: protocol.GuestCustomer}))(t)
	comesTo("sent away", ErrNoSession, ErrNoSession, ErrNoSession)
	p.on(t, func(s *session) {
		if len(s.viewers) != 0 || len(s.guests) != 0 {
			t.Error("still looks on")
		}
	})
	if err := p.joins(t, luca, protocol.WayJoin); !errors.Is(err, ErrNotNow) {
		t.Errorf("asked again at once: %v", err)
	}
	must(0, e.m.End(t.Context(), full, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	var of []protocol.EventCode
	for _, x := range list {
		if slices.Contains([]protocol.EventCode{protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventGuestLeft, protocol.EventViewerLeft}, x.Code) {
			of = append(of, x.Code)
		}
	}
	if !slices.Equal(of, []protocol.EventCode{protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventViewerLeft, protocol.EventGuestLeft}) {
		t.Errorf("on the evidence: %v", of)
	}
	if left := find(list, protocol.EventGuestLeft); left.Data["name"] != luca.Name || left.Data["cause"] != "customer" || find(list, protocol.EventGuestAsked).Data["account"] != luca.ID {
		t.Errorf("on the evidence: %+v", left)
	}
}

// TestGuestRefused: a no is left in peace for a while, and the third is the last; nothing
// happens to the session.
func TestGuestRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.attended(t)
	for n := range maxNoes {
		must(0, p.joins(t, luca, protocol.WayJoin))(t)
		p.said(t, protocol.ConsentRefused, []protocol.GuestCause{protocol.GuestCustomer, protocol.GuestNoAnswer, ""}[n])
		if err := p.joins(t, luca, protocol.WayJoin); n < maxNoes-1 && !errors.Is(err, ErrNotNow) {
			t.Errorf("at once after no %d: %v", n, err)
		}
		p.on(t, func(s *session) {
			s.turnedAway[luca.ID] = refused{Times: s.turnedAway[luca.ID].Times, Last: time.Now().Add(-askPause)}
		})
	}
	if err := p.joins(t, luca, protocol.WayJoin); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("after the third no: %v", err)
	}
	must(0, p.joins(t, vera, protocol.WaySupervise))(t) // another person is another question
	p.said(t, protocol.ConsentGiven, "")
	if _, err := e.m.ChatSince(t.Context(), vera, protocol.ChatSince{Session: p.id}); !errors.Is(err, ErrNoSession) {
		t.Errorf("who only looks reads the chat: %v", err)
	}
	if got := p.guests(t); !slices.Equal(got, []string{"Vera Neri given"}) || p.state(t).State != protocol.StateActive {
		t.Errorf("guests %v", got)
	}
	p.on(t, func(s *session) { s.tools.guests = false })
	if err := p.joins(t, Technician{ID: "x", Name: "X", Profile: luca.Profile}, protocol.WayJoin); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("with a program that cannot ask: %v", err)
	}
	if err := p.joins(t, full, protocol.WayJoin); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("the technician joins the own session: %v", err)
	}
}

// TestGuestsAtOnce: of two who ask in the same moment one is asked about.
func TestGuestsAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.attended(t)
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i, by := range []Technician{luca, vera} {
		both.Go(func() {
			_, errs[i] = e.m.JoinLive(context.WithoutCancel(t.Context()), by, protocol.GuestJoin{Session: p.id, Way: protocol.WayJoin})
		})
	}
	both.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), ErrNotNow) || len(p.guests(t)) != 1 {
		t.Errorf("%v, guests %v", errs, p.guests(t))
	}
}

// TestGuestGoes: by themselves, sent away, without rights, without a console, with the end.
func TestGuestGoes(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll, limits(Limits{Away: time.Minute}))
	p := e.attended(t)
	comes := func() uint32 {
		t.Helper()
		p.on(t, func(s *session) { clear(s.turnedAway) })
		must(0, p.joins(t, luca, protocol.WayJoin))(t)
		return p.said(t, protocol.ConsentGiven, "")
	}
	gone := func(cause protocol.GuestCause) {
		t.Helper()
		if got := p.guests(t); len(got) != 0 {
			t.Errorf("%s: guests %v", cause, got)
		}
		if m := last[*protocol.GuestEnded](p.link); m == nil || m.Cause != cause {
			t.Errorf("%s: the agent heard %+v", cause, m)
		}
	}
	epoch := comes()
	if _, err := e.m.LeaveLive(t.Context(), vera, protocol.GuestLeave{Session: p.id, Epoch: epoch}, false); !errors.Is(err, ErrNoSession) {
		t.Errorf("a stranger sends somebody away: %v", err)
	}
	must(e.m.LeaveLive(t.Context(), luca, protocol.GuestLeave{Session: p.id, Epoch: epoch}, true))(t) // a lead goes as others do
	gone(protocol.GuestWent)
	must(e.m.LeaveLive(t.Context(), full, protocol.GuestLeave{Session: p.id, Epoch: comes()}, false))(t)
	gone(protocol.GuestSentAway)
	epoch = comes()
	if _, err := e.m.LeaveLive(t.Context(), vera, protocol.GuestLeave{Session: p.id, Epoch: epoch + 1}, true); !errors.Is(err, ErrNotNow) {
		t.Errorf("a lead sends nobody away: %v", err)
	}
	must(e.m.LeaveLive(t.Context(), vera, protocol.GuestLeave{Session: p.id, Epoch: epoch}, true))(t)
	gone(protocol.GuestLead)
	comes()
	must(0, e.m.KeepGuest(t.Context(), luca, func(w Whose, _ protocol.GuestWay) bool { return w.Owner == full.ID }))(t)
	if len(p.guests(t)) != 1 {
		t.Error("whoever may stay does not")
	}
	must(0, e.m.KeepGuest(t.Context(), luca, func(Whose, protocol.GuestWay) bool { return false }))(t)
	gone(protocol.GuestRights)
	comes()
	must(0, e.m.Revoke(t.Context(), luca.ID))(t)
	gone(protocol.GuestRights)
	comes()
	p.on(t, func(s *session) {
		s.guestSecond(time.Now().Add(30 * time.Second))
		if len(s.guests) != 1 {
			t.Error("a short loss of the network ends it")
		}
		s.guestSecond(time.Now().Add(2 * time.Minute))
	})
	gone(protocol.GuestLost)
	comes()
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	if got := p.guests(t); len(got) != 0 {
		t.Errorf("after the red X: %v", got)
	}
	if err := p.joins(t, vera, protocol.WayJoin); !errors.Is(err, ErrNotNow) {
		t.Errorf("joins what is over: %v", err)
	}
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	byLead := 0
	for _, x := range list {
		if x.Code == protocol.EventGuestLeft && (x.Data["cause"] == "lead" || x.Data["lead"] != nil) {
			byLead++
			if x.Data["lead"] != vera.Name || x.Data["name"] != luca.Name {
				t.Errorf("on the evidence: %+v", x)
			}
		}
	}
	if byLead != 1 {
		t.Errorf("%d sent away by a lead on the evidence", byLead)
	}
}

// TestGuestsComeBack: a lost agent, a restarted broker, three people: nobody is asked about
// twice, and an open question is put again.
func TestGuestsComeBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.attended(t)
	must(0, p.joins(t, luca, protocol.WayJoin))(t)
	p.said(t, protocol.ConsentGiven, "")
	must(0, p.joins(t, vera, protocol.WaySupervise))(t)
	want := []string{"Luca Verdi given", "Vera Neri asked"}
	if got := p.guests(t); !slices.Equal(got, want) {
		t.Fatalf("guests %v", got)
	}
	must(0, p.agent.Gone(t.Context(), true))(t)
	back := func() protocol.Resumed {
		t.Helper()
		p.link = &link{}
		agent, resumed, err := e.m.Resume(t.Context(), hello, protocol.Resume{Session: p.id, Secret: p.secret}, p.link)
		p.agent = must(agent, err)(t)
		must(0, p.agent.Remind(t.Context()))(t)
		return resumed
	}
	if resumed := back(); len(resumed.Guests) != 2 || last[*protocol.GuestAsk](p.link) == nil || last[*protocol.GuestAsk](p.link).Guest.Name != vera.Name {
		t.Errorf("resumed %+v", resumed.Guests)
	}
	must(0, p.agent.Gone(t.Context(), true))(t)
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	if got := p.guests(t); !slices.Equal(got, want) {
		t.Fatalf("guests after the restart %v", got)
	}
	back()
	p.said(t, protocol.ConsentGiven, "")
	if got := p.guests(t); !slices.Equal(got, []string{"Luca Verdi given", "Vera Neri given"}) {
		t.Errorf("guests %v", got)
	}
}

package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"consento/protocol"
)

func sharingOf(state protocol.SharingState) protocol.Sharing {
	return protocol.Sharing{State: state, Source: protocol.SourceWindow, Width: 640, Height: 480}
}

// TestSharing: what the agent says about what it shares is on the evidence and
// shown, once for each change, and only when there is something to share.
func TestSharing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	share := func(state protocol.SharingState) error { return p.agent.Share(t.Context(), sharingOf(state)) }
	if err := share(protocol.SharingDenied); !errors.Is(err, ErrNotNow) {
		t.Errorf("denied before it was asked: %v", err)
	}
	p.terms(t)
	if err := share(protocol.SharingShown); !errors.Is(err, ErrNotNow) {
		t.Errorf("shown before the consent: %v", err)
	}
	must(0, share(protocol.SharingDenied))(t)
	must(0, share(protocol.SharingDenied))(t)
	if now := p.state(t).Sharing; now == nil || now.State != protocol.SharingDenied {
		t.Errorf("sharing %+v", now)
	}
	p.activate(t)
	for _, state := range []protocol.SharingState{protocol.SharingShown, protocol.SharingShown, protocol.SharingDenied} {
		must(0, share(state))(t)
		if now := p.state(t).Sharing; now == nil || *now != sharingOf(protocol.SharingShown) {
			t.Errorf("after %s: %+v", state, now)
		}
	}
	for _, state := range []protocol.SharingState{protocol.SharingPaused, protocol.SharingMuted, protocol.SharingLocked, protocol.SharingStopped, protocol.SharingShown} {
		must(0, share(state))(t)
		if now := p.state(t).Sharing; now == nil || now.State != state {
			t.Errorf("after %s: %+v", state, now)
		}
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	if err := share(protocol.SharingShown); !errors.Is(err, ErrNotNow) {
		t.Errorf("shown after the end: %v", err)
	}
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	var said []protocol.EventCode
	for _, x := range list {
		if slices.Contains([]protocol.EventCode{protocol.EventScreenShown, protocol.EventScreenPaused, protocol.EventScreenMuted,
			protocol.EventScreenStopped, protocol.EventScreenLocked, protocol.EventScreenDenied}, x.Code) {
			said = append(said, x.Code)
		}
	}
	if want := []protocol.EventCode{protocol.EventScreenDenied, protocol.EventScreenDenied, protocol.EventScreenShown, protocol.EventScreenDenied,
		protocol.EventScreenPaused, protocol.EventScreenMuted, protocol.EventScreenLocked, protocol.EventScreenStopped, protocol.EventScreenShown}; !slices.Equal(said, want) {
		t.Errorf("on the evidence: %v", said)
	}
	if shown := find(list, protocol.EventScreenShown); shown == nil || shown.Data["source"] != "window" || shown.Data["width"] != 640.0 {
		t.Errorf("%+v", shown)
	}
}

// TestCovered: how much is covered is on the evidence and shown at each change, and the
// picture is not said to be another one for that.
func TestCovered(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.waiting(t)
	p.terms(t).activate(t)
	m := sharingOf(protocol.SharingShown)
	for _, c := range []covered{{}, {2, 0}, {2, 1}, {2, 1}} {
		m.Covered, m.Fields = c.Programs, c.Fields
		must(0, p.agent.Share(t.Context(), m))(t)
		if now := p.state(t).Sharing; now == nil || *now != m {
			t.Errorf("%+v: %+v", c, now)
		}
	}
	m.State, m.Covered = protocol.SharingPaused, 3
	must(0, p.agent.Share(t.Context(), m))(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	var said []string
	for _, x := range list {
		switch x.Code {
		case protocol.EventScreenShown, protocol.EventScreenPaused:
			said = append(said, string(x.Code))
		case protocol.EventScreenCovered:
			said = append(said, fmt.Sprint(x.Data["programs"], " ", x.Data["fields"]))
		}
	}
	if want := []string{"screen.shown", "2 0", "2 1", "screen.paused", "3 1"}; !slices.Equal(said, want) {
		t.Errorf("on the evidence: %q", said)
	}
}

// TestBrowserLeavesNothing: a page in the browser has nothing to remove, and the
// evidence does not say that its removal was not confirmed.
func TestBrowserLeavesNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t, limits(Limits{Removal: time.Millisecond}))
	p := e.issue(t).redeem(t).name(t)
	ticket := must(e.m.Ticket(t.Context(), p.id, "en"))(t)
	browser := protocol.Hello{Version: protocol.CurrentVersion(), Software: protocol.BrowserSoftware + "1", System: "Firefox 153 on Linux", Language: "it"}
	agent, _, err := e.m.Join(t.Context(), browser, protocol.Join{Ticket: string(ticket)}, "192.0.2.1", p.link)
	p.agent = must(agent, err)(t)
	if s := p.state(t); !slices.Contains(s.Steps, protocol.StepBrowserJoined) || slices.Contains(s.Steps, protocol.StepAgentStarted) {
		t.Errorf("steps %v", s.Steps)
	}
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	if find(list, protocol.EventRemovalUnknown) != nil {
		t.Errorf("%v", codes(list))
	}
}

package sockets

import (
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"consento/protocol"
)

var page = &protocol.Hello{Version: protocol.CurrentVersion(), Software: protocol.BrowserSoftware + "test", System: "Firefox 153 on Linux"}

// TestOnlyAPageIsABrowser: what calls itself a page comes from one, and what
// comes from a page calls itself one.
func TestOnlyAPageIsABrowser(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, c := range map[string]struct {
		header http.Header
		hello  *protocol.Hello
	}{"a program that says it is a page": {nil, page}, "a page that says it is a program": {http.Header{"Origin": {s.URL}}, hello}} {
		agent, _, err := s.dial(t, "/ws/agent", protocol.SubprotocolAgent, c.header)
		must(agent, err)(t)
		agent.send(t, c.hello)
		if codes := agent.cutOff(t); len(codes) != 1 || codes[0] != protocol.CodeNotAllowed {
			t.Errorf("%s: %v", name, codes)
		}
	}
}

// TestAClosedPageEndsTheSession: the page was left without a word.
func TestAClosedPageEndsTheSession(t *testing.T) {
	t.Parallel()
	s := serve(t)
	console := s.console(t)
	console.send(t, &protocol.NewSession{})
	var issued protocol.SessionIssued
	console.expect(t, "session_issued", &issued)
	agent, _, err := s.dial(t, "/ws/agent", protocol.SubprotocolAgent, http.Header{"Origin": {s.URL}})
	must(agent, err)(t)
	agent.send(t, page)
	agent.expect(t, "hello", nil)
	agent.send(t, &protocol.Join{Key: issued.Key})
	agent.expect(t, "joined", nil)
	must(0, agent.ws.Close(websocket.StatusGoingAway, ""))(t)
	for {
		var changed protocol.SessionChanged
		console.expect(t, "session_changed", &changed)
		if !changed.Session.State.Over() {
			continue
		}
		if changed.Session.EndReason != protocol.EndCustomer || changed.Session.System != page.System {
			t.Errorf("%+v", changed.Session)
		}
		return
	}
}

// TestSharingIsAnswered once it is on the evidence, and refused before there is
// anything to share.
func TestSharingIsAnswered(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, _ := s.joined(t)
	shown := &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceMonitor, Width: 1280, Height: 800, Name: "left"}
	agent.refused(t, agent.send(t, shown), protocol.CodeNotNow)
	agent.send(t, &protocol.NameAnswer{Confirmed: true})
	agent.send(t, &protocol.TermsAnswer{Version: "7", Accepted: true})
	var ask protocol.ConsentAsk
	agent.expect(t, "consent_ask", &ask)
	agent.send(t, &protocol.ConsentAnswer{Permission: ask.Permission, State: protocol.ConsentGiven, Epoch: ask.Epoch})
	agent.expect(t, "consent_recorded", nil)
	id := agent.send(t, shown)
	if e := agent.expect(t, "sharing_recorded", nil); e.Ref != id {
		t.Errorf("answers %d, not %d", e.Ref, id)
	}
}

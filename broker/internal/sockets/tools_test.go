package sockets

import (
	"testing"

	"consento/protocol"
)

// TestToolsAreCheckedForEachMessage: rights and form, on both sockets. The account's
// profile holds the view alone.
func TestToolsAreCheckedForEachMessage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, id := s.joined(t)
	agent.send(t, &protocol.NameAnswer{Confirmed: true})
	agent.send(t, &protocol.TermsAnswer{Version: "7", Accepted: true})
	var ask protocol.ConsentAsk
	agent.expect(t, "consent_ask", &ask)
	agent.send(t, &protocol.ConsentAnswer{Permission: ask.Permission, State: protocol.ConsentGiven, Epoch: ask.Epoch})
	agent.expect(t, "consent_recorded", nil)
	console := s.console(t)
	console.refused(t, console.send(t, &protocol.ConsentRequest{Session: id, Permission: protocol.Control}), protocol.CodeNotAllowed)
	console.refused(t, console.send(t, &protocol.ConsentRequest{Session: "another", Permission: protocol.Control}), protocol.CodeNoSession)
	console.refused(t, console.send(t, &protocol.ConsentReturn{Session: id, Permission: protocol.Control}), protocol.CodeNotNow)

	// Nor does the agent get a consent that nobody asked for.
	agent.refused(t, agent.send(t, &protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentGiven, Epoch: 9}), protocol.CodeNotNow)
	agent.refused(t, agent.send(t, &protocol.ConsentRequest{Session: id, Permission: protocol.Control}), protocol.CodeUnknownState)
	agent.send(t, &protocol.ControlState{Epoch: 9, Block: protocol.BlockDialog}) // of no consent: nothing
	agent.send(t, &protocol.Ping{})
	agent.expect(t, "pong", nil)
}

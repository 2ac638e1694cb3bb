package sockets

import (
	"net/http"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// TestPeopleOnSockets: a stranger learns nothing of a session, a lead of the team asks to come in; a page from
// outside without a good link gets no socket, and with one nothing but its own session, until who invited may
// not any more.
func TestPeopleOnSockets(t *testing.T) {
	t.Parallel()
	s := serve(t)
	console := s.console(t)
	console.send(t, &protocol.NewSession{})
	var issued protocol.SessionIssued
	console.expect(t, "session_issued", &issued)
	id := issued.Session.ID
	agent := s.agent(t)
	agent.send(t, &protocol.Join{Key: issued.Key, Guests: true})
	agent.expect(t, "joined", nil)
	agent.send(t, &protocol.NameAnswer{Confirmed: true})
	agent.send(t, &protocol.TermsAnswer{Version: "7", Accepted: true})
	agent.expect(t, "consent_ask", nil)
	agent.send(t, &protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 1})
	agent.expect(t, "consent_recorded", nil)

	_, foreign := s.person(t, "vera", access.Lead, "Network", access.L2, protocol.ProfileFullSupport)
	_, lead := s.person(t, "luca", access.Lead, s.account.Team, access.L2, protocol.ProfileFullSupport)
	stranger := s.consoleOf(t, foreign, "en")
	for _, way := range []protocol.GuestWay{protocol.WayJoin, protocol.WaySupervise, protocol.WayTakeOver, protocol.WayTransfer, protocol.WayVendor} {
		stranger.refused(t, stranger.send(t, &protocol.GuestJoin{Session: id, Way: way}), protocol.CodeNoSession)
	}
	stranger.refused(t, stranger.send(t, &protocol.LiveOffer{Session: id, Team: "Network"}), protocol.CodeNoSession)
	stranger.refused(t, stranger.send(t, &protocol.ChatSince{Session: id}), protocol.CodeNoSession)
	own := s.consoleOf(t, lead, "en")
	own.send(t, &protocol.GuestJoin{Session: id, Way: protocol.WayJoin})
	var ask protocol.GuestAsk
	agent.expect(t, "guest_ask", &ask)
	agent.send(t, &protocol.GuestAnswer{Epoch: ask.Guest.Epoch, State: protocol.ConsentRefused, Cause: protocol.GuestCustomer})
	own.expect(t, "guest_ended", nil)

	// A lead of the team who is not in the session sends a colleague away; nobody else does.
	_, colleague := s.person(t, "gina", access.Technician, s.account.Team, access.L1, protocol.ProfileFullSupport)
	_, helper := s.person(t, "rosa", access.Lead, s.account.Team, access.L2, protocol.ProfileFullSupport)
	peer, guest := s.consoleOf(t, colleague, "en"), s.consoleOf(t, helper, "en")
	guest.send(t, &protocol.GuestJoin{Session: id, Way: protocol.WayJoin})
	agent.expect(t, "guest_ask", &ask)
	agent.send(t, &protocol.GuestAnswer{Epoch: ask.Guest.Epoch, State: protocol.ConsentGiven})
	agent.expect(t, "guest_recorded", nil)
	leave := &protocol.GuestLeave{Session: id, Epoch: ask.Guest.Epoch}
	stranger.refused(t, stranger.send(t, leave), protocol.CodeNoSession)
	peer.refused(t, peer.send(t, leave), protocol.CodeNoSession)
	var seen protocol.SessionChanged
	for seen.Session.ID != id || len(seen.Session.Guests) != 1 || seen.Session.Guests[0].State != protocol.ConsentGiven {
		own.expect(t, "session_changed", &seen)
	}
	if seen.Session.Mine || !seen.Session.Sends {
		t.Errorf("the lead is shown %+v", seen.Session)
	}
	own.send(t, leave)
	var ended protocol.GuestEnded
	agent.expect(t, "guest_ended", &ended)
	if ended.Epoch != ask.Guest.Epoch || ended.Cause != protocol.GuestLead {
		t.Errorf("the agent hears %+v", ended)
	}
	if guest.expect(t, "guest_ended", &ended); ended.Cause != protocol.GuestLead || ended.Session != id {
		t.Errorf("who was sent away hears %+v", ended)
	}

	if _, response, err := s.dial(t, "/ws/vendor", protocol.SubprotocolConsole, nil); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a link: %v", err)
	}
	if _, response, err := s.dial(t, "/ws/vendor", protocol.SubprotocolConsole, http.Header{"Cookie": {session.VendorCookie + "=guess"}}); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("with a guess: %v", err)
	}
	link, _, err := s.sessions.Invite(t.Context(), session.Technician{ID: s.account.ID, Name: s.account.Name}, protocol.VendorInvite{Session: id})
	must(link, err)(t)
	device := must(s.sessions.OpenInvite(t.Context(), "192.0.2.9", link, "Max Muster", "Printers Inc."))(t)
	vendor, _, err := s.dial(t, "/ws/vendor", protocol.SubprotocolConsole, http.Header{"Cookie": {session.VendorCookie + "=" + device}})
	must(vendor, err)(t)
	vendor.send(t, hello)
	vendor.expect(t, "hello", nil)
	var welcome protocol.Welcome
	vendor.expect(t, "welcome", &welcome)
	if len(welcome.Sessions) != 1 || welcome.Sessions[0].ID != id || welcome.CanIssue || len(welcome.Sessions[0].Viewers) > 0 || welcome.Sessions[0].Sharing != nil {
		t.Errorf("welcome %+v", welcome)
	}
	vendor.refused(t, vendor.send(t, &protocol.NewSession{}), protocol.CodeUnknownState)
	vendor.refused(t, vendor.send(t, &protocol.ConsentRequest{Session: id, Permission: protocol.Control}), protocol.CodeUnknownState)
	vendor.refused(t, vendor.send(t, &protocol.EndSession{Session: id}), protocol.CodeUnknownState)
	vendor.refused(t, vendor.send(t, &protocol.ChatSince{Session: id}), protocol.CodeNoSession)
	vendor.refused(t, vendor.send(t, &protocol.GuestJoin{Session: id, Way: protocol.WayJoin}), protocol.CodeNoSession)
	vendor.send(t, &protocol.GuestJoin{Session: id, Way: protocol.WayVendor})
	agent.expect(t, "guest_ask", &ask)
	if ask.Guest.Way != protocol.WayVendor || ask.Guest.By != s.account.Name {
		t.Errorf("asked %+v", ask.Guest)
	}
	agent.send(t, &protocol.GuestAnswer{Epoch: ask.Guest.Epoch, State: protocol.ConsentGiven})
	agent.expect(t, "guest_recorded", nil)
	s.noInvite.Store(true)
	vendor.cutOff(t)
	agent.expect(t, "guest_ended", nil)
}

package sockets

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

func TestWhoMayConnect(t *testing.T) {
	t.Parallel()
	s := serve(t)
	own := http.Header{"Cookie": {s.cookie}, "Origin": {s.URL}}
	foreign := http.Header{"Cookie": {s.cookie}, "Origin": {"https://evil.example"}}
	token := must(s.access.AddToken(t.Context(), s.account.Email, access.NewToken{Name: "a program"}))(t)
	for name, c := range map[string]struct {
		path, subprotocol string
		header            http.Header
		want              int
	}{
		"agent":                   {"/ws/agent", protocol.SubprotocolAgent, nil, 101},
		"a page of ours as agent": {"/ws/agent", protocol.SubprotocolAgent, http.Header{"Origin": {s.URL}}, 101},
		"another site as agent":   {"/ws/agent", protocol.SubprotocolAgent, http.Header{"Origin": {"https://evil.example"}}, 403},
		"no site as agent":        {"/ws/agent", protocol.SubprotocolAgent, http.Header{"Origin": {"null"}}, 403},
		"console":                 {"/ws/console", protocol.SubprotocolConsole, s.signedIn(), 101},
		"console from its page":   {"/ws/console", protocol.SubprotocolConsole, own, 101},
		"console from elsewhere":  {"/ws/console", protocol.SubprotocolConsole, foreign, 403},
		"console, not signed in":  {"/ws/console", protocol.SubprotocolConsole, nil, 401},
		"console, unknown cookie": {"/ws/console", protocol.SubprotocolConsole, http.Header{"Cookie": {"__Host-consento=x"}}, 401},
		"console, a program":      {"/ws/console", protocol.SubprotocolConsole, http.Header{"Authorization": {"Bearer " + token}}, 401},
	} {
		_, response, err := s.dial(t, c.path, c.subprotocol, c.header)
		if response == nil || response.StatusCode != c.want || (err == nil) != (c.want == 101) {
			t.Errorf("%s: %v, %v", name, response, err)
		}
	}
	// An ordinary request is no WebSocket.
	response := must(s.Client().Get(s.URL + "/ws/agent"))(t)
	must(0, response.Body.Close())(t)
	if response.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestWrongSubprotocol(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, c := range []struct {
		path, subprotocol string
	}{{"/ws/agent", ""}, {"/ws/agent", "consento.agent.v2"}, {"/ws/agent", protocol.SubprotocolConsole}, {"/ws/console", ""}, {"/ws/console", protocol.SubprotocolAgent}} {
		var header http.Header
		if c.path == "/ws/console" {
			header = s.signedIn()
		}
		peer, _, err := s.dial(t, c.path, c.subprotocol, header)
		must(peer, err)(t)
		if codes := peer.cutOff(t); !slices.Equal(codes, []protocol.ErrorCode{protocol.CodeVersion}) {
			t.Errorf("%s with %q: %v", c.path, c.subprotocol, codes)
		}
	}
}

// both opens an agent's and a console's socket without a hello.
func (s *server) both(t *testing.T) map[string]*client {
	t.Helper()
	agent, _, err := s.dial(t, "/ws/agent", protocol.SubprotocolAgent, nil)
	must(agent, err)(t)
	console, _, err := s.dial(t, "/ws/console", protocol.SubprotocolConsole, s.signedIn())
	must(console, err)(t)
	return map[string]*client{"agent": agent, "console": console}
}

func TestHello(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for name, c := range map[string]struct {
		first string
		want  protocol.ErrorCode
	}{
		"another version of the envelope": {`{"v":2,"type":"hello","id":1}`, protocol.CodeVersion},
		"another version of the hello":    {`{"v":1,"type":"hello","id":1,"body":{"version":{"major":2}}}`, protocol.CodeVersion},
		"no version":                      {`{"v":1,"type":"hello","id":1}`, protocol.CodeVersion},
		"another message first":           {`{"v":1,"type":"join","id":1,"body":{"key":"ACD3EFG"}}`, protocol.CodeUnknownState},
		"an unknown message first":        {`{"v":1,"type":"later","id":1}`, protocol.CodeUnknownState},
		"a malformed hello":               {`{"v":1,"type":"hello","id":1,"body":{"version":{"major":1},"software":"a\u202eb"}}`, protocol.CodeMalformed},
	} {
		for side, peer := range s.both(t) {
			peer.raw(t, websocket.MessageText, []byte(c.first))
			if codes := peer.cutOff(t); !slices.Equal(codes, []protocol.ErrorCode{c.want}) {
				t.Errorf("%s to the %s's socket: %v", name, side, codes)
			}
		}
	}
}

func TestNonsenseIsCutOff(t *testing.T) {
	t.Parallel()
	s := serve(t)
	nonsense := map[string]func(*client){
		"no JSON":    func(c *client) { c.raw(t, websocket.MessageText, []byte("hello?")) },
		"binary":     func(c *client) { c.raw(t, websocket.MessageBinary, []byte(`{"v":1,"type":"x"}`)) },
		"no type":    func(c *client) { c.raw(t, websocket.MessageText, []byte(`{"v":1}`)) },
		"deep":       func(c *client) { c.raw(t, websocket.MessageText, bytes.Repeat([]byte("["), 50_000)) },
		"empty":      func(c *client) { c.raw(t, websocket.MessageText, nil) },
		"bad fields": func(c *client) { c.raw(t, websocket.MessageText, []byte(`{"v":1,"type":"x","id":"y"}`)) },
	}
	for name, say := range nonsense {
		agent, console := s.agent(t), s.console(t)
		for range maxRefused {
			say(agent)
			say(console)
		}
		for side, c := range map[string]*client{"agent": agent, "console": console} {
			codes := c.cutOff(t)
			if len(codes) != maxRefused || slices.ContainsFunc(codes, func(x protocol.ErrorCode) bool { return x != protocol.CodeMalformed }) {
				t.Errorf("%s from the %s: %v", name, side, codes)
			}
		}
	}
	for _, c := range []*client{s.agent(t), s.console(t)} {
		_ = c.ws.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte(" "), protocol.MaxMessage+1))
		c.cutOff(t)
	}
}

func TestUnknownIsToleratedKnownIsNot(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, id := s.joined(t)
	agent.raw(t, websocket.MessageText, []byte(`{"v":1,"type":"rate_the_weather","id":90,"body":[1,2]}`))
	agent.raw(t, websocket.MessageText, []byte(`{"v":1,"type":"name_answer","id":91,"body":{"confirmed":true,"mood":"good"}}`))
	for n, m := range []protocol.Message{hello, &protocol.Join{Key: "ACD3EFG"}, &protocol.ConsentRecorded{Permission: protocol.ViewScreen}, &protocol.NewSession{}} {
		agent.last = uint64(100 + n)
		agent.refused(t, agent.send(t, m), protocol.CodeUnknownState)
	}
	console := s.console(t)
	console.raw(t, websocket.MessageText, []byte(`{"v":1,"type":"rate_the_weather","id":90}`))
	for _, m := range []protocol.Message{hello, &protocol.TermsAnswer{Version: "7", Accepted: true}, &protocol.Ended{Reason: protocol.EndCustomer}} {
		console.refused(t, console.send(t, m), protocol.CodeUnknownState)
	}
	console.refused(t, console.send(t, &protocol.EndSession{Session: "nobody"}), protocol.CodeNoSession)
	console.refused(t, console.send(t, &protocol.Offer{Session: "nobody", SDP: "v=0"}), protocol.CodeNoSession)
	console.refused(t, console.send(t, &protocol.Offer{SDP: "v=0"}), protocol.CodeNoSession)
	console.refused(t, console.send(t, &protocol.Offer{Session: id, SDP: "v=0"}), protocol.CodeMedia)
	console.raw(t, websocket.MessageText, []byte(`{"v":1,"type":"offer","id":77,"body":{}}`))
	console.refused(t, 77, protocol.CodeMalformed)
	console.send(t, &protocol.StopWatching{Session: "nobody"}) // nothing to stop
	console.send(t, &protocol.EndSession{Session: id})
	var ended protocol.Ended
	agent.expect(t, "ended", &ended)
	if ended.Reason != protocol.EndTechnician {
		t.Errorf("ended by %s", ended.Reason)
	}
}

// A page asks whether the broker is still there, and is answered what it asked.
func TestPing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, _ := s.joined(t)
	for side, c := range map[string]*client{"agent": agent, "console": s.console(t)} {
		for range 2 {
			if asked := c.send(t, &protocol.Ping{}); c.expect(t, "pong", nil).Ref != asked {
				t.Errorf("the %s's ping is not answered by its number", side)
			}
		}
	}
}

func TestMessagesInTheWrongState(t *testing.T) {
	t.Parallel()
	s := serve(t, func(l *session.Limits) { l.Removal = patience })
	agent, id := s.joined(t)
	for _, m := range []protocol.Message{
		&protocol.TermsAnswer{Version: "7", Accepted: true}, // the name is not confirmed yet
		&protocol.ConsentAnswer{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 1},
		&protocol.Removed{Complete: true},
	} {
		if _, ok := m.(*protocol.Removed); ok {
			break
		}
		agent.refused(t, agent.send(t, m), protocol.CodeNotNow)
	}
	agent.refused(t, agent.send(t, &protocol.Ended{Reason: protocol.EndTechnician}), protocol.CodeNotAllowed)
	agent.refused(t, agent.send(t, &protocol.Offer{SDP: "v=0"}), protocol.CodeMedia)
	// The whole right way still works.
	agent.send(t, &protocol.NameAnswer{Confirmed: true})
	agent.send(t, &protocol.TermsAnswer{Version: "7", Accepted: true})
	var ask protocol.ConsentAsk
	agent.expect(t, "consent_ask", &ask)
	agent.send(t, &protocol.ConsentAnswer{Permission: ask.Permission, State: protocol.ConsentGiven, Epoch: ask.Epoch})
	agent.expect(t, "consent_recorded", nil)
	agent.send(t, &protocol.Ended{Reason: protocol.EndCustomer})
	agent.send(t, &protocol.Removed{Complete: true})
	agent.cutOff(t)
	shown := must(s.sessions.Snapshot(t.Context(), id))(t)
	if shown.State != protocol.StateClosed || shown.EndReason != protocol.EndCustomer || shown.Removed == nil || !*shown.Removed {
		t.Errorf("%+v", shown)
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent := s.agent(t)
	agent.refused(t, agent.send(t, &protocol.Join{Key: "????"}), protocol.CodeKey)
	agent.refused(t, agent.send(t, &protocol.Join{Key: "ACD3EFG"}), protocol.CodeKey)
	agent.refused(t, agent.send(t, &protocol.Join{Ticket: string(protocol.TicketFrom([16]byte{}))}), protocol.CodeKey)
	agent.raw(t, websocket.MessageText, []byte(`{"v":1,"type":"join","id":50,"body":{"key":"a","ticket":"b"}}`))
	agent.refused(t, 50, protocol.CodeMalformed)
	var codes []protocol.ErrorCode
	for range maxRefused - 4 {
		agent.send(t, &protocol.Join{Key: "ACD3EFG"})
	}
	if codes = agent.cutOff(t); len(codes) != maxRefused-4 {
		t.Errorf("%v", codes)
	}
	// The address has used up its tries by now, for every socket.
	agent = s.agent(t)
	for {
		agent.send(t, &protocol.Join{Key: "ACD3EFG"})
		var got protocol.Error
		agent.expect(t, "error", &got)
		if codes = append(codes, got.Code); got.Code == protocol.CodeThrottled || len(codes) > 20 {
			break
		}
	}
	if codes[len(codes)-1] != protocol.CodeThrottled {
		t.Errorf("%v", codes)
	}
}

// TestAgentComesBack over another socket: the secret opens its session and no
// other, and what was open is said again.
func TestAgentComesBack(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, id := s.joined(t)
	agent.send(t, &protocol.NameAnswer{Confirmed: true})
	agent.send(t, &protocol.TermsAnswer{Version: "7", Accepted: true})
	agent.expect(t, "consent_ask", &protocol.ConsentAsk{})
	must(0, agent.ws.CloseNow())(t)
	eventually(t, "the agent is away", func() bool { return s.away(t, id) != 0 })

	stranger := s.agent(t)
	stranger.refused(t, stranger.send(t, &protocol.Resume{Session: id, Secret: "x"}), protocol.CodeKey)
	stranger.cutOff(t)
	again := s.agent(t)
	again.send(t, &protocol.Resume{Session: id, Secret: agent.secret})
	var resumed protocol.Resumed
	again.expect(t, "resumed", &resumed)
	var ask protocol.ConsentAsk
	again.expect(t, "consent_ask", &ask)
	if !resumed.Named || !resumed.Accepted || len(resumed.Consents) != 1 || ask.Epoch != 1 || s.away(t, id) != 0 {
		t.Errorf("%+v, %+v", resumed, ask)
	}

	// It is ended while the agent is away for too long: who comes back is told why.
	must(0, again.ws.CloseNow())(t)
	eventually(t, "the agent is away again", func() bool { return s.away(t, id) != 0 })
	console := s.console(t)
	console.send(t, &protocol.EndSession{Session: id})
	eventually(t, "closed", func() bool {
		return must(s.sessions.Snapshot(t.Context(), id))(t).State == protocol.StateClosed
	})
	late := s.agent(t)
	asked := late.send(t, &protocol.Resume{Session: id, Secret: agent.secret})
	var ended protocol.Ended
	if e := late.expect(t, "ended", &ended); e.Ref != asked || ended.Reason != protocol.EndTechnician {
		t.Errorf("%+v, %+v", e, ended)
	}
	if codes := late.cutOff(t); len(codes) != 0 {
		t.Errorf("then %v", codes)
	}
}

// away returns how long the session waits for its agent, 0 while it is there.
func (s *server) away(t testing.TB, id string) time.Duration {
	t.Helper()
	now := must(s.sessions.Snapshot(t.Context(), id))(t)
	return now.AwayUntil.Sub(now.AwaySince)
}

func TestFloodIsCutOff(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, id := s.joined(t)
	for name, c := range map[string]*client{"agent": agent, "console": s.console(t)} {
		for range 10 * maxBurst {
			if c.ws.Write(t.Context(), websocket.MessageText, []byte(`{"v":1,"type":"later"}`)) != nil {
				break
			}
		}
		if codes := c.cutOff(t); len(codes) != 0 {
			t.Errorf("%s: %v", name, codes)
		}
	}
	eventually(t, "the agent of the flood is away", func() bool { return s.away(t, id) == time.Minute })
}

func TestWaitingAgentsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var all []*client
	for range maxWaitingPerAddress {
		all = append(all, s.agent(t))
	}
	_, response, err := s.dial(t, "/ws/agent", protocol.SubprotocolAgent, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("one too many: %v", err)
	}
	must(0, all[0].ws.Close(websocket.StatusNormalClosure, ""))(t)
	eventually(t, "a place is free", func() bool {
		c, _, err := s.dial(t, "/ws/agent", protocol.SubprotocolAgent, nil)
		return err == nil && c != nil
	})
	if release, ok := s.agents.enter("198.51.100.1:1"); !ok {
		t.Error("another address is kept out")
	} else {
		release()
		release()
	}
}

// TestSilentPeers: who says no hello, and who answers no ping, is cut off.
func TestSilentPeers(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var all sync.WaitGroup
	for side, peer := range s.both(t) {
		all.Go(func() {
			begin := time.Now()
			peer.cutOff(t)
			if took := time.Since(begin); took < helloTimeout/2 {
				t.Errorf("%s without a hello: cut off after %s", side, took)
			}
		})
	}
	agent, id := s.joined(t) // does not read from here on, so it answers no ping
	all.Go(func() {
		eventually(t, "the silent agent is lost", func() bool {
			return s.away(t, id) == protocol.ReturnLimit
		})
	})
	all.Wait()
	agent.cutOff(t)
}

// TestSlowReader: who reads nothing is cut off when the queue is full, and holds
// nobody up.
func TestSlowReader(t *testing.T) {
	var cause error
	c := &conn{queue: make(chan []byte, queueLength), log: slog.New(slog.DiscardHandler), cancel: func(err error) { cause = err }}
	for range queueLength {
		c.Send(hello)
	}
	if cause != nil {
		t.Fatal(cause)
	}
	c.Send(hello)
	if !errors.Is(cause, errSlow) {
		t.Errorf("%v", cause)
	}
}

func TestDisabledAccount(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, id := s.joined(t)
	console := s.console(t)
	must(0, s.access.Disable(t.Context(), s.account.ID))(t)
	var ended protocol.Ended
	agent.expect(t, "ended", &ended)
	if ended.Reason != protocol.EndRightsRevoked {
		t.Errorf("ended by %s", ended.Reason)
	}
	console.cutOff(t)
	if got := must(s.sessions.Snapshot(t.Context(), id))(t); got.EndReason != protocol.EndRightsRevoked {
		t.Errorf("%+v", got)
	}
	if _, response, err := s.dial(t, "/ws/console", protocol.SubprotocolConsole, s.signedIn()); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a disabled account comes back: %v", err)
	}
}

// TestRightsAreAskedForEachMessage: between two rechecks as well.
func TestRightsAreAskedForEachMessage(t *testing.T) {
	t.Parallel()
	s := serve(t)
	console := s.console(t)
	must(0, s.access.Disable(t.Context(), s.account.ID))(t)
	console.refused(t, console.send(t, &protocol.NewSession{}), protocol.CodeNotAllowed)
	if n := len(s.sessions.Live()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestConsoleSeesItsSessions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	console := s.console(t)
	console.send(t, &protocol.NewSession{})
	var issued protocol.SessionIssued
	console.expect(t, "session_issued", &issued)
	if issued.URL != "https://test.example/k/"+issued.Key || issued.Address != "test.example" || !issued.Session.Mine || len(issued.Key) != protocol.KeyLength {
		t.Errorf("%+v", issued)
	}
	must(s.sessions.Redeem(t.Context(), protocol.SessionKey(issued.Key), "a"))(t)
	var changed protocol.SessionChanged
	for changed.Session.State != protocol.StateJoined {
		console.expect(t, "session_changed", &changed)
	}
	second, _, err := s.dial(t, "/ws/console", protocol.SubprotocolConsole, s.signedIn())
	must(second, err)(t)
	second.send(t, hello)
	second.expect(t, "hello", nil)
	var welcome protocol.Welcome
	e := second.expect(t, "welcome", &welcome)
	if len(welcome.Sessions) != 1 || !welcome.Sessions[0].Mine || welcome.Account.Name != "Anna Bianchi" || strings.Contains(string(e.Body), issued.Key) {
		t.Errorf("%s", e.Body)
	}
}

// TestNotes: what the technician writes comes to the other window as well; one
// window does not overwrite the other unseen, and sessions with long notes still
// fit into the welcome.
func TestNotes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	console := s.console(t)
	console.send(t, &protocol.NewSession{})
	var issued protocol.SessionIssued
	console.expect(t, "session_issued", &issued)
	id := issued.Session.ID
	other := s.console(t)
	ref := console.send(t, &protocol.Note{Session: id, Text: "one\ntwo"})
	var changed protocol.SessionChanged
	for e := (protocol.Envelope{}); e.Ref != ref; {
		e = console.expect(t, "session_changed", &changed)
	}
	if changed.Session.Note != "one\ntwo" || !changed.Session.Mine {
		t.Errorf("%+v", changed)
	}
	for changed.Session.Note = ""; changed.Session.Note == ""; {
		other.expect(t, "session_changed", &changed)
	}
	other.refused(t, other.send(t, &protocol.Note{Session: id, Text: "three"}), protocol.CodeNotNow)
	other.refused(t, other.send(t, &protocol.Note{Session: "another", Text: "three"}), protocol.CodeNoSession)

	// Ten sessions that are over, each with as much as a note holds.
	long := strings.Repeat("<", protocol.MaxNote) // six bytes each
	for range 10 {
		console.send(t, &protocol.NewSession{})
		console.expect(t, "session_issued", &issued)
		ref := console.send(t, &protocol.Note{Session: issued.Session.ID, Text: long})
		for e := (protocol.Envelope{}); e.Ref != ref; {
			e = console.expect(t, "session_changed", nil)
		}
		console.send(t, &protocol.EndSession{Session: issued.Session.ID})
		for changed.Session.ID != issued.Session.ID || changed.Session.State != protocol.StateClosed {
			console.expect(t, "session_changed", &changed)
		}
	}
	third, _, err := s.dial(t, "/ws/console", protocol.SubprotocolConsole, s.signedIn())
	must(third, err)(t)
	third.send(t, hello)
	third.expect(t, "hello", nil)
	var welcome protocol.Welcome
	third.expect(t, "welcome", &welcome)
	if n := len(welcome.Sessions); n != 11 || welcome.Sessions[0].Note != "one\ntwo" || welcome.Sessions[1].Note != long || welcome.Sessions[10].Note != "" {
		t.Errorf("%d sessions", n)
	}
}

package sockets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"consento/protocol"
)

// TestChatOverSockets: both sides write and hear each other, who writes too much is told
// so and not cut off, and what is no line is refused.
func TestChatOverSockets(t *testing.T) {
	t.Parallel()
	s := serve(t)
	agent, id := s.joined(t)
	console := s.console(t)
	hears := func(c *client, session, want string) {
		t.Helper()
		var m protocol.Chat
		for len(m.Lines) == 0 {
			c.expect(t, "chat", &m)
		}
		if m.Session != session || len(m.Lines) != 1 || m.Lines[0].Text != want || !m.Allowed {
			t.Errorf("heard %+v, want %q", m, want)
		}
	}
	said := func(c *client, ref uint64, key string) (answer protocol.ChatSaid) {
		t.Helper()
		if e := c.expect(t, "chat_said", &answer); e.Ref != ref || answer.Key != key {
			t.Errorf("answered %+v to %d, want %s to %d", answer, e.Ref, key, ref)
		}
		return answer
	}
	ref := agent.send(t, &protocol.ChatSay{Key: "a1", Text: "Buongiorno"})
	hears(agent, "", "Buongiorno")
	if got := said(agent, ref, "a1"); got.N != 1 || got.Code != "" {
		t.Errorf("%+v", got)
	}
	hears(console, id, "Buongiorno")
	ref = console.send(t, &protocol.ChatSay{Session: id, Key: "c1", Text: "Guten Tag"})
	hears(console, id, "Guten Tag")
	if got := said(console, ref, "c1"); got.N != 2 {
		t.Errorf("%+v", got)
	}
	hears(agent, "", "Guten Tag")

	// A console that comes later has all of it.
	late := s.console(t)
	ref = late.send(t, &protocol.ChatSince{Session: id})
	var all protocol.Chat
	if e := late.expect(t, "chat", &all); e.Ref != ref || len(all.Lines) != 2 || all.Lines[0].From != protocol.ChatCustomer || all.Lines[1].Name != "Anna Bianchi" {
		t.Errorf("%+v", all)
	}
	ref = console.send(t, &protocol.ChatSince{Session: "another"})
	console.refused(t, ref, protocol.CodeNoSession)
	ref = console.send(t, &protocol.ChatSay{Session: "another", Key: "k", Text: "x"})
	console.refused(t, ref, protocol.CodeNoSession)

	// Too much: told, and nothing worse.
	for i := range 3 * maxRefused {
		key := fmt.Sprint("flood", i)
		ref = agent.send(t, &protocol.ChatSay{Key: key, Text: "x"})
		if got := said(agent, ref, key); got.N == 0 {
			if got.Code != protocol.CodeThrottled {
				t.Errorf("%+v", got)
			}
		} else if i > 2*maxRefused {
			t.Errorf("line %d was taken", i)
		}
	}
	// Invalid: refused, and after ten of them the connection ends.
	for name, text := range map[string]string{"not UTF-8": "\xff", "blank": " ", "an override": "\u202e", "too long": strings.Repeat("x", protocol.MaxChat+1), "a control": `\u0007`} {
		agent.last++
		agent.raw(t, websocket.MessageText, fmt.Appendf(nil, `{"v":1,"type":"chat_say","id":%d,"body":{"key":"k","text":"%s"}}`, agent.last, text))
		var got protocol.Error
		if agent.expect(t, "error", &got); got.Code != protocol.CodeMalformed {
			t.Errorf("%s: %s", name, got.Code)
		}
	}
}

package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"consento/agent/internal/link"
	"consento/agent/internal/ui"
	"consento/agent/internal/xtest"
	"consento/protocol"
	"consento/protocol/lang"
)

const chatPatience = 60 * time.Second

// talking is a session's chat on a real display, with a broker that only listens.
type talking struct {
	*Session
	t       *testing.T
	display string
	heard   chan protocol.Envelope
	opened  chan string
}

func talk(t *testing.T, allowed bool, proof error) *talking {
	t.Helper()
	a := &talking{t: t, display: xtest.Server(t, 1024, 700), heard: make(chan protocol.Envelope, 100), opened: make(chan string, 10)}
	windows, err := ui.Open(ui.Config{Display: a.display, Toolkit: ui.Drawn, OpenLink: func(url string) error { a.opened <- url; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(windows.Close)
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	a.Session = &Session{Config: Config{UI: windows, Display: a.display, Log: slog.New(slog.DiscardHandler)}, Texts: catalog.Match("en"), link: hearing(t, a.heard)}
	a.joined.Technician, a.joined.Chat = isolated(protocol.Person{Name: "Anna Bianchi"}), allowed
	a.startChatWith(t.Context(), func(context.Context) error { return proof })
	t.Cleanup(a.chat.close)
	return a
}

// hearing is a link to a broker that only listens.
func hearing(t *testing.T, heard chan<- protocol.Envelope) *link.Link {
	t.Helper()
	hello := protocol.Hello{Version: protocol.CurrentVersion(), Software: "test"}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.SubprotocolAgent}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		first, err := protocol.Encode(1, 0, &hello)
		if err != nil || ws.Write(r.Context(), websocket.MessageText, first) != nil {
			return
		}
		for {
			_, data, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			if e, err := protocol.DecodeEnvelope(data); err == nil && e.Type != "hello" {
				heard <- e
			}
		}
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() { server.Client().CloseIdleConnections(); server.Close() })
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.Dial(t.Context(), server.Client(), address, hello)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// gets has the agent take a message of the broker's.
func (a *talking) gets(ref uint64, m protocol.Message) {
	a.t.Helper()
	data, err := protocol.Encode(9, ref, m)
	if err != nil {
		a.t.Fatal(err)
	}
	e, err := protocol.DecodeEnvelope(data)
	if err != nil {
		a.t.Fatal(err)
	}
	if over := a.incoming(a.t.Context(), e); over != nil {
		a.t.Fatalf("%s ended the session: %+v", m.MessageType(), *over)
	}
}

func (a *talking) until(what string, ok func() bool) {
	a.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(chatPatience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			a.t.Fatalf("never: %s", what)
		}
	}
}

// visible tells whether a window with that title is on the screen.
func (a *talking) visible(title string) bool {
	out, err := a.xdotool("search", "--onlyvisible", "--name", "^"+strings.ReplaceAll(title, "?", `\?`)+"$")
	return err == nil && strings.TrimSpace(out) != ""
}

func (a *talking) xdotool(args ...string) (string, error) {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+a.display)
	out, err := cmd.Output()
	return string(out), err
}

// told waits for the next message of a type that the broker hears.
func told[T any, P interface {
	*T
	protocol.Message
}](a *talking) T {
	a.t.Helper()
	for {
		select {
		case e := <-a.heard:
			if e.Type != P(new(T)).MessageType() {
				continue
			}
			m, err := protocol.DecodeBody[T, P](e)
			if err != nil {
				a.t.Fatal(err)
			}
			return m
		case <-time.After(chatPatience):
			a.t.Fatal("the broker heard nothing")
		}
	}
}

func technicians(n uint32, text string) protocol.ChatLine {
	return protocol.ChatLine{N: n, From: protocol.ChatTechnician, Name: "Anna Bianchi", Text: text, At: time.Unix(1_000_000_000, 0), Key: fmt.Sprint("t", n)}
}

const chatTitle, openTitle = "Consento – chat", "Consento – open this page?"

// TestChatWithTheTechnician: a line opens the window, an answer is said once, what the broker
// refuses can be sent again, what was missed is asked for, and a link opens after a yes alone.
func TestChatWithTheTechnician(t *testing.T) {
	t.Parallel()
	a := talk(t, true, nil)
	if since := told[protocol.ChatSince](a); since.After != 0 {
		t.Errorf("asked behind %d", since.After)
	}
	a.gets(2, &protocol.Chat{Allowed: true})
	a.gets(0, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(1, "see https://example.org/a")}})
	a.until("the window", func() bool { return a.visible(chatTitle) })

	a.chat.write(t.Context(), " hello\u202e ", "")
	say := told[protocol.ChatSay](a)
	if say.Text != "hello" || say.Session != "" {
		t.Errorf("said %+v", say)
	}
	a.gets(3, &protocol.ChatSaid{Key: say.Key, Code: protocol.CodeThrottled})
	a.until("refused", func() bool { return a.entry(say.Key).state == entryFailed })
	a.chat.write(t.Context(), "", say.Key)
	if again := told[protocol.ChatSay](a); again != say {
		t.Errorf("said again %+v", again)
	}
	mine := protocol.ChatLine{N: 2, From: protocol.ChatCustomer, Text: say.Text, At: time.Unix(1_000_000_001, 0), Key: say.Key}
	a.gets(0, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{mine}})
	a.gets(0, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{mine}}) // twice
	if e := a.entry(say.Key); e.n != 2 || len(a.chat.entries) != 2 {
		t.Errorf("%+v of %d", e, len(a.chat.entries))
	}

	// Lines 3 and 4 were missed.
	a.gets(0, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(5, "five")}})
	if since := told[protocol.ChatSince](a); since.After != 2 {
		t.Errorf("asked behind %d", since.After)
	}
	a.gets(4, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(3, "three")}, More: true})
	if since := told[protocol.ChatSince](a); since.After != 3 {
		t.Errorf("asked behind %d", since.After)
	}
	a.gets(5, &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(5, "five")}}) // the broker was restarted
	if e := a.entry("t5"); e.gap != 1 || a.entry("t3").gap != 0 {
		t.Errorf("gap %d", e.gap)
	}

	// In doubt when the connection was lost, and the broker knows nothing of it.
	a.chat.write(t.Context(), "lost?", "")
	lost := told[protocol.ChatSay](a)
	a.chat.returned()
	told[protocol.ChatSince](a)
	a.gets(6, &protocol.Chat{Allowed: true})
	if e := a.entry(lost.Key); e.state != entryFailed {
		t.Errorf("%+v", e)
	}

	// The link stands behind field and button; the question's focus is at no.
	a.chat.show()
	a.keyboardAt(chatTitle)
	a.keys("Tab", "Tab", "space")
	a.keyboardAt(openTitle)
	select {
	case url := <-a.opened:
		t.Fatalf("%s opened by itself", url)
	default:
	}
	a.keys("Tab")
	a.until("answered", func() bool { // a yes counts only when it can have been read
		a.keys("Return")
		return !a.visible(openTitle)
	})
	select {
	case url := <-a.opened:
		if url != "https://example.org/a" {
			t.Errorf("opened %s", url)
		}
	case <-time.After(chatPatience):
		t.Fatal("not opened after a yes")
	}
}

// keyboardAt waits until the window with that title has the keyboard.
func (a *talking) keyboardAt(title string) {
	a.t.Helper()
	a.until("keyboard at "+title, func() bool {
		out, err := a.xdotool("getwindowfocus", "getwindowname")
		return err == nil && strings.TrimSpace(out) == title
	})
}

func (a *talking) keys(keys ...string) {
	a.t.Helper()
	if _, err := a.xdotool(append([]string{"key", "--delay", "50"}, keys...)...); err != nil {
		a.t.Fatal(err)
	}
}

func (a *talking) entry(key string) chatEntry {
	a.chat.mu.Lock()
	defer a.chat.mu.Unlock()
	for _, e := range a.chat.entries {
		if e.key == key {
			return e
		}
	}
	return chatEntry{}
}

// TestHostileChat: a broker that was told that there is no chat, or whose recording is not
// proven, shows nothing and hears nothing, and one that floods is bounded.
func TestHostileChat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed bool
		proof   error
		line    *protocol.Chat
	}{
		"not allowed": {false, nil, &protocol.Chat{Lines: []protocol.ChatLine{technicians(1, "psst")}}},
		"not proven":  {true, errors.New("no proof"), &protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(1, "psst")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := talk(t, c.allowed, c.proof)
			if c.proof != nil {
				a.until("given up", func() bool { return !a.chat.possible() })
			}
			a.gets(0, c.line)
			a.chat.show()
			a.chat.write(t.Context(), "hello", "")
			a.chat.mu.Lock()
			last := a.chat.entries[len(a.chat.entries)-1]
			a.chat.mu.Unlock()
			if last.state != entryFailed || last.why != protocol.CodeNotAllowed {
				t.Errorf("%+v", last)
			}
			a.chat.close() // whatever it would have done is done
			if a.visible(chatTitle) {
				t.Error("there is a window")
			}
			select {
			case e := <-a.heard:
				t.Errorf("the broker heard %s", e.Type)
			default:
			}
		})
	}
	t.Run("flood", func(t *testing.T) {
		t.Parallel()
		a := talk(t, true, nil)
		for n := uint32(1); n < 3*maxChatHeld; {
			m := &protocol.Chat{Allowed: true}
			for range 50 {
				m.Lines = append(m.Lines, technicians(n, strings.Repeat("https://a.example/ ", 20)))
				n++
			}
			a.gets(0, m)
		}
		a.chat.mu.Lock()
		defer a.chat.mu.Unlock()
		if n := len(a.chat.entries); n != maxChatHeld {
			t.Errorf("%d lines", n)
		}
	})
}

package run

import (
	"context"
	"image"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"consento/agent/internal/capture"
	"consento/agent/internal/link"
	"consento/agent/internal/ui"
	"consento/agent/internal/xtest"
	"consento/protocol"
	"consento/protocol/lang"
)

// attended is a session on a real display with a broker that only listens.
type attended struct {
	*Session
	t       testing.TB
	display string
	heard   chan protocol.Envelope
	opened  chan string // links
}

// joined is a session that shows nothing yet.
func joined(t testing.TB, width, height int) *attended {
	t.Helper()
	a := &attended{t: t, display: xtest.Server(t, width, height), heard: make(chan protocol.Envelope, 100), opened: make(chan string, 10)}
	windows, err := ui.Open(ui.Config{Display: a.display, Toolkit: ui.Drawn, OpenLink: func(url string) error { a.opened <- url; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(windows.Close)
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	a.Session = &Session{Config: Config{UI: windows, Display: a.display, Log: slog.New(slog.DiscardHandler)}, Texts: catalog.Match("en"), link: listener(t, a.heard)}
	a.joined.Technician = protocol.Person{Name: "Anna Bianchi"}
	return a
}

// attend is a session that shows its screen.
func attend(t testing.TB) *attended {
	t.Helper()
	a := joined(t, 800, 600)
	a.tools, a.sharing = newTools(), &sharing{screen: newScreen(capture.NewCovers())}
	a.sharing.what.source, a.sharing.what.size = protocol.SourceDesktop, image.Pt(800, 600)
	bar, err := a.UI.Bar(a.barText())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bar.Close)
	ended := bar.Ended()
	a.bar = bar
	a.tools.ended.Store(&ended)
	a.tools.size.Store(&image.Point{X: 800, Y: 600})
	t.Cleanup(a.tools.stop)
	return a
}

// listener is a link to a broker that only listens.
func listener(t testing.TB, heard chan<- protocol.Envelope) *link.Link {
	t.Helper()
	return dialed(t, func(ctx context.Context, ws *websocket.Conn) {
		if tells(ctx, ws, &greeting) != nil {
			return
		}
		for {
			_, data, err := ws.Read(ctx)
			if err != nil {
				return
			}
			if e, err := protocol.DecodeEnvelope(data); err == nil && e.Type != "hello" {
				heard <- e
			}
		}
	})
}

var greeting = protocol.Hello{Version: protocol.CurrentVersion(), Software: "test"}

// dialed is a link to a broker that does so with each connection.
func dialed(t testing.TB, serve func(context.Context, *websocket.Conn)) *link.Link {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.SubprotocolAgent}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		serve(r.Context(), ws)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(func() { server.Client().CloseIdleConnections(); server.Close() })
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := link.Dial(t.Context(), server.Client(), address, greeting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// tells is the broker's side of a link.
func tells(ctx context.Context, ws *websocket.Conn, m protocol.Message) error {
	data, err := protocol.Encode(1, 0, m)
	if err != nil {
		return err
	}
	return ws.Write(ctx, websocket.MessageText, data)
}

// from is a message of the broker's, an answer to ref where that is not 0.
func from(t testing.TB, ref uint64, m protocol.Message) protocol.Envelope {
	t.Helper()
	data, err := protocol.Encode(9, ref, m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := protocol.DecodeEnvelope(data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// gets has the agent take a message of the broker's.
func (a *attended) gets(m protocol.Message) {
	a.t.Helper()
	a.answers(0, m)
}

// answers is gets of an answer.
func (a *attended) answers(ref uint64, m protocol.Message) {
	a.t.Helper()
	if over := a.incoming(a.t.Context(), from(a.t, ref, m)); over != nil {
		a.t.Fatalf("%s ended the session: %+v", m.MessageType(), *over)
	}
}

// message is a type of message, whose pointer has the methods.
type message[T any] interface {
	*T
	protocol.Message
}

// told waits for the next message of a type that the broker hears.
func told[T any, P message[T]](a *attended) T {
	a.t.Helper()
	for {
		if e := a.hears(); e.Type == P(new(T)).MessageType() {
			return decoded[T, P](a, e)
		}
	}
}

// next is told, with nothing else before it.
func next[T any, P message[T]](a *attended) T {
	a.t.Helper()
	return decoded[T, P](a, a.hears())
}

func decoded[T any, P message[T]](a *attended, e protocol.Envelope) T {
	a.t.Helper()
	m, err := protocol.DecodeBody[T, P](e)
	if err != nil || e.Type != P(&m).MessageType() {
		a.t.Fatalf("the broker heard %s, %v", e.Type, err)
	}
	return m
}

func (a *attended) hears() protocol.Envelope {
	a.t.Helper()
	select {
	case e := <-a.heard:
		return e
	case <-time.After(xtest.Patience):
		a.t.Fatal("the broker heard nothing")
	}
	return protocol.Envelope{}
}

// said waits for the next answer that the broker hears.
func (a *attended) said() protocol.ConsentAnswer {
	a.t.Helper()
	return next[protocol.ConsentAnswer](a)
}

// press has the customer press keys in the window that has the keyboard, until the
// question is answered.
func (a *attended) press(keys ...string) *ending {
	a.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(xtest.Patience)
	for {
		select {
		case answer := <-a.tools.answers:
			over := a.answered(a.t.Context(), answer)
			if over == nil && a.tools.asking != nil {
				continue // of a question that was withdrawn
			}
			return over
		case <-tick.C:
			a.keys(keys...)
		case <-limit:
			a.t.Fatal("no answer")
		}
	}
}

// agrees has the customer say yes to the question that is asked.
func (a *attended) agrees(p protocol.Permission) {
	a.t.Helper()
	if over := a.press("Tab", "Return", "shift+Tab"); over != nil { // until a yes counts
		a.t.Fatalf("%+v", over)
	}
	if said := a.said(); said.State != protocol.ConsentGiven || said.Permission != p {
		a.t.Fatalf("said %+v", said)
	}
	if a.tools.open[p] != nil {
		a.t.Fatal("open before it is on the evidence")
	}
}

// takesBack has the customer close a tool.
func (a *attended) takesBack(p protocol.Permission) {
	a.t.Helper()
	if over := a.closeTool(a.t.Context(), a.bar, p, protocol.CauseCustomer); over != nil {
		a.t.Fatalf("%+v", over)
	}
	if said := a.said(); said.State != protocol.ConsentWithdrawn || said.Permission != p || said.Cause != protocol.CauseCustomer {
		a.t.Errorf("said %+v", said)
	}
}

// xdotool does something on the customer's display and returns the first line that
// it prints.
func (a *attended) xdotool(args ...string) (string, error) {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = append(os.Environ(), "DISPLAY="+a.display)
	out, err := cmd.Output()
	line, _, _ := strings.Cut(string(out), "\n")
	return line, err
}

// keys are pressed one after the other.
func (a *attended) keys(keys ...string) {
	a.t.Helper()
	if _, err := a.xdotool(append([]string{"key", "--delay", "50"}, keys...)...); err != nil {
		a.t.Fatal(err)
	}
}

// visible tells whether a window with that title is on the screen.
func (a *attended) visible(title string) bool {
	id, err := a.xdotool("search", "--onlyvisible", "--name", "^"+regexp.QuoteMeta(title)+"$")
	return err == nil && id != ""
}

// keyboardAt waits until the window with that title has the keyboard.
func (a *attended) keyboardAt(title string) {
	a.t.Helper()
	until(a.t, "keyboard at "+title, func() bool {
		name, err := a.xdotool("getwindowfocus", "getwindowname")
		return err == nil && name == title
	})
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	xtest.Until(t, what, ok)
}

func ask(epoch uint32) *protocol.ConsentAsk { return askFor(protocol.Control, epoch) }

func askFor(p protocol.Permission, epoch uint32) *protocol.ConsentAsk {
	return &protocol.ConsentAsk{Permission: p, Epoch: epoch, Technician: protocol.Person{Name: "Anna Bianchi"}}
}

func recorded(epoch uint32) *protocol.ConsentRecorded {
	return recordedFor(protocol.Control, epoch)
}

func recordedFor(p protocol.Permission, epoch uint32) *protocol.ConsentRecorded {
	return &protocol.ConsentRecorded{Permission: p, Epoch: epoch}
}

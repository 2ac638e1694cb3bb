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
	"slices"
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

const patience = 60 * time.Second

// attended is a session that shows its screen, on a real display, to a broker that
// listens.
type attended struct {
	*Session
	t       *testing.T
	display string
	heard   chan protocol.Envelope
}

func attend(t *testing.T) *attended {
	t.Helper()
	a := &attended{t: t, display: xtest.Server(t, 800, 600), heard: make(chan protocol.Envelope, 100)}
	windows, err := ui.Open(ui.Config{Display: a.display, Toolkit: ui.Drawn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(windows.Close)
	catalog, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	english := catalog.Match("en")
	a.Session = &Session{Config: Config{UI: windows, Display: a.display, Log: slog.New(slog.DiscardHandler)}, Texts: english, tools: newTools(),
		link: listener(t, a.heard), sharing: &sharing{screen: newScreen()}}
	a.joined.Technician = protocol.Person{Name: "Anna Bianchi"}
	a.sharing.what.source, a.sharing.what.size = protocol.SourceDesktop, image.Pt(800, 600)
	bar, err := windows.Bar(a.barText())
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
func listener(t *testing.T, heard chan<- protocol.Envelope) *link.Link {
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

// from is a message of the broker's.
func from(t *testing.T, m protocol.Message) protocol.Envelope {
	t.Helper()
	data, err := protocol.Encode(9, 0, m)
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
	if over := a.incoming(a.t.Context(), from(a.t, m)); over != nil {
		a.t.Fatalf("%s ended the session: %+v", m.MessageType(), *over)
	}
}

// said waits for the next answer that the broker hears.
func (a *attended) said() protocol.ConsentAnswer {
	a.t.Helper()
	select {
	case e := <-a.heard:
		m, err := protocol.DecodeBody[protocol.ConsentAnswer](e)
		if err != nil || e.Type != m.MessageType() {
			a.t.Fatalf("the broker heard %s, %v", e.Type, err)
		}
		return m
	case <-time.After(patience):
		a.t.Fatal("the broker heard nothing")
	}
	return protocol.ConsentAnswer{}
}

// press has the customer press keys in the window that has the keyboard, until the
// question is answered.
func (a *attended) press(keys ...string) *ending {
	a.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		select {
		case answer := <-a.tools.answers:
			over := a.answered(a.t.Context(), answer)
			if over == nil && a.tools.asking != nil {
				continue // of a question that was withdrawn
			}
			return over
		case <-tick.C:
			cmd := exec.Command("xdotool", append([]string{"key"}, keys...)...)
			cmd.Env = append(os.Environ(), "DISPLAY="+a.display)
			if out, err := cmd.CombinedOutput(); err != nil {
				a.t.Fatalf("xdotool: %v %s", err, out)
			}
		case <-limit:
			a.t.Fatal("no answer")
		}
	}
}

func ask(epoch uint32) *protocol.ConsentAsk {
	return &protocol.ConsentAsk{Permission: protocol.Control, Epoch: epoch, Technician: protocol.Person{Name: "Anna Bianchi"}}
}

func recorded(epoch uint32) *protocol.ConsentRecorded {
	return &protocol.ConsentRecorded{Permission: protocol.Control, Epoch: epoch}
}

// click is input as the broker sends it.
func click(epoch uint32) []byte {
	data, _ := protocol.Input{Epoch: epoch, Width: 800, Height: 600, Acts: []protocol.InputAct{{Kind: protocol.InputMove, X: 400, Y: 500}}}.Encode()
	return data
}

// TestNoBrokerOpensATool: what a broker says opens nothing without the customer's yes
// to that very question.
func TestNoBrokerOpensATool(t *testing.T) {
	t.Parallel()
	a := attend(t)
	given := []protocol.Consent{{Permission: protocol.Control, State: protocol.ConsentGiven, Epoch: 7}}
	try := func(when string) {
		t.Helper()
		for _, epoch := range []uint32{0, 1, 7, 8} {
			a.gets(recorded(epoch))
			a.tools.input(click(epoch + 1))
		}
		if a.tools.asking == nil { // else a list that says otherwise closes the question
			if over := a.reconcile(t.Context(), a.bar, given); over != nil {
				t.Fatalf("%+v", over)
			}
		}
		if a.tools.open[protocol.Control] != nil || a.tools.gate.Load() != nil || len(a.tools.allowed()) > 0 {
			t.Fatalf("%s: control is open", when)
		}
	}
	try("unasked")
	a.gets(ask(7))
	try("while it is asked")
	if over := a.press("Escape"); over != nil {
		t.Fatalf("%+v", over)
	}
	if said := a.said(); said.State != protocol.ConsentRefused || said.Epoch != 7 || said.Cause != protocol.CauseCustomer {
		t.Errorf("said %+v", said)
	}
	try("after a no")
	for { // each time it says no again
		select {
		case e := <-a.heard:
			if m, err := protocol.DecodeBody[protocol.ConsentAnswer](e); err != nil || m.State != protocol.ConsentRefused {
				t.Errorf("said %+v, %v", m, err)
			}
			continue
		default:
		}
		break
	}
	a.gets(&protocol.ConsentAsk{Permission: protocol.Clipboard, Epoch: 9, Technician: ask(1).Technician})
	for {
		if said := a.said(); said.Permission == protocol.Clipboard {
			if said.State != protocol.ConsentRefused || said.Cause != protocol.CauseUnable {
				t.Errorf("of a tool that there is not: %+v", said)
			}
			break
		}
	}
}

// TestControlByConsent: a yes after the time to read, recorded, opens control; it is
// taken back at once, and what comes later is nothing.
func TestControlByConsent(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.gets(ask(2))
	if over := a.press("Tab", "Return", "shift+Tab"); over != nil { // until a yes counts
		t.Fatalf("%+v", over)
	}
	if said := a.said(); said.State != protocol.ConsentGiven || said.Epoch != 2 {
		t.Fatalf("said %+v", said)
	}
	if a.tools.open[protocol.Control] != nil {
		t.Fatal("open before it is on the evidence")
	}
	a.gets(recorded(2))
	if a.tools.open[protocol.Control] == nil || !slices.Equal(a.tools.allowed(), []protocol.Permission{protocol.Control}) {
		t.Fatal("not open")
	}
	if text := a.barText(); text.TakeBack == "" || text.Allowed != "Allowed: Mouse and keyboard" {
		t.Errorf("the bar says %+v", text)
	}
	a.gets(ask(2)) // once more, after a lost connection: the same answer
	if said := a.said(); said.State != protocol.ConsentGiven || said.Epoch != 2 {
		t.Errorf("said %+v", said)
	}
	if over := a.takeBack(t.Context(), a.bar); over != nil {
		t.Fatalf("%+v", over)
	}
	if a.tools.open[protocol.Control] != nil || a.tools.gate.Load() != nil || a.barText().TakeBack != "" {
		t.Error("still open")
	}
	if said := a.said(); said.State != protocol.ConsentWithdrawn || said.Cause != protocol.CauseCustomer {
		t.Errorf("said %+v", said)
	}
	a.gets(recorded(2))
	if a.tools.open[protocol.Control] != nil {
		t.Error("a late word of the broker's opened it again")
	}
}

// stopped is a tool that says when it was closed.
type stopped struct{ by *[]protocol.Permission }

func (s stopped) close() { *s.by = append(*s.by, protocol.Clipboard) }

// TestTakeBackAsksWhich: of two things the customer takes one back, and the other
// stays; from one alone it is taken without a question.
func TestTakeBackAsksWhich(t *testing.T) {
	t.Parallel()
	a := attend(t)
	yes := func(p protocol.Permission, epoch uint32) {
		a.tools.said[p] = protocol.ConsentAnswer{Permission: p, State: protocol.ConsentGiven, Epoch: epoch}
	}
	var closed []protocol.Permission
	yes(protocol.Control, 2)
	a.gets(recorded(2))
	yes(protocol.Clipboard, 3)
	a.tools.open[protocol.Clipboard] = stopped{&closed}
	answer := func(keys ...string) {
		t.Helper()
		before := len(closed)
		if over := a.takeBack(t.Context(), a.bar); over != nil {
			t.Fatalf("%+v", over)
		}
		if over := a.takeBack(t.Context(), a.bar); over != nil || len(closed) > before { // pressed twice: asked once
			t.Fatalf("%+v, %v", over, closed)
		}
		var dialog string
		until(t, "the question has the keyboard", func() bool {
			dialog, _ = a.xdotool("search", "--onlyvisible", "--name", "take back")
			focus, err := a.xdotool("getwindowfocus")
			return err == nil && dialog != "" && focus == dialog
		})
		if _, err := a.xdotool(append([]string{"key"}, keys...)...); err != nil {
			t.Fatal(err)
		}
		until(t, "answered", func() bool {
			select {
			case list := <-a.tools.taken:
				if over := a.takenBack(t.Context(), a.bar, list); over != nil {
					t.Fatalf("%+v", over)
				}
				return true
			default:
				_, _ = a.xdotool("key", keys[len(keys)-1]) // a yes counts a moment after it came up
				return false
			}
		})
		until(t, "the question is closed", func() bool { return !a.UI.Asking() })
	}
	answer("Escape")
	if got := a.tools.allowed(); len(got) != 2 || len(closed) > 0 {
		t.Fatalf("after a no: %v are open", got)
	}
	answer("Tab", "Tab", "Down", "Down", "shift+Tab", "Return")
	if !slices.Equal(a.tools.allowed(), []protocol.Permission{protocol.Control}) || len(closed) != 1 {
		t.Fatalf("%v are open, %v closed", a.tools.allowed(), closed)
	}
	if said := a.said(); said.Permission != protocol.Clipboard || said.State != protocol.ConsentWithdrawn || said.Epoch != 3 || said.Cause != protocol.CauseCustomer {
		t.Errorf("said %+v", said)
	}
	yes(protocol.Clipboard, 4)
	a.tools.open[protocol.Clipboard] = stopped{&closed}
	answer("Tab", "Return") // everything
	if got := a.tools.allowed(); len(got) > 0 || a.tools.gate.Load() != nil {
		t.Errorf("%v are open", got)
	}
	for range 2 {
		if said := a.said(); said.State != protocol.ConsentWithdrawn || said.Cause != protocol.CauseCustomer {
			t.Errorf("said %+v", said)
		}
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

// TestTheBrokerTakesAQuestionBack: the dialog closes, and nobody answers it.
func TestTheBrokerTakesAQuestionBack(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.gets(ask(2))
	until(t, "asked", a.UI.Asking)
	a.gets(&protocol.ConsentEnded{Permission: protocol.Control, Epoch: 2, Cause: protocol.CauseTechnician})
	until(t, "closed", func() bool { return !a.UI.Asking() })
	if a.tools.asking != nil {
		t.Error("it is still asked")
	}
	a.gets(ask(3)) // the next one is another question
	until(t, "asked again", a.UI.Asking)
	if over := a.press("Escape"); over != nil {
		t.Fatalf("%+v", over)
	}
	if said := a.said(); said.Epoch != 3 || said.State != protocol.ConsentRefused {
		t.Errorf("said %+v", said)
	}
}

// TestReturnedAgent: after a lost connection both sides come to the same, and never to
// more than the customer's last word.
func TestReturnedAgent(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.tools.last = 2
	list := func(state protocol.ConsentState, epoch uint32) []protocol.Consent {
		return []protocol.Consent{{Permission: protocol.ViewScreen, State: protocol.ConsentGiven, Epoch: 1}, {Permission: protocol.Control, State: state, Epoch: epoch}}
	}
	word := func(state protocol.ConsentState) {
		a.tools.said[protocol.Control] = protocol.ConsentAnswer{Permission: protocol.Control, State: state, Epoch: 2}
	}
	for name, c := range map[string]struct {
		mine, theirs protocol.ConsentState
		epoch        uint32
		open, again  bool
	}{
		"the yes was not heard":              {protocol.ConsentGiven, protocol.ConsentAsked, 2, false, true},
		"its recording was not heard":        {protocol.ConsentGiven, protocol.ConsentGiven, 2, true, false},
		"the withdrawal was not heard":       {protocol.ConsentWithdrawn, protocol.ConsentGiven, 2, false, true},
		"the broker withdrew":                {protocol.ConsentGiven, protocol.ConsentWithdrawn, 2, false, false},
		"the broker forgot":                  {protocol.ConsentGiven, "", 0, false, false},
		"another question was asked already": {protocol.ConsentGiven, protocol.ConsentAsked, 3, false, false},
		"another yes that nobody gave":       {protocol.ConsentGiven, protocol.ConsentGiven, 3, false, false},
	} {
		word(c.mine)
		if over := a.reconcile(t.Context(), a.bar, list(c.theirs, c.epoch)); over != nil {
			t.Fatalf("%s: %+v", name, over)
		}
		if open := a.tools.open[protocol.Control] != nil; open != c.open {
			t.Errorf("%s: open %v", name, open)
		}
		if c.again {
			if said := a.said(); said.State != c.mine || said.Epoch != 2 {
				t.Errorf("%s: said %+v", name, said)
			}
		}
		a.shut(a.bar, protocol.Control)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// FuzzInput: whatever comes on the channel, nothing opens and nothing falls over.
func FuzzInput(f *testing.F) {
	f.Add(click(2))
	f.Add([]byte(`{"epoch":2,"acts":[{"kind":"release"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tools := newTools()
		tools.input(data)
		if tools.gate.Load() != nil {
			t.Error("open")
		}
	})
}

package run

import (
	"context"
	"slices"
	"testing"

	"consento/protocol"
)

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
	a.gets(askFor(protocol.SendClipboard, 9))
	for {
		if said := a.said(); said.Permission == protocol.SendClipboard {
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

func (s stopped) close() { *s.by = append(*s.by, protocol.SendClipboard) }

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
	yes(protocol.SendClipboard, 3)
	a.tools.open[protocol.SendClipboard] = stopped{&closed}
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
	if said := a.said(); said.Permission != protocol.SendClipboard || said.State != protocol.ConsentWithdrawn || said.Epoch != 3 || said.Cause != protocol.CauseCustomer {
		t.Errorf("said %+v", said)
	}
	yes(protocol.SendClipboard, 4)
	a.tools.open[protocol.SendClipboard] = stopped{&closed}
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

// FuzzConsents: whatever a broker says of consents, chat and system information, in
// whatever order, nothing opens that the customer did not allow.
func FuzzConsents(f *testing.F) {
	a, ctx := attend(f), f.Context()
	a.joined.Chat = true
	a.startChatWith(ctx, func(context.Context) error { return nil })
	f.Cleanup(a.chat.close)
	go func() {
		for {
			select {
			case <-a.heard: // what it answers is looked at elsewhere
			case <-ctx.Done():
				return
			}
		}
	}()
	files := askFor(protocol.SendFiles, 3)
	files.Files = &protocol.FileLimits{File: 5 << 20, Total: 6 << 20}
	for _, m := range []protocol.Message{ask(2), recorded(2), &protocol.ConsentEnded{Permission: protocol.Control, Epoch: 2, Cause: protocol.CauseTechnician}, files,
		recordedFor(protocol.SendFiles, 3), askFor(protocol.Shell, 4), recordedFor(protocol.Shell, 4), recordedFor(protocol.SystemInfo, 4), &protocol.SystemRead{Epoch: 4, Snapshot: 1, Sections: protocol.Sections()},
		&protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{technicians(1, "https://example.org")}}, &protocol.ChatSaid{Key: "k", N: 1}} {
		e := from(f, 0, m)
		f.Add(e.Type, uint64(0), []byte(e.Body))
	}
	f.Fuzz(func(t *testing.T, kind string, ref uint64, body []byte) {
		switch kind {
		case "consent_ask", "consent_recorded", "consent_ended", "chat", "chat_said", "system_read", "system_watch":
		default:
			return // not of a tool
		}
		a.incoming(ctx, protocol.Envelope{V: 1, Type: kind, ID: 1, Ref: ref, Body: body})
		if len(a.tools.open) > 0 || a.tools.gate.Load() != nil || a.tools.line.terminal.Load() != nil || len(a.tools.parcels.open) > 0 || a.tools.system(4) != nil {
			t.Fatalf("%v are open", a.tools.allowed())
		}
	})
}

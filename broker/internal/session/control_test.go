package session

import (
	"fmt"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// sit has a console watch, without a picture of its own.
func (p *play) sit(t testing.TB) *View {
	t.Helper()
	v := &View{name: full.Name, team: full.Team, account: full.ID}
	p.on(t, func(s *session) { v.session = s; s.viewers[v] = struct{}{} })
	return v
}

// say sends input from a console, and waits until the session has dealt with it.
func (p *play) say(t testing.TB, v *View, m protocol.Input) {
	t.Helper()
	data, err := m.Encode()
	v.input(must(data, err)(t))
	p.on(t, func(*session) {})
}

func press(epoch uint32, acts ...protocol.InputAct) protocol.Input {
	return protocol.Input{Epoch: epoch, Width: 640, Height: 480, Acts: acts}
}

// TestInputIsOnTheEvidence before it goes out, letter by letter, but for mere moves;
// for people it is counted.
func TestInputIsOnTheEvidence(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control)
	v := p.sit(t)
	click := []protocol.InputAct{{Kind: protocol.InputMove, X: 5, Y: 6}, {Kind: protocol.InputButton, X: 5, Y: 6, Button: 1, Down: true}, {Kind: protocol.InputButton, X: 5, Y: 6, Button: 1}}
	p.say(t, v, press(2, click...)) // before there is any yes
	epoch := p.allow(t, protocol.Control)
	p.say(t, v, press(epoch-1, click...))
	p.say(t, v, press(epoch+1, click...))
	p.say(t, v, press(epoch, click...))
	p.say(t, v, press(epoch, protocol.InputAct{Kind: protocol.InputMove, X: 1, Y: 1}))
	p.say(t, v, press(epoch))
	p.say(t, v, press(epoch, protocol.InputAct{Kind: protocol.InputText, Text: "però"}, protocol.InputAct{Kind: protocol.InputKey, Code: "Enter", Down: true},
		protocol.InputAct{Kind: protocol.InputKey, Code: "Enter"}, protocol.InputAct{Kind: protocol.InputWheel, DY: 120}))
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	p.say(t, v, press(epoch, click...))
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentWithdrawn, Epoch: epoch}))(t)
	p.say(t, v, press(epoch, click...))
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)

	input, _ := e.read(t, p.id, recordings.TrackInput)
	var acts []any
	for _, x := range input {
		if x.Code == protocol.EventControlInput {
			if x.Data["epoch"] != float64(epoch) || x.Data["width"] != 640.0 {
				t.Errorf("%+v", x)
			}
			acts = append(acts, x.Data["acts"].([]any)...)
		}
	}
	var kinds []string
	for _, a := range acts {
		kinds = append(kinds, a.(map[string]any)["kind"].(string))
	}
	if want := "[button button text key key wheel]"; len(kinds) != 6 || want != fmt.Sprint(kinds) {
		t.Errorf("on the evidence: %v", kinds)
	}
	list, _ := e.events(t, p.id)
	counted := find(list, protocol.EventControlUsed)
	if counted == nil || counted.Data["clicks"] != 1.0 || counted.Data["characters"] != 4.0 || counted.Data["keys"] != 1.0 || counted.Data["wheel"] != 1.0 {
		t.Fatalf("counted %+v", counted)
	}
	if withdrawn := find(list, protocol.EventConsentWithdrawn); withdrawn == nil || withdrawn.index < counted.index {
		t.Error("what was done is counted after its end")
	}
}

// TestInputOfOneConsole at a time: another window takes over when the first is silent
// or gone.
func TestInputOfOneConsole(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control)
	first, second := p.sit(t), p.sit(t)
	epoch := p.allow(t, protocol.Control)
	controls := func() (v *View) { p.on(t, func(s *session) { v = s.tools.control.view }); return v }
	p.say(t, first, press(epoch))
	p.say(t, second, press(epoch))
	if controls() != first {
		t.Error("the second took control from the first")
	}
	p.on(t, func(s *session) { s.tools.control.heard = time.Now().Add(-protocol.InputSilence) })
	p.say(t, second, press(epoch))
	if controls() != second {
		t.Error("a silent console keeps control")
	}
	p.on(t, func(s *session) { delete(s.viewers, second); s.leftControl(second) })
	p.say(t, second, press(epoch))
	if controls() != nil {
		t.Error("a console that is gone controls")
	}
	p.say(t, first, press(epoch))
	if controls() != first {
		t.Error("nobody controls")
	}
}

// TestMisuse: a console that sends nonsense, or too much, loses control.
func TestMisuse(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(*View, uint32){
		"nonsense":   func(v *View, _ uint32) { v.input([]byte(`{"epoch":`)) },
		"no message": func(v *View, _ uint32) { v.input(nil) },
		"a key that does not exist": func(v *View, epoch uint32) {
			v.input([]byte(`{"epoch":2,"acts":[{"kind":"key","code":"Power","down":true}]}`))
		},
		"too much": func(v *View, epoch uint32) {
			data, _ := press(epoch).Encode()
			for range 3 * maxInputBurst {
				v.input(data)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, allowAll)
			p := e.showing(t, full, protocol.Control)
			v := p.sit(t)
			say(v, 0) // without a yes it is nothing
			p.on(t, func(*session) {})
			epoch := p.allow(t, protocol.Control)
			say(v, epoch)
			p.on(t, func(*session) {})
			if c := p.consent(t, protocol.Control); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseMisuse {
				t.Errorf("%+v", c)
			}
			if _, err := p.e.m.RequestConsent(t.Context(), full, protocol.ConsentRequest{Session: p.id, Permission: protocol.Control}); err != nil {
				t.Errorf("it cannot be asked for again: %v", err)
			}
			must(0, e.m.End(t.Context(), full, p.id))(t)
		})
	}
}

// TestBlock: what the agent says is shown, once for each change, and only of the
// present consent.
func TestBlock(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Control)
	epoch := p.allow(t, protocol.Control)
	say := func(epoch uint32, b protocol.Block) {
		t.Helper()
		must(0, p.agent.Control(t.Context(), protocol.ControlState{Epoch: epoch, Block: b}))(t)
	}
	say(epoch-1, protocol.BlockDialog)
	if b := p.state(t).Block; b != "" {
		t.Errorf("of another consent: %q", b)
	}
	say(epoch, protocol.BlockCustomer)
	say(epoch, protocol.BlockCustomer)
	if b := p.state(t).Block; b != protocol.BlockCustomer {
		t.Errorf("block %q", b)
	}
	say(epoch, "")
	p.on(t, func(s *session) { s.tools.control.blocks = maxBlocks })
	say(epoch, protocol.BlockBusy)
	if b := p.state(t).Block; b != "" {
		t.Errorf("without end: %q", b)
	}
	must(0, e.m.End(t.Context(), full, p.id))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
	list, _ := e.events(t, p.id)
	n := 0
	for _, x := range list {
		if x.Code == protocol.EventControlState {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d changes on the evidence", n)
	}
}

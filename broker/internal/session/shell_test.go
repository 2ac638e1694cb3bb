package session

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// window is a console's end of a terminal: what the broker sends to it.
type window struct {
	*View
	p    *play
	list []protocol.Terminal
	deaf bool
}

func (w *window) SendTerminal(data []byte) bool {
	if w.deaf {
		return false
	}
	m, err := protocol.DecodeTerminal(data)
	if err != nil {
		panic(err)
	}
	w.list = append(w.list, m)
	return true
}

func (p *play) window(t testing.TB) *window {
	t.Helper()
	w := &window{View: p.sit(t), p: p}
	p.on(t, func(*session) { w.out = w })
	return w
}

// type sends what a console says, and waits until the session has dealt with it.
func (w *window) say(t testing.TB, m protocol.Terminal) {
	t.Helper()
	data, err := m.Encode()
	w.terminal(must(data, err)(t))
	w.p.on(t, func(*session) {})
}

// tell is what the agent says of a terminal.
func (p *play) tell(t testing.TB, m protocol.Terminal) {
	t.Helper()
	data := must(m.Encode())(t)
	p.on(t, func(s *session) { s.fromAgent(data) })
}

// started begins a shell and returns its consent's epoch.
func (w *window) started(t testing.TB) uint32 {
	t.Helper()
	epoch := w.p.allow(t, protocol.Shell)
	w.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch})
	w.say(t, protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 1, Cols: 80, Rows: 24})
	w.p.tell(t, protocol.Terminal{Kind: protocol.TerminalStarted, Epoch: epoch, Run: 1, Cols: 80, Rows: 24, Program: "/bin/bash"})
	return epoch
}

// cast is what the evidence has of the shell, by code.
func (e *env) cast(t testing.TB, p *play) (header string, events [][2]string) {
	t.Helper()
	s := e.opens(t, e.path(p.id))
	defer s.Close()
	_, err := s.Read(recordings.ScanOptions{LogKeys: []ed25519.PublicKey{e.logKey.Public().(ed25519.PublicKey)}}, func(i recordings.Item) error {
		for line := range strings.Lines(string(i.Body)) {
			if strings.HasPrefix(line, "{") {
				header += line
				continue
			}
			var event []any
			if err := json.Unmarshal([]byte(line), &event); err != nil || len(event) != 3 {
				t.Fatalf("%q: %v", line, err)
			}
			events = append(events, [2]string{event[1].(string), event[2].(string)})
		}
		return nil
	}, recordings.TrackShell)
	must(0, err)(t)
	return header, events
}

// finish ends a session and waits until its recording is closed.
func (p *play) finish(t testing.TB) {
	t.Helper()
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	p.closed(t)
}

// TestShellIsOnTheEvidence: what was typed and put out, but for what the terminal
// hides; used, ended, and nothing after the consent's end.
func TestShellIsOnTheEvidence(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell)
	w := p.window(t)
	early := func(epoch uint32) {
		w.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch})
		w.say(t, protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 1, Cols: 80, Rows: 24})
	}
	early(2) // before there is any yes
	epoch := w.started(t)
	in := func(text string) {
		w.say(t, protocol.Terminal{Kind: protocol.TerminalInput, Epoch: epoch, Run: 1, Text: text})
	}
	at := uint64(0)
	out := func(text string) {
		p.tell(t, protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: epoch, Run: 1, At: at, Text: text})
		at += uint64(len(text))
	}
	echo := func(hidden bool) {
		p.tell(t, protocol.Terminal{Kind: protocol.TerminalEcho, Epoch: epoch, Run: 1, Hidden: hidden})
	}
	out("$ ")
	in("sudo è\r")
	echo(true)
	out("Password: ")
	in("geh")
	in("eim\r")
	echo(false)
	in("ls\r")
	w.say(t, protocol.Terminal{Kind: protocol.TerminalSize, Epoch: epoch, Run: 1, Cols: 100, Rows: 30})
	in2 := protocol.Terminal{Kind: protocol.TerminalInput, Epoch: epoch - 1, Run: 1, Text: "old"}
	w.say(t, in2)
	in2.Epoch, in2.Run = epoch, 2
	w.say(t, in2)
	w.say(t, protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 2, Cols: 80, Rows: 24}) // while the first runs
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	in("paused")
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	must(0, p.agent.AnswerConsent(t.Context(), protocol.ConsentAnswer{Permission: protocol.Shell, State: protocol.ConsentWithdrawn, Epoch: epoch, Cause: protocol.CauseCustomer}))(t)
	in("late")
	out("late")
	seen := len(w.list)
	early(epoch)
	if len(w.list) != seen {
		t.Error("something is shown after the end")
	}
	p.finish(t)

	header, events := e.cast(t, p)
	if !strings.Contains(header, `"command":"/bin/bash"`) || strings.Count(header, "\n") != 1 {
		t.Errorf("header %s", header)
	}
	want := [][2]string{{"o", "$ "}, {"i", "sudo è\r"}, {"o", "Password: "}, {"m", "not shown by the terminal and not recorded: what is typed now"}, {"i", "ls\r"}, {"r", "100x30"}}
	if fmt.Sprint(events) != fmt.Sprint(want) {
		t.Errorf("on the evidence %q", events)
	}
	var shown strings.Builder
	for _, m := range w.list {
		shown.WriteString(m.Text)
	}
	if shown.String() != "$ Password: " {
		t.Errorf("shown %q", shown.String())
	}
	list, _ := e.events(t, p.id)
	began, used, ended, withdrawn := find(list, protocol.EventShellStarted), find(list, protocol.EventShellUsed), find(list, protocol.EventShellEnded), find(list, protocol.EventConsentWithdrawn)
	if began == nil || used == nil || ended == nil || withdrawn == nil {
		t.Fatal("not on the log")
	}
	if used.Data["lines"] != 3.0 || used.Data["characters"] != 17.0 || used.Data["output"] != 12.0 || ended.Data["stopped"] != true || began.Data["run"] != 1.0 {
		t.Errorf("used %v, ended %v", used.Data, ended.Data)
	}
	if !(began.index < used.index && used.index < ended.index && ended.index < withdrawn.index) {
		t.Error("not in order")
	}
}

// TestShellComesAgain: another window, and an agent that tells twice, get and give
// each byte once.
func TestShellComesAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell)
	first, second := p.window(t), p.window(t)
	epoch := first.started(t)
	out := func(at uint64, text string) {
		p.tell(t, protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: epoch, Run: 1, At: at, Text: text})
	}
	out(0, "one è ")
	out(0, "one è ")
	out(4, "è two")
	first.deaf = true
	out(10, " three")
	second.say(t, protocol.Terminal{Kind: protocol.TerminalInput, Epoch: epoch, Run: 1, Text: "not attached"})
	second.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch, Run: 1, At: 5}) // in the middle of a character
	p.tell(t, protocol.Terminal{Kind: protocol.TerminalExited, Epoch: epoch, Run: 1, Code: 3})
	first.deaf = false
	first.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch})
	text := func(w *window) (all string, code int) {
		for _, m := range w.list {
			all += m.Text
			code = max(code, m.Code)
		}
		return all, code
	}
	if all, code := text(second); all != " two three" || code != 3 {
		t.Errorf("the second saw %q, %d", all, code)
	}
	if all, code := text(first); all != "one è two"+"one è two three" || code != 3 {
		t.Errorf("the first saw %q, %d", all, code)
	}
	first.say(t, protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 2, Cols: 80, Rows: 24})
	p.on(t, func(s *session) {
		if s.tools.terminal.run != 2 || !s.tools.terminal.live {
			t.Error("no second shell")
		}
	})
	p.finish(t)
	_, events := e.cast(t, p)
	if want := `[["o" "one è "] ["o" "two"] ["o" " three"] ["x" "3"]]`; fmt.Sprintf("%q", events) != want {
		t.Errorf("on the evidence %q", events)
	}
}

// TestShellPace: the agent is told of what was shown, and not faster than evidence
// may grow.
func TestShellPace(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell)
	w := p.window(t)
	epoch := w.started(t)
	text := strings.Repeat("x", protocol.MaxTerminalText)
	for n := range uint64(16) {
		p.tell(t, protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: epoch, Run: 1, At: n * protocol.MaxTerminalText, Text: text})
	}
	p.on(t, func(s *session) { s.tools.terminal.room, s.tools.terminal.roomAt = 1000, time.Now().Add(time.Hour) })
	w.say(t, protocol.Terminal{Kind: protocol.TerminalAck, Epoch: epoch, Run: 1, At: 16 * protocol.MaxTerminalText})
	p.on(t, func(s *session) {
		term := &s.tools.terminal
		if term.seen != 16*protocol.MaxTerminalText || term.told > 1000 {
			t.Errorf("shown %d, told %d", term.seen, term.told)
		}
		s.shellSecond(time.Now().Add(2 * time.Hour))
		if term.told != term.seen {
			t.Errorf("later told %d", term.told)
		}
		if len(term.tail) > 2*tailSize {
			t.Errorf("%d bytes are kept", len(term.tail))
		}
	})
}

// TestShellMisuse: a console or an agent that breaks the rules loses the shell.
func TestShellMisuse(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", protocol.MaxTerminalText)
	for name, c := range map[string]struct {
		do    func(*testing.T, *window, uint32)
		cause protocol.ConsentCause
	}{
		"nonsense": {func(t *testing.T, w *window, _ uint32) { w.terminal([]byte(`{"kind":`)) }, protocol.CauseMisuse},
		"an agent's message": {func(t *testing.T, w *window, e uint32) {
			w.say(t, protocol.Terminal{Kind: protocol.TerminalExited, Epoch: e, Run: 1})
		}, protocol.CauseMisuse},
		"shown before it came": {func(t *testing.T, w *window, e uint32) {
			w.say(t, protocol.Terminal{Kind: protocol.TerminalAck, Epoch: e, Run: 1, At: 99})
		}, protocol.CauseMisuse},
		"a book is typed": {func(t *testing.T, w *window, e uint32) {
			for range maxTypedBurst/protocol.MaxTerminalText + 2 {
				w.say(t, protocol.Terminal{Kind: protocol.TerminalInput, Epoch: e, Run: 1, Text: big})
			}
		}, protocol.CauseMisuse},
		"too many messages": {func(t *testing.T, w *window, e uint32) {
			data, _ := protocol.Terminal{Kind: protocol.TerminalAck, Epoch: e, Run: 1}.Encode()
			for range 3 * maxTerminalBurst {
				w.terminal(data)
			}
		}, protocol.CauseMisuse},
		"the agent's nonsense": {func(t *testing.T, w *window, _ uint32) { w.p.on(t, func(s *session) { s.fromAgent([]byte("{}")) }) }, protocol.CauseFailed},
		"a hole in the output": {func(t *testing.T, w *window, e uint32) {
			w.p.tell(t, protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: e, Run: 1, At: 5, Text: "x"})
		}, protocol.CauseFailed},
		"a flood": {func(t *testing.T, w *window, e uint32) {
			for n := range uint64(protocol.TerminalWindow/protocol.MaxTerminalText + 1) {
				w.p.tell(t, protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: e, Run: 1, At: n * protocol.MaxTerminalText, Text: big})
			}
		}, protocol.CauseFailed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, allowAll)
			p := e.showing(t, full, protocol.Shell)
			w := p.window(t)
			epoch := w.started(t)
			c.do(t, w, epoch)
			p.on(t, func(*session) {})
			if got := p.consent(t, protocol.Shell); got.State != protocol.ConsentWithdrawn || got.Cause != c.cause {
				t.Errorf("%+v", got)
			}
			if m := last[*protocol.ConsentEnded](p.link); m.Permission != protocol.Shell || m.Epoch != epoch {
				t.Errorf("the agent was told %+v", m)
			}
		})
	}
}

// TestShellRights: a profile that does not hold it any more, and the end of the
// session, end the shell.
func TestShellRights(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell)
	w := p.window(t)
	epoch := w.started(t)
	must(0, e.m.Limit(t.Context(), anna))(t)
	if got := p.consent(t, protocol.Shell); got.State != protocol.ConsentWithdrawn || got.Cause != protocol.CauseRights {
		t.Errorf("%+v", got)
	}
	w.say(t, protocol.Terminal{Kind: protocol.TerminalInput, Epoch: epoch, Run: 1, Text: "late\r"})
	p.finish(t)
	if _, events := e.cast(t, p); len(events) > 0 {
		t.Errorf("on the evidence %q", events)
	}

	p = e.showing(t, full, protocol.Shell)
	p.window(t).started(t)
	p.finish(t)
	list, _ := e.events(t, p.id)
	if ended := find(list, protocol.EventShellEnded); ended == nil || ended.Data["stopped"] != true {
		t.Errorf("at the session's end: %+v", ended)
	}
}

// TestLostTechnician: where no console of the technician's is left, nothing goes on.
func TestLostTechnician(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell)
	p.window(t).started(t)
	given := func() bool { return p.consent(t, protocol.Shell).State == protocol.ConsentGiven }
	must(0, e.m.Limit(t.Context(), full))(t) // as a console does every few seconds
	p.on(t, func(s *session) { s.shellSecond(time.Now().Add(protocol.AwayLimit / 2)) })
	if !given() {
		t.Fatal("it ended at once")
	}
	p.on(t, func(s *session) { s.shellSecond(time.Now().Add(protocol.AwayLimit + time.Second)) })
	if c := p.consent(t, protocol.Shell); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseAway {
		t.Errorf("%+v", c)
	}
	if m := last[*protocol.ConsentEnded](p.link); m.Permission != protocol.Shell {
		t.Errorf("the agent was told %+v", m)
	}
}

// TestScripts: nothing but what is on the list, and a consent to the shell takes its
// place.
func TestScripts(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell, protocol.Scripts)
	w := p.window(t)
	epoch := p.allow(t, protocol.Scripts)
	start := func(epoch uint32, script string) (live bool) {
		w.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch})
		w.say(t, protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 1, Cols: 80, Rows: 24, Script: script})
		p.on(t, func(s *session) { live = s.tools.terminal.live })
		return live
	}
	if start(epoch, "") {
		t.Error("a shell was begun under a consent to scripts")
	}
	if !start(epoch, "disks") {
		t.Fatal("no script runs")
	}
	p.tell(t, protocol.Terminal{Kind: protocol.TerminalStarted, Epoch: epoch, Run: 1, Cols: 80, Rows: 24, Program: "/bin/sh"})
	w.say(t, protocol.Terminal{Kind: protocol.TerminalInput, Epoch: epoch, Run: 1, Text: "typed"})
	whole := p.allow(t, protocol.Shell)
	if c := p.consent(t, protocol.Scripts); c.State != protocol.ConsentWithdrawn {
		t.Errorf("beside the shell: %+v", c)
	}
	if start(epoch, "") || !start(whole, "") {
		t.Error("the shell's consent is not what counts")
	}
	p.finish(t)
	header, events := e.cast(t, p)
	if !strings.Contains(header, "disks") || len(events) > 0 {
		t.Errorf("on the evidence %s %q", header, events)
	}
	list, _ := e.events(t, p.id)
	if began := find(list, protocol.EventShellStarted); began == nil || began.Data["script"] != "disks" {
		t.Errorf("on the log %+v", began)
	}

	narrow := full // a profile of scripts alone
	narrow.Profile = protocol.Profile{Name: "Checks", Permissions: protocol.PermissionSet{protocol.ViewScreen: true, protocol.Scripts: true}}
	p = e.showing(t, narrow, protocol.Shell, protocol.Scripts)
	for permission, want := range map[protocol.Permission]error{protocol.Shell: ErrNotAllowed, protocol.Scripts: nil} {
		if _, err := e.m.RequestConsent(t.Context(), narrow, protocol.ConsentRequest{Session: p.id, Permission: permission}); !errors.Is(err, want) {
			t.Errorf("%s: %v", permission, err)
		}
	}
}

// TestHeldBack: what an agent says of the shell while the customer hides everything is
// neither shown nor on the evidence before the customer shows it; one that says too much
// then has its tools taken away.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, allowAll)
	p := e.showing(t, full, protocol.Shell)
	w := p.window(t)
	epoch := w.started(t)
	at := uint64(0)
	out := func(text string) {
		t.Helper()
		data := must((&protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: epoch, Run: 1, At: at, Text: text}).Encode())(t)
		at += uint64(len(text))
		p.on(t, func(s *session) { s.unlessPaused(len(data), func() { s.fromAgent(data) }) })
	}
	shown := func() (text string) {
		p.on(t, func(*session) {
			for _, m := range w.list {
				if m.Kind == protocol.TerminalOutput {
					text += m.Text
				}
			}
		})
		return text
	}
	out("before ")
	before := time.Now()
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	if since := p.state(t).SharingSince; since.Before(before.Add(-time.Millisecond)) || since.After(time.Now()) {
		t.Errorf("paused since %v", since)
	}
	out("meanwhile ")
	out("and more ")
	if got := shown(); got != "before " {
		t.Errorf("shown while hidden: %q", got)
	}
	if _, events := e.cast(t, p); strings.Contains(fmt.Sprint(events), "meanwhile") {
		t.Errorf("on the evidence while hidden: %v", events)
	}
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingShown)))(t)
	out("after")
	if got := shown(); got != "before meanwhile and more after" {
		t.Errorf("shown: %q", got)
	}
	must(0, p.agent.Share(t.Context(), sharingOf(protocol.SharingPaused)))(t)
	p.on(t, func(s *session) {
		for range maxHeldBack + 1 {
			s.unlessPaused(1, func() { t.Error("done") })
		}
	})
	if c := p.consent(t, protocol.Shell); c.State != protocol.ConsentWithdrawn || c.Cause != protocol.CauseFailed {
		t.Errorf("an agent that says too much: %+v", c)
	}
	p.finish(t)
}

// TestOwnScript: a script of the office's runs under a consent to the shell alone, by the
// text that the broker looked up, which is on the evidence before the agent has it.
func TestOwnScript(t *testing.T) {
	t.Parallel()
	text := "systemctl restart cups\n"
	script := protocol.OwnScript{ID: "s1", Version: 2, Name: "Spooler", Platform: protocol.Linux, Interpreter: protocol.Sh, Text: text, SHA256: protocol.ScriptHash(text)}
	e := newEnv(t, allowAll, func(c *Config) {
		c.Script = func(_ context.Context, by Technician, id string, version uint32) (protocol.OwnScript, error) {
			if by.Team != anna.Team || id != script.ID || version != script.Version {
				return protocol.OwnScript{}, errors.New("no such script")
			}
			return script, nil
		}
	})
	p := e.showing(t, full, protocol.Shell, protocol.Scripts)
	w := p.window(t)
	run := func(epoch, run uint32, own protocol.RunScript) {
		w.say(t, protocol.Terminal{Kind: protocol.TerminalScript, Epoch: epoch, Run: run, Cols: 80, Rows: 24, Own: own})
	}
	named := protocol.RunScript{ID: "s1", Version: 2}
	live := func() (now terminal) {
		p.on(t, func(s *session) { now = s.tools.terminal })
		return now
	}
	epoch := p.allow(t, protocol.Scripts)
	w.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch})
	run(epoch, 1, named)
	if live().run != 0 {
		t.Error("it runs under a consent to checks")
	}
	epoch = p.allow(t, protocol.Shell)
	w.say(t, protocol.Terminal{Kind: protocol.TerminalAttach, Epoch: epoch})
	run(epoch-1, 1, named)
	own := named
	own.Name, own.Interpreter, own.Text, own.SHA256 = "Mine", protocol.Sh, "rm -rf /", protocol.ScriptHash("rm -rf /")
	run(epoch, 1, own)
	if live().run != 0 {
		t.Error("it runs by an old consent, or by the console's own text")
	}
	run(epoch, 1, protocol.RunScript{ID: "s1", Version: 1})
	if last := w.list[len(w.list)-1]; last.Kind != protocol.TerminalExited || last.Code != -1 || last.Run != 1 || live().live {
		t.Errorf("another version: %+v", last)
	}
	run(epoch, 2, named)
	if now := live(); !now.live || now.run != 2 || now.own.Text != text || now.own.SHA256 != script.SHA256 {
		t.Errorf("begun %+v", now.own)
	}
	p.tell(t, protocol.Terminal{Kind: protocol.TerminalStarted, Epoch: epoch, Run: 2, Cols: 80, Rows: 24, Program: "/bin/sh"})
	p.tell(t, protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: epoch, Run: 2, Text: "done\r\n"})
	p.tell(t, protocol.Terminal{Kind: protocol.TerminalExited, Epoch: epoch, Run: 2})
	p.finish(t)
	list, _ := e.events(t, p.id)
	began, ended := find(list, protocol.EventShellOwn), find(list, protocol.EventShellEnded)
	if began == nil || ended == nil || began.index > ended.index || began.Data["text"] != text || began.Data["name"] != "Spooler" || began.Data["version"] != "2" || began.Data["sha256"] != script.SHA256 {
		t.Errorf("on the log %+v, %+v", began, ended)
	}
	if find(list, protocol.EventShellStarted) != nil {
		t.Error("a command line is on the log")
	}
	header, events := e.cast(t, p)
	if !strings.Contains(header, "Shell 2 Spooler") || fmt.Sprint(events) != fmt.Sprint([][2]string{{"o", "done\r\n"}, {"x", "0"}}) {
		t.Errorf("header %s, %q", header, events)
	}
	for _, entry := range must(e.m.Log(t.Context(), p.id))(t).Entries {
		if entry.Code == protocol.EventShellOwn && (!strings.Contains(string(entry.Data), script.SHA256) || strings.Contains(string(entry.Data), "cups")) {
			t.Errorf("the customer's copy has %s", entry.Data)
		}
	}
}

package session

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"consento/protocol"
	"consento/recordings"
)

// terminal takes one message of a console's terminal, on the media's goroutine.
func (v *View) terminal(data []byte) {
	m, err := protocol.DecodeTerminal(data)
	if err == nil && !m.FromConsole() {
		err = protocol.ErrMalformed
	}
	at := time.Now()
	v.session.later(func() { v.session.fromConsole(v, m, err, at) })
}

// fromConsole checks a message and does it: first the evidence, then the agent. What
// may not be is dropped.
func (s *session) fromConsole(v *View, m protocol.Terminal, malformed error, at time.Time) {
	t := &s.tools.terminal
	now := s.consent(t.permission)
	if _, watching := s.viewers[v]; !watching || !v.works() || s.row.State != protocol.StateActive || now.State != protocol.ConsentGiven {
		return
	}
	if malformed != nil || !t.mayCome(m, at) {
		code := protocol.CodeMalformed
		if malformed == nil {
			code = protocol.CodeThrottled
		}
		s.misused(t.permission, code)
		return
	}
	if m.Epoch != now.Epoch || !s.tools.rights.Allows(t.permission) {
		return // of a yes that was taken back
	}
	if m.Kind == protocol.TerminalAttach {
		s.attach(v, m)
		return
	}
	if t.view != v {
		return // another window of the technician's has the terminal
	}
	switch {
	case m.Kind == protocol.TerminalStart:
		s.startShell(m)
	case m.Kind == protocol.TerminalScript:
		s.startOwn(m)
	case m.Run != t.run || !t.live:
	case m.Kind == protocol.TerminalAck:
		s.acked(m.At, at)
	case s.agent == nil || !s.isShown():
	case m.Kind == protocol.TerminalTrust || m.Kind == protocol.TerminalSecret:
		s.signIn(m)
	case m.Kind == protocol.TerminalInput:
		if t.permission != protocol.Scripts && s.noteTyped(m.Text) {
			s.toAgent(m)
		}
	case m.Kind == protocol.TerminalSize:
		if s.noteCast(recordings.CastResize, fmt.Sprintf("%dx%d", m.Cols, m.Rows)) {
			t.started.Cols, t.started.Rows = m.Cols, m.Rows
			s.toAgent(m)
		}
	}
}

// attach has a console show the terminal, with what it lacks.
func (s *session) attach(v *View, m protocol.Terminal) {
	t := &s.tools.terminal
	t.view = v
	if t.run == 0 {
		return
	}
	if m.Run != t.run {
		m.At = 0
	}
	if t.started.Kind != "" {
		s.toConsole(t.started)
		s.toConsole(protocol.Terminal{Kind: protocol.TerminalEcho, Epoch: t.started.Epoch, Run: t.run, Hidden: t.hidden})
	}
	for _, m := range t.login.stands() {
		s.toConsole(m)
	}
	text, at := t.since(m.At)
	for text != "" {
		n := min(len(text), protocol.MaxTerminalText)
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		s.toConsole(protocol.Terminal{Kind: protocol.TerminalOutput, Epoch: t.started.Epoch, Run: t.run, At: at, Text: text[:n]})
		text, at = text[n:], at+uint64(n)
	}
	if !t.live {
		s.toConsole(t.exited)
	}
}

// startShell begins the next shell: first on the evidence, then at the agent.
func (s *session) startShell(m protocol.Terminal) {
	t := &s.tools.terminal
	if t.live && m.Run == t.run && t.started.Kind == "" {
		if m.Script == t.script && t.own == (protocol.RunScript{}) {
			s.toAgent(m) // the agent did not hear it
		}
		return
	}
	if (m.Script == "") == (t.permission == protocol.Scripts) && t.permission != protocol.Shell {
		return // nothing but what is on the list; a device has none
	}
	if t.live || m.Run != t.run+1 || s.agent == nil || !s.isShown() || t.runs >= maxRuns {
		return
	}
	data := map[string]any{"epoch": m.Epoch, "run": m.Run}
	code := protocol.EventShellStarted
	if m.Script != "" {
		data["script"] = m.Script
	}
	if t.device != nil {
		code, data["device"] = protocol.EventSSHStarted, t.device
	}
	if err := s.write(logged{code, data}); err != nil {
		s.must(err)
		return
	}
	t.began(m)
	s.toAgent(m)
}

// startOwn begins a script of the office's: looked up, so that a console cannot have a
// text of its own run, then on the evidence with its text, then at the agent.
func (s *session) startOwn(m protocol.Terminal) {
	t := &s.tools.terminal
	if t.permission != protocol.Shell || !m.Own.Named() {
		return
	}
	if t.live && m.Run == t.run && t.started.Kind == "" {
		if m.Own.ID == t.own.ID && m.Own.Version == t.own.Version {
			m.Own = t.own
			s.toAgent(m) // the agent did not hear it
		}
		return
	}
	if t.live || m.Run != t.run+1 || s.agent == nil || !s.isShown() || t.runs >= maxRuns {
		return
	}
	script, err := protocol.OwnScript{}, error(ErrNotAllowed)
	if s.manager.config.Script != nil {
		script, err = s.manager.config.Script(context.Background(), s.technician(), m.Own.ID, m.Own.Version)
	}
	if err != nil {
		s.manager.config.Log.Info("script not run", slog.String("session", s.id), slog.Any("error", err))
		t.began(m)
		t.live, t.exited = false, protocol.Terminal{Kind: protocol.TerminalExited, Epoch: m.Epoch, Run: m.Run, Code: -1}
		s.toConsole(t.exited)
		return
	}
	m.Own = protocol.RunScript{ID: script.ID, Version: script.Version, Name: script.Name, Interpreter: script.Interpreter, Text: script.Text, SHA256: script.SHA256}
	err = s.write(logged{protocol.EventShellOwn, map[string]any{"epoch": m.Epoch, "run": m.Run, "id": script.ID, "version": strconv.FormatUint(uint64(script.Version), 10),
		"name": script.Name, "interpreter": script.Interpreter, "sha256": script.SHA256, "text": script.Text}})
	if err != nil {
		s.must(err)
		return
	}
	t.began(m)
	s.toAgent(m)
}

// began makes ready for the next shell.
func (t *terminal) began(m protocol.Terminal) {
	t.runs++
	t.run, t.live, t.hidden, t.masked, t.cast = m.Run, true, false, false, nil
	t.script, t.own = m.Script, m.Own
	t.started, t.exited, t.login = protocol.Terminal{}, protocol.Terminal{}, login{}
	t.got, t.seen, t.told, t.tail = 0, 0, 0, nil
}

// noteTyped has what is typed on the evidence, but not a line that the terminal does
// not show: a password is nobody's to read later.
func (s *session) noteTyped(text string) bool {
	t := &s.tools.terminal
	t.used.Characters += utf8.RuneCountInString(text)
	t.used.Lines += strings.Count(text, "\r")
	if t.device != nil {
		return !s.broken // it does not say when it hides what is typed: see startedShell
	}
	if !t.hidden {
		return s.noteCast(recordings.CastInput, text)
	}
	if t.masked {
		return !s.broken
	}
	t.masked = true
	return s.noteCast(recordings.CastMarker, "not shown by the terminal and not recorded: what is typed now")
}

// noteCast puts one event on the track of the shell. It reports whether it is there.
func (s *session) noteCast(code, data string) bool {
	t := &s.tools.terminal
	if t.cast == nil {
		return false // the agent has not said what runs
	}
	now := s.evidence.now()
	return s.noteShell(now, t.cast.Event(now, code, data))
}

func (s *session) noteShell(at time.Duration, lines []byte) bool {
	if s.broken || s.row.State.Over() {
		return false
	}
	err := s.evidence.writer.Append(recordings.TrackShell, 0, at, 0, lines)
	s.must(err)
	return err == nil
}

func (s *session) toAgent(m protocol.Terminal) {
	if data, err := m.Encode(); err == nil && !s.room.SendTerminal(data) {
		s.manager.config.Log.Debug("terminal message not sent: the agent's connection is lost")
	}
}

func (s *session) toConsole(m protocol.Terminal) {
	v := s.tools.terminal.view
	if v == nil || v.out == nil {
		return
	}
	if data, err := m.Encode(); err == nil && !v.out.SendTerminal(data) {
		s.tools.terminal.view = nil // it attaches again when its connection is back
	}
}

// fromAgent takes one message of the agent's terminal, on the media's goroutine.
func (s *session) fromAgent(data []byte) {
	m, err := protocol.DecodeTerminal(data)
	t := &s.tools.terminal
	now := s.consent(t.permission)
	if s.row.State != protocol.StateActive || now.State != protocol.ConsentGiven || err == nil && (m.Epoch != now.Epoch || m.Run != t.run || !t.live) {
		return // it was said before the end was heard
	}
	known := t.started.Kind != ""
	switch {
	case err != nil || m.FromConsole():
		s.brokenTool(s.tools.terminal.permission)
	case m.Kind == protocol.TerminalHostKey || m.Kind == protocol.TerminalPrompt:
		s.asked(m)
	case m.Kind == protocol.TerminalStarted:
		if !known {
			s.startedShell(m)
		}
	case m.Kind == protocol.TerminalExited:
		s.exitedShell(m)
	case !known:
		s.brokenTool(s.tools.terminal.permission)
	case m.Kind == protocol.TerminalEcho:
		t.hidden, t.masked = m.Hidden, false
		s.toConsole(m)
	case m.Kind == protocol.TerminalOutput:
		s.output(m)
	}
}

// startedShell takes the word that a program is there.
func (s *session) startedShell(m protocol.Terminal) {
	t := &s.tools.terminal
	title := strings.TrimSpace(fmt.Sprintf("Shell %d %s", t.runs, cmp.Or(t.script, t.own.Name)))
	if t.device != nil {
		if !s.opened(m) {
			return
		}
		title = fmt.Sprintf("SSH %d %s", t.runs, t.device.Address())
	}
	t.started = m
	at := s.evidence.now()
	cast, line := recordings.NewCast(at, recordings.CastHeader{Cols: m.Cols, Rows: m.Rows, Term: "xterm-256color", Command: m.Program,
		Title: title, Started: s.evidence.started.Add(at)})
	t.cast = cast
	if !s.noteShell(at, line) {
		return
	}
	if t.device == nil || s.noteCast(recordings.CastMarker, "what is typed into a device is not recorded, only what it shows of it") {
		s.toConsole(m)
	}
}

// output takes what a program puts out: it is on the evidence before anybody sees it.
func (s *session) output(m protocol.Terminal) {
	t := &s.tools.terminal
	end := m.At + uint64(len(m.Text))
	switch {
	case end <= t.got:
		return // told again after a lost connection
	case m.At > t.got || end > t.told+protocol.TerminalWindow:
		s.brokenTool(s.tools.terminal.permission)
		return
	}
	if m.Text = m.Text[t.got-m.At:]; !utf8.ValidString(m.Text) {
		s.brokenTool(s.tools.terminal.permission)
		return
	}
	m.At = t.got
	if !s.noteCast(recordings.CastOutput, m.Text) {
		return
	}
	t.keep(m.Text)
	t.used.Output += len(m.Text)
	s.toConsole(m)
}

func (s *session) exitedShell(m protocol.Terminal) {
	t := &s.tools.terminal
	s.noteCast(recordings.CastExit, fmt.Sprint(m.Code))
	s.noteShellUsed()
	data := map[string]any{"run": m.Run, "code": m.Code}
	if m.Cause != "" {
		data["cause"] = m.Cause
	}
	s.note(t.endedCode(), data)
	t.live, t.exited, t.login = false, m, login{}
	s.toConsole(m)
}

// acked notes what the console has shown.
func (s *session) acked(at uint64, now time.Time) {
	t := &s.tools.terminal
	if at > t.got {
		s.misused(t.permission, protocol.CodeMalformed)
		return
	}
	t.seen = max(t.seen, at)
	s.passAck(now)
}

// passAck lets the agent go on, as fast as the evidence is to grow.
func (s *session) passAck(now time.Time) {
	t := &s.tools.terminal
	t.room = min(outputBurst, t.room+now.Sub(t.roomAt).Seconds()*outputPerSecond)
	t.roomAt = now
	n := min(t.seen-t.told, uint64(max(0, t.room)))
	if n == 0 || !t.live {
		return
	}
	t.told += n
	t.room -= float64(n)
	s.toAgent(protocol.Terminal{Kind: protocol.TerminalAck, Epoch: t.started.Epoch, Run: t.run, At: t.told})
}

// shellSecond is called once a second.
func (s *session) shellSecond(now time.Time) {
	t := &s.tools.terminal
	if t.live && t.seen > t.told {
		s.passAck(now)
	}
	if now.Sub(t.noted) >= usedInterval {
		s.noteShellUsed()
	}
	if s.consent(t.permission).State == protocol.ConsentGiven && now.Sub(s.tools.heard) > protocol.AwayLimit {
		s.withdraw(t.permission, protocol.CauseAway) // nobody is there who answers for what runs
	}
}

func (s *session) noteShellUsed() {
	if u := s.tools.terminal.take(); u != (shellUsed{}) {
		s.note(protocol.EventShellUsed, u)
	}
}

// shellEnd is what the evidence says when a consent, or the session, ends with a
// shell that runs.
func (s *session) shellEnd() (events []logged) {
	t := &s.tools.terminal
	if u := t.take(); u != (shellUsed{}) {
		events = append(events, logged{protocol.EventShellUsed, u})
	}
	if t.live {
		events = append(events, logged{t.endedCode(), map[string]any{"run": t.run, "stopped": true}})
	}
	t.live, t.login = false, login{}
	return events
}

// leftShell is called when a console's picture is gone.
func (s *session) leftShell(v *View) {
	if s.tools.terminal.view == v {
		s.tools.terminal.view = nil
	}
}

// isShell reports whether the terminal serves a permission.
func isShell(p protocol.Permission) bool {
	return p == protocol.Shell || p == protocol.Scripts || p == protocol.SSH
}

// otherShells are the permissions that the same terminal serves.
func otherShells(p protocol.Permission) (others []protocol.Permission) {
	for _, o := range []protocol.Permission{protocol.Shell, protocol.Scripts, protocol.SSH} {
		if isShell(p) && o != p {
			others = append(others, o)
		}
	}
	return others
}

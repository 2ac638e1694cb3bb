package run

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"consento/agent/internal/device"
	"consento/agent/internal/shell"
	"consento/agent/internal/ui"
	"consento/protocol"
)

// line is the way of a terminal's messages: the picture's present connection.
type line struct {
	terminal atomic.Pointer[shell.Terminal] // of the consent to the shell, nil without one

	mu      sync.Mutex
	channel *webrtc.DataChannel
}

// opened takes another connection, and tells there what the last one may have lost.
func (l *line) opened(channel *webrtc.DataChannel) {
	l.mu.Lock()
	l.channel = channel
	l.mu.Unlock()
	if t := l.terminal.Load(); t != nil {
		t.Again()
	}
}

func (l *line) send(m protocol.Terminal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.channel == nil {
		return
	}
	if data, err := m.Encode(); err == nil {
		_ = l.channel.SendText(string(data)) // what is lost with the connection is told again
	}
}

// take takes a message from the broker. What makes no sense is nothing: no broker
// that works sends it.
func (l *line) take(data []byte) {
	t := l.terminal.Load()
	if t == nil {
		return
	}
	if m, err := protocol.DecodeTerminal(data); err == nil && m.FromConsole() {
		t.Take(m)
	}
}

// openDevice lets the technician sign in to the one device that the customer said yes to.
func (s *Session) openDevice(epoch uint32) (*shellTool, error) {
	ask := s.tools.device
	if ask.Epoch != epoch || ask.Device == nil {
		return nil, errors.New("run: no device was asked for with this consent")
	}
	consent, err := device.Open(device.Config{Session: s.joined.Session, Epoch: epoch, Device: *ask.Device, Hosts: ask.Hosts, Log: s.Log})
	if err != nil {
		return nil, err
	}
	return s.openTerminal(shell.Config{Epoch: epoch, Begin: func(m protocol.Terminal, say func(protocol.Terminal)) shell.Program { return consent.Begin(m, say) }})
}

// shellTool is one consent to the shell while it lasts.
type shellTool struct {
	line     *line
	terminal *shell.Terminal
	notices  *notices
	log      *slog.Logger
}

// notices tell the customer which script of the office's runs, one at a time.
type notices struct {
	name string          // of the technician
	ctx  context.Context // ends with the consent
	stop context.CancelFunc

	mu   sync.Mutex
	last context.CancelFunc // takes the window of the one before away
}

// next returns what the next window lives by; false once the consent is over.
func (n *notices) next() (context.Context, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last != nil {
		n.last()
	}
	ctx, cancel := context.WithCancel(n.ctx)
	n.last = cancel
	return ctx, ctx.Err() == nil
}

// runs shows the customer the name of a script that begins, and its text.
func (s *Session) runs(n *notices, script protocol.RunScript) {
	ctx, ok := n.next()
	if !ok {
		return
	}
	notice := ui.Notice{Title: s.Texts.T("agent.script.title"), Heading: s.Texts.T("agent.script.heading", "name", n.name, "script", isolate(script.Name)),
		Body: s.Texts.T("agent.script.body"), Details: script.Text, OK: s.Texts.T("agent.ok")}
	s.tools.windows.Go(func() {
		if err := s.UI.Notice(ctx, notice); err != nil && ctx.Err() == nil {
			s.Log.Error("not shown which script runs", slog.Any("error", err))
		}
	})
}

// openShell lets the technician start a shell under one consent, or scripts alone.
func (s *Session) openShell(p protocol.Permission, epoch uint32) (*shellTool, error) {
	return s.openTerminal(shell.Config{Epoch: epoch, Only: p == protocol.Scripts})
}

func (s *Session) openTerminal(config shell.Config) (*shellTool, error) {
	t := s.tools
	if t.line.terminal.Load() != nil {
		return nil, errors.New("run: two terminals at once")
	}
	n := &notices{name: isolate(s.joined.Technician.Name)}
	n.ctx, n.stop = context.WithCancel(context.Background())
	config.Runs = func(script protocol.RunScript) { s.runs(n, script) }
	config.Send, config.Log, config.Held, config.Quiet = t.line.send, s.Log, func() bool { return t.hidden.Load() || t.lost.Load() }, t.paused.Load
	terminal, err := shell.Open(config)
	if err != nil {
		n.stop()
		return nil, err
	}
	t.line.terminal.Store(terminal)
	return &shellTool{&t.line, terminal, n, s.Log}, nil
}

func (t *shellTool) close() {
	t.notices.stop()
	t.line.terminal.CompareAndSwap(t.terminal, nil)
	if !t.terminal.Close() {
		t.log.Warn("programs of the shell are still being ended")
	}
}

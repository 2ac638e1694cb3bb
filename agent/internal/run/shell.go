package run

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"consento/agent/internal/shell"
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

// shellTool is one consent to the shell while it lasts.
type shellTool struct {
	line     *line
	terminal *shell.Terminal
	log      *slog.Logger
}

// openShell lets the technician start a shell under one consent, or scripts alone.
func (s *Session) openShell(p protocol.Permission, epoch uint32) (*shellTool, error) {
	t := s.tools
	if t.line.terminal.Load() != nil {
		return nil, errors.New("run: shell and scripts at once")
	}
	terminal, err := shell.Open(shell.Config{Epoch: epoch, Only: p == protocol.Scripts, Send: t.line.send, Log: s.Log,
		Held: func() bool { return t.hidden.Load() || t.lost.Load() }, Quiet: t.paused.Load})
	if err != nil {
		return nil, err
	}
	t.line.terminal.Store(terminal)
	return &shellTool{&t.line, terminal, s.Log}, nil
}

func (t *shellTool) close() {
	t.line.terminal.CompareAndSwap(t.terminal, nil)
	if !t.terminal.Close() {
		t.log.Warn("programs of the shell are still being ended")
	}
}

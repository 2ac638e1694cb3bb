package run

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"consento/agent/internal/shell"
	"consento/protocol"
)

func TestMain(m *testing.M) {
	shell.Keep()
	os.Exit(m.Run())
}

// says is a message of a terminal as the broker sends it.
func (a *attended) says(m protocol.Terminal) {
	a.t.Helper()
	data, err := m.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	a.tools.line.take(data)
}

// TestShellByConsent: no broker starts a shell without the customer's yes to it, and
// what runs ends when it is taken back, in the middle of a command.
func TestShellByConsent(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	a := attend(t)
	file := filepath.Join(t.TempDir(), "runs")
	begin := func(epoch uint32) {
		a.says(protocol.Terminal{Kind: protocol.TerminalStart, Epoch: epoch, Run: 1, Cols: 80, Rows: 24})
		a.says(protocol.Terminal{Kind: protocol.TerminalInput, Epoch: epoch, Run: 1, Text: fmt.Sprintf("echo yes > %s; tail -f /dev/null\r", file)})
	}
	try := func(when string) {
		t.Helper()
		a.gets(recordedFor(protocol.Shell, 2))
		begin(2)
		begin(1)
		if a.tools.open[protocol.Shell] != nil || a.tools.line.terminal.Load() != nil {
			t.Fatalf("%s: the shell is open", when)
		}
	}
	try("unasked")
	a.gets(askFor(protocol.Shell, 2))
	try("while it is asked")
	a.agrees(protocol.Shell)
	begin(2)
	if a.tools.open[protocol.Shell] != nil {
		t.Fatal("open before it is on the evidence")
	}
	a.gets(recordedFor(protocol.Shell, 2))
	begin(1)
	a.tools.hidden.Store(true)
	begin(2)
	if _, err := os.Stat(file); err == nil {
		t.Fatal("it runs while nothing is shown")
	}
	a.tools.hidden.Store(false)
	begin(2)
	until(t, "the command runs", func() bool { _, err := os.Stat(file); return err == nil })
	tool := a.tools.open[protocol.Shell].(*shellTool)
	a.takesBack(protocol.Shell)
	until(t, "nothing of it runs", tool.terminal.Close)
	try("after it was taken back")
}

// FuzzTerminal: whatever comes on the channel, nothing opens and nothing falls over.
func FuzzTerminal(f *testing.F) {
	f.Add([]byte(`{"kind":"script","epoch":2,"run":1,"cols":80,"rows":24,"own":{"id":"a","version":1,"name":"n","interpreter":"sh","text":"ls","sha256":"` + protocol.ScriptHash("ls") + `"}}`))
	f.Add([]byte(`{"kind":"start","epoch":2,"run":1,"cols":80,"rows":24}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tools := newTools()
		tools.line.take(data)
		if tools.line.terminal.Load() != nil {
			t.Error("open")
		}
	})
}

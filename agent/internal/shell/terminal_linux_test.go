package shell

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"consento/agent/internal/xtest"
	"consento/protocol"
)

// desk is the other end of a terminal.
type desk struct {
	*Terminal
	t    testing.TB
	held atomic.Bool
	mute atomic.Bool // the customer hides everything
	deaf atomic.Bool // acknowledges nothing

	mu     sync.Mutex
	list   []protocol.Terminal
	output strings.Builder
	got    uint64
	hidden bool
	exited *protocol.Terminal
}

func openDesk(t testing.TB) *desk {
	t.Helper()
	t.Setenv("SHELL", "/bin/bash")
	d := &desk{t: t}
	terminal, err := Open(Config{Epoch: 3, Log: slog.New(slog.DiscardHandler), Held: d.held.Load, Quiet: d.mute.Load, Send: d.take})
	if err != nil {
		t.Fatal(err)
	}
	d.Terminal = terminal
	t.Cleanup(func() { terminal.Close(); terminal.pumps.Wait() })
	return d
}

// take is called under the terminal's lock; what it answers comes later.
func (d *desk) take(m protocol.Terminal) {
	if _, err := m.Encode(); err != nil || m.FromConsole() || m.Epoch != 3 {
		d.t.Errorf("said %+v: %v", m, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, m)
	switch m.Kind {
	case protocol.TerminalEcho:
		d.hidden = m.Hidden
	case protocol.TerminalExited:
		d.exited = &m
	case protocol.TerminalOutput:
		if end := m.At + uint64(len(m.Text)); end > d.got {
			if m.At > d.got {
				d.t.Errorf("output %d is missing", d.got)
			}
			d.output.WriteString(m.Text[d.got-m.At:])
			d.got = end
			if !d.deaf.Load() {
				go d.say(protocol.Terminal{Kind: protocol.TerminalAck, Run: m.Run, At: end})
			}
		}
	}
}

func (d *desk) say(m protocol.Terminal) {
	if m.Epoch == 0 {
		m.Epoch = 3
	}
	d.Take(m)
}

func (d *desk) begin(run uint32) {
	d.say(protocol.Terminal{Kind: protocol.TerminalStart, Run: run, Cols: 80, Rows: 24})
}

func (d *desk) enter(run uint32, line string) {
	d.say(protocol.Terminal{Kind: protocol.TerminalInput, Run: run, Text: line + "\r"})
}

func (d *desk) shows(text string) {
	d.t.Helper()
	xtest.Until(d.t, text, func() bool { d.mu.Lock(); defer d.mu.Unlock(); return strings.Contains(d.output.String(), text) })
}

func (d *desk) count(kind protocol.TerminalKind) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.list {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// TestTerminal: one shell after the other, and told again what was lost.
func TestTerminal(t *testing.T) {
	d := openDesk(t)
	d.begin(1)
	d.enter(1, `printf 'a\377\303b\n'; echo "è${PWD:0:0}漢"`)
	d.shows("a\ufffdb")
	d.shows("è漢")
	d.say(protocol.Terminal{Kind: protocol.TerminalSize, Run: 1, Cols: 99, Rows: 33})
	d.enter(1, "stty size")
	d.shows("33 99")
	started := d.count(protocol.TerminalStarted)
	d.begin(1) // it was not heard
	if n := d.count(protocol.TerminalStarted); n != started+1 {
		t.Errorf("told %d times", n)
	}
	d.begin(2) // while the first runs
	d.enter(1, `read -s -p 'Pass''word: ' x; echo "got ${#x}"`)
	d.shows("Password: ")
	d.mu.Lock()
	if !d.hidden { // said before the question came
		t.Error("the password's line is not hidden")
	}
	d.mu.Unlock()
	d.Again()
	d.enter(1, "geheim")
	d.shows("got 6")
	d.enter(1, "exit 5")
	xtest.Until(t, "exited", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.exited != nil })
	if d.exited.Code != 5 || d.exited.Run != 1 {
		t.Errorf("exited %+v", d.exited)
	}
	d.begin(2)
	d.enter(2, "echo se''cond")
	d.got = 0 // of the second
	d.enter(1, "echo fi''rst")
	d.shows("second")
	if strings.Contains(d.output.String(), "first") {
		t.Error("what was meant for the first shell came to the second")
	}
}

// TestFlood: a program that never stops waits for whoever reads, nothing grows, and
// it ends at once.
func TestFlood(t *testing.T) {
	d := openDesk(t)
	d.deaf.Store(true)
	d.begin(1)
	d.enter(1, "yes 0123456789")
	full := func() uint64 { d.mu.Lock(); defer d.mu.Unlock(); return d.got }
	xtest.Until(t, "the window is full", func() bool { return full() > protocol.TerminalWindow-2*protocol.MaxTerminalText })
	d.Terminal.mu.Lock()
	if n := len(d.run.unshown); n > protocol.TerminalWindow {
		t.Errorf("%d bytes wait", n)
	}
	d.Terminal.mu.Unlock()
	before := full()
	d.say(protocol.Terminal{Kind: protocol.TerminalAck, Run: 1, At: before})
	xtest.Until(t, "it goes on", func() bool { return full() > before })
	d.say(protocol.Terminal{Kind: protocol.TerminalAck, Run: 1, At: 1 << 50}) // of a broken broker
	sh := d.run.shell
	d.Close()
	xtest.Until(t, "nothing of it runs", func() bool { return closed(sh.Over()) })
	d.pumps.Wait()
	n := len(d.list)
	d.begin(2)
	d.Again()
	if len(d.list) != n || d.exited != nil {
		t.Error("something is told after the end")
	}
}

// TestTooMuchTyped: a program that reads nothing, and a paste without end.
func TestTooMuchTyped(t *testing.T) {
	d := openDesk(t)
	d.begin(1)
	d.enter(1, "stty raw -echo; tail -f /dev/null")
	for range 4 * maxQueued / protocol.MaxTerminalText {
		d.say(protocol.Terminal{Kind: protocol.TerminalInput, Run: 1, Text: strings.Repeat("x", protocol.MaxTerminalText)})
	}
	xtest.Until(t, "exited", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.exited != nil })
}

// TestHeld: what is typed while the customer hides the screen goes nowhere.
func TestHeld(t *testing.T) {
	d := openDesk(t)
	d.held.Store(true)
	d.begin(1)
	if len(d.list) > 0 {
		t.Fatal("started while held")
	}
	d.held.Store(false)
	d.begin(1)
	d.held.Store(true)
	d.enter(1, "echo lo''st")
	d.held.Store(false)
	d.enter(1, "echo ca''me")
	d.shows("came")
	if strings.Contains(d.output.String(), "lost") {
		t.Error("it was typed")
	}
}

// TestQuiet: what programs put out while the customer hides everything is told once that
// is over, and so is their end.
func TestQuiet(t *testing.T) {
	d := openDesk(t)
	d.begin(1)
	mark := filepath.Join(t.TempDir(), "mark")
	d.enter(1, "echo rea''dy")
	d.shows("ready")
	d.mute.Store(true)
	d.enter(1, "echo pri''vate; touch "+mark+"; exit 3")
	xtest.Until(t, "done", func() bool { _, err := os.Stat(mark); return err == nil })
	d.Again() // a connection that comes back meanwhile tells nothing either
	<-d.run.shell.Over()
	d.mu.Lock()
	if strings.Contains(d.output.String(), "private") || d.exited != nil {
		t.Error("told while hidden")
	}
	d.mu.Unlock()
	d.mute.Store(false)
	d.shows("private")
	xtest.Until(t, "exited", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.exited != nil && d.exited.Code == 3 })
}

// TestHostileBroker: what makes no sense does nothing.
func TestHostileBroker(t *testing.T) {
	d := openDesk(t)
	for _, m := range []protocol.Terminal{
		{Kind: protocol.TerminalInput, Run: 1, Text: "x"}, {Kind: protocol.TerminalAck, Run: 1, At: 7}, {Kind: protocol.TerminalSize, Run: 1, Cols: 1, Rows: 1},
		{Kind: protocol.TerminalStart, Epoch: 2, Run: 1, Cols: 80, Rows: 24}, {Kind: protocol.TerminalStart, Epoch: 4, Run: 1, Cols: 80, Rows: 24},
		{Kind: protocol.TerminalAttach}, {Kind: protocol.TerminalExited, Run: 1},
	} {
		d.say(m)
	}
	if len(d.list) > 0 || d.run != nil {
		t.Fatalf("did %+v", d.list)
	}
	file := filepath.Join(t.TempDir(), "typed")
	d.begin(1)
	d.Take(protocol.Terminal{Kind: protocol.TerminalInput, Epoch: 2, Run: 1, Text: "touch " + file + "\r"}) // of an older yes
	d.enter(1, "echo he''re")
	d.shows("here")
	if _, err := os.Stat(file); err == nil {
		t.Error("an old consent was good for something")
	}
}

// FuzzTake: nothing that a broker sends starts a shell under another consent, or
// falls over.
func FuzzTake(f *testing.F) {
	f.Add([]byte(`{"kind":"input","epoch":3,"run":1,"text":"x"}`))
	f.Add([]byte(`{"kind":"start","epoch":2,"run":1,"cols":1,"rows":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := protocol.DecodeTerminal(data)
		if err != nil || m.Kind == protocol.TerminalStart && m.Epoch == 3 {
			return
		}
		terminal, err := Open(Config{Epoch: 3, Log: slog.New(slog.DiscardHandler), Held: func() bool { return false }, Quiet: func() bool { return false },
			Send: func(protocol.Terminal) { t.Error("something was said") }})
		if err != nil {
			t.Fatal(err)
		}
		terminal.Take(m)
		if terminal.run != nil {
			t.Error("a shell runs")
		}
	})
}

// BenchmarkThroughput is what a program can put out, to whoever acknowledges at once.
func BenchmarkThroughput(b *testing.B) {
	const size = 8 << 20
	d := openDesk(b)
	b.SetBytes(size)
	run := uint32(0)
	for b.Loop() {
		run++
		d.mu.Lock()
		d.got, d.exited, d.list = 0, nil, nil
		d.output.Reset()
		d.mu.Unlock()
		d.begin(run)
		d.enter(run, "exec head -c 8388608 /dev/zero")
		xtest.Until(b, "all of it", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.got >= size && d.exited != nil })
	}
}

// BenchmarkEcho is how long a key takes until the terminal shows it.
func BenchmarkEcho(b *testing.B) {
	d := openDesk(b)
	d.begin(1)
	d.enter(1, "exec cat")
	d.enter(1, "rea''dy")
	d.shows("rea''dy")
	for b.Loop() {
		d.mu.Lock()
		before := d.got
		d.mu.Unlock()
		d.say(protocol.Terminal{Kind: protocol.TerminalInput, Run: 1, Text: "x"})
		for got := before; got == before; {
			d.mu.Lock()
			got = d.got
			d.mu.Unlock()
		}
	}
}

// TestScripts: under a consent to scripts alone nothing runs but what is on the list,
// and nothing is typed.
func TestScripts(t *testing.T) {
	d := openDesk(t)
	d.config.Only = true
	d.begin(1)
	d.say(protocol.Terminal{Kind: protocol.TerminalStart, Run: 1, Cols: 80, Rows: 24, Script: "reboot"})
	if len(d.list) > 0 || d.run != nil {
		t.Fatalf("did %+v", d.list)
	}
	for n, s := range protocol.ScriptList() {
		d.mu.Lock()
		d.exited, d.got = nil, 0
		d.mu.Unlock()
		d.say(protocol.Terminal{Kind: protocol.TerminalStart, Run: uint32(n + 1), Cols: 80, Rows: 24, Script: s.ID})
		d.enter(uint32(n+1), "echo ty''ped")
		xtest.Until(t, s.ID+" is over", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.exited != nil })
	}
	d.shows("Linux")
	if strings.Contains(d.output.String(), "typed") || strings.Contains(d.output.String(), "ty''ped") {
		t.Error("something was typed")
	}
}

// TestOwnScript: a script of the office's runs as it came, the customer is told first, and
// what this computer cannot run, or names no text, does not.
func TestOwnScript(t *testing.T) {
	d := openDesk(t)
	var told []string
	d.config.Runs = func(s protocol.RunScript) {
		if d.run.shell != nil {
			t.Error("told too late")
		}
		told = append(told, s.Name)
	}
	script := func(text string, interpreter protocol.Interpreter) protocol.RunScript {
		return protocol.RunScript{ID: "s", Version: 1, Name: "Sum", Interpreter: interpreter, Text: text, SHA256: protocol.ScriptHash(text)}
	}
	over := func(run uint32, own protocol.RunScript) int {
		t.Helper()
		d.say(protocol.Terminal{Kind: protocol.TerminalScript, Run: run, Cols: 80, Rows: 24, Own: own})
		var code int
		xtest.Until(t, "it is over", func() bool {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.exited == nil || d.exited.Run != run {
				return false
			}
			code = d.exited.Code
			return true
		})
		return code
	}
	d.held.Store(true)
	d.say(protocol.Terminal{Kind: protocol.TerminalScript, Run: 1, Cols: 80, Rows: 24, Own: script("exit 9", protocol.Sh)})
	d.held.Store(false)
	d.say(protocol.Terminal{Kind: protocol.TerminalScript, Run: 1, Cols: 80, Rows: 24, Own: protocol.RunScript{ID: "s", Version: 1}})
	if code := over(1, script("for i in 1 2; do\n\techo \"sum $((i*21)) $0\"\ndone\nexit 3\n", protocol.Sh)); code != 3 {
		t.Errorf("code %d", code)
	}
	if code := over(2, script("ls", protocol.PowerShell)); code != -1 {
		t.Errorf("powershell: %d", code)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := d.output.String(); !strings.Contains(got, "sum 21 sh") || !strings.Contains(got, "sum 42 sh") || strings.Join(told, " ") != "Sum" {
		t.Errorf("put out %q, told %v", got, told)
	}
}

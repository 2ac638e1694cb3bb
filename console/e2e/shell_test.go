package console_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
)

// TestShell: checks are asked for and refused, the command line is asked for and allowed; a real shell is used by
// real keys, loses its program in mid-run when the customer takes it back, and all of
// it is found again in the verifier's export.
func TestShell(t *testing.T) {
	o := newSupport(t)
	before := o.files()
	agent := o.share()
	panel := byID("shell-panel")
	shows := func(text string) {
		o.t.Helper()
		o.must(o.console.Until("the terminal shows "+text, fmt.Sprintf(`document.querySelector('[data-testid="terminal"] .xterm-rows').textContent.replaceAll("\u00a0", " ").includes(%q)`, text)))
	}

	o.isRefused("scripts", panel)
	o.asks("shell", panel) // another question: nobody has to wait after that no
	o.picture("asked", o.customer)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(panel, "phase", "live")
	o.picture("given", o.customer)
	o.must(o.console.Until("it has the keyboard", `document.activeElement?.closest('[data-testid="terminal"]') !== null`))

	o.must(o.console.Key(`exec bash --norc --noprofile` + kb.Enter))
	o.must(o.console.Key(`PS1='re''ady> '; echo "sum $((6*7)) è漢"; stty size` + kb.Enter))
	shows("sum 42 è漢")
	shows("ready>")
	o.picture("used", o.technician)
	o.must(o.console.Key(`read -s -p 'Pass''word: ' x; echo "length ${#x}"` + kb.Enter))
	shows("Password:")
	o.must(o.console.Until("not recorded", `document.querySelector('[data-testid="shell-panel"] [role=status]').textContent.includes("not recorded")`))
	o.must(o.console.Key("geheim77" + kb.Enter))
	shows("length 8")

	// Programs that run, one in front and one that wants to stay.
	dir := o.t.TempDir()
	o.must(o.console.Key(fmt.Sprintf(`(setsid nohup sh -c 'trap "" HUP TERM; echo $$ > %[1]s/part; mv %[1]s/part %[1]s/stays; while :; do tail -f /dev/null; done' >/dev/null 2>&1 &)`, dir) + kb.Enter))
	o.must(o.console.Key(fmt.Sprintf(`echo $$ > %[1]s/part2; mv %[1]s/part2 %[1]s/shell; tail -f /dev/null`, dir) + kb.Enter))
	pids := map[string]int{"stays": 0, "shell": 0}
	for name := range pids {
		o.must(stage.Until(o.ctx, name+" runs", func() bool {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if errors.Is(err, os.ErrNotExist) {
				return false
			}
			o.must(err)
			pids[name], err = strconv.Atoi(strings.TrimSpace(string(data)))
			o.must(err)
			return true
		}))
	}
	o.bar("take back")
	o.becomes(panel, "state", "withdrawn")
	for name, pid := range pids {
		o.must(stage.Until(o.ctx, name+" is over", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH }))
	}
	o.picture("withdrawn", o.technician)
	o.must(o.console.Key("touch " + dir + "/late" + kb.Enter))

	o.bar("end")
	o.over(agent, 0, before)
	if _, err := os.Stat(filepath.Join(dir, "late")); err == nil {
		t.Error("what was typed after the withdrawal was done")
	}
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentAsked, protocol.EventConsentGiven,
		protocol.EventShellStarted, protocol.EventShellUsed, protocol.EventShellEnded, protocol.EventConsentWithdrawn, protocol.EventEnded)
	data, err := os.ReadFile(filepath.Join(e.folder, "shell.cast"))
	o.must(err)
	typed, shown, hidden := replay(t, string(data))
	if !strings.Contains(shown, "sum 42 è漢") || !strings.Contains(typed, "6*7") || !hidden {
		t.Errorf("the export shows %q, typed %q", shown, typed)
	}
	if strings.Contains(string(data), "geheim77") || strings.Contains(typed, "geheim77") {
		t.Error("the password is on the evidence")
	}
}

// replay reads a terminal's recording (asciicast v3): all that was typed, all that was
// shown, and whether something typed was left out.
func replay(t *testing.T, file string) (typed, shown string, hidden bool) {
	t.Helper()
	for n, line := range strings.Split(strings.TrimSpace(file), "\n") {
		if n == 0 {
			var header struct {
				Version int
				Term    struct{ Cols, Rows int }
			}
			if err := json.Unmarshal([]byte(line), &header); err != nil || header.Version != 3 || header.Term.Cols < 1 {
				t.Fatalf("header %s: %v", line, err)
			}
			continue
		}
		var event [3]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if since, ok := event[0].(float64); !ok || since < 0 {
			t.Fatalf("%s: no time", line)
		}
		text, _ := event[2].(string)
		switch event[1] {
		case "i":
			typed += text
		case "o":
			shown += text
		case "m":
			hidden = true
		}
	}
	return typed, shown, hidden
}

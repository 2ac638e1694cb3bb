package console_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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
	const script = "# of the office\necho \"office sum $((40+2)) è漢\"\n"
	o.writesScript("Somma", script)
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

	// One of the office's scripts: seen before it runs, told to the customer, and it runs as it was written.
	o.must(o.console.Key("exit" + kb.Enter))
	o.becomes(panel, "phase", "over")
	o.must(o.console.Until("the script is seen", fmt.Sprintf(`document.querySelector('[data-testid="script-text"]')?.textContent === %q`, script)))
	o.picture("script", o.technician)
	o.must(o.console.Click(byID("shell-scripts") + " button"))
	shows("office sum 42 è漢")
	_, err := o.customer.Window(o.ctx, "esecuzione uno script")
	o.must(err)
	o.picture("script", o.customer)
	o.must(o.customer.Accept(o.ctx, "esecuzione uno script"))
	o.becomes(panel, "phase", "over")
	o.must(o.console.Click(byID("shell-start")))
	o.becomes(panel, "phase", "live")
	o.must(o.console.Until("it has the keyboard", `document.activeElement?.closest('[data-testid="terminal"]') !== null`))

	o.prompted(`[#$]`) // what is typed while a shell begins may be lost
	o.must(o.console.Key(`exec bash --norc --noprofile` + kb.Enter))
	o.prompted(`bash-[^ ]*[#$]`)
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
		protocol.EventShellStarted, protocol.EventShellEnded, protocol.EventShellOwn, protocol.EventShellEnded, protocol.EventShellStarted, protocol.EventShellUsed, protocol.EventShellEnded, protocol.EventConsentWithdrawn, protocol.EventEnded)
	data, err := os.ReadFile(filepath.Join(e.folder, "shell.cast"))
	o.must(err)
	typed, shown, hidden := replay(t, string(data))
	own := slices.IndexFunc(e.events, func(x logged) bool { return x.Code == string(protocol.EventShellOwn) })
	if own < 0 || e.events[own].Data["text"] != script || e.events[own].Data["sha256"] != protocol.ScriptHash(script) || e.events[own].Data["name"] != "Somma" {
		t.Errorf("the export has no script: %d", own)
	}
	if !strings.Contains(shown, "office sum 42 è漢") || strings.Count(shown, "sum 42 è漢") < 2 || !strings.Contains(typed, "6*7") || !hidden {
		t.Errorf("the export shows %q, typed %q", shown, typed)
	}
	if strings.Contains(string(data), "geheim77") || strings.Contains(typed, "geheim77") {
		t.Error("the password is on the evidence")
	}
}

// writesScript has an administrator write a script for the customers' computers.
func (o *office) writesScript(name, text string) {
	o.t.Helper()
	const email = "carla.neri@comune.example"
	o.must(o.broker.AddReader(o.ctx, email, "Carla Neri", "administrator"))
	ca, err := os.ReadFile(filepath.Join(o.broker.Data, "tls", "ca.pem"))
	o.must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	jar, err := cookiejar.New(nil)
	o.must(err)
	client := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	post := func(path string, form url.Values) {
		o.t.Helper()
		answer, err := client.PostForm(o.broker.URL+path, form)
		o.must(err)
		o.must(answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			o.t.Fatalf("%s: %s", path, answer.Status)
		}
	}
	post("/signin?next=/settings", url.Values{"email": {email}, "password": {stage.TechnicianPassword}})
	post("/settings/library/script/new", url.Values{"version": {"0"}, "name": {name}, "language": {""}, "team": {""}, "platform": {"linux"}, "interpreter": {"sh"}, "text": {text}})
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

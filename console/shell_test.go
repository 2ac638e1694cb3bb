package console_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// shellEnd is the customer's side of a console's terminal.
type shellEnd struct {
	t        *testing.T
	customer *browser
	epoch    uint32
	at       uint64
	run      uint32
}

// says sends what the agent would.
func (s *shellEnd) says(m protocol.Terminal) {
	s.t.Helper()
	m.Epoch, m.Run = s.epoch, s.run
	if m.Kind == protocol.TerminalOutput {
		m.At = s.at
		s.at += uint64(len(m.Text))
	}
	data, err := m.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	eval[bool](s.customer, fmt.Sprintf("(shell.send(%q), true)", data))
}

func (s *shellEnd) puts(text string) {
	s.t.Helper()
	s.says(protocol.Terminal{Kind: protocol.TerminalOutput, Text: text})
}

// got waits until what the console said, other than acknowledgements, is this, and
// takes it away. Each must be a message that the broker takes.
func (s *shellEnd) got(want string) {
	s.t.Helper()
	comes(s.customer, want, `JSON.stringify(typed.filter((m) => m.kind !== "ack"))`, func(raw string) bool {
		var list []json.RawMessage
		if err := json.Unmarshal([]byte(raw), &list); err != nil {
			s.t.Fatal(err)
		}
		var said []string
		for _, data := range list {
			m, err := protocol.DecodeTerminal(data)
			if err != nil || !m.FromConsole() || m.Epoch != s.epoch {
				s.t.Fatalf("the console sent %s: %v", data, err)
			}
			switch m.Kind {
			case protocol.TerminalInput:
				said = append(said, m.Text)
			case protocol.TerminalAttach:
				continue // as often as it has the keyboard anew
			case protocol.TerminalSize:
				size := fmt.Sprintf("<size %t>", m.Cols > 40 && m.Rows > 5)
				if len(said) == 0 || said[len(said)-1] != size { // it may come in steps
					said = append(said, size)
				}
			case protocol.TerminalStart:
				said = append(said, strings.TrimSpace(fmt.Sprintf("<start %d %s", m.Run, m.Script))+">")
			case protocol.TerminalScript:
				if !m.Own.Named() {
					s.t.Errorf("the console says what the script does: %+v", m.Own)
				}
				said = append(said, fmt.Sprintf("<script %d %s %d>", m.Run, m.Own.ID, m.Own.Version))
			default:
				said = append(said, fmt.Sprintf("<%s %d>", m.Kind, m.Run))
			}
		}
		return strings.Join(said, "") == want
	})
	eval[bool](s.customer, `(typed.splice(0), true)`)
}

const terminalText = `document.querySelector("[data-testid=terminal] .xterm-rows")?.textContent`

// shows waits until the terminal shows a text.
func shows(b *browser, text string) {
	b.t.Helper()
	b.until("the terminal shows "+text, fmt.Sprintf(`(%s ?? "").replaceAll("\u00a0", " ").includes(%q)`, terminalText, text))
}

// TestShell: asked for, a real terminal within the page's policy, and gone at once
// when it is taken back.
func TestShell(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b, customer := newBrowser(t, "en"), newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	now := time.Now()
	active := func(state protocol.ConsentState, cause protocol.ConsentCause) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = []protocol.Permission{protocol.Scripts, protocol.Shell}
		if state != "" {
			s.Consents = append(s.Consents, protocol.Consent{Permission: protocol.Shell, State: state, Epoch: 2, Cause: cause})
		}
		return s
	}
	p.library.Scripts = []protocol.OwnScript{
		{ID: "s1", Version: 2, Name: "Spooler <b>", Description: "Starts the print service again", Platform: protocol.Linux, Interpreter: protocol.Sh, ReadOnly: true, Text: "systemctl restart cups\necho done", SHA256: protocol.ScriptHash("systemctl restart cups\necho done")},
		{ID: "s2", Version: 1, Name: "Windows only", Platform: protocol.Windows, Interpreter: protocol.PowerShell, Text: "ls", SHA256: protocol.ScriptHash("ls")}}
	p.keep(active("", ""))
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("video plays, and tools can be asked for", video+`.videoWidth === 1280 && document.querySelector("#tools") !== null`)
	s := &shellEnd{t: t, customer: customer, epoch: 2, run: 1}
	panel := func(state, phase string) {
		t.Helper()
		b.until("panel "+state+" "+phase, fmt.Sprintf(`((p) => p?.dataset.state === %q && (p.dataset.phase ?? "") === %q)(document.querySelector("[data-testid=shell-panel]"))`, state, phase))
	}

	b.key("s")
	e := p.wait("consent_request")
	if m, err := protocol.DecodeBody[protocol.ConsentRequest](e); err != nil || m.Session != "s1" || m.Permission != protocol.Shell {
		t.Fatalf("asked %+v, %v", m, err)
	}
	p.send(e.ID, &protocol.SessionChanged{Session: active(protocol.ConsentAsked, "")})
	panel("asked", "")
	p.change(active(protocol.ConsentGiven, ""))
	panel("given", "starting")
	s.got("<start 1>")
	s.says(protocol.Terminal{Kind: protocol.TerminalStarted, Cols: 80, Rows: 24, Program: "/bin/bash"})
	panel("given", "live")
	s.got("<size true>")
	s.puts("\x1b[1;32manna@pc\x1b[0m:\x1b[38;2;255;128;0m~\x1b[0m$ però 漢字 🔧 ")
	shows(b, "anna@pc:~$ però 漢字")
	b.until("true colour, by the policy's ways", `[...document.querySelectorAll("[data-testid=terminal] .xterm-rows span")].some((e) => e.textContent === "~" && getComputedStyle(e).color === "rgb(255, 128, 0)")`)
	b.until("it has the keyboard", `document.activeElement?.closest("[data-testid=terminal]") !== null`)
	b.shot("9-shell")

	b.key("ls" + kb.Tab + kb.ArrowUp + kb.Enter)
	s.got("ls\t\x1b[A\r")
	b.do(chromedp.KeyEvent("k", chromedp.KeyModifiers(chromedp.ModifierCtrl))) // the shell's, not the palette
	s.got("\x0b")
	b.insert("né 漢字")
	s.got("né 漢字")

	// A program that takes the whole screen, and the size of its place.
	s.puts("\x1b[?1049h\x1b[2J\x1b[1;1Hfull screen\x1b[7m status \x1b[0m")
	shows(b, "full screen")
	b.size(1000, 800)
	s.got("<size true>")
	s.puts("\x1b[?1049l")
	shows(b, "anna@pc:~$")
	b.size(1440, 900)
	s.got("<size true>")

	// What is shown is acknowledged, all of it in the end.
	for range 40 {
		s.puts(strings.Repeat("0123456789abcde\r\n", protocol.MaxTerminalText/17))
	}
	comes(customer, "acknowledged", `Math.max(0, ...typed.filter((m) => m.kind === "ack").map((m) => m.at))`, func(at uint64) bool { return at == s.at })
	eval[bool](customer, `(typed.splice(0), true)`)

	s.says(protocol.Terminal{Kind: protocol.TerminalEcho, Hidden: true})
	b.until("a password is not recorded", `document.querySelector("[data-testid=shell-panel] [role=status]").textContent.includes("not recorded")`)
	s.says(protocol.Terminal{Kind: protocol.TerminalEcho})

	// The chord leaves by keyboard; a screen reader has its own way to the text.
	b.do(chromedp.KeyEvent("x", chromedp.KeyModifiers(chromedp.ModifierCtrl|chromedp.ModifierAlt|chromedp.ModifierShift)))
	b.until("left by keyboard", `document.activeElement?.dataset.testid === "shell-copy"`)
	b.click("[data-testid=shell-panel] [aria-pressed=false]")
	b.until("lines for a screen reader", `document.querySelector("[data-testid=terminal] .xterm-accessibility [role=listitem]")?.textContent.length > 0`)
	b.axe("shell")
	b.narrow("9-shell", func() {
		if !eval[bool](b, `document.querySelector(".shell-strip .leave").checkVisibility()`) {
			t.Error("the chord that leaves is not shown on a narrow page")
		}
	})
	b.scheme(true)
	b.shot("9-shell-dark")
	b.scheme(false)

	// The shell ends by itself, and another begins.
	s.says(protocol.Terminal{Kind: protocol.TerminalExited, Code: 3})
	panel("given", "over")
	b.shot("9-shell-over")
	eval[bool](customer, `(typed.splice(0), true)`)
	// A script of the office's: all of it is seen before it runs, and only its name is said.
	b.until("what it does", `document.querySelector("[data-testid=script-text]")?.textContent === "systemctl restart cups\necho done"`)
	b.until("the list", `[...document.querySelectorAll("[data-testid=shell-scripts] optgroup:first-of-type option")].map((e) => e.textContent).join() === "Spooler <b>"`)
	b.axe("own script")
	b.shot("9-shell-own")
	b.size(320, 800)
	b.shot("9-shell-own-320")
	b.size(1440, 900)
	eval[bool](customer, `(typed.splice(0), true)`)
	b.click("[data-testid=shell-scripts] button")
	s.got("<script 2 s1 2>")
	s.run, s.at = 2, 0
	s.says(protocol.Terminal{Kind: protocol.TerminalExited, Code: -1})
	b.until("said that it was not run", `document.querySelector("[data-testid=shell-panel] [role=status]").textContent.startsWith("The script was not run")`)
	b.click("[data-testid=shell-start]")
	s.got("<start 3>")
	s.run, s.at = 3, 0
	s.says(protocol.Terminal{Kind: protocol.TerminalStarted, Cols: 80, Rows: 24, Program: "/bin/bash"})
	panel("given", "live")
	s.puts("second$ ")
	shows(b, "second$")
	eval[bool](customer, `(typed.splice(0), true)`)

	p.change(active(protocol.ConsentWithdrawn, protocol.CauseCustomer))
	panel("withdrawn", "")
	b.until("the terminal is gone", `document.querySelector("[data-testid=terminal]") === null`)
	b.key("x")
	b.frames()
	s.puts("late")
	s.got("")
	b.axe("shell taken back")
	b.shot("9-shell-gone")

	// Checks of the list: chosen, seen before they run, and nothing is typed.
	checks := active(protocol.ConsentWithdrawn, protocol.CauseCustomer)
	checks.Consents = append(checks.Consents, protocol.Consent{Permission: protocol.Scripts, State: protocol.ConsentGiven, Epoch: 3})
	p.change(checks)
	panel("given", "idle")
	s.epoch, s.run, s.at = 3, 1, 0
	eval[bool](customer, `(typed.splice(0), true)`)
	b.until("what it runs", `document.querySelector("[data-testid=shell-scripts] code").textContent.startsWith("uname")`)
	b.do(chromedp.SetValue("[data-testid=shell-scripts] select", "disks"))
	eval[bool](b, `document.querySelector("[data-testid=shell-scripts] select").dispatchEvent(new Event("change", {bubbles: true}))`)
	b.until("what another one runs", `document.querySelector("[data-testid=shell-scripts] code").textContent.startsWith("df")`)
	b.click("[data-testid=shell-scripts] button")
	s.got("<start 1 disks>")
	s.says(protocol.Terminal{Kind: protocol.TerminalStarted, Cols: 80, Rows: 24, Program: "/bin/sh"})
	panel("given", "live")
	s.puts("Filesystem")
	shows(b, "Filesystem")
	s.says(protocol.Terminal{Kind: protocol.TerminalExited})
	panel("given", "over")
	b.axe("checks")
	b.shot("9-shell-checks")
}

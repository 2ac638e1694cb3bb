package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
)

// TestControl: asked for and refused, asked again and allowed, typed into a real
// program by a real keyboard over other layouts on both sides, held back by the
// customer's own hand, taken back from the bar in mid-use, and all of it on the evidence.
func TestControl(t *testing.T) {
	o := newSupport(t)
	before := o.files()
	agent := o.share()
	control := byID("control-strip")

	o.isRefused("control", control)
	file := filepath.Join(o.customer.Home, "typed")
	terminal, err := o.customer.Start("xterm", "-T", "typed", "-geometry", "100x30+300+180", "-e", "sh", "-c", "cat > "+file)
	o.must(err)
	defer terminal.Kill()
	_, err = o.customer.Window(o.ctx, "typed")
	o.must(err)
	o.asksAgain("control", control)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.becomes(control, "state", "given")
	o.picture("given", o.customer)

	o.must(o.console.Click(byID("remote-screen"))) // the terminal lies in the middle
	o.must(o.console.Until("the remote side has the keyboard", `document.activeElement?.dataset.testid === "remote-keys"`))
	o.picture("used", o.technician)
	typed := ""
	holds := func(what, line string) {
		o.t.Helper()
		typed += line
		last := ""
		patient, cancel := stage.Briefly(o.ctx)
		defer cancel()
		err := stage.Until(patient, what, func() bool {
			data, _ := os.ReadFile(file) // it may not be there yet
			last = string(data)
			return last == typed
		})
		if err != nil {
			o.must(fmt.Errorf("%w: %q instead of %q", err, last, typed))
		}
	}
	o.must(o.console.Key("abc XYZ 1" + kb.Enter))
	holds("what was typed", "abc XYZ 1\n")
	o.fullScreen(func() {
		o.must(o.technician.Press(o.ctx, "Escape", "Return")) // Escape would leave it, were it the browser's
		holds("Escape in full screen", "\x1b\n")
	})
	for _, pair := range keyboardPairs() {
		o.must(o.technician.Command(o.ctx, "setxkbmap", pair.ours.layout).Run())
		o.must(o.customer.Command(o.ctx, "setxkbmap", pair.theirs.layout).Run())
		o.strike(pair.ours.keys + " Enter")
		holds(pair.ours.layout+" typed over "+pair.theirs.layout, pair.ours.makes+"\n")
	}

	// The customer holds a key down: nothing passes until it is up.
	o.must(o.customer.Command(o.ctx, "xdotool", "keydown", "shift").Run())
	o.becomes(control, "block", "customer")
	o.picture("held back", o.technician)
	o.must(o.customer.Command(o.ctx, "xdotool", "keyup", "shift").Run())
	o.becomes(control, "block", "")

	o.bar("pause with control")
	o.tells(protocol.SharingPaused)
	o.becomes(control, "block", "hidden")
	o.bar("pause with control")
	o.tells(protocol.SharingShown)
	o.becomes(control, "block", "")
	o.must(o.console.Click(byID("remote-screen"))) // the bar has the keyboard since it was clicked, and that is out of reach
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	o.must(stage.Until(patient, "the terminal has the keyboard", func() bool {
		out, err := o.customer.Command(o.ctx, "xdotool", "getwindowfocus", "getwindowname").Output()
		return err == nil && strings.TrimSpace(string(out)) == "typed"
	}))
	o.must(o.console.Key("again" + kb.Enter))
	holds("it goes on", "again\n")

	// The customer takes it back: what comes later goes nowhere.
	o.bar("take back")
	o.becomes(control, "state", "withdrawn")
	o.picture("withdrawn", o.customer)
	o.must(o.console.Key("late" + kb.Enter))
	terminal.Kill()
	holds("nothing more", "")
	o.must(os.Remove(file))

	o.bar("end")
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentAsked, protocol.EventConsentGiven,
		protocol.EventControlUsed, protocol.EventConsentWithdrawn, protocol.EventEnded)
	characters, letters, keys := 0.0, "", 0
	for _, entry := range e.events {
		if n, ok := entry.Data["characters"].(float64); ok && entry.Code == string(protocol.EventControlUsed) {
			characters += n
		}
		acts, _ := entry.Data["acts"].([]any)
		for _, a := range acts {
			act, _ := a.(map[string]any)
			text, _ := act["text"].(string)
			letters += text
			if key, ok := map[any]string{"Enter": "\n", "Escape": "\x1b"}[act["code"]]; ok && act["down"] == true {
				letters += key
				keys++
			}
		}
	}
	if letters != typed || int(characters) != len([]rune(typed))-keys {
		o.t.Errorf("on the evidence: %q, %v characters; typed: %q", letters, characters, typed)
	}
}

// fullScreen has the technician do something in full screen, with the keyboard at the
// remote side, where the browser keeps no key for itself.
func (o *office) fullScreen(do func()) {
	o.t.Helper()
	const full = `#tools [aria-keyshortcuts="M"]`
	_, err := stage.Eval[bool](o.console, `(() => {
		const lock = navigator.keyboard.lock.bind(navigator.keyboard);
		navigator.keyboard.lock = (...keys) => lock(...keys).then(() => { window.keysAreLocked = true; });
		return true;
	})()`)
	o.must(err)
	o.must(o.console.Click(full))
	o.must(o.console.Until("full screen", `document.fullscreenElement !== null`))
	o.must(o.console.Click(byID("remote-screen")))
	o.must(o.console.Until("the remote side has the keyboard, all of it", `document.activeElement?.dataset.testid === "remote-keys" && window.keysAreLocked === true`))
	do()
	o.must(o.console.Until("still full screen", `document.fullscreenElement !== null`))
	o.must(o.console.Click(full))
	o.must(o.console.Until("as before", `document.fullscreenElement === null`))
	o.must(o.console.Click(byID("remote-screen")))
	o.must(o.console.Until("the remote side has the keyboard", `document.activeElement?.dataset.testid === "remote-keys"`))
}

// keyboard is what some keys of a layout make, by their place.
type keyboard struct{ layout, keys, makes string }

// With what people type: letters of their own, dead keys, AltGr, Shift.
var keyboards = []keyboard{
	{"us", "KeyA Shift+KeyB Shift+Digit2 Quote BracketRight", "aB@']"},
	{"it", "Semicolon AltGr+Semicolon AltGr+KeyE AltGr+BracketLeft Quote Shift+Digit7", "ò@€[à/"},
	{"fr", "KeyQ Digit2 AltGr+Digit0 BracketLeft KeyE Shift+Digit1 Digit4", "aé@ê1'"},
	{"de", "KeyY Semicolon AltGr+KeyQ Equal KeyE Minus Shift+Digit7", "zö@éß/"},
	{"es", "Semicolon Quote KeyA AltGr+Digit2 Shift+Minus AltGr+Digit1", "ñá@?|"},
	{"jp", "Shift+Digit2 BracketLeft IntlRo Shift+IntlRo Equal", `"@\_^`},
	{"ru", "KeyF KeyQ Shift+KeyQ Shift+Digit3 Slash", "айЙ№."},
}

// keyboardPair is a technician's keyboard and a customer's.
type keyboardPair struct{ ours, theirs keyboard }

// keyboardPairs has each layout once on either side; KEYBOARDS=all every one with
// every other.
func keyboardPairs() (list []keyboardPair) {
	n := len(keyboards)
	for step := range n {
		if step != 2 && os.Getenv("KEYBOARDS") != "all" {
			continue
		}
		for i, ours := range keyboards {
			list = append(list, keyboardPair{ours, keyboards[(i+step)%n]})
		}
	}
	return list
}

// keycodes of X, evdev's plus 8.
var keycodes = map[string]int{"Shift": 50, "AltGr": 108, "Enter": 36, "KeyA": 38, "KeyB": 56, "KeyE": 26, "KeyF": 41, "KeyQ": 24, "KeyY": 29,
	"Digit0": 19, "Digit1": 10, "Digit2": 11, "Digit3": 12, "Digit4": 13, "Digit7": 16, "Minus": 20, "Equal": 21, "BracketLeft": 34, "BracketRight": 35,
	"Semicolon": 47, "Quote": 48, "Slash": 61, "IntlRo": 97}

// strike presses keys of the technician's keyboard by their place, in the browser
// that has it.
func (o *office) strike(keys string) {
	o.t.Helper()
	var args []string
	for _, chord := range strings.Fields(keys) {
		names := strings.Split(chord, "+")
		for _, name := range names {
			if keycodes[name] == 0 {
				o.t.Fatalf("no key %q", name)
			}
			args = append(args, "keydown", fmt.Sprint(keycodes[name]))
		}
		for i := len(names) - 1; i >= 0; i-- {
			args = append(args, "keyup", fmt.Sprint(keycodes[names[i]]))
		}
	}
	o.must(o.technician.Command(o.ctx, "xdotool", args...).Run())
}

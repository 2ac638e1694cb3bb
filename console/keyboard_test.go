package console_test

import (
	"fmt"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
)

// focused returns what has the keyboard, and fails unless a person sees it.
func (b *browser) focused(where string) stage.Focused {
	b.t.Helper()
	f := eval[stage.Focused](b, stage.Focus)
	for _, wrong := range f.Wrong {
		b.t.Errorf("%s: the keyboard at %s: %s", where, f.Name, wrong)
	}
	return f
}

// round goes with Tab through the whole page, and fails where the keyboard is
// caught, is not seen, or jumps back.
func (b *browser) round(where string) {
	b.t.Helper()
	b.frames()
	eval[bool](b, `(globalThis.firstStop = null) === null`)
	var there []stage.Focused
	for range 120 {
		b.key(kb.Tab)
		f := b.focused(where)
		// By itself, not by its name or place: what counts seconds changes both.
		if eval[bool](b, `((first) => { globalThis.firstStop ??= document.activeElement; return first === document.activeElement; })(globalThis.firstStop)`) {
			return
		}
		there = append(there, f)
	}
	b.t.Errorf("%s: Tab never comes round: %v", where, there)
}

// enter goes to a selector with Tab and presses Enter there.
func (b *browser) enter(where, selector string) {
	b.t.Helper()
	for range 120 {
		if eval[bool](b, fmt.Sprintf(`!!document.activeElement?.matches(%q)`, selector)) {
			b.focused(where)
			b.key(kb.Enter)
			return
		}
		b.key(kb.Tab)
		b.focused(where)
	}
	b.t.Fatalf("%s: Tab never comes to %s", where, selector)
}

// TestSessionByKeyboard: a new session, its link, its end, and the next one, with
// Tab and Enter alone.
func TestSessionByKeyboard(t *testing.T) {
	p := newPeer(t)
	now := time.Now()
	p.keep(past("p1", "Marco Villa", "Windows 11", protocol.EndTechnician, now.Add(-50*time.Minute)))
	b := newBrowser(t, "en")
	command(b, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Setting: cdpbrowser.PermissionSettingGranted,
		Permission: &cdpbrowser.PermissionDescriptor{Name: "clipboard-read"}})
	for _, width := range []int64{1440, 720} {
		name := fmt.Sprintf("s%d", width)
		b.size(width, 900)
		b.open(p.URL + "/console/")
		b.until("connected", online)
		b.round(name + " empty")
		b.enter(name+" empty", ".new-session")
		asked := p.wait("new_session")
		issued := scene(name, protocol.StateIssued, now)
		link := p.URL + "/k/" + sampleKey
		p.keep(issued)
		p.send(asked.ID, &protocol.SessionIssued{Session: issued, Key: sampleKey, URL: link, Address: p.URL + "/"})
		b.until("session key", `document.querySelector('[data-testid=session-key]')?.textContent === "`+sampleKey+`"`)
		b.round(name + " issued")
		copies := b.soon("copied", `document.querySelector(".key-card .actions .button:first-child").textContent === "Copied"`)
		b.enter(name+" issued", ".key-card .actions .button:first-child")
		copies()
		if copied := eval[string](b, `navigator.clipboard.readText()`); copied != link {
			t.Errorf("%q was copied", copied)
		}
		b.focused(name + " copied")
		p.change(scene(name, protocol.StateJoined, now))
		state(b, protocol.StateJoined)
		b.round(name + " joined")
		p.change(scene(name, protocol.StateActive, now))
		state(b, protocol.StateActive)
		b.round(name + " active")
		b.do(chromedp.KeyEvent(kb.Tab, stage.Raw, chromedp.KeyModifiers(chromedp.ModifierShift)))
		b.focused(name + " active, back")
		b.enter(name+" active", byID("end-session"))
		e := p.wait("end_session")
		if m, err := protocol.DecodeBody[protocol.EndSession](e); err != nil || m.Session != name {
			t.Errorf("the red X ended %q, %v", m.Session, err)
		}
		closed := scene(name, protocol.StateClosed, now)
		p.change(closed)
		state(b, protocol.StateClosed)
		b.round(name + " closed")
	}
}

package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
)

const palette = `document.querySelector("dialog.palette")`

// ctrlK presses Ctrl+K.
func ctrlK(b *browser) {
	b.t.Helper()
	b.do(chromedp.KeyEvent("k", stage.Raw, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// TestPalette: every action by a few letters of its name, with the keyboard alone.
func TestPalette(t *testing.T) {
	for _, language := range []string{"en", "ja"} {
		t.Run(language, func(t *testing.T) {
			p := newPeer(t)
			now := time.Now()
			p.keep(scene("s1", protocol.StateActive, now.Add(-2*time.Hour)))
			p.keep(scene("s2", protocol.StateJoined, now))
			b := newBrowser(t, language)
			b.open(p.URL + "/console/")
			b.until("list", `document.querySelectorAll(".tab").length === 2`)
			ctrlK(b)
			b.until("open", palette+`.open && document.activeElement.getAttribute("role") === "combobox"`)
			b.axe("palette")
			b.shot("palette-" + language)
			for _, act := range []string{"new", "filter", "notes", "figures", "close", "end", "rail", "notify", "sound", "letters", "help", "shared", "sign-out", "open-s2"} {
				if !eval[bool](b, fmt.Sprintf(`%s.querySelector("[data-action=%s]") !== null`, palette, act)) {
					t.Errorf("the palette lacks %s", act)
				}
			}
			b.key("\x1b")
			b.until("closed", `!`+palette+`.open`)
		})
	}

	p := newPeer(t)
	p.keep(scene("s1", protocol.StateActive, time.Now().Add(-2*time.Hour)))
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	state(b, protocol.StateActive)
	find := func(letters, act string) {
		t.Helper()
		ctrlK(b) // at once: it is taken however short ago the palette was closed
		b.until("open", palette+`.open`)
		b.key(letters)
		b.until("found "+act, palette+`.querySelector("[aria-selected=true]")?.dataset.action === "`+act+`"`)
		b.key("\r")
		b.until("closed", `!`+palette+`.open`)
	}
	find("wrsu", "notes")
	b.until("notes", field+` !== null && document.activeElement === `+field)
	find("connection", "figures") // from within a field as well
	b.until("figures", `document.querySelector(".figures-body") !== null`)
	find("singl", "letters")
	b.key("n")
	find("single", "letters") // Ctrl+K acts while single keys are off
	p.quiet("new_session")

	ctrlK(b)
	b.until("open", palette+`.open`)
	b.key("zzz")
	b.until("said that nothing fits", palette+`.querySelector("[role=status]").textContent.includes("zzz")`)
	b.axe("nothing found")
	b.key("\x1b")
	b.until("closed", `!`+palette+`.open`)
	ctrlK(b)
	b.until("new again", palette+`.open && `+palette+`.querySelector("input").value === ""`)
	b.do(chromedp.KeyEvent(kb.ArrowDown, stage.Raw))
	b.until("second", palette+`.querySelectorAll("li")[1].getAttribute("aria-selected") === "true" && document.activeElement.getAttribute("aria-activedescendant") === "palette-1"`)
	b.key("\x1b")
	b.until("closed", `!`+palette+`.open`)
	find("end session", "end")
	p.wait("end_session")
}

package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// TestDock: with several tools in use the picture keeps its place; tabs and edge are
// used by keyboard, and what was put away comes back.
func TestDock(t *testing.T) {
	p := newPeer(t)
	p.welcome.Permissions = protocol.BuiltInProfiles()[1].Permissions
	b, customer := newBrowser(t, "it"), newBrowser(t, "en")
	customer.open(p.URL + "/customer")
	eval[bool](customer, customerScript)
	now := time.Now()
	active := func(given ...protocol.Permission) protocol.Session {
		s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
		s.Tools = protocol.Permissions()
		for i, permission := range given {
			s.Consents = append(s.Consents, protocol.Consent{Permission: permission, State: protocol.ConsentGiven, Epoch: uint32(i + 2)})
		}
		return s
	}
	p.keep(active())
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.until("live", video+`.videoWidth === 1280`)
	b.until("nothing below the picture", `document.querySelector(".dock") === null`)
	shows := func(id string) {
		t.Helper()
		b.until(id+" is shown alone", fmt.Sprintf(`[...document.querySelectorAll(".dock-panel")].filter((e) => e.checkVisibility()).map((e) => e.id).join() === %q`, id))
	}
	height := func() int {
		return eval[int](b, `Math.round(document.querySelector(".dock").getBoundingClientRect().height)`)
	}

	p.change(active(protocol.Shell))
	shows("dock-shell")
	p.change(active(protocol.Shell, protocol.SendFiles))
	shows("dock-files")
	for _, width := range []int64{1440, 1024, 320} {
		b.size(width, 720)
		for _, dark := range []bool{false, true} {
			b.scheme(dark)
			b.until("the picture keeps a third of a large page", `innerWidth < 700 || document.querySelector("[data-testid=remote-screen]").getBoundingClientRect().height >= 0.3 * document.querySelector(".session-main").getBoundingClientRect().height`)
			b.axe(fmt.Sprintf("dock %d", width))
			b.shot(fmt.Sprintf("dock-%d-%t", width, dark))
		}
	}
	b.scheme(false)
	b.size(1440, 900)

	eval[bool](b, `(document.querySelector("#dock-tab-files").focus(), true)`)
	b.key(kb.ArrowLeft)
	shows("dock-shell")
	b.until("the tab has the keyboard", `document.activeElement?.id === "dock-tab-shell"`)
	before := height()
	eval[bool](b, `(document.querySelector(".dock-edge").focus(), true)`)
	b.key(kb.ArrowUp)
	b.until("higher", fmt.Sprintf(`document.querySelector(".dock").getBoundingClientRect().height > %d`, before))
	b.key(kb.Home)
	b.until("as high as it gets", `document.querySelector(".dock-edge").ariaValueNow === "75"`)
	b.key(kb.End)
	b.until("as low", `document.querySelector(".dock-edge").ariaValueNow === "20"`)
	b.click("[data-testid=dock-away]")
	b.until("put away", `document.querySelectorAll(".dock-panel:not([hidden])").length === 0 && document.querySelector(".dock-edge") === null`)
	b.click("#dock-tab-files")
	shows("dock-files")

	p.change(active(protocol.Shell, protocol.SendFiles, protocol.Control))
	b.until("who gets control has the picture", `document.querySelectorAll(".dock-panel:not([hidden])").length === 0`)
	b.axe("dock away")
	b.shot("dock-away")
	b.open(p.URL + "/console/")
	connect(p, customer, "s1")
	b.click("#dock-tab-shell")
	b.until("the height is kept", `document.querySelector(".dock-edge")?.ariaValueNow === "20"`)
}

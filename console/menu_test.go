package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"consento/protocol"
)

// TestHead: with every tool there is, the head leaves the page to the picture, small
// and large; its menus are walked by keyboard, and what the customer allows is told.
func TestHead(t *testing.T) {
	for _, language := range []string{"en", "de"} {
		t.Run(language, func(t *testing.T) {
			p := newPeer(t)
			p.welcome.Permissions = map[protocol.Permission]bool{}
			s := scene("s1", protocol.StateActive, time.Now().Add(-3*time.Minute))
			s.Sharing = &protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceApplication, Name: "LibreOffice Writer"}
			for _, permission := range protocol.Permissions() {
				p.welcome.Permissions[permission] = true
				s.Tools = append(s.Tools, permission)
			}
			for i, permission := range []protocol.Permission{protocol.SystemInfo, protocol.SendFiles} {
				s.Consents = append(s.Consents, protocol.Consent{Permission: permission, State: protocol.ConsentGiven, Epoch: uint32(i + 2)})
			}
			p.keep(s)
			b, customer := newBrowser(t, language), newBrowser(t, "en")
			customer.open(p.URL + "/customer")
			eval[bool](customer, customerScript)
			b.open(p.URL + "/console/")
			connect(p, customer, "s1")
			b.until("live", video+`.videoWidth === 1280`)
			for _, dark := range []bool{false, true} {
				b.scheme(dark)
				for width, head := range map[int64]int{1440: 90, 768: 110, 320: 160} {
					b.size(width, 720)
					b.until("the head is low", fmt.Sprintf(`document.querySelector(".session-head").getBoundingClientRect().height <= %d`, head))
					b.until("nothing is beside the page", `document.documentElement.scrollWidth <= innerWidth`)
					name := fmt.Sprintf("head-%s-%d-%t", language, width, dark)
					b.axe(name)
					b.shot(name)
					for _, menu := range []string{"tools", "rights"} {
						opens(b, menu)
						b.until(menu+" is on the page", `(() => {
							const r = document.querySelector('[data-menu="open"]').getBoundingClientRect();
							return r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight;
						})()`)
						b.axe(name + " " + menu)
						b.shot(name + "-" + menu)
						b.key(kb.Escape)
						b.until(menu+" is closed, and its button has the keyboard", fmt.Sprintf(`document.querySelector('[data-menu="open"]') === null && document.activeElement?.getAttribute("aria-controls") === %q`, menu))
					}
				}
			}
			if got, want := eval[int](b, `document.querySelectorAll('[data-testid=consents] > [data-state=given]').length`), 3; got != want {
				t.Errorf("%d are allowed, want %d", got, want)
			}
			opens(b, "tools")
			b.key(kb.End)
			b.until("the last one", `document.activeElement === document.querySelector("#tools button:last-of-type")`)
			b.key(kb.ArrowDown)
			b.until("and round", `document.activeElement === document.querySelector("#tools button")`)
			eval[bool](b, `(document.querySelector("#tools [data-testid=scripts]").focus(), true)`)
			b.key(kb.Enter)
			if m, err := protocol.DecodeBody[protocol.ConsentRequest](p.wait("consent_request")); err != nil || m.Permission != protocol.Scripts {
				t.Errorf("asked %+v, %v", m, err)
			}
			b.until("a choice closes it", `document.querySelector('[data-menu="open"]') === null`)
			opens(b, "tools")
			b.click("[data-testid=chat]")
			b.until("so does what lies elsewhere", `document.querySelector('[data-menu="open"]') === null`)
		})
	}
}

// opens has a person open a menu of the head by keyboard.
func opens(b *browser, menu string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(document.querySelector('[aria-controls=%q]').focus(), true)`, menu))
	b.key(kb.ArrowDown)
	b.until(menu+" is open, and has the keyboard", fmt.Sprintf(`document.querySelector('#%s[data-menu="open"]')?.contains(document.activeElement)`, menu))
}

package web_test

import (
	"fmt"
	"testing"

	"consento/protocol"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// says sends something to the page.
func (p *sharePeer) says(m protocol.Message) {
	p.mu.Lock()
	conn := p.conn
	p.mu.Unlock()
	p.send(conn, 0, m)
}

// said waits for the customer's newest word on a person.
func (p *sharePeer) said(n int) protocol.GuestAnswer {
	p.t.Helper()
	var last protocol.GuestAnswer
	until(p.t, fmt.Sprintf("answer %d", n), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.guests) < n {
			return false
		}
		last = p.guests[n-1]
		return true
	})
	return last
}

// TestGuestsOnThePage: the page that shares asks about people as the program does: refused, allowed,
// sent away; handed over; and a broker's word alone brings nobody.
func TestGuestsOnThePage(t *testing.T) {
	for _, language := range []string{"de", "ja"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			peer := &sharePeer{t: t}
			h := builtHouse(t, peer.before())
			b := newChromium(t, h, language, testScreen...)
			command(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: windows, AcceptLanguage: language})
			command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: picker})
			b.toTheTerms(h, goodKey)
			b.at("terms")
			version := evaluate[string](b, `document.querySelector("#browser").dataset.terms`)
			peer.set(func(p *sharePeer) { p.terms = version })
			b.press("accept")
			b.at("ask")
			b.press("share")
			b.at("live")

			ask := func(epoch uint32, way protocol.GuestWay, by string) {
				t.Helper()
				peer.says(&protocol.GuestAsk{Guest: protocol.Guest{Epoch: epoch, Name: "Luca Verdi", Team: "Reti", Way: way, By: by, State: protocol.ConsentAsked}})
				b.until(`document.querySelector("#guest-ask").open && document.activeElement?.hasAttribute("data-guest-no")`)
			}
			peer.says(&protocol.GuestRecorded{Epoch: 9})
			ask(10, protocol.WayJoin, "")
			b.look("6-guest-asked")
			b.keys("\r") // the refusing answer has the keyboard
			if said := peer.said(1); said.State != protocol.ConsentRefused || said.Epoch != 10 || said.Cause != protocol.GuestCustomer {
				t.Errorf("said %+v", said)
			}
			ask(11, protocol.WayVendor, "Anna Bianchi")
			b.glance("6-guest-external")
			b.keys("\u001b")
			if said := peer.said(2); said.State != protocol.ConsentRefused || said.Epoch != 11 {
				t.Errorf("said %+v", said)
			}
			ask(12, protocol.WayTakeOver, "")
			b.until(`document.querySelector("[data-guest-yes]").getAttribute("aria-disabled") === "false"`)
			b.click("[data-guest-yes]")
			if said := peer.said(3); said.State != protocol.ConsentGiven || said.Epoch != 12 {
				t.Errorf("said %+v", said)
			}
			b.until(`document.querySelectorAll("#guests li").length === 1`)
			peer.says(&protocol.HandedOver{Epoch: 12, Technician: protocol.Person{Name: "Luca Verdi", Team: "Reti"},
				Former: protocol.Guest{Epoch: 13, Name: anna.Name, Team: anna.Team, Way: protocol.WayFormer, State: protocol.ConsentGiven}})
			b.until(`document.querySelector('#bar [data-state="shown"]').textContent.includes("Luca Verdi") && document.querySelector("#guests li").textContent.includes("` + anna.Name + `")`)
			b.look("6-guest-handed-over")
			b.click("#guests button")
			if said := peer.said(4); said.State != protocol.ConsentWithdrawn || said.Epoch != 13 {
				t.Errorf("said %+v", said)
			}
			b.until(`document.querySelector("#guests").hidden`)
			// A stranger as the technician ends it.
			peer.says(&protocol.HandedOver{Epoch: 20, Technician: protocol.Person{Name: "Mallory"},
				Former: protocol.Guest{Epoch: 21, Name: "Luca Verdi", Way: protocol.WayFormer, State: protocol.ConsentGiven}})
			until(t, "ended", func() bool {
				peer.mu.Lock()
				defer peer.mu.Unlock()
				return peer.ended == protocol.EndConsentWithdrawn
			})
		})
	}
}

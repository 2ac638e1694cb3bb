package console_test

import (
	"testing"
	"time"

	"consento/protocol"
)

// TestLeadSendsAway: whoever may end a colleague's session sees who is in it beside the
// technician, and sends somebody away without coming in; others see nobody.
func TestLeadSendsAway(t *testing.T) {
	for _, language := range []string{"en", "de", "ja"} {
		t.Run(language, func(t *testing.T) {
			p := newPeer(t)
			b := newBrowser(t, language)
			s := scene("s1", protocol.StateActive, time.Now().Add(-5*time.Minute))
			s.Mine, s.Technician.Name, s.Viewers = false, "Anna Neri", nil
			s.May = []protocol.GuestWay{protocol.WayJoin, protocol.WaySupervise, protocol.WayTakeOver}
			s.Guests = []protocol.Guest{{Epoch: 4, Name: "Luca Verdi", Team: "Reti", Way: protocol.WayJoin, State: protocol.ConsentGiven},
				{Epoch: 6, Name: "Max Muster", Team: "Drucker GmbH", Way: protocol.WayVendor, By: "Anna Neri", State: protocol.ConsentAsked}}
			p.keep(s)
			b.open(p.URL + "/console/")
			b.until("the list", `document.querySelector(".row") !== null`)
			b.click(".row")
			b.until("the ways in", `document.querySelector("[data-testid=doors]") !== null`)
			if eval[bool](b, `document.querySelector("[data-testid=people]") !== null`) {
				t.Error("shown to who may do nothing about it")
			}
			s.Sends = true
			p.change(s)
			b.until("who is there", `document.querySelectorAll("[data-testid=people] [data-testid=guest-away]").length === 2`)
			b.axe("people")
			b.shot("people-lead-" + language)
			b.click(`[data-way=vendor] [data-testid=guest-away]`)
			e := p.wait("guest_leave")
			m, err := protocol.DecodeBody[protocol.GuestLeave](e)
			if err != nil || m.Session != "s1" || m.Epoch != 6 {
				t.Errorf("%+v, %v", m, err)
			}
			s.Guests = s.Guests[:1]
			p.send(e.ID, &protocol.SessionChanged{Session: s})
			b.until("the other one", `document.querySelectorAll("[data-testid=people] p").length === 1`)
			s.Guests, s.Sends = nil, false
			p.change(s)
			b.until("nobody", `document.querySelector("[data-testid=people]") === null`)
		})
	}
}

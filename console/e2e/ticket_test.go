package console_test

import (
	"strings"
	"testing"

	"consento/protocol"
)

// TestTicket: a call is written down, its session is begun from the ticket, what to do
// stands beside the picture, ticket and session are handed to the next level in one go,
// which resolves it; the evidence says which ticket it was for, and the ticket which picture
// is sealed there.
func TestTicket(t *testing.T) {
	o := newSupport(t)
	next := o.colleague("sara@comune.example", "Sara Neri", "technician", "Reti")
	before := o.files()
	there := func(what, condition string) { o.t.Helper(); o.must(next.console.Until(what, condition)) }
	o.must(o.console.Until("the tickets", `document.querySelector("[data-testid=queue]") !== null`))
	o.must(o.console.Key("a"))
	o.must(o.console.Until("the form", `document.activeElement?.id === "new-name"`))
	o.must(o.console.Type("#new-name", "Maria Verdi"))
	o.must(o.console.Type("#new-phone", "+39 0541 555 111"))
	o.must(o.console.Type("#new-title", "Wi-Fi drops out on floor 2"))
	o.must(o.console.Click(`.new-ticket [type="submit"]`))
	o.must(o.console.Until("the ticket", `document.querySelector("[data-testid=ticket] .ticket-ref") !== null`))
	words, err := o.console.Text(".ticket-ref")
	o.must(err)
	ref, _, _ := strings.Cut(words, " ")

	agent := o.agent()
	o.show()
	o.must(o.console.Key("e"))
	o.must(o.console.Until("whom it is for", `document.querySelector(".guide")?.innerText.includes("Maria Verdi")`))
	o.must(o.console.Until("the category is chosen", `(() => {
		const e = document.querySelector("#guide-category");
		if (e.value === "") { e.value = "network"; e.dispatchEvent(new Event("change", {bubbles: true})); }
		return document.querySelectorAll(".guide [data-testid=work] li").length > 0;
	})()`))
	o.picture("what to do", o.technician)
	o.must(o.console.Click(byID("stills")))
	o.must(o.console.Type("#still-caption", "No signal"))
	o.must(o.console.Click(byID("take-still")))
	o.must(o.console.Until("a picture is sealed, and can be put on the ticket", `document.querySelector("[data-testid=still-to-ticket]") !== null`))
	hash, err := o.console.Text(`[data-still="1"] code`)
	o.must(err)
	o.picture("a picture for the record", o.technician)
	o.must(o.console.Click(byID("still-to-ticket")))
	o.must(o.console.Until("it is on the ticket", `document.querySelector("[data-testid=on-ticket]")?.innerText.includes("`+ref+`")`))
	o.must(o.console.Key("e"))
	o.must(o.console.Click(byID("escalate")))
	o.must(o.console.Until("the next level", `document.querySelector("#guide-team")?.value === "Reti"`))
	o.must(o.console.Type("#guide-why", "The access point does not answer."))
	o.must(o.console.Click(byID("hand-on")))
	o.must(o.console.Until("the session is on offer", `document.querySelector("[data-testid=offer-out]") !== null && document.querySelector(".hand-on") === null`))
	o.picture("handed on", o.technician)

	there("the session is offered there", `document.querySelector('[data-group="offered"] .row') !== null`)
	there("and the ticket waits", `document.querySelector("[data-testid=fresh]") !== null`)
	o.must(next.console.Key("u"))
	there("in the queue", `document.querySelector("[data-ticket=`+ref+`]") !== null`)
	o.must(next.console.Click(`[data-ticket=` + ref + `]`))
	there("taken in hand", `(document.querySelector('[data-act="take"]')?.click(), document.querySelector("[data-testid=ticket]")?.dataset.state === "investigation")`)
	o.must(o.console.Click(byID("end-session")))
	o.over(agent, 0, before)
	there("its session is over", `document.querySelector("[data-testid=linked] li")?.innerText.includes("Techniker")`)
	o.must(next.console.Click(`[data-act="resolve"]`))
	there("how", `document.querySelector("#act-resolution") !== null`)
	o.must(next.console.Type("#act-text", "Access point started again."))
	o.must(next.console.Click(byID("do")))
	there("resolved", `document.querySelector("[data-testid=ticket]")?.dataset.state === "resolved" && document.querySelector("[data-ticket]") === null`)
	o.picture("resolved", next.technician)
	there("the ticket's page names the picture", `(() => {
		const page = document.querySelector(".ticket-page a");
		if (page !== null) location.assign(page.href);
		return document.querySelector(".files .hash")?.innerText.includes("`+hash+`");
	})()`)
	o.picture("the ticket's page", next.technician)
	e := o.newest(whole)
	for _, event := range e.events {
		if event.Code == string(protocol.EventIssued) && event.Data["ticket"] != ref {
			t.Errorf("the evidence names the ticket %v, want %s", event.Data["ticket"], ref)
		}
	}
	e.expect(t, protocol.EndTechnician, protocol.EventStillTaken, protocol.EventStillOnTicket, protocol.EventOffered, protocol.EventEnded)
}

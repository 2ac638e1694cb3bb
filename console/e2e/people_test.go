package console_test

import (
	"image"
	"path/filepath"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// guestQuestion begins the title of the question about one more person.
const guestQuestion = "Consento – un’altra persona"

// colleague is another technician at another console.
func (o *office) colleague(email, name, role, team string) *office {
	o.t.Helper()
	password := filepath.Join(filepath.Dir(o.broker.Data), "password")
	_, err := o.broker.Run(o.ctx, "consento-broker", "account", "add", "--data", o.broker.Data, "--email", email, "--name", name,
		"--role", role, "--team", team, "--level", "L2", "--profile", "Full support", "--password-file", password)
	o.must(err)
	other := *o
	other.technician = o.screen(image.Pt(1280, 800), email)
	other.console = o.browser(other.technician, "de-DE")
	o.must(other.console.SignInAs(o.broker, email))
	return &other
}

// TestPeople: a lead comes into a colleague's session: the customer refuses, allows, and
// sends them away; until the yes nothing is seen.
func TestPeople(t *testing.T) {
	o := newOffice(t)
	lead := o.colleague("luca@comune.example", "Luca Verdi", "lead", stage.Team)
	before := o.files()
	agent := o.share()
	team := func(what, condition string) { o.t.Helper(); o.must(lead.console.Until(what, condition)) }
	team("the session stands in the rail", `document.querySelector('[data-group="team"] .row') !== null`)
	o.must(lead.console.Click(`[data-group="team"] .row`))
	o.picture("door", lead.technician)

	// Refused: nothing was seen.
	o.must(lead.console.Click(`[data-way="join"]`))
	_, err := o.customer.Window(o.ctx, guestQuestion)
	o.must(err)
	o.picture("asked", o.customer)
	o.must(o.console.Until("the technician knows", `document.querySelector('[data-testid="people"] [data-guest="asked"]') !== null`))
	team("asked about, and without a picture", `document.querySelector('[data-guest="asked"]') !== null && document.querySelector('`+remote+`') === null && document.querySelector('[data-testid="chat"]') === null`)
	o.must(o.customer.Refuse(o.ctx, guestQuestion))
	team("refused", `document.querySelector('[role="alert"]').innerText.length > 0 && document.querySelector('[data-testid="doors"]') !== null`)
	o.picture("refused", lead.technician)

	// Allowed, after the customer was left alone for long enough: picture and chat.
	team("asked again", `(document.querySelector('[data-way="join"]')?.click(), document.querySelector('[data-guest="asked"]') !== null)`)
	o.must(o.customer.Accept(o.ctx, guestQuestion))
	team("the picture", `document.querySelector('`+remote+`')?.videoWidth === 1280`)
	team("no tools", `document.querySelector('[data-testid="control"]') === null && document.querySelector('[data-testid="end-session"]') === null`)
	o.must(lead.same("the lead sees the customer's screen", func() (image.Image, error) { return lead.console.Frame(remote) }))
	o.picture("bar", o.customer)
	o.picture("guest", lead.technician)
	o.picture("with a guest", o.technician)
	o.must(lead.console.Click(byID("chat")))
	o.must(lead.console.Type(byID("chat-input"), "Guten Tag"))
	o.must(lead.console.Key("\r"))
	o.must(o.console.Click(byID("chat")))
	o.must(o.console.Until("the technician reads it, as the lead's", `document.querySelector('[data-testid="chat-log"]').innerText.includes("Luca Verdi")`))

	// The lead takes over: the customer knows this person already, and sees the other name on the bar.
	o.must(lead.console.Click(`[data-way="take_over"]`))
	team("it is the lead's", `document.querySelector('[data-testid="end-session"]') !== null && document.querySelector('[data-testid="people"] [data-way="former"]') !== null`)
	o.must(o.console.Until("not the technician's any more, who still sees", `document.querySelector('[data-testid="end-session"]') === null && document.querySelector('`+remote+`')?.videoWidth === 1280`))
	o.picture("handed over", o.customer)
	o.picture("owner", lead.technician)
	o.picture("former", o.technician)

	// The customer sends away who had it.
	o.bar("take back")
	o.must(o.console.Until("sent away", `document.querySelector('`+remote+`') === null && document.querySelector('[data-testid="people"]') === null`))
	team("nobody else", `document.querySelector('[data-testid="people"]') === null && document.querySelector('`+remote+`') !== null`)
	o.picture("gone", o.technician)

	o.external(lead)
	o.must(lead.console.Click(byID("offer")))
	team("to whom", `document.querySelectorAll('#offer-to option').length > 0`)
	o.picture("offer", lead.technician)
	o.must(lead.console.Click(byID("offer-send")))
	team("on offer", `document.querySelector('[data-testid="offer-out"]') !== null`)
	o.must(o.console.Until("offered to the team", `document.querySelector('[data-group="offered"] .row') !== null`))
	o.must(lead.console.Click(byID("end-session")))
	o.over(agent, 0, before)
	o.newest(whole).expect(o.t, protocol.EndTechnician, protocol.EventGuestAsked, protocol.EventGuestRefused, protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventViewerJoined,
		protocol.EventHandedOver, protocol.EventViewerLeft, protocol.EventGuestLeft, protocol.EventInvited, protocol.EventInviteOpened, protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventGuestLeft,
		protocol.EventInviteEnded, protocol.EventOffered, protocol.EventEnded)
}

// external: somebody from outside opens a link without an account, is allowed, sees and writes, and is
// sent away; the link is good for nothing then.
func (o *office) external(lead *office) {
	o.t.Helper()
	o.must(lead.console.Click(byID("invite")))
	o.must(lead.console.Until("a link", `document.querySelector('[data-testid="invite-link"]')?.value.includes("/v/")`))
	o.picture("link", lead.technician)
	link, err := stage.Eval[string](lead.console, `document.querySelector('[data-testid="invite-link"]').value`)
	o.must(err)
	o.must(lead.console.Click(byID("invite-close")))
	screen := o.screen(image.Pt(1100, 800), "vendor")
	vendor := o.browser(screen, "de-DE")
	at := func(what, condition string) { o.t.Helper(); o.must(vendor.Until(what, condition)) }
	o.must(vendor.Open(link))
	o.must(vendor.Type("#name", "Max Muster"))
	o.must(vendor.Type("#company", "Drucker GmbH"))
	o.must(vendor.Click("form button.primary"))
	at("not in yet", `document.querySelector('main')?.dataset.vendor === "ready"`)
	o.must(vendor.Click(`[data-do="ask"]`))
	at("asked", `document.querySelector('main').dataset.vendor === "asked"`)
	_, err = o.customer.Window(o.ctx, guestQuestion)
	o.must(err)
	o.picture("external asked", o.customer)
	if wrong, err := stage.Eval[bool](vendor, `document.querySelector("video").videoWidth > 0`); err != nil || wrong {
		o.t.Errorf("a picture before the yes: %v, %v", wrong, err)
	}
	o.must(o.customer.Accept(o.ctx, guestQuestion))
	at("the picture", `document.querySelector('main').dataset.vendor === "in" && document.querySelector('`+remote+`').videoWidth === 1280`)
	at("what was written", `document.querySelector('[data-testid="chat-log"]').innerText.includes("Guten Tag")`)
	o.picture("vendor", screen)
	o.picture("with a vendor", lead.technician)
	o.must(lead.console.Click(`[data-way="vendor"] [data-testid="guest-away"]`))
	at("sent away", `document.querySelector('main').dataset.vendor === "over"`)
	o.picture("vendor over", screen)
	o.must(vendor.Open(o.broker.URL + "/vendor"))
	at("the link is good for nothing", `document.querySelector("#vendor") === null && document.querySelector("h1") !== null`)
}

package console_test

import (
	"image"
	"path/filepath"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

const chosen = "seven quiet boats below the hill" // every password that is chosen here

// TestServiceDesk is a case from an office that is empty: the administrator sets it up and
// invites its people; a customer asks for help; L1 takes the ticket, starts the session from it
// and hands both to L2, who invites a vendor: each needs the customer's yes. The ticket is
// resolved and closed; requester and lead see it, the dashboard counts it.
func TestServiceDesk(t *testing.T) {
	o := newEmptyOffice(t)
	o.customer = o.screen(image.Pt(1280, 800), "customer")
	o.technician = o.screen(image.Pt(1440, 900), "technician")
	o.page = o.browser(o.customer, "it-IT")
	o.console = o.browser(o.technician, "en-US")
	boss := o.browser(o.screen(image.Pt(1280, 900), "administrator"), "en-US")
	links := o.setsUp(boss)

	// The customer asks for help on the portal, and has a page of their own.
	o.must(o.page.Open(o.broker.URL + "/request"))
	for _, field := range []struct{ name, text string }{{"name", "Maria Verdi"}, {"phone", "+39 0541 555 111"}, {"title", "La stampante stampa quadratini"}} {
		o.must(o.page.Type(`[name="`+field.name+`"]`, field.text))
	}
	o.must(o.page.Click(`form button.primary`))
	o.must(o.page.Until("the page of one's own", `location.pathname.startsWith("/request/")`))
	own, err := stage.Eval[string](o.page, `location.href`)
	o.must(err)
	o.picture("1-asked", o.customer)

	// L1 takes it in hand and starts the session from it.
	o.joins(o.console, links["Anna Rossi"], "anna@office.example")
	o.must(o.console.Click(byID("queue")))
	o.must(o.console.Until("in the queue", `document.querySelector("[data-ticket]") !== null`))
	o.must(o.console.Click(`[data-ticket]`))
	o.must(o.console.Until("taken in hand", `(document.querySelector('[data-act="take"]')?.click(), document.querySelector('[data-testid="ticket"]')?.dataset.state === "logged")`))
	words, err := o.console.Text(".ticket-ref")
	o.must(err)
	ref, _, _ := strings.Cut(words, " ")
	o.picture("2-ticket", o.technician)
	agent := o.agent()
	o.show()

	// What to do stands beside the picture; ticket and session go to L2 in one act.
	o.must(o.console.Key("e"))
	o.must(o.console.Until("the category is chosen", `(() => {
		const e = document.querySelector("#guide-category");
		if (e === null) return false;
		if (e.value === "") { e.value = "software"; if (e.value === "") e.selectedIndex = 1; e.dispatchEvent(new Event("change", {bubbles: true})); }
		return document.querySelectorAll('.guide [data-testid="work"] li').length > 0;
	})()`))
	o.must(o.console.Click(byID("escalate")))
	o.must(o.console.Until("the next level", `document.querySelector("#guide-team")?.value === "Reti"`))
	o.must(o.console.Type("#guide-why", "The driver is not ours."))
	o.must(o.console.Click(byID("hand-on")))
	o.must(o.console.Until("the session is on offer", `document.querySelector('[data-testid="offer-out"]') !== null`))
	o.picture("3-handed-on", o.technician)

	// L2 asks to have the session: the customer's yes.
	second := *o
	second.technician = o.screen(image.Pt(1280, 800), "second")
	second.console = o.browser(second.technician, "en-US")
	there := func(what, condition string) { o.t.Helper(); o.must(second.console.Until(what, condition)) }
	o.joins(second.console, links["Sara Neri"], "sara@office.example")
	there("offered", `document.querySelector('[data-group="offered"] .row') !== null`)
	o.must(second.console.Click(`[data-group="offered"] .row`))
	o.must(second.console.Click(`[data-way="transfer"]`))
	there("nothing is seen before the yes", `document.querySelector('[data-guest="asked"]') !== null && document.querySelector('`+remote+`') === null`)
	o.must(o.customer.Accept(o.ctx, guestQuestion))
	there("the session is L2's", `document.querySelector('[data-testid="end-session"]') !== null && document.querySelector('`+remote+`')?.videoWidth === 1280`)
	o.picture("4-second-level", second.technician)
	o.must(second.console.Click(byID("chat")))
	o.must(second.console.Type(byID("chat-input"), "Guten Tag"))
	o.must(second.console.Key("\r"))
	o.external(&second)

	// L2 has the ticket as well, ends the session, resolves it.
	o.must(second.console.Click(byID("end-session")))
	if _, err := o.customer.Window(o.ctx, "Consento – rimosso"); err != nil {
		o.must(err)
	}
	o.must(o.customer.Confirm(o.ctx, "Consento – rimosso"))
	if code, err := agent.Exit(o.ctx); err != nil || code != 0 {
		t.Errorf("the agent: %d, %v", code, err)
	}
	o.must(second.console.Click(byID("queue")))
	o.must(second.console.Click(`[data-ticket="` + ref + `"]`))
	there("taken in hand", `(document.querySelector('[data-act="take"]')?.click(), document.querySelector('[data-testid="ticket"]')?.dataset.state === "investigation")`)
	o.must(second.console.Click(`[data-act="resolve"]`))
	there("how", `document.querySelector("#act-resolution") !== null`)
	o.must(second.console.Type("#act-text", "Il driver è stato rinnovato."))
	o.must(second.console.Click(byID("do")))
	there("resolved", `document.querySelector('[data-testid="ticket"]')?.dataset.state === "resolved"`)
	o.must(second.console.Click(`[data-act="close"]`))
	there("closed", `(document.querySelector('[data-testid="do"]')?.click(), document.querySelector('[data-testid="ticket"]')?.dataset.state === "closed")`)
	o.picture("5-closed", second.technician)

	// The requester reads the solution, the lead sees it, the dashboard counts ticket and session.
	o.must(o.page.Open(own))
	o.must(o.page.Until("the solution", `document.body.innerText.includes("Il driver è stato rinnovato.")`))
	o.picture("6-requester", o.customer)
	o.joins(boss, links["Luca Bianchi"], "luca@office.example")
	o.must(boss.Open(o.broker.URL + "/desk/?id=" + ref + "&ended=all"))
	o.must(boss.Until("the lead finds it", `document.querySelector(".tickets")?.innerText.includes("quadratini")`))
	o.must(boss.Click(`.tickets a`))
	o.must(boss.Until("with its solution", `document.body.innerText.includes("Il driver è stato rinnovato.")`))
	o.shot("7-lead", boss)
	// A team of two has no figures of its own: they would be those of people. The administrator sees the whole.
	o.must(boss.Click(`form[action="/signout"] button`))
	o.must(boss.Until("signed out", `location.pathname === "/signin" && document.querySelector("#email") !== null`))
	o.must(boss.Open(o.broker.URL + "/signin?next=/figures/"))
	o.must(boss.Type("#email", "carla@office.example"))
	o.must(boss.Type("#password", chosen))
	o.must(boss.Click(`form[action="/signin"] button.primary`))
	o.must(boss.Until("the figures", `document.querySelector(".tiles") !== null`))
	o.shot("8-figures", boss)
	for _, counted := range []string{"Sessions", "Tickets"} {
		o.must(boss.Until(counted+" are counted", `[...document.querySelectorAll(".tiles > div")].some((d) => d.querySelector("dt").textContent.startsWith("`+counted+`") && d.querySelector("strong").textContent === "1")`))
	}
	e := o.newest(whole)
	e.expect(t, protocol.EndTechnician, protocol.EventOffered, protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventHandedOver, protocol.EventInvited, protocol.EventEnded)
}

// setsUp goes from the one-time link to an office with two teams, and returns the links of
// those who were invited, by their names.
func (o *office) setsUp(b *stage.Browser) map[string]string {
	o.t.Helper()
	o.must(b.Open(o.broker.Setup))
	for _, field := range []struct{ name, text string }{
		{"office.name", "Comune di Prova"}, {"office.phone", "+39 0471 000 000"},
		{"administrator.name", "Carla Neri"}, {"administrator.email", "carla@office.example"}, {"administrator.password", chosen},
		{"auditor.name", "Dino Verdi"}, {"auditor.email", "dino@office.example"}, {"auditor.password", chosen},
	} {
		o.must(b.Type(`[id="`+field.name+`"]`, field.text))
	}
	o.must(b.Choose(`[id="auditor.key_file"]`, filepath.Join(filepath.Dir(o.broker.Identity), "recipient.pub")))
	o.must(b.Click(`form[action="/setup"] button.primary`))
	o.must(b.Until("set up", `location.search === "" && document.querySelector("#try")`))
	o.must(b.Open(o.broker.URL + "/signin?next=/admin/teams"))
	o.must(b.Type("#email", "carla@office.example"))
	o.must(b.Type("#password", chosen))
	o.must(b.Click(`form[action="/signin"] button.primary`))
	for i, team := range []struct{ name, level string }{{"Service desk", "L1"}, {"Reti", "L2"}} {
		o.must(b.Until("the teams", `location.pathname === "/admin/teams" && document.querySelectorAll(".admin-list > li").length === `+string(rune('0'+i))))
		o.must(b.Type(`form.card [name="name"]`, team.name))
		o.must(b.Pick(`form.card [name="level"]`, team.level))
		o.must(b.Click(`form.card button.primary`))
	}
	o.must(b.Until("both teams", `document.querySelectorAll(".admin-list > li").length === 2`))
	links := map[string]string{}
	for _, p := range []struct{ name, email, role, team, level string }{
		{"Anna Rossi", "anna@office.example", "technician", "Service desk", "L1"}, {"Sara Neri", "sara@office.example", "technician", "Reti", "L2"},
		{"Luca Bianchi", "luca@office.example", "lead", "Reti", "L2"},
	} {
		o.must(b.Open(o.broker.URL + "/admin/people/new"))
		o.must(b.Type("#name", p.name))
		o.must(b.Type("#email", p.email))
		for field, value := range map[string]string{"role": p.role, "team": p.team, "level": p.level, "profile": protocol.ProfileFullSupport} {
			o.must(b.Pick("#"+field, value))
		}
		o.must(b.Click("form.card button.primary"))
		o.must(b.Until("a link", `document.querySelector("#invitation-link") !== null`))
		link, err := b.Text("#invitation-link")
		o.must(err)
		links[p.name] = link
	}
	o.shot("0-people", b)
	o.must(b.Click(`form[action="/signout"] button`))
	return links
}

// joins follows an invitation, chooses a password, signs in: technicians come to the console.
func (o *office) joins(b *stage.Browser, link, email string) {
	o.t.Helper()
	o.must(b.Open(link))
	o.must(b.Type("#password", chosen))
	o.must(b.Click("main form button.primary"))
	o.must(b.Until("joined", `location.pathname !== "/invitation" || document.querySelector('a[href^="/signin"]') !== null`))
	o.must(b.Open(o.broker.URL + "/console/"))
	o.must(b.Until("the way in", `document.querySelector("#email") !== null || document.querySelector("button.new-session") !== null`))
	if asked, err := stage.Eval[bool](b, `document.querySelector("#email") !== null`); err != nil {
		o.must(err)
	} else if asked {
		o.must(b.Type("#email", email))
		o.must(b.Type("#password", chosen))
		o.must(b.Click(`form[action="/signin"] button.primary`))
		o.must(b.Until("in the console", `document.querySelector("button.new-session") !== null`))
	}
}

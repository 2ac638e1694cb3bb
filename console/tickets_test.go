package console_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
	"consento/protocol/lang"
)

// deskTicket is a ticket as a list shows it.
func deskTicket(id, ref, title string, turn int64, due time.Time) protocol.DeskTicket {
	return protocol.DeskTicket{ID: id, Ref: ref, Version: 3, Type: "incident", State: "prioritised", Title: title, Requester: "Maria Verdi", Priority: 2,
		Team: technician.Team, Level: "L1", Created: due.Add(-3 * time.Hour), Turn: turn, Due: due, Warn: due.Add(-time.Hour)}
}

// shownTicket is one whole.
func shownTicket(t protocol.DeskTicket) protocol.TicketShown {
	return protocol.TicketShown{Ticket: t, Text: "Since this morning the printer on floor 2 does not print.\nTried: off and on.", Phone: "+39 0541 555 111", Email: "maria@example.org", Channel: "phone", Category: "network", Impact: 2, Urgency: 2,
		History: []protocol.TicketEntry{{N: 3, At: t.Created.Add(2 * time.Minute), By: technician.Name, Kind: "prioritise", Priority: 2}, {N: 2, At: t.Created.Add(time.Minute), By: technician.Name, Kind: "categorise", Category: "Network outage"}, {N: 1, At: t.Created, By: technician.Name, Kind: "open"}},
		Works:   true, Acts: []string{"diagnose", "answer", "comment", "categorise", "prioritise", "wait", "assign", "resolve", "edit"}, Next: 1,
		Choices: protocol.TicketChoices{Categories: []protocol.TicketChoice{{ID: "network", Name: "Network outage"}, {ID: "software", Name: "Software installation"}}, Teams: []protocol.TicketChoice{{ID: "Networks", Name: "Networks", Detail: "L2"}}, Team: "Networks",
			Colleagues: []protocol.TicketChoice{{ID: "a1", Name: technician.Name}}},
		Work:     protocol.TicketWork{Steps: []string{"Ask who else is affected, and since when.", "Check cable and Wi-Fi with the person."}, When: "after 15 minutes, or as soon as more than one person is affected."},
		Sessions: []protocol.TicketSession{{ID: "x1", By: technician.Name, Started: t.Created.Add(5 * time.Minute), Shared: t.Created.Add(7 * time.Minute), Ended: t.Created.Add(19 * time.Minute), Reason: protocol.EndCustomer}}}
}

func (p *peer) answers(kind string, m protocol.Message) protocol.Envelope {
	p.t.Helper()
	e := p.wait(kind)
	p.send(e.ID, m)
	return e
}

// TestTickets: the queue by the time that is left, a new one that comes in, one that is
// worked on by keyboard, and a call that is written down, in every language.
func TestTickets(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range texts.Tags() {
		t.Run(language, func(t *testing.T) { tickets(t, language) })
	}
}

func tickets(t *testing.T, language string) {
	p := newPeer(t)
	p.welcome.Tickets = true
	now := time.Now()
	b := newBrowser(t, language)
	look := func(name string) {
		t.Helper()
		for _, view := range views(language) {
			b.scheme(view.dark)
			b.size(view.width, view.height)
			shot := fmt.Sprintf("tickets-%s-%s-%d", name, language, view.width)
			if view.dark {
				shot += "-dark"
			}
			b.axe(shot)
			b.until(name+": nothing is beside the page", `document.documentElement.scrollWidth <= innerWidth`)
			b.shot(shot)
		}
		b.size(1440, 900)
		b.scheme(false)
	}
	b.open(p.URL + "/console/")
	p.answers("tickets", &protocol.TicketList{Works: true})
	b.until("the list of tickets is offered", `document.querySelector("[data-testid=queue]") !== null`)
	b.key("u")
	b.until("an empty queue says what to do", `document.querySelector("[data-testid=tickets] .empty") !== null`)
	look("1-empty")

	late := deskTicket("t1", "T-AAAAAA", "The printer on floor 2 does not print", now.Add(-2*time.Hour).UnixMilli(), now.Add(-2*time.Hour))
	soon := deskTicket("t2", "T-BBBBBB", "Wi-Fi in the council chamber drops out again and again, and the meeting is tonight", now.Add(18*time.Minute).UnixMilli(), now.Add(18*time.Minute+30*time.Second))
	soon.Requester, soon.Assignee, soon.Mine = "Øystein Nygård", technician.Name, true
	waits := deskTicket("t3", "T-CCCCCC", "New screen", 1<<51, now)
	waits.Due, waits.Warn, waits.Waiting, waits.Priority = time.Time{}, time.Time{}, "vendor", 4
	b.click("#rail input[type=checkbox]")
	if m, err := protocol.DecodeBody[protocol.Tickets](p.answers("tickets", &protocol.TicketList{Tickets: []protocol.DeskTicket{late, soon, waits}, Untaken: 2, Works: true})); err != nil || !m.Ended || m.View != protocol.TicketsOfTeam {
		t.Errorf("asks for %+v, %v", m, err)
	}
	b.click("#rail input[type=checkbox]")
	p.answers("tickets", &protocol.TicketList{Tickets: []protocol.DeskTicket{late, soon, waits}, Untaken: 2, Works: true})
	b.until("in order", `[...document.querySelectorAll("[data-ticket]")].map((r) => r.dataset.ticket + r.dataset.standing).join() === "T-AAAAAAbreached,T-BBBBBBwarned,T-CCCCCCpaused"`)
	b.until("what is left, in words", fmt.Sprintf(`document.querySelector("[data-ticket=T-BBBBBB]").innerText.includes(new Intl.NumberFormat(%q, {style: "unit", unit: "minute", unitDisplay: "short"}).format(18)) && /\b2\b/.test(document.querySelector("[data-ticket=T-AAAAAA] .row-left").innerText)`, language))
	look("2-queue")

	// While the sessions are looked at, a new one is told by a badge.
	b.key("u")
	b.until("the sessions", `document.querySelector("[data-testid=tickets]") === null`)
	fresh := deskTicket("t4", "T-DDDDDD", "Password expired", now.Add(time.Hour).UnixMilli(), now.Add(time.Hour))
	fresh.State, fresh.Answer, fresh.Priority = "identified", true, 0
	p.send(0, &protocol.TicketChanged{Ticket: fresh})
	b.until("a badge", `document.querySelector("[data-testid=fresh]")?.firstChild.data.trim() === "1"`)
	list := &protocol.TicketList{Tickets: []protocol.DeskTicket{late, soon, fresh, waits}, Untaken: 3, Works: true}
	p.answers("tickets", list)
	b.key("u")
	b.until("it is in its place", `document.querySelectorAll("[data-ticket]")[2]?.dataset.ticket === "T-DDDDDD"`)
	b.until("and seen", `document.querySelector("[data-testid=fresh]") === null`)

	// By keyboard into the first.
	b.key("j" + kb.Enter)
	one := shownTicket(late)
	if m, err := protocol.DecodeBody[protocol.TicketOpen](p.answers("ticket_open", &one)); err != nil || m.Ticket != "t1" {
		t.Errorf("opens %+v, %v", m, err)
	}
	b.until("the ticket", `document.querySelector("[data-testid=ticket] h1") !== null && document.title.includes("T-AAAAAA")`)
	look("3-ticket")
	b.click("[data-act=comment]")
	b.until("its form has the keyboard", `document.activeElement?.id === "act-text"`)
	b.insert("It is the cable.")
	// Somebody else is faster: what was typed stays, and what changed is said.
	ctrlEnter(b)
	if m, err := protocol.DecodeBody[protocol.TicketDo](p.answers("ticket_do", &protocol.TicketRefused{Problem: protocol.TicketStale})); err != nil || m.Version != 3 || m.Act != (protocol.TicketAct{Kind: "comment", Text: "It is the cable."}) {
		t.Errorf("does %+v, %v", m, err)
	}
	newer := one
	newer.Ticket.Version = 4
	newer.History = append([]protocol.TicketEntry{{N: 4, At: now, By: "Anna Neri", Kind: "escalate", Team: "Networks", Text: "More than one floor."}}, one.History...)
	p.answers("ticket_open", &newer)
	b.until("what changed is said", `document.querySelector("[data-testid=ticket-news]")?.innerText.includes("Anna Neri")`)
	b.until("what was typed stays", `document.querySelector("#act-text").value === "It is the cable."`)
	look("4-stale")
	b.click("[data-testid=do]")
	done := newer
	done.Ticket.Version = 5
	done.History = append([]protocol.TicketEntry{{N: 5, At: now, By: technician.Name, Kind: "comment", Text: "It is the cable."}}, newer.History...)
	if m, err := protocol.DecodeBody[protocol.TicketDo](p.answers("ticket_do", &done)); err != nil || m.Version != 4 {
		t.Errorf("does %+v, %v", m, err)
	}
	b.until("done", `document.querySelector("[data-testid=history] li").dataset.kind === "comment" && document.querySelector(".act-form") === null`)
	b.until("the keyboard stays among the acts", `document.activeElement?.closest(".act-buttons") !== null`)

	// What cannot be done yet is said by its field.
	b.click("[data-act=resolve]")
	b.until("its form", `document.querySelector("#act-resolution") !== null`)
	b.click("[data-testid=do]")
	p.answers("ticket_do", &protocol.TicketRefused{Problem: protocol.TicketNeeds, Field: "solution", Code: "missing"})
	b.until("a sentence", `document.querySelector(".acts [role=alert] .warn") !== null`)
	b.key(kb.Escape)
	p.send(0, &protocol.TicketGone{Ticket: "t1"})
	b.until("it may not be read any more", `document.querySelector("[data-testid=ticket]") === null && document.querySelectorAll("[data-ticket]").length === 3`)

	// Somebody calls.
	eval[bool](b, `(document.activeElement?.blur(), true)`)
	b.key("a")
	b.until("the form", `document.activeElement?.id === "new-name"`)
	b.insert("Maria Verdi")
	look("5-new")
	ctrlEnter(b)
	p.answers("ticket_new", &protocol.TicketRefused{Problem: protocol.TicketInvalid, Field: "contact", Code: "missing"})
	b.until("what lacks is marked", `document.activeElement?.id === "new-phone" && document.querySelectorAll("[aria-invalid=true]").length === 2`)
	b.insert("+39 0541 555 111")
	ctrlEnter(b)
	made := shownTicket(deskTicket("t9", "T-EEEEEE", "Mouse", now.UnixMilli(), now.Add(time.Hour)))
	if m, err := protocol.DecodeBody[protocol.TicketNew](p.answers("ticket_new", &made)); err != nil || m.Requester != (protocol.TicketRequester{Name: "Maria Verdi", Phone: "+39 0541 555 111"}) || m.Channel != "phone" || m.Language != language {
		t.Errorf("makes %+v, %v", m, err)
	}
	p.answers("ticket_open", &made)
	b.until("it is open", `document.querySelector("[data-testid=ticket] .ticket-ref")?.innerText.includes("T-EEEEEE")`)
	ctrlK(b)
	b.until("the palette has the acts", palette+`.querySelector("[data-action=ticket-resolve]") !== null && `+palette+`.querySelector("[data-action=new-ticket]") !== null`)
	b.key(kb.Escape)

	// Rights change in mid-work: all is asked for anew.
	p.send(0, &protocol.DeskChanged{})
	p.answers("tickets", &protocol.TicketList{})
	b.until("the list is empty, and none can be made", `document.querySelectorAll("[data-ticket]").length === 0 && document.querySelector(".new-ticket-button") === null`)
}

func ctrlEnter(b *browser) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(kb.Enter, stage.Raw, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// TestSessionOfTicket: a session is begun from a ticket by one key, shows what it is about,
// and its notes become a note of the ticket when the technician wants it.
func TestSessionOfTicket(t *testing.T) {
	p := newPeer(t)
	p.welcome.Tickets = true
	now := time.Now()
	b := newBrowser(t, "en")
	look := func(name string) {
		t.Helper()
		for _, view := range views("en") {
			b.scheme(view.dark)
			b.size(view.width, view.height)
			shot := fmt.Sprintf("ticket-session-%s-%d-%t", name, view.width, view.dark)
			b.axe(shot)
			b.until(name+": nothing is beside the page", `document.documentElement.scrollWidth <= innerWidth`)
			b.shot(shot)
		}
		b.size(1440, 900)
		b.scheme(false)
	}
	b.open(p.URL + "/console/")
	late := deskTicket("t1", "T-AAAAAA", "The printer on floor 2 does not print", now.UnixMilli(), now.Add(time.Hour))
	p.answers("tickets", &protocol.TicketList{Tickets: []protocol.DeskTicket{late}, Works: true})
	b.key("u")
	b.until("the list", `document.querySelectorAll("[data-ticket]").length === 1`)
	b.click("[data-ticket]")
	one := shownTicket(late)
	p.answers("ticket_open", &one)
	b.until("the ticket", `document.querySelector("[data-testid=start-session]") !== null`)
	eval[bool](b, `(document.activeElement?.blur(), true)`)
	b.key("n")
	asked := p.wait("new_session")
	if m, err := protocol.DecodeBody[protocol.NewSession](asked); err != nil || m != (protocol.NewSession{Ticket: "t1"}) {
		t.Errorf("asks for %+v, %v", m, err)
	}
	s := scene("s1", protocol.StateIssued, now)
	s.Ticket = &protocol.TicketName{ID: "t1", Ref: "T-AAAAAA"}
	p.keep(s)
	p.send(asked.ID, &protocol.SessionIssued{Session: s, Key: sampleKey, URL: p.URL + "/k/" + sampleKey, Address: p.URL})
	b.until("what it is about, beside the key", `document.querySelector("[data-testid=of-session]")?.innerText.includes("Maria Verdi") && document.querySelector("[data-testid=session-key]") !== null`)
	look("key")
	over := scene("s1", protocol.StateClosed, now)
	over.Ticket, over.Note, over.NotedAt = s.Ticket, "Cable replaced.", now.UTC().Truncate(time.Millisecond)
	p.change(over)
	b.until("over", `document.querySelector(".ended") !== null`)
	look("ended")
	eval[bool](b, `(document.activeElement?.blur(), true)`)
	b.key("w")
	b.click("[data-testid=to-ticket]")
	// Somebody else was faster: a note hurts nobody, and is tried again.
	p.answers("ticket_do", &protocol.TicketRefused{Problem: protocol.TicketStale})
	one.Ticket.Version = 4
	p.answers("ticket_open", &one)
	one.Ticket.Version = 5
	if m, err := protocol.DecodeBody[protocol.TicketDo](p.answers("ticket_do", &one)); err != nil || m.Version != 4 || m.Act != (protocol.TicketAct{Kind: "comment", Text: "Cable replaced."}) {
		t.Errorf("notes %+v, %v", m, err)
	}
	b.until("it is said", `[...document.querySelectorAll("[role=status]")].some((e) => e.innerText.includes("T-AAAAAA"))`)
	b.click("[data-testid=of-session] button")
	b.until("and back to the ticket", `document.querySelector("[data-testid=ticket]") !== null`)
	eval[bool](b, `(document.activeElement?.blur(), true)`)
	p.send(0, &protocol.TicketGone{Ticket: "t1"})
	b.until("gone", `document.querySelector("[data-testid=ticket]") === null`)
}

// TestGuide: beside the picture stands what this level does for the ticket's category; the
// category is chosen there, and one action hands ticket and session on, whatever steps come
// before it.
func TestGuide(t *testing.T) {
	for _, language := range []string{"en", "fr", "ja"} {
		t.Run(language, func(t *testing.T) { guide(t, language) })
	}
}

func guide(t *testing.T, language string) {
	p := newPeer(t)
	p.welcome.Tickets, p.welcome.Rights = true, protocol.RightSet{protocol.MayEscalate: true}
	now := time.Now()
	s := scene("s1", protocol.StateActive, now.Add(-3*time.Minute))
	s.Ticket = &protocol.TicketName{ID: "t1", Ref: "T-AAAAAA"}
	p.keep(s)
	b := newBrowser(t, language)
	look := func(name string) {
		t.Helper()
		for _, view := range views(language) {
			b.scheme(view.dark)
			b.size(view.width, view.height)
			shot := fmt.Sprintf("guide-%s-%s-%d-%t", name, language, view.width, view.dark)
			b.axe(shot)
			b.until(name+": nothing is beside the page", `document.documentElement.scrollWidth <= innerWidth`)
			b.shot(shot)
		}
		b.size(1440, 900)
		b.scheme(false)
	}
	b.open(p.URL + "/console/")
	p.answers("tickets", &protocol.TicketList{Works: true})
	b.until("the session", `document.querySelector("[data-testid=guide]") !== null`)
	b.key("e")
	one := shownTicket(deskTicket("t1", "T-AAAAAA", "The printer on floor 2 does not print", now.UnixMilli(), now.Add(time.Hour)))
	one.Ticket.State, one.Ticket.Priority, one.Ticket.Version, one.Category, one.Work, one.Escalates = "identified", 0, 1, "", protocol.TicketWork{}, true
	one.Impact, one.Urgency, one.Choices.Team = 0, 0, ""
	one.Choices.Teams = []protocol.TicketChoice{{ID: "Datacentre", Name: "Datacentre", Detail: "L3"}, {ID: "Networks", Name: "Networks", Detail: "L2"}}
	p.answers("ticket_open", &one)
	b.until("its ticket", `document.querySelector(".guide #guide-category") !== null && document.querySelector("[data-testid=escalate]") === null`)
	look("category")
	// Choosing the category takes it in hand first.
	eval[bool](b, `(() => { const e = document.querySelector("#guide-category"); e.value = "network"; e.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	act := func(want protocol.TicketAct, change func()) {
		t.Helper()
		change()
		one.Ticket.Version++
		if m, err := protocol.DecodeBody[protocol.TicketDo](p.answers("ticket_do", &one)); err != nil || m.Version != one.Ticket.Version-1 || m.Act != want {
			t.Errorf("does %+v, %v; want %+v", m, err, want)
		}
	}
	act(protocol.TicketAct{Kind: "take"}, func() { one.Ticket.State = "logged" })
	act(protocol.TicketAct{Kind: "categorise", Category: "network"}, func() {
		one.Ticket.State, one.Category = "categorised", "network"
		one.Work = protocol.TicketWork{Steps: []string{"Ask who else is affected.", "Check cable and Wi-Fi."}, When: "after 15 minutes."}
	})
	b.until("what to do", `document.querySelectorAll(".guide [data-testid=work] li").length === 2`)
	b.click("[data-testid=escalate]")
	b.until("the next level is chosen", `document.querySelector("#guide-team").value === "Networks"`)
	b.click("#guide-why")
	b.insert("The switch does not answer.")
	look("escalate")
	b.click("[data-testid=hand-on]")
	act(protocol.TicketAct{Kind: "prioritise", Impact: 1, Urgency: 2}, func() { one.Ticket.State, one.Ticket.Priority = "prioritised", 3 })
	act(protocol.TicketAct{Kind: "diagnose"}, func() { one.Ticket.State = "diagnosis" })
	act(protocol.TicketAct{Kind: "escalate", Team: "Networks", Text: "The switch does not answer."}, func() {
		one.Ticket.State, one.Ticket.Team, one.Ticket.Level, one.Works, one.Escalates = "escalated", "Networks", "L2", false, false
	})
	offered := p.wait("live_offer")
	if m, err := protocol.DecodeBody[protocol.LiveOffer](offered); err != nil || m != (protocol.LiveOffer{Session: "s1", Team: "Networks", Words: "The switch does not answer."}) {
		t.Errorf("offers %+v, %v", m, err)
	}
	s.Offer = &protocol.Offering{Team: "Networks", By: technician.Name}
	p.keep(s)
	p.send(offered.ID, &protocol.SessionChanged{Session: s})
	b.until("it is handed on, and nothing is typed any more", `document.querySelector(".hand-on") === null && document.querySelector("[data-testid=escalate]") === null`)
	look("handed")
}

package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

// TestReason: the key is there at once; why it is needed can be said until the
// customer has confirmed the name.
func TestReason(t *testing.T) {
	p := newPeer(t)
	s := scene("s1", protocol.StateIssued, time.Now())
	p.keep(s)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	state(b, protocol.StateIssued)
	b.axe("no reason yet")
	b.click("#why")
	b.key("n") // a letter, and no new session
	b.key(" Printer\r")
	e := p.wait("reason")
	m, err := protocol.DecodeBody[protocol.Reason](e)
	if err != nil || m.Session != s.ID || m.Text != "n Printer" {
		t.Fatalf("%+v, %v", m, err)
	}
	s.Reason = m.Text
	p.keep(s)
	p.send(e.ID, &protocol.SessionChanged{Session: s})
	b.until("said that the customer sees it", `document.querySelector("#why-hint").textContent.includes("sees this reason")`)

	eval[bool](b, `(() => { const f = document.querySelector("#why"); f.focus(); f.value = "two\tlines \u202eevil"; f.dispatchEvent(new Event("input", { bubbles: true })); f.blur(); return true; })()`)
	e = p.wait("reason")
	if m, err = protocol.DecodeBody[protocol.Reason](e); err != nil || m.Text != "two lines evil" {
		t.Fatalf("%+v, %v", m, err)
	}
	p.send(e.ID, &protocol.Error{Code: protocol.CodeNotNow})
	b.until("what the customer sees is shown again", `document.querySelector("#why").value === "n Printer"`)
	b.until("and why", `document.querySelector("main > [role=alert]").textContent.includes("not possible")`)

	s.State, s.Steps, s.Reason = protocol.StateJoined, []protocol.Step{protocol.StepKeyTyped, protocol.StepNameConfirmed}, "מדפסת"
	p.change(s)
	b.until("fixed", `document.querySelector("#why") === null && document.querySelector(".why").textContent === "Reason: \u2068מדפסת\u2069"`)
	b.axe("the reason stands")
}

// TestRatingIsShown: as stars, and in words for who does not see them.
func TestRatingIsShown(t *testing.T) {
	p := newPeer(t)
	s := scene("s1", protocol.StateClosed, time.Now().Add(-time.Hour))
	s.Reason = "Printer"
	p.keep(s)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	b.click(".session-list .row")
	b.until("the end", `document.querySelector(".ended") !== null`)
	if text := eval[string](b, `document.querySelector(".ended").innerText`); strings.Contains(text, "rating") || !strings.Contains(text, "Printer") {
		t.Errorf("not rated: %s", text)
	}
	s.Stars = 4
	p.change(s)
	b.until("four stars", `document.querySelector(".ended .stars")?.textContent === "★★★★☆" && document.querySelector(".ended").innerText.includes("4 of 5")`)
	b.axe("rated")
}

// TestNamesDoNotTurnTheText: people whose names run from right to left are named
// everywhere without moving the words around them.
func TestNamesDoNotTurnTheText(t *testing.T) {
	p := newPeer(t)
	now := time.Now()
	s := scene("s1", protocol.StateActive, now)
	s.Technician.Name, s.Viewers = "דוד לוי", []string{"דן כהן", technician.Name, "שרה"}
	p.keep(s)
	other := past("s2", "דוד לוי", "مرحبا", protocol.EndTechnician, now.Add(-time.Minute))
	p.keep(other)
	b := newBrowser(t, "en")
	b.open(p.URL + "/console/")
	b.until("connected", online)
	for name, expression := range map[string]string{
		"viewers":   `[...document.querySelectorAll(".session-facts")].some(e => e.textContent.includes("\u2068דן כהן\u2069, \u2068שרה\u2069"))`,
		"the list":  `[...document.querySelectorAll(".row-who")].some(e => e.textContent.includes("\u2068דוד לוי\u2069 · \u2068مرحبا\u2069"))`,
		"no others": fmt.Sprintf(`!document.querySelector(".account").textContent.includes("\u2068%s")`, technician.Name),
	} {
		b.until(name, expression)
	}
}

package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	tickets "consento/broker/internal/desk"
)

// suspected makes a ticket with a session of the vault and the category that alerts, and
// holds the session as the broker does. It returns the ticket's id and the session.
func suspected(t testing.TB, h *house, anna *person) (id, session string) {
	t.Helper()
	h.visitor(t).post("/request", "name", "Maria Rossi", "email", "maria@comune.example", "phone", "", "title", "Laptop <b> stolen", "text", "On the train.").shows(t, "Your request has arrived")
	path := regexp.MustCompile(`href="(/desk/[-0-9a-f]{36})"`).FindStringSubmatch(anna.get("/desk/").text)[1]
	id = strings.TrimPrefix(path, "/desk/")
	anna.post(path, "version", version(t, anna.get(path)), "kind", "take")
	anna.post(path, "version", version(t, anna.get(path)), "kind", "categorise", "category", "breach", "area", "")
	session = h.vault.session(t, "Anna Bianchi", time.Now())
	d := secondDesk(t, h, nil)
	account, err := h.access.ByEmail(t.Context(), "anna@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := d.Ticket(t.Context(), account, id)
	if err == nil {
		_, err = d.Do(t.Context(), account, id, ticket.Version, tickets.Act{Kind: tickets.ActSession, Session: session})
	}
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.Concerned(t.Context())
	if err != nil || len(list) != 1 || list[0].Session != session {
		t.Fatal(list, err)
	}
	if err := h.vault.HoldAtOnce(t.Context(), session, list[0].Until, list[0].Ticket, "suspected data breach"); err != nil {
		t.Fatal(err)
	}
	return id, session
}

// TestBreachPages: the officer sees the clock, acknowledges and decides; auditor and officer
// confirm the hold; nobody else comes here, and a technician sees no evidence by it.
func TestBreachPages(t *testing.T) {
	h := newHouse(t, withVault(t))
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	officer := signedIn(t, h, access.DPO, "Paola Blu", "dpo@esempio.example")
	auditor := signedIn(t, h, access.Auditor, "Dino Verdi", "dino@esempio.example")
	officer.get("/audit/breaches").shows(t, "Nothing waits for a decision")
	id, session := suspected(t, h, anna)
	path := "/audit/breaches/" + id
	officer.get("/audit/trail").shows(t, `href="/audit/breaches"`)
	officer.get("/audit/breaches").shows(t, "Laptop &lt;b&gt; stolen", "23 h 59 min left", "nobody has acknowledged it")
	officer.get("/audit/retention").shows(t, "1 suspected data breach waits for a decision", "71 h 59 min left")
	anna.get("/desk/"+id).shows(t, "the data-protection officer was told")
	officer.get(path).shows(t, "First notification", "23 h 59 min left", "71 h 59 min left", "On the train.", "Anna Bianchi", session[:8], "preliminary legal hold until")
	auditor.get(path).shows(t, "71 h 59 min left", session[:8])
	if strings.Contains(auditor.get(path).text, "Save the decision") {
		t.Error("an auditor is asked to decide about the breach")
	}
	if got := auditor.post(path, "step", "acknowledge"); got.StatusCode != http.StatusForbidden {
		t.Errorf("an auditor acknowledges: %d", got.StatusCode)
	}
	for _, role := range []access.Role{access.Technician, access.Lead, access.Administrator, access.Maintainer} {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		for _, page := range []string{"/audit/breaches", path, "/audit/retention/" + session} {
			if got := p.get(page); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s reads %s: %d", role, page, got.StatusCode)
			}
		}
		if got := p.post(path, "step", "acknowledge"); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s acknowledges: %d", role, got.StatusCode)
		}
	}
	if got := anna.get("/audit/sessions/" + session); got.StatusCode == http.StatusOK {
		t.Error("a technician reads evidence")
	}
	if got := h.visitor(t).get(path); got.StatusCode != http.StatusForbidden {
		t.Errorf("nobody reads it: %d", got.StatusCode)
	}
	if got := officer.get("/audit/breaches/nothing"); got.StatusCode != http.StatusNotFound {
		t.Error(got.StatusCode)
	}

	hold := "/audit/retention/" + session
	officer.get(hold).shows(t, "Put by the system at", "It ends by itself on", "Confirm the legal hold", "Release the legal hold")
	if got := officer.post(hold+"/hold", "step", "confirm", "why", ""); got.StatusCode != http.StatusUnprocessableEntity {
		t.Error(got.StatusCode)
	}
	confirmed := officer.post(hold+"/hold", "step", "confirm", "why", "notified")
	confirmed.shows(t, "confirmed for your part", "Confirmed by the data-protection officer", "It ends by itself on")
	if strings.Contains(confirmed.text, "Confirm the legal hold") {
		t.Error("one role is asked twice")
	}
	both := auditor.post(hold+"/hold", "step", "confirm", "why", "needed")
	both.shows(t, "Confirmed by the auditor")
	if strings.Contains(both.text, "It ends by itself on") {
		t.Error("a confirmed hold lapses")
	}
	officer.get(path).shows(t, "legal hold")

	officer.post(path, "step", "acknowledge").shows(t, "Acknowledged by", "Paola Blu")
	officer.post(path, "step", "acknowledge").shows(t, "Acknowledged by")
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format("2006-01-02T15:04")
	officer.post(path, "step", "aware", "aware", "2099-01-01T10:00", "aware_why", "x").shows(t, "Choose a time in the past", "2099-01-01T10:00")
	officer.post(path, "step", "aware", "aware", yesterday, "aware_why", "").shows(t, "Say why")
	officer.post(path, "step", "aware", "aware", yesterday, "aware_why", "The phone call came then.").shows(t, "counts from then", "overdue since")
	officer.post(path, "step", "decide", "outcome", "", "why", "kept <i>").shows(t, "Choose what was decided", "kept &lt;i&gt;")
	officer.post(path, "step", "decide", "outcome", "notified", "notified", "2099-01-01T10:00", "why", "x").shows(t, "not in the future")
	officer.post(path, "step", "decide", "outcome", "notified", "notified", time.Now().UTC().Format("2006-01-02T15:04"), "why", "Protocol <12>").shows(t, "The decision is saved", "Authority notified", "Protocol &lt;12&gt;")
	officer.post(path, "step", "decide", "outcome", "no_breach", "why", "x").shows(t, "already")
	officer.get("/audit/breaches").shows(t, "Authority notified", "Nothing waits for a decision")
	if got := officer.post(path, "step", "other"); got.StatusCode != http.StatusBadRequest {
		t.Error(got.StatusCode)
	}
}

// TestBreachInChromium looks at the pages in every language, the first act by keyboard.
func TestBreachInChromium(t *testing.T) {
	h := builtHouse(t, withVault(t))
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	signedIn(t, h, access.DPO, "Paola Blu", "dpo@esempio.example")
	id, session := suspected(t, h, anna)
	b := newChromium(t, h, "en")
	b.open("/signin?next=/audit/breaches", "#email")
	b.signInWith("dpo@esempio.example", goodPassword)
	b.until(`location.pathname === "/audit/breaches" && document.querySelector(".breaches a")`)
	b.tabTo(`.breaches a`)
	b.keys("\r")
	b.until(`document.querySelector(".clocks")`)
	b.look("92-breach")
	b.click(`button[value="acknowledge"]`)
	b.until(`!document.querySelector('button[value="acknowledge"]')`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"92-breaches": "/audit/breaches", "92-breach": "/audit/breaches/" + id, "92-hold": "/audit/retention/" + session} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
}

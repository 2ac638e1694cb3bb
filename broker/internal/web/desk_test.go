package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
)

// joins makes a technician and signs them in.
func joins(t testing.TB, h *house, name, team string, level access.Level) *person {
	t.Helper()
	email := strings.ToLower(strings.Fields(name)[0]) + "@esempio.example"
	n := access.NewAccount{Email: email, Name: name, Role: access.Technician, Team: team, Level: level, Profile: "View only", Password: goodPassword}
	if _, err := h.access.Add(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	p := h.visitor(t)
	p.post("/signin", "email", email, "password", goodPassword)
	return p
}

// version is that of the ticket which a page shows.
func version(t testing.TB, s seen) string {
	t.Helper()
	found := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(s.text)
	if found == nil {
		t.Fatalf("no version in %s", s.text)
	}
	return found[1]
}

// TestTicketPages: a customer asks on the portal, the first level takes it in, escalates,
// the second level resolves it; the customer sees each step, writes, and opens it again.
func TestTicketPages(t *testing.T) {
	h := newHouse(t)
	anna, carla := joins(t, h, "Anna Bianchi", "Service desk", access.L1), joins(t, h, "Carla Verdi", "Reti", access.L2)
	maria := h.visitor(t)
	maria.get("/").shows(t, `href="/request"`)
	maria.get("/request").shows(t, "Tell us what is wrong")
	if got := maria.post("/request", "name", "Maria", "email", "", "phone", "", "title", "Printer <b>", "text", ""); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("without contact: %d", got.StatusCode)
	} else {
		got.shows(t, "there has to be a way to answer", "Printer &lt;b&gt;")
	}
	sent := maria.post("/request", "name", "Maria Rossi", "email", "maria@comune.example", "phone", "", "title", "Printer <b>", "text", "Since this morning.", "office", "on")
	sent.shows(t, "Your request has arrived", "Place in the queue: 1", "Printer &lt;b&gt;")
	link := sent.Request.URL.Path

	list := anna.get("/desk/")
	list.shows(t, "Printer &lt;b&gt;", "Maria Rossi", "due ")
	if text := carla.get("/desk/").text; strings.Contains(text, "Printer") {
		t.Error("another team reads it")
	}
	path := regexp.MustCompile(`href="(/desk/[-0-9a-f]{36})"`).FindStringSubmatch(list.text)[1]
	if got := carla.get(path); got.StatusCode != http.StatusNotFound {
		t.Errorf("another team opens it: %d", got.StatusCode)
	}
	page := anna.get(path)
	do := func(who *person, pairs ...string) seen {
		t.Helper()
		page = who.post(path, append([]string{"version", version(t, who.get(path))}, pairs...)...)
		return page
	}
	old := version(t, page)
	do(anna, "kind", "take").shows(t, "Anna Bianchi", "Set the category")
	if got := anna.post(path, "version", old, "kind", "comment", "text", "kept <i>"); got.StatusCode != http.StatusConflict {
		t.Errorf("an old version is changed: %d", got.StatusCode)
	} else {
		got.shows(t, "Somebody else changed this ticket", "kept &lt;i&gt;")
	}
	maria.get(link).shows(t, "Somebody has your request in hand")
	do(anna, "kind", "resolve", "resolution", "solved", "text", "x").shows(t, "Set the category first")
	do(anna, "kind", "categorise", "category", "network", "area", "Floor 2").shows(t, "Network", "What this level does")
	do(anna, "kind", "prioritise", "impact", "2", "urgency", "3").shows(t, "high")
	do(anna, "kind", "diagnose")
	do(anna, "kind", "answer", "text", "Which light is on?").shows(t, "the requester is told")
	maria.get(link).shows(t, "Which light is on?")
	do(anna, "kind", "wait", "waiting", "requester").shows(t, "waits for the requester")
	maria.post(link, "text", "The red one.").shows(t, "The red one.")
	if text := anna.get(path).text; strings.Contains(text, "<strong>waits for") || !strings.Contains(text, "The red one.") {
		t.Error("it still waits")
	}
	do(anna, "kind", "escalate", "team", "Reti", "text", "The switch does not answer.").shows(t, "escalated")
	if got := anna.post(path, "version", "1", "kind", "resolve", "resolution", "solved", "text", "x"); got.StatusCode == http.StatusOK {
		t.Error("the first team goes on")
	}
	do(carla, "kind", "take").shows(t, "Carla Verdi", "L2")
	do(carla, "kind", "resolve", "resolution", "solved", "text", "Cable replaced.").shows(t, "Resolved.")
	followed := maria.get(link)
	followed.shows(t, "Your request is resolved", "Cable replaced.")
	if strings.Contains(followed.text, "The switch does not answer") {
		t.Error("the requester reads what is among colleagues")
	}
	maria.post(link, "text", "Still not.").shows(t, "Somebody has your request in hand")
	do(carla, "kind", "resolve", "resolution", "workaround", "text", "Another port.")
	do(carla, "kind", "close").shows(t, "closed")
	maria.get("/request/nothing").shows(t, "This link does not work")

	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/desk/?ended=all").shows(t, "Printer &lt;b&gt;")
	for who, p := range map[string]*person{"auditor": signedIn(t, h, access.Auditor, "Udo Neri", "udo@esempio.example"), "nobody": h.visitor(t)} {
		for _, path := range []string{"/desk/", path, "/desk/new"} {
			if got := p.get(path); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s reads %s: %d", who, path, got.StatusCode)
			}
		}
	}
	h.desk.mu.Lock()
	h.desk.redeem = &session.ThrottledError{RetryAfter: time.Minute} // who sends many has to wait
	h.desk.mu.Unlock()
	if sent = maria.post("/request", "name", "M", "email", "m@comune.example", "phone", "", "title", "kept", "text", ""); sent.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a flood of requests: %d", sent.StatusCode)
	}
	sent.shows(t, "kept")
}

// TestTicketsInChromium looks at each page in every language, by keyboard where it counts.
func TestTicketsInChromium(t *testing.T) {
	h := builtHouse(t)
	joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	joins(t, h, "Carla Verdi", "Reti", access.L2)
	b := newChromium(t, h, "en")
	b.open("/request", "#name")
	b.look("80-request")
	b.write("#name", "Maria Rossi")
	b.write("#title", "The printer on floor 2 does not print")
	b.click("form.card button.primary")
	b.until(`document.querySelector(".error-summary")`)
	b.write("#phone", "0471 123456")
	b.click("form.card button.primary")
	b.until(`document.querySelector(".place")`)
	link := evaluate[string](b, `location.pathname`)
	b.look("80-followed")
	b.open("/signin?next=/desk/", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/desk/" && document.querySelector(".tickets a")`)
	b.tabTo(`.tickets a`)
	b.keys("\r")
	b.until(`document.querySelector(".ticket-head")`)
	ticket := evaluate[string](b, `location.pathname`)
	b.click(".act button.primary") // take it
	b.until(`document.querySelector("#categorise-category")`)
	b.do(chromedp.SetValue("#categorise-category", "network"))
	b.click(".act button.primary")
	b.until(`document.querySelector(".steps li") && document.querySelector("#prioritise-impact")`)
	b.look("80-ticket")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"80-tickets": "/desk/", "80-ticket": ticket, "80-new": "/desk/new", "80-followed": link, "80-request": "/request"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
}

// TestRequestBeforeSetUp: before the office is set up there is nobody to ask, and no number
// to call: the page says so, as the portal does.
func TestRequestBeforeSetUp(t *testing.T) {
	page := newHouse(t, unset).visitor(t).get("/request")
	page.shows(t, "not ready yet", "end the call")
	page.hides(t, "Call the office", `<form method="post"`)
}

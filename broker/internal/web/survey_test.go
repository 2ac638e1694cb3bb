package web_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	tickets "consento/broker/internal/desk"
	"consento/broker/internal/figures"
	"consento/broker/internal/web/servicedesk"
	"consento/protocol"
	"consento/protocol/lang"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// asks gives the house the questions that come with the program.
func asks(t testing.TB, h *house) {
	t.Helper()
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	desk, err := tickets.New(t.Context(), tickets.Config{Database: h.db, LinkKey: []byte(strings.Repeat("d", 32)), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f, err := figures.New(figures.Config{Database: h.db, Hours: desk.Hours, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = f.Begin(t.Context(), servicedesk.StartingSurveys(texts))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// worked writes a session of an account that has ended.
func worked(t testing.TB, h *house, id string, by access.Account) {
	t.Helper()
	now := time.Now()
	_, err := h.db.ExecContext(t.Context(), `INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, active, ended) VALUES (?, 'Issued', ?, ?, ?, 0, ?, ?, ?)`,
		id, by.ID, by.Name, by.Team, now.Add(-time.Hour).UnixMilli(), now.Add(-50*time.Minute).UnixMilli(), now.Add(-time.Minute).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
}

// TestSurveyPages: an administrator decides what is asked, customer and technician
// answer or do not, and the figures say what it came to.
func TestSurveyPages(t *testing.T) {
	h := newHouse(t)
	asks(t, h)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/figures/surveys").shows(t, "What customers are asked", "Was your problem solved?", "Yes or no · English, Italiano", "Was it solved?", "A short text")
	add := []string{"version", "1", "step", "save", "kind", "choice", "text.en", "How did you <b> hear of us?", "choices.en", "Poster\r\nColleague <i>\r\n\r\n"}
	boss.post("/figures/surveys/customer/new", append(add, "text.de", "Woher?", "choices.de", "Plakat")...).shows(t, "as many in each language", "Woher?", "Colleague &lt;i&gt;")
	boss.post("/figures/surveys/customer/new", add...).shows(t, "Saved.", "How did you &lt;b&gt; hear of us?", "One of several choices · English")
	if got := boss.post("/figures/surveys/customer/new", add...); got.StatusCode != http.StatusConflict {
		t.Errorf("two at once: %d", got.StatusCode)
	} else {
		got.shows(t, "Somebody else changed the questions", "How did you &lt;b&gt;")
	}
	dropped := boss.post("/figures/surveys/customer/1", "version", "2", "step", "drop")
	dropped.shows(t, "Saved.")
	dropped.hides(t, "always clear")
	for path, want := range map[string]int{"/figures/surveys/customer/7": 404, "/figures/surveys/neighbour/0": 404, "/figures/surveys/customer/-1": 404, "/figures/surveys/customer/x": 404} {
		if got := boss.get(path).StatusCode; got != want {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := boss.post("/figures/surveys/customer/0", "version", "x").StatusCode; got != http.StatusBadRequest {
		t.Error(got)
	}

	// The customer, after a session of Anna's.
	anna, bruno := joins(t, h, "Anna Bianchi", "Service desk", access.L1), joins(t, h, "Bruno Verdi", "Service desk", access.L1)
	account, err := h.access.ByEmail(t.Context(), "anna@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	id := h.desk.issue(goodKey, protocol.Person{Name: "Anna Bianchi", Team: "Service desk"})
	worked(t, h, id, account)
	maria := h.visitor(t)
	maria.post("/key", "key", string(goodKey))
	if got := maria.post("/session/survey", "q-helped", "0"); strings.Contains(got.text, "Was your problem solved?") {
		t.Error("asked before the end")
	}
	h.desk.set(id, step(protocol.StateActive, protocol.StepNameConfirmed, protocol.StepAgentStarted))
	yes := true
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndCustomer, &yes))
	page := maria.get("/session")
	page.shows(t, "Was your problem solved?", "How did you &lt;b&gt; hear of us?", "I would rather not say", "You need not answer")
	name := strings.SplitN(strings.SplitN(page.text, `<legend>How did you`, 2)[1], `name="`, 2)[1]
	name = name[:strings.IndexByte(name, '"')]
	maria.post("/session/survey", "q-helped", "0", name, "9").shows(t, "One answer was not accepted")
	maria.post("/session/survey", "q-helped", "0", name, "").shows(t, "Thank you", `name="q-helped" value="0" checked`)
	maria.post("/session/survey", "q-helped", "1", name, "1").shows(t, `name="q-helped" value="1" checked`)
	if got := h.visitor(t).post("/session/survey", "q-helped", "0").StatusCode; got != http.StatusNotFound {
		t.Errorf("somebody without a session answers: %d", got)
	}

	// The technician.
	anna.get("/survey/"+id).shows(t, "Was it solved?", "What would have helped")
	anna.post("/survey/"+id, "q-solved", "1", "q-lacked", strings.Repeat("x", figures.MaxWords+1)).shows(t, "One answer was not accepted")
	anna.post("/survey/"+id, "q-solved", "1", "q-lacked", "=A <key>").shows(t, "Saved.", "=A &lt;key&gt;")
	for who, p := range map[string]*person{"a colleague": bruno, "somebody with another session": anna} {
		path := "/survey/" + id
		if p == anna {
			path = "/survey/nothing"
		}
		if got := p.get(path).StatusCode + p.post(path, "q-solved", "0").StatusCode; got != 2*http.StatusNotFound {
			t.Errorf("%s: %d", who, got)
		}
	}
	for _, p := range []*person{anna, signedIn(t, h, access.Auditor, "Udo Neri", "udo@esempio.example"), h.visitor(t)} {
		for _, path := range []string{"/figures/surveys", "/figures/surveys/customer/0"} {
			if got := p.get(path).StatusCode + p.post(path, "version", "3", "step", "drop").StatusCode; got < 2*http.StatusForbidden {
				t.Errorf("%s: %d", path, got)
			}
		}
	}

	// Two people of one team are too few; with the work of others they are not.
	boss.get("/figures/").shows(t, "Too few people")
	works(t, h, 5)
	boss.get("/figures/").shows(t, "Colleague &lt;i&gt;", "=A &lt;key&gt;", "1 of ")
	boss.get("/figures/survey-technician.csv").shows(t, "'=A <key>", "In part,1")
}

// TestSurveysInChromium looks at each page in every language.
func TestSurveysInChromium(t *testing.T) {
	h := builtHouse(t)
	asks(t, h)
	staff(t, h, access.Administrator, "carla@esempio.example")
	account := staff(t, h, access.Technician, "anna@esempio.example")
	id := h.desk.issue(goodKey, protocol.Person{Name: "Anna Bianchi", Team: "Service desk"})
	worked(t, h, id, account)
	b := newChromium(t, h, "en")
	b.open("/k/ACDEFGH", "#key")
	b.click("button.primary")
	b.until(`document.querySelector(".person")`)
	h.desk.set(id, step(protocol.StateActive, protocol.StepNameConfirmed, protocol.StepAgentStarted))
	yes := true
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndCustomer, &yes))
	b.open("/session", "#survey")
	b.look("91-survey-customer")
	b.tabTo(`input[name="q-helped"]`)
	b.keys(kb.ArrowUp)
	b.until(`document.querySelector('input[name="q-helped"][value="1"]').checked`)
	b.tabTo(`#survey button`)
	b.keys("\r")
	b.until(`document.querySelector("#survey .notice.good")`)
	b.open("/signin?next=/figures/surveys", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/figures/surveys"`)
	b.open("/figures/surveys/technician/0", `[name="text.en"]`)
	b.look("91-survey-question")
	b.do(chromedp.SetValue(`[name="choices.en"]`, "Yes"))
	b.click(".actions button.primary")
	b.until(`document.querySelector(".error-summary")`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"91-surveys": "/figures/surveys", "91-survey-question": "/figures/surveys/customer/new", "91-survey-customer": "/session"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.open("/figures/surveys", "h1")
	b.click(`form[action="/signout"] button`)
	b.until(`location.pathname === "/signin"`)
	b.open("/signin?next=/survey/"+id, "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`document.querySelector('input[name="q-lacked"]')`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/survey/"+id, `html[lang="`+language+`"] h1`)
		b.glance("91-survey-technician")
	}
}

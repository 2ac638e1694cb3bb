package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/session"
	"consento/protocol"
)

var anna = protocol.Person{Name: "Anna Bianchi", Team: "Service desk", Office: office.Name, Phone: office.Phone}

const keyError = "This key is wrong or too old. Ask your technician for a new one."

func TestKeyPage(t *testing.T) {
	h := newHouse(t)
	p := h.visitor(t)
	page := p.get("/")
	page.shows(t, `<html lang="en">`, "<title>Enter your session key – Comune di Esempio</title>", `autocapitalize="characters"`,
		`autocomplete="off"`, `<label for="key">Session key</label>`, `href="tel:+390471000000"`)

	h.desk.issue(goodKey, anna)
	p.get("/k/acd-efgh").shows(t, `value="ACD-EFGH"`)
	p.get("/k/acd-efgh").shows(t, `value="ACD-EFGH"`)

	for name, typed := range map[string]string{"wrong": "2345678", "not a key": "hello", "empty": "", "hostile": `"><script>alert(1)</script>`,
		"long": strings.Repeat("A", 500)} {
		page := p.post("/key", "key", typed)
		if page.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, page.StatusCode)
		}
		page.shows(t, "<title>Error: Enter your session key", keyError, `aria-invalid="true"`)
		page.hides(t, "<script>alert")
		if strings.Index(page.text, keyError) > strings.Index(page.text, "<input") {
			t.Errorf("%s: the error stands below the field", name)
		}
	}
	broken := p.get("/k/nothing")
	broken.shows(t, keyError)

	h.desk.redeem = &session.ThrottledError{RetryAfter: 41500 * time.Millisecond}
	slow := p.post("/key", "key", "2345678")
	slow.shows(t, "Too many tries. Wait 42 seconds, then try again.")
	if slow.StatusCode != http.StatusTooManyRequests || slow.Header.Get("Retry-After") != "42" {
		t.Errorf("status %d, Retry-After %q", slow.StatusCode, slow.Header.Get("Retry-After"))
	}
	h.desk.redeem = nil

	// The links used nothing up: the key still works, once.
	p.post("/key", "key", "ａcd efｇh").shows(t, "<h1>Is this the person helping you?</h1>", "Anna Bianchi", "Service desk", "Comune di Esempio")
	h.visitor(t).post("/key", "key", "ACDEFGH").shows(t, keyError)
}

func TestPortalBeforeSetup(t *testing.T) {
	h := newHouse(t, unset)
	p := h.visitor(t)
	p.get("/").shows(t, "<title>This support page is not ready yet</title>")
	if got := p.get("/terms"); got.StatusCode != http.StatusNotFound {
		t.Errorf("terms of nobody: %d", got.StatusCode)
	}
}

func TestNameRefusedAndReported(t *testing.T) {
	h := newHouse(t)
	p := h.visitor(t)
	h.desk.issue(goodKey, anna)
	p.post("/key", "key", "ACDEFGH")
	p.post("/session/name", "answer", "maybe").shows(t, "The form could not be read")
	p.post("/session/name", "answer", "no").shows(t, "The help session is over", "You said that this is not the person helping you.",
		"Nothing was started on this computer", `data-state="Closed"`)

	id := h.desk.issue(goodKey, anna)
	p.post("/key", "key", "ACDEFGH")
	p.post("/session/report").shows(t, "The help session is over", "Your report is on the record", office.Phone)
	if len(h.desk.reported) != 1 || h.desk.reported[0] != id {
		t.Errorf("reported: %v", h.desk.reported)
	}
}

func TestNoSession(t *testing.T) {
	h := newHouse(t)
	p := h.visitor(t)
	for _, page := range []seen{p.get("/session"), p.get("/session/agent"), p.post("/session/stop"), p.post("/session/report"),
		p.post("/session/name", "answer", "yes")} {
		if page.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", page.Request.URL, page.StatusCode)
		}
		page.shows(t, "There is no help session in this browser")
	}
	// A session that the broker no longer knows.
	id := h.desk.issue(goodKey, anna)
	p.post("/key", "key", "ACDEFGH")
	delete(h.desk.sessions, id)
	p.get("/session").shows(t, "There is no help session in this browser")
}

func TestNamesAreIsolatedAndEscaped(t *testing.T) {
	h := newHouse(t)
	for name, want := range map[string]string{
		`<img src=x onerror=alert(1)>`: "&lt;img src=x onerror=alert(1)&gt;",
		"אבגד \u202eNosirA":            "<bdi>אבגד NosirA</bdi>",
		"Anna\u0000\u2067Bianchi":      "<bdi>AnnaBianchi</bdi>",
	} {
		p := h.visitor(t)
		id := h.desk.issue(goodKey, protocol.Person{Name: name, Team: "T", Office: "O", Phone: "1"})
		page := p.post("/key", "key", "ACDEFGH")
		page.shows(t, want)
		page.hides(t, "<img", "\u202e", "\u2067")
		h.desk.set(id, step(protocol.StateJoined, protocol.StepNameConfirmed))
		h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, nil))
		p.get("/session").hides(t, "<img", "\u202e", "\u2067")
	}
}

func TestLanguages(t *testing.T) {
	h := newHouse(t)
	italian := h.visitor(t, "Accept-Language", "it-IT,it;q=0.9")
	italian.get("/").shows(t, `<html lang="it">`, "<h1>Inserisci la chiave della sessione</h1>", `lang="en" hreflang="en">English</a>`)

	p := h.visitor(t)
	page := p.get("/k/ACDEFGH?lang=it")
	page.shows(t, `<html lang="it">`, `value="ACD-EFGH"`)
	if page.Request.URL.Path != "/k/ACDEFGH" || page.Request.URL.RawQuery != "" {
		t.Errorf("the switch led to %s", page.Request.URL)
	}
	p.get("/").shows(t, `<html lang="it">`)
	p.post("/key", "key", "x").shows(t, "<title>Errore: Inserisci la chiave", `href="/?lang=en"`)
	p.get("/?lang=en").shows(t, `<html lang="en">`)
	p.get("/?lang=xx").shows(t, `<html lang="en">`)

	// The switch never leads to another site.
	stay := h.visitor(t)
	stay.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, path := range []string{"//evil.example/?lang=it", "/%2fevil.example/?lang=it", "/\\evil.example?lang=it"} {
		to := stay.do(http.MethodGet, path, "").Header.Get("Location")
		if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, "/\\") {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

// TestAgentIsToldTheLanguage: the language in which the page is read when the
// help program is fetched, whatever the browser prefers.
func TestAgentIsToldTheLanguage(t *testing.T) {
	h := newHouse(t)
	p, _ := joined(t, h)
	p.get("/?lang=de")
	p.get("/session/agent?system=linux-amd64")
	if h.desk.language != "de" {
		t.Errorf("the agent is told %q", h.desk.language)
	}
}

func TestNoTextIsMissing(t *testing.T) {
	h := newHouse(t)
	for _, language := range tags(t) {
		p := h.visitor(t, "Accept-Language", language)
		p.get("/").shows(t, `<html lang="`+language+`">`)
		for _, path := range []string{"/", "/k/x", "/terms", "/privacy", "/accessibility", "/signin", "/setup?token=x", "/nothing", "/session"} {
			p.get(path).hides(t, "⟨", "{office}", "{days}", "{phone}")
		}
	}
}

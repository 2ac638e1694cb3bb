package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"consento/broker/internal/access"
)

// TestParentPages: an outage is announced on the portal, requests hang on its incident and
// are resolved with it; an appointment and who calls back stand on the requester's page.
func TestParentPages(t *testing.T) {
	h := newHouse(t)
	anna, maria := joins(t, h, "Anna Bianchi", "Service desk", access.L1), h.visitor(t)
	do := func(path string, pairs ...string) seen {
		t.Helper()
		return anna.post(path, append([]string{"version", version(t, anna.get(path))}, pairs...)...)
	}
	parent := anna.post("/desk/new", "title", "No network", "text", "", "name", "Udo", "email", "", "phone", "12", "type", "incident", "channel", "phone").Request.URL.Path
	ref := anna.get(parent).text
	ref = ref[strings.Index(ref, "T-"):][:8]
	do(parent, "kind", "categorise", "category", "network", "area", "")
	do(parent, "kind", "prioritise", "impact", "3", "urgency", "3")
	do(parent, "kind", "outage", "spread", "local", "place", "").shows(t, "which place or service")
	do(parent, "kind", "outage", "spread", "local", "place", "Floor <2>", "text-en", "The network does not work.", "text-it", "La rete non va.").shows(t, "The portal says it so", "Floor &lt;2&gt;")
	for _, path := range []string{"/", "/request"} {
		maria.get(path).shows(t, "We know of this", "The network does not work.", "Floor &lt;2&gt;", `lang="en"`)
	}
	sent := maria.post("/request", "name", "Maria", "email", "", "phone", "0471 55", "reach", "mornings <11>", "title", "No mail", "text", "")
	sent.shows(t, "The office calls you back at", "0471 55", "+39 0471 000 000", "mornings &lt;11&gt;")
	link := sent.Request.URL.Path
	child := anna.find(t, "/desk/", "No mail")
	anna.get(child).shows(t, "mornings &lt;11&gt;")
	do(child, "kind", "take")
	maria.get(link).shows(t, "Anna Bianchi", "calls you back at")
	do(child, "kind", "appoint", "at", "2020-01-01T09:00").shows(t, "still to come")
	do(child, "kind", "appoint", "at", "tomorrow").shows(t, "still to come")
	do(child, "kind", "appoint", "at", time.Now().AddDate(0, 0, 9).Format("2006-01-02")+"T09:30").shows(t, "The appointment is noted", "09:30")
	maria.get(link).shows(t, "We call you: ", "09:30")
	do(child, "kind", "hang", "parent", "T-000000").shows(t, "no open incident")
	do(child, "kind", "hang", "parent", " "+strings.ToLower(ref)).shows(t, "Hangs on an incident", "No network")
	maria.get(link).shows(t, "part of a larger incident")
	anna.get(parent).shows(t, "Hang on it:", "No mail", "Also for the tickets that hang on it: 1")
	do(parent, "kind", "resolve", "resolution", "solved", "text", "Switch replaced.", "children", "on").shows(t, "Resolved.")
	maria.get(link).shows(t, "Your request is resolved", "Switch replaced.")
	if text := maria.get("/").text; strings.Contains(text, "The network does not work") {
		t.Error("the portal says so still")
	}
	if got := anna.post(child, "version", "1", "kind", "outage", "spread", "everyone"); got.StatusCode != http.StatusConflict {
		t.Error(got.StatusCode)
	}
}

// TestParentInChromium looks at the portal with an outage, the ticket around which others
// hang, and the requester's page with an appointment.
func TestParentInChromium(t *testing.T) {
	h := builtHouse(t)
	anna, maria := joins(t, h, "Anna Bianchi", "Service desk", access.L1), h.visitor(t)
	parent := anna.post("/desk/new", "title", "No network on floor 2", "text", "", "name", "Udo", "email", "", "phone", "12", "type", "incident", "channel", "phone").Request.URL.Path
	text := anna.get(parent).text
	ref := text[strings.Index(text, "T-"):][:8]
	link := maria.post("/request", "name", "Maria Rossi", "email", "", "phone", "0471 55", "reach", "mornings", "title", "No mail", "text", "").Request.URL.Path
	child := anna.find(t, "/desk/", "No mail")
	anna.post(child, "version", version(t, anna.get(child)), "kind", "take")
	anna.post(child, "version", version(t, anna.get(child)), "kind", "hang", "parent", ref)
	anna.post(child, "version", version(t, anna.get(child)), "kind", "appoint", "at", time.Now().AddDate(0, 0, 9).Format("2006-01-02")+"T09:30")
	b := newChromium(t, h, "en")
	b.open("/signin?next="+parent, "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`document.querySelector("#outage-text-en")`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#outage-text-en").closest("details").open = true`))
	b.do(chromedp.SetValue("#outage-place", "Floor 2"), chromedp.SetValue("#outage-spread", "local"))
	b.write("#outage-text-en", "The network on floor 2 does not work. A switch is being replaced.")
	b.look("82-outage-form")
	b.tabTo("#outage-text-en")
	b.click("#outage-text-en ~ *, form:has(#outage-text-en) button")
	b.until(`document.querySelector("#around-title")`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"82-portal-outage": "/", "82-request-outage": "/request", "82-parent": parent, "82-appointment": link} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
}

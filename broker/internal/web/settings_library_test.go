package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/broker/internal/web/admin"
	"consento/protocol"
	"consento/protocol/lang"
	"github.com/chromedp/chromedp"
)

// TestLibraryPages: an administrator writes what technicians have at hand; nobody else
// does, and a technician's console gets it.
func TestLibraryPages(t *testing.T) {
	h := newHouse(t)
	seedTemplates(t, h)
	staff(t, h, access.Technician, "anna@esempio.example")
	anna := h.visitor(t)
	anna.post("/signin", "email", "anna@esempio.example", "password", goodPassword)
	carla := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	for who, p := range map[string]*person{"technician": anna, "visitor": h.visitor(t)} {
		for _, path := range []string{"/settings/library/answer", "/settings/library/answer/new"} {
			if got := p.get(path); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s reads %s: %d", who, path, got.StatusCode)
			}
			if got := p.post(path, "name", "x", "language", "en", "text", "x", "step", "up"); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s writes %s: %d", who, path, got.StatusCode)
			}
		}
	}
	for _, path := range []string{"/settings/library/nothing", "/settings/library/answer/nothing", "/settings/library/answer/new/delete"} {
		if got := carla.get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	carla.get("/settings").shows(t, "Prepared answers for the chat")
	carla.get("/settings/library/template").shows(t, "Problem, cause, result", "Italiano")
	carla.post("/settings/library/script/new", "version", "0", "name", "Spooler <b>", "description", "Restarts the printing", "language", "", "team", "Service desk",
		"platform", "linux", "interpreter", "sh", "text", "systemctl restart cups\r\necho \"<done>\"\n").shows(t, "Saved. Technicians have it", "Spooler &lt;b&gt;", "Service desk", "version 1")
	if got := carla.post("/settings/library/script/new", "version", "0", "name", "x", "language", "", "team", "", "platform", "windows", "interpreter", "sh", "text", "x"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("sh on Windows: %d", got.StatusCode)
	}
	for _, odd := range [][2]string{{"language", "xx"}, {"team", "Nobody"}, {"platform", "beos"}} {
		pairs := map[string]string{"version": "0", "name": "x", "language": "en", "team": "", "platform": "linux", "interpreter": "sh", "text": "x", odd[0]: odd[1]}
		var form []string
		for k, v := range pairs {
			form = append(form, k, v)
		}
		if got := carla.post("/settings/library/script/new", form...); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %d", odd, got.StatusCode)
		}
	}
	list := carla.get("/settings/library/script")
	id := regexp.MustCompile(`/settings/library/script/([-0-9a-f]{36})"`).FindStringSubmatch(list.text)[1]
	form := []string{"name", "Spooler", "description", "", "language", "", "team", "", "platform", "linux", "interpreter", "sh", "text", "echo two"}
	carla.post("/settings/library/script/"+id, append(form, "version", "1")...).shows(t, "version 2")
	if got := carla.post("/settings/library/script/"+id, append(form, "version", "1")...); got.StatusCode != http.StatusConflict {
		t.Errorf("an old version is saved: %d", got.StatusCode)
	}
	carla.get("/settings/library/script/"+id).shows(t, "SHA-256 "+protocol.ScriptHash("echo two"), protocol.ScriptHash("systemctl restart cups\necho \"<done>\"\n"))

	got := anna.get("/console/library")
	var l protocol.Library
	if err := json.Unmarshal([]byte(got.text), &l); err != nil || len(l.Templates) != 6 || len(l.Scripts) != 1 || l.Scripts[0].Text != "echo two" || l.Scripts[0].Version != 2 {
		t.Errorf("the console gets %s, %v", got.text, err)
	}
	for who, p := range map[string]*person{"administrator": carla, "visitor": h.visitor(t)} {
		if got := p.get("/console/library"); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s gets the console's: %d", who, got.StatusCode)
		}
	}
	carla.post("/settings/library/script/"+id+"/delete", "version", "1").shows(t, "Delete this?", "echo two")
	carla.post("/settings/library/script/"+id+"/delete", "version", "2").shows(t, "Deleted.")
	carla.get("/settings").shows(t, "Spooler (2, SHA-256 "+protocol.ScriptHash("echo two")+")")
}

func seedTemplates(t testing.TB, h *house) {
	t.Helper()
	texts, err := lang.Load()
	if err == nil {
		err = h.access.SeedTemplates(t.Context(), admin.StartingTemplates(texts))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLibraryInChromium goes the way of one script, and looks at each page in every
// language.
func TestLibraryInChromium(t *testing.T) {
	h := builtHouse(t)
	seedTemplates(t, h)
	staff(t, h, access.Technician, "anna@esempio.example")
	signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	b := newChromium(t, h, "en")
	b.open("/signin?next=/settings", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/settings" && document.querySelector("#library-title")`)
	b.open("/settings/library/script", "h1")
	b.tabTo(`a[href="/settings/library/script/new"]`)
	b.keys("\r")
	b.until(`document.querySelector("#text")`)
	b.do(chromedp.SetValue("#name", "Restart printing"), chromedp.SetValue("#description", "Ends and starts the print service"),
		chromedp.SetValue("#text", "#!/bin/sh\n"+strings.Repeat("systemctl restart cups && ", 12)+"lpstat -t"))
	b.do(chromedp.SetValue("#platform", "windows"))
	b.click("form.card button.primary")
	b.until(`document.querySelector("#interpreter[aria-invalid]")`)
	b.do(chromedp.SetValue("#platform", "linux"))
	b.click("form.card button.primary")
	b.until(`document.querySelector("[role=status]") && document.querySelector(".shelf .passage")`)
	edit := evaluate[string](b, `document.querySelector(".shelf h2 a").getAttribute("href")`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"60-templates": "/settings/library/template", "60-script": edit} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.tag = "en"
	b.speaks("en")
	b.open("/settings/library/template", `html[lang="en"] .shelf`)
	b.glance("60-templates")
	b.open("/settings/library/script", ".shelf")
	b.look("60-scripts")
	b.open(edit, "#text")
	b.look("60-script")
	b.open(edit+"/delete", "form.actions")
	b.glance("60-script-delete")
	b.click("form.actions button.primary")
	b.until(`document.querySelector("[role=status]") && !document.querySelector(".shelf")`)
	b.glance("60-scripts-none")
	h.desk.missing = []session.MissingSummary{{Technician: "Anna Rossi", Ended: time.Now(), Drafted: true}, {Technician: "Anna Rossi", Ended: time.Now()}}
	b.tag = "de"
	b.speaks("de")
	b.open("/settings/summaries", "input[type=checkbox]")
	b.glance("61-summaries-wanted")
	b.open("/settings", "form.who-form button")
	b.click("form.who-form button")
	b.until(`document.querySelector("#email")`)
	b.open("/signin?next=/summaries", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/summaries" && document.querySelectorAll(".plain-list li").length === 2`)
	b.glance("61-summaries")
}

// speaks chooses the language of the pages that are opened from now on.
func (b *chromium) speaks(language string) {
	b.t.Helper()
	evaluate[string](b, `document.cookie = "__Host-consento-language=`+language+`; path=/; secure"`)
}

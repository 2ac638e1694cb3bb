package web_test

import (
	"net/http"
	"strings"
	"testing"

	"consento/broker/internal/access"
)

// TestReportPages: figures of all for the administrator, of the own team for its lead; as a
// page and as a file that no spreadsheet takes for formulas.
func TestReportPages(t *testing.T) {
	h := newHouse(t)
	joins(t, h, "Carla Verdi", "Reti", access.L2)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/desk/report").shows(t, "Too few people work here", "figures of those people") // of one person
	joins(t, h, "Elena Rosa", "Service desk", access.L1)
	joins(t, h, "Fabio Rosa", "Service desk", access.L1)
	if got := boss.get("/desk/report?team=Reti"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("figures of one person: %d", got.StatusCode)
	}
	staff(t, h, access.Lead, "lara@esempio.example")
	lead := h.visitor(t)
	lead.post("/signin", "email", "lara@esempio.example", "password", goodPassword)
	boss.get("/desk/report").shows(t, "No ticket came in")
	overdue(t, h)
	boss.get("/desk/report").shows(t, "not known yet", "Came in", "All", `value="Reti"`, "Save as CSV", "hours and targets in force now")
	team := boss.get("/desk/report?by=team&from=2020-01-01&to=2020-02-01")
	team.shows(t, "No ticket came in", "2020-01-01")
	for _, by := range []string{"team", "category", "priority", "month", "week"} {
		boss.get("/desk/report?by="+by).shows(t, "Service levels by ")
	}
	for said, query := range map[string]string{"not before the first": "from=2026-05-02&to=2026-05-01", "at most a year": "from=2020-01-01&to=2026-05-01", "at most a year ": "from=nonsense"} {
		if got := boss.get("/desk/report?" + query); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, got.StatusCode)
		} else {
			got.shows(t, strings.TrimSpace(said), query[5:10])
		}
	}
	own := lead.get("/desk/report?team=Reti&by=team")
	own.shows(t, "Service desk")
	if strings.Contains(own.text, ">Reti<") || strings.Contains(own.text, `value="Reti"`) {
		t.Error("a lead sees another team's figures")
	}
	file := boss.get("/desk/report.csv?by=team")
	if got := file.Header.Get("Content-Type"); got != "text/csv; charset=utf-8; header=present" || !strings.Contains(file.Header.Get("Content-Disposition"), "report-") {
		t.Error(got, file.Header)
	}
	file.shows(t, "team,tickets,answered", "Service desk,1,", "All,1,")
	for role, want := range map[access.Role][2]int{access.Technician: {403, 403}, access.Auditor: {403, 403}, access.Maintainer: {403, 403}, access.DPO: {403, 403}} {
		staff(t, h, role, "x"+string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", "x"+string(role)+"@esempio.example", "password", goodPassword)
		if got := p.get("/desk/report").StatusCode; got != want[0] {
			t.Errorf("%s reads the report: %d", role, got)
		}
		if got := p.get("/desk/report.csv").StatusCode; got != want[1] {
			t.Errorf("%s takes the report: %d", role, got)
		}
	}
	if got := h.visitor(t).get("/desk/report").StatusCode; got != 403 {
		t.Errorf("nobody reads the report: %d", got)
	}
}

// TestReportInChromium looks at the report in every language.
func TestReportInChromium(t *testing.T) {
	h := builtHouse(t)
	joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	overdue(t, h)
	joins(t, h, "Elena Rosa", "Service desk", access.L1)
	joins(t, h, "Fabio Rosa", "Service desk", access.L1)
	b := newChromium(t, h, "en")
	b.open("/signin?next=/desk/report", "#email")
	b.signInWith("ada@esempio.example", goodPassword)
	b.until(`location.pathname === "/desk/report" && document.querySelector(".levels-report tbody")`)
	b.look("91-report")
	b.open("/desk/", ".alerts")
	b.look("91-alerts")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"91-report": "/desk/report", "91-alerts": "/desk/"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
}

package web_test

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// works writes some weeks of work of two teams of four people each and one of one, the
// last today.
func works(t testing.TB, h *house, days int) {
	t.Helper()
	do := func(query string, args ...any) {
		t.Helper()
		if _, err := h.db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	teams := []string{"Service desk", "Reti", "=cmd|calc <b>"}
	for _, team := range teams {
		do("INSERT INTO teams (name, territory, level, created_at) VALUES (?, '', 'L1', ?) ON CONFLICT DO NOTHING", team, time.Now())
	}
	for n := range days {
		day := time.Now().Add(-time.Duration(days-1-n)*24*time.Hour - time.Hour)
		for i := range 1 + r.IntN(5) {
			team, id := r.IntN(5)/2, fmt.Sprintf("%d-%d", n, i)
			who := fmt.Sprintf("person %d of %d", r.IntN(4), team)
			if team == 2 {
				who = "alone"
			}
			created := day.Add(-time.Duration(r.IntN(8*60)) * time.Minute)
			responded, resolved := created.Add(time.Duration(r.IntN(240))*time.Minute), created.Add(time.Duration(240+r.IntN(3000))*time.Minute)
			state, resolution, done, turn := "resolved", "solved", resolved.UnixMilli(), int64(1)<<52
			if resolved.After(time.Now()) || r.IntN(9) == 0 {
				state, resolution, done, turn = "investigation", "", 0, created.Add(24*time.Hour).UnixMilli()
			}
			do(`INSERT INTO tickets (id, ref, version, type, state, title, text, language, requester, email, phone, office, channel, category, area, impact, urgency, priority, team, level, parent, waiting, appointment, resolution, solution, reopened, created, responded, resolved, closed, search, turn)
				VALUES (?, ?, 1, 'incident', ?, 'Printer', '', 'it', 'Maria', '', '1', FALSE, 'portal', ?, '', 1, 1, ?, ?, 'L1', NULL, '', 0, ?, '', 0, ?, ?, ?, 0, '', ?)`,
				id, id, state, []string{"network", "software", ""}[r.IntN(3)], 1+r.IntN(4), teams[team], resolution, created.UnixMilli(), responded.UnixMilli(), done, turn)
			do(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, active, ended, stars) VALUES (?, 'Issued', ?, ?, ?, 0, ?, ?, ?, ?)`,
				"s"+id, who, who, teams[team], responded.UnixMilli(), responded.Add(time.Duration(20+r.IntN(300))*time.Second).UnixMilli(), responded.Add(time.Duration(10+r.IntN(40))*time.Minute).UnixMilli(), r.IntN(6))
			do(`INSERT INTO ticket_sessions (ticket, session) VALUES (?, ?)`, id, "s"+id)
		}
	}
}

// TestWhoSeesFigures walks every role over every address of figures.
func TestWhoSeesFigures(t *testing.T) {
	h := newHouse(t)
	const ok, no, none = http.StatusOK, http.StatusForbidden, http.StatusNotFound
	type seen struct{ figures, file, people, decide int }
	want := map[access.Role]seen{
		access.Administrator: {ok, ok, ok, http.StatusUnprocessableEntity}, access.Lead: {ok, no, ok, no}, access.Technician: {no, no, ok, no},
		access.Auditor: {no, no, no, no}, access.Maintainer: {no, no, no, no}, access.DPO: {no, no, no, no},
	}
	works(t, h, 3)
	check := func(who string, p *person, want seen) {
		t.Helper()
		got := seen{p.get("/figures/").StatusCode, p.get("/figures/days.csv").StatusCode, p.get("/figures/people").StatusCode,
			p.post("/figures/people", "version", "0", "on", "yes", "told", "no").StatusCode}
		if got != want {
			t.Errorf("%s: %v, want %v", who, got, want)
		}
	}
	for _, role := range access.Roles() {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		check(string(role), p, want[role])
		if role == access.Lead {
			if got := p.get("/figures/?team=Reti").StatusCode; got != none {
				t.Errorf("a lead sees another team's figures: %d", got)
			}
		}
	}
	check("nobody", h.visitor(t), seen{no, no, no, no})
}

// TestFigurePages: what is shown and saved, ranges, teams, and who is told what.
func TestFigurePages(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/figures/").shows(t, "Nothing to count yet", `href="/admin/people"`, `href="/request"`)
	works(t, h, 40)
	page := boss.get("/figures/")
	page.shows(t, "Sessions", "By team", "Together: \u2068=cmd|calc &lt;b&gt;, Reti\u2069", "Network", "5 – very good", "Monday", `role="img"`, "before: ", `href="/figures/teams.csv?`, "First response, priority critical")
	page.hides(t, "<b>", "By person")
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	anna.get("/desk/").shows(t, `href="/figures/people"`)
	for _, q := range []string{"?from=2026-02-30&to=2026-03-01", "?from=x&to=y", "?from=2026-03-02&to=2026-03-01", "?from=1900-01-01&to=2026-03-01", "?from=2026-01-01"} {
		if got := boss.get("/figures/" + q); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", q, got.StatusCode)
		} else {
			got.shows(t, "These days cannot be shown")
		}
		if got := boss.get("/figures/days.csv" + q).StatusCode; got != http.StatusNotFound {
			t.Errorf("a file of %s: %d", q, got)
		}
	}
	year := fmt.Sprintf("?from=%s&to=%s", time.Now().AddDate(-1, 0, 0).Format(time.DateOnly), time.Now().Format(time.DateOnly))
	boss.get("/figures/"+year).shows(t, "By week", "Week from")
	boss.get("/figures/?team=Service+desk").shows(t, "By team", `<option value="Service desk" selected>`)
	boss.get("/figures/?team="+"%3Dcmd%7Ccalc+%3Cb%3E").shows(t, "Too few people work here")
	if got := boss.get("/figures/teams.csv?team=%3Dcmd%7Ccalc+%3Cb%3E").StatusCode; got != http.StatusNotFound {
		t.Errorf("a file of the figures of one person: %d", got)
	}
	if got := boss.get("/figures/nothing.csv").StatusCode; got != http.StatusNotFound {
		t.Error(got)
	}
	for _, table := range []string{"days", "times", "teams", "categories", "ratings", "load", "hours"} {
		file := boss.get("/figures/" + table + ".csv" + year)
		if file.StatusCode != http.StatusOK || file.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || !strings.HasPrefix(file.text, "\ufeff") {
			t.Errorf("%s: %d %v", table, file.StatusCode, file.Header)
		}
		rows := csv.NewReader(strings.NewReader(strings.TrimPrefix(file.text, "\ufeff")))
		for n := 0; ; n++ { // each row has as many cells, or it is an error
			row, err := rows.Read()
			if err == io.EOF {
				if n < 2 {
					t.Errorf("%s has %d rows", table, n)
				}
				break
			}
			if err != nil {
				t.Fatal(table, err)
			}
			for _, cell := range row {
				if strings.IndexAny(cell, "=+-@") == 0 {
					t.Errorf("%s: a spreadsheet would work out %q", table, cell)
				}
			}
		}
	}

	told := "We show sessions by person to share out the work; agreed with the works council. <i>"
	boss.get("/figures/people").shows(t, "Figures by person are off", "fewer than 3 people")
	boss.post("/figures/people", "version", "0", "on", "yes", "told", "short <i>").shows(t, "Say to the people why", "short &lt;i&gt;", `aria-invalid="true"`)
	boss.post("/figures/people", "version", "0", "on", "yes", "told", told).shows(t, "Saved.", "Figures by person are on since", "works council. &lt;i&gt;")
	if got := boss.post("/figures/people", "version", "0", "on", "no", "told", "mine"); got.StatusCode != http.StatusConflict {
		t.Errorf("two at once: %d", got.StatusCode)
	} else {
		got.shows(t, "Somebody else decided meanwhile", "mine")
	}
	if got := boss.post("/figures/people", "version", "1", "on", "perhaps").StatusCode; got != http.StatusBadRequest {
		t.Error(got)
	}
	anna.get("/figures/people").shows(t, "works council. &lt;i&gt;", "Ada Neri")
	anna.get("/desk/").shows(t, "Figures are shown by person.")
	boss.get("/figures/").shows(t, "By person", "Only what happened since")
}

// TestFiguresOfEvidence: what its public part says, to who looks after the service.
func TestFiguresOfEvidence(t *testing.T) {
	h := newHouse(t, withVault(t))
	h.vault.session(t, "Anna Rossi", time.Now())
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	boss.get("/figures/").shows(t, "Evidence: size and integrity", "Entries of the global log", "Last check of a recording", "none yet", "There is enough space")
	staff(t, h, access.Lead, "lara@esempio.example")
	lara := h.visitor(t)
	lara.post("/signin", "email", "lara@esempio.example", "password", goodPassword)
	lara.get("/figures/").hides(t, "Evidence: size and integrity")
}

// TestFiguresInChromium looks at each page in every language; the range by keyboard.
func TestFiguresInChromium(t *testing.T) {
	h := builtHouse(t)
	staff(t, h, access.Administrator, "carla@esempio.example")
	b := newChromium(t, h, "en")
	b.open("/signin?next=/figures/", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/figures/" && document.querySelector('[data-testid="empty"]')`)
	b.look("90-figures-empty")
	works(t, h, 80)
	b.open("/figures/", ".tiles")
	b.tabTo(`.figures-range nav li:nth-child(3) a`)
	b.keys("\r")
	b.until(`document.querySelector('.figures-range [aria-current]')?.textContent.includes("90")`)
	b.look("90-figures")
	b.tabTo(`.figures details summary`)
	b.keys("\r")
	b.until(`document.querySelector('.figures details[open] .figure-table tbody tr')`)
	b.glance("90-figures-table")
	b.open("/figures/people", "#told")
	b.look("90-figures-people")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"90-figures": "/figures/", "90-figures-people": "/figures/people", "90-figures-small": "/figures/?team=%3Dcmd%7Ccalc+%3Cb%3E"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
}

package web_test

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"consento/broker/internal/access"
)

// several makes a form of tickets, each with the version that its page shows.
func several(t testing.TB, p *person, paths ...string) (pairs []string) {
	t.Helper()
	for _, path := range paths {
		pairs = append(pairs, "t-"+strings.TrimPrefix(path, "/desk/"), version(t, p.get(path)))
	}
	return pairs
}

// TestSeveral: one act with several tickets, asked once; what is refused stops nothing,
// and is told for each.
func TestSeveral(t *testing.T) {
	h := newHouse(t)
	anna, bruno, maria := joins(t, h, "Anna Bianchi", "Service desk", access.L1), joins(t, h, "Bruno Neri", "Service desk", access.L1), h.visitor(t)
	carla := joins(t, h, "Carla Verdi", "Reti", access.L2)
	var paths []string
	for _, title := range []string{"Printer <1>", "Scanner", "Mail"} {
		maria.post("/request", "name", "Maria", "email", "", "phone", "0471", "title", title, "text", "")
		paths = append(paths, anna.find(t, "/desk/", strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(title)))
	}
	anna.get("/desk/").shows(t, `name="t-`, "With those that are chosen")
	anna.post("/desk/several", "kind", "take").shows(t, "Choose at least one ticket first")
	chosen := several(t, anna, paths...)
	anna.post("/desk/several", append([]string{"kind", "take"}, chosen...)...).shows(t, "It is done with each of these", "Printer &lt;1&gt;", "Scanner", "Mail")
	bruno.post(paths[1], "version", version(t, bruno.get(paths[1])), "kind", "take")
	anna.post("/desk/several", append([]string{"kind", "take", "step", "do"}, chosen...)...).shows(t, "Done: 2. Refused: 1.", "Somebody else changed this ticket")
	chosen = several(t, anna, paths...)
	anna.post("/desk/several", append([]string{"kind", "escalate", "step", "do", "team", "Reti", "text", ""}, chosen...)...).shows(t, "Write something first", "Printer &lt;1&gt;")
	account, err := h.access.ByEmail(t.Context(), "bruno@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	anna.post("/desk/several", append([]string{"kind", "assign"}, chosen...)...).shows(t, "Bruno Neri")
	anna.post("/desk/several", append([]string{"kind", "assign", "step", "do", "assignee", account.ID}, chosen...)...).shows(t, "Done: 3. Refused: 0.")
	anna.post("/desk/several", append([]string{"kind", "close", "step", "do"}, several(t, anna, paths...)...)...).shows(t, "Done: 0. Refused: 3.", "cannot be done any more")
	if text := carla.post("/desk/several", append([]string{"kind", "take", "step", "do"}, chosen...)...).text; !strings.Contains(text, "Choose at least one") {
		t.Error("another team does something with them", text)
	}
	for name, pairs := range map[string][]string{"another act": {"kind", "resolve"}, "no version": {"kind", "take", "t-x", "y"}} {
		if got := anna.post("/desk/several", pairs...); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
	many := []string{"kind", "take"}
	for i := range 100 {
		many = append(many, "t-"+strings.Repeat("x", i%60+1)+string(rune('a'+i/60)), "1")
	}
	if got := anna.post("/desk/several", many...); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a hundred: %d", got.StatusCode)
	}
}

// TestTicketsFile: the list as a file, whole and readable to spreadsheets, without what
// they would take for a formula, and only what one may export.
func TestTicketsFile(t *testing.T) {
	h := newHouse(t)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1) // her profile may not export
	boss := signedIn(t, h, access.Administrator, "Ada Neri", "ada@esempio.example")
	for _, title := range []string{`=HYPERLINK("https://evil.example")`, "Größe, \"neu\"\n", " +1+1", "@SUM(A1)", "-2", "日本"} {
		h.visitor(t).post("/request", "name", "=cmd|' /C calc'!A0", "email", "", "phone", "+39 0471", "title", title, "text", "line 1\nline; 2")
	}
	if got := anna.get("/desk/tickets.csv"); got.StatusCode != http.StatusForbidden {
		t.Errorf("without the right: %d", got.StatusCode)
	}
	if strings.Contains(anna.get("/desk/").text, "Save this list") {
		t.Error("offered to who may not")
	}
	got := boss.get("/desk/tickets.csv")
	if c := got.Header.Get("Content-Type"); !strings.HasPrefix(c, "text/csv") || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment;") {
		t.Error(got.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(got.text)).ReadAll()
	if err != nil || len(rows) != 7 || len(rows[1]) != len(rows[0]) || !strings.Contains(got.text, "\r\n") {
		t.Fatal(len(rows), err)
	}
	for _, row := range rows[1:] {
		for i, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(strings.TrimLeft(cell, " ")[0])) {
				t.Errorf("%s: %q", rows[0][i], cell)
			}
		}
		if row[4] != "line 1\nline; 2" || row[7] != "'+39 0471" {
			t.Errorf("%q", row)
		}
	}
	if !bytes.HasPrefix([]byte(boss.get("/desk/tickets.csv?bom=1").text), []byte("\xef\xbb\xbfnumber,")) {
		t.Error("no mark of UTF-8")
	}
	if rows, err = csv.NewReader(strings.NewReader(boss.get("/desk/tickets.csv?id=" + url.QueryEscape("日本")).text)).ReadAll(); err != nil || len(rows) != 2 {
		t.Error(rows, err)
	}
}

// TestSeveralInChromium chooses by keyboard, and looks at list, question and answer.
func TestSeveralInChromium(t *testing.T) {
	h := builtHouse(t)
	joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	for _, title := range []string{"The printer on floor 2 does not print", "No mail"} {
		h.visitor(t).post("/request", "name", "Maria Rossi", "email", "", "phone", "0471", "title", title, "text", "")
	}
	b := newChromium(t, h, "en")
	b.open("/signin?next=/desk/", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`document.querySelectorAll(".choose input").length === 2`)
	b.tabTo(".choose input")
	b.keys(" ")
	b.look("84-choose")
	b.click(".several button")
	b.until(`document.querySelector("input[name=step]")`)
	b.look("84-question")
	b.click("form.card button.primary")
	b.until(`document.querySelector(".notice.good")`)
	b.glance("84-answer")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/desk/", `html[lang="`+language+`"] .choose input`)
		b.glance("84-choose")
	}
}

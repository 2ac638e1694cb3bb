package web_test

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	tickets "consento/broker/internal/desk"
)

// secondDesk is the desk of another broker on the same database, by another clock.
func secondDesk(t testing.TB, h *house, now func() time.Time) *tickets.Desk {
	t.Helper()
	d, err := tickets.New(t.Context(), tickets.Config{Database: h.db, LinkKey: []byte(strings.Repeat("d", 32)), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// overdue makes a ticket of the portal whose answer is long overdue, and lets it be seen.
func overdue(t testing.TB, h *house) (path string) {
	t.Helper()
	h.visitor(t).post("/request", "name", "Maria Rossi", "email", "maria@comune.example", "phone", "", "title", "Printer <b>", "text", "").shows(t, "Your request has arrived")
	later := secondDesk(t, h, func() time.Time { return time.Now().AddDate(0, 0, 20) })
	if err := later.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	var id string
	if err := h.db.NewSelect().Table("ticket_alerts").Column("ticket").OrderExpr("seen DESC").Limit(1).Scan(t.Context(), &id); err != nil {
		t.Fatal(err)
	}
	return "/desk/" + id
}

// TestAlertsOnPages: what presses stands at the head of the list, to those whose it is, and
// in the ticket's history.
func TestAlertsOnPages(t *testing.T) {
	h := newHouse(t)
	anna, carla := joins(t, h, "Anna Bianchi", "Service desk", access.L1), joins(t, h, "Carla Verdi", "Reti", access.L2)
	if text := anna.get("/desk/").text; strings.Contains(text, "This presses") {
		t.Error("nothing presses")
	}
	path := overdue(t, h)
	anna.get("/desk/").shows(t, "This presses", "Printer &lt;b&gt;", "answer overdue since")
	if text := carla.get("/desk/").text; strings.Contains(text, "This presses") {
		t.Error("another team is told")
	}
	anna.get(path).shows(t, "the answer is overdue", "noticed by the system")
	old := version(t, anna.get(path))
	anna.post(path, "version", old, "kind", "take").shows(t, "Anna Bianchi") // what the system noted is in nobody's way
	if text := anna.get("/desk/").text; strings.Contains(text, "This presses") {
		t.Error("what is answered presses")
	}
	if regexp.MustCompile(`name="version" value="` + old + `"`).MatchString(anna.get(path).text) {
		t.Error("nothing was done")
	}
}

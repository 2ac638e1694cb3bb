package figures

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/broker/internal/ops/opstest"
)

// rome is where the office is: its clocks change on 29 March and 25 October 2026.
var rome = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	return zone
}()

// env is the figures of a real database with three teams: four people, three, and one.
type env struct {
	*Figures
	t      testing.TB
	db     *bun.DB
	now    time.Time
	people map[string]access.Account // by first name
	n      int
}

func newEnv(t testing.TB) *env {
	t.Helper()
	ctx := context.Background()
	db := opstest.Database(t, t.TempDir()+"/data")
	t.Cleanup(func() { db.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	people, err := access.New(ctx, access.Config{DB: db, Log: log, Rounds: 1000})
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := desk.New(ctx, desk.Config{Database: db, LinkKey: make([]byte, 32), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	e := &env{t: t, db: db, people: map[string]access.Account{}, now: time.Date(2026, 4, 1, 12, 0, 0, 0, rome)}
	add := func(name string, role access.Role, team string) {
		n := access.NewAccount{Email: strings.ToLower(name) + "@office.example", Name: name + " Rossi", Role: role, Team: team, Password: "seven grey herons over Bolzano"}
		if team != "" {
			n.Profile, n.Level = "View only", access.L1
		}
		if e.people[name], err = people.Add(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	for name, team := range map[string]string{"Anna": "Desk", "Bruno": "Desk", "Carla": "Desk", "Dino": "Nets", "Elia": "Nets", "Fina": "Nets", "Gino": "Labs"} {
		add(name, access.Technician, team)
	}
	add("Lara", access.Lead, "Desk")
	for name, role := range map[string]access.Role{"Ada": access.Administrator, "Udo": access.Auditor, "Mia": access.Maintainer, "Pia": access.DPO} {
		add(name, role, "")
	}
	hours, v, err := tickets.Hours(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hours.Calendar.Zone = rome
	if _, err := tickets.SaveHours(ctx, e.people["Ada"], v.Number, hours); err != nil {
		t.Fatal(err)
	}
	if e.Figures, err = New(Config{Database: db, Hours: tickets.Hours, Log: log, Now: func() time.Time { return e.now }}); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *env) do(query string, args ...any) {
	e.t.Helper()
	if _, err := e.db.ExecContext(context.Background(), query, args...); err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
}

// wall is a moment of 2026 on the office's clock.
func wall(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2026, month, day, hour, minute, 0, 0, rome)
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// ticket writes one; times that are zero are not yet.
func (e *env) ticket(who, category string, priority desk.Priority, created, responded, resolved time.Time) string {
	e.t.Helper()
	e.n++
	id, state, resolution := fmt.Sprintf("t%d", e.n), "investigation", ""
	turn := int64(1) << 50
	switch {
	case !resolved.IsZero():
		state, resolution, turn = "resolved", "solved", 1<<52
	case priority > 0:
		turn = ms(created.Add(24 * time.Hour)) // what the desk would have counted does not matter here
	}
	e.do(`INSERT INTO tickets (id, ref, version, type, state, title, text, language, requester, email, phone, office, channel, category, area, impact, urgency, priority, team, level, assignee_id, parent, waiting, appointment, resolution, solution, reopened, created, responded, resolved, closed, search, turn)
		VALUES (?, ?, 1, 'incident', ?, 'Printer', '', 'it', 'Maria', '', '1', FALSE, 'portal', ?, '', 1, 1, ?, ?, 'L1', ?, NULL, '', 0, ?, '', 0, ?, ?, ?, 0, '', ?)`,
		id, id, state, category, priority, e.people[who].Team, e.people[who].ID, resolution, ms(created), ms(responded), ms(resolved), turn)
	return id
}

func (e *env) pause(ticket string, from, to time.Time) {
	e.t.Helper()
	e.do(`INSERT INTO ticket_pauses (ticket, since, until) VALUES (?, ?, ?)`, ticket, ms(from), ms(to))
}

// session writes one; active is zero if it never began.
func (e *env) session(who, ticket string, issued, active, ended time.Time, stars int) string {
	e.t.Helper()
	e.n++
	id := fmt.Sprintf("s%d", e.n)
	e.do(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, active, ended, stars) VALUES (?, 'Issued', ?, ?, ?, 0, ?, ?, ?, ?)`,
		id, e.people[who].ID, e.people[who].Name, e.people[who].Team, ms(issued), ms(active), ms(ended), stars)
	if ticket != "" {
		e.do(`INSERT INTO ticket_sessions (ticket, session) VALUES (?, ?)`, ticket, id)
	}
	return id
}

func (e *env) report(who string, q Query) *Report {
	e.t.Helper()
	r, err := e.Report(context.Background(), e.people[who], q)
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

func march(first, last int) Range {
	return Range{desk.Date{Year: 2026, Month: 3, Day: first}, desk.Date{Year: 2026, Month: 3, Day: last}}
}

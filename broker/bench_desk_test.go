package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"consento/broker/internal/access"
	"consento/broker/internal/ops"
	"consento/protocol"
)

// Size of the office whose desk is measured.
const (
	benchTickets = 10000
	benchPeople  = 50
	benchTeams   = 5
)

// BenchmarkDesk asks a whole broker with 10,000 tickets and as many sessions of a year for what people
// look at, fifty of them signed in. Times are at the server: from the request's header to the last byte
// of the page. "paced": each asks once a second, all fifty through each other; "at once": all fifty ask
// in the same instant, so the last one waits for the others. Figures are asked for by the five leads and an
// administrator, while the others list tickets.
//
//	go test -run '^$' -bench Desk -benchtime 1x ./broker
func BenchmarkDesk(b *testing.B) {
	k := opened(b, func(c *ops.Config) {
		c.Office = ops.Office{Name: "Comune di Esempio", Phone: "+39 0471 000 000", PrivacyContact: "privacy@esempio.example"}
	})
	people := manyPeople(b, k)
	ids := manyTickets(b, k, people)
	for _, page := range []struct {
		name string
		path func(n int) string
	}{
		{"list", func(int) string { return "/desk/" }},
		{"all", func(int) string { return "/desk/?ended=all" }},
		{"search", func(n int) string { return "/desk/?ended=all&id=" + benchWords[n%len(benchWords)] }},
		{"search for two words", func(n int) string {
			return "/desk/?ended=all&id=" + benchWords[n%len(benchWords)] + "+rossi" + fmt.Sprint(n%97)
		}},
		{"search in vain", func(int) string { return "/desk/?ended=all&id=nowhere" }},
		{"ticket", func(n int) string { return "/desk/" + ids[n%benchTeams][n%len(ids[n%benchTeams])] }},
		{"figures of a month", func(int) string { return "/figures/" }},
		{"figures of a year", func(int) string {
			return "/figures/?from=" + time.Now().AddDate(-1, 0, 1).Format(time.DateOnly) + "&to=" + time.Now().Format(time.DateOnly)
		}},
	} {
		b.Run(page.name+"/paced", func(b *testing.B) { measure(b, k, people, page.path, true) })
		b.Run(page.name+"/at once", func(b *testing.B) { measure(b, k, people, page.path, false) })
	}
}

var benchWords = []string{"printer", "network", "monitor", "password", "scanner", "update", "mailbox", "licence"}

// asker is somebody who is signed in.
type asker struct {
	access.Account
	cookies []*http.Cookie
	team    int
}

func (a asker) ask(tb testing.TB, k *broker, path string) time.Duration {
	r := httptest.NewRequest("GET", k.url+path, nil)
	for _, c := range a.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	began := time.Now()
	k.handler.ServeHTTP(w, r)
	took := time.Since(began)
	if w.Code != http.StatusOK {
		tb.Errorf("%s of %s: %d", path, a.Email, w.Code)
	}
	return took
}

// measure has everybody ask, five times each for every round.
func measure(b *testing.B, k *broker, people []asker, path func(int) string, paced bool) {
	const times = 5
	var mu sync.Mutex
	var all []time.Duration
	for range b.N {
		for turn := range times {
			var everybody sync.WaitGroup
			for i, a := range people {
				everybody.Go(func() {
					if paced { // somewhere within the second
						<-time.After(time.Duration(i) * time.Second / benchPeople)
					}
					to := path(turn*benchTeams*11 + a.team + benchTeams*i)
					if strings.HasPrefix(to, "/figures/") && a.Role == access.Technician { // not theirs to see: they go on working
						a.ask(b, k, "/desk/")
						return
					}
					took := a.ask(b, k, to)
					mu.Lock()
					all = append(all, took)
					mu.Unlock()
				})
			}
			everybody.Wait()
		}
	}
	slices.Sort(all)
	report := func(what string, share float64) {
		b.ReportMetric(float64(all[min(len(all)-1, int(share*float64(len(all))))].Microseconds())/1000, what)
	}
	b.ReportMetric(0, "ns/op")
	report("ms-p50", 0.5)
	report("ms-p95", 0.95)
	report("ms-max", 1)
}

// manyPeople makes fifty accounts in five teams and signs them in.
func manyPeople(b *testing.B, k *broker) (people []asker) {
	b.Helper()
	const password = "four brown owls under Trento"
	for i := range benchPeople {
		n := access.NewAccount{Email: fmt.Sprintf("t%d@office.example", i), Name: fmt.Sprintf("Technician %d", i), Role: access.Technician, Team: benchTeam(i % benchTeams),
			Level: access.L1, Profile: protocol.ProfileViewOnly, Password: password}
		switch {
		case i < benchTeams:
			n.Role = access.Lead
		case i == benchPeople-1:
			n.Role, n.Team, n.Level, n.Profile = access.Administrator, "", "", ""
		}
		account, err := k.access.Add(b.Context(), n)
		if err != nil {
			b.Fatal(err)
		}
		r := httptest.NewRequest("POST", k.url+"/signin", strings.NewReader(url.Values{"email": {n.Email}, "password": {password}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		k.handler.ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther {
			b.Fatalf("%s does not sign in: %d", n.Email, w.Code)
		}
		people = append(people, asker{account, w.Result().Cookies(), i % benchTeams})
	}
	return people
}

func benchTeam(n int) string { return fmt.Sprintf("Team %d", n) }

// manyTickets fills the tables as a year of work would have: nine in ten tickets closed, each with a
// history, a session and a notice. It returns the tickets' ids by team.
func manyTickets(b *testing.B, k *broker, people []asker) (ids [benchTeams][]string) {
	b.Helper()
	ctx := b.Context()
	random := rand.New(rand.NewPCG(1, 2))
	tx, err := k.db.DB.BeginTx(ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tx.Rollback()
	do := func(query string, args ...any) {
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			b.Fatalf("%s: %v", query, err)
		}
	}
	now, categories := time.Now(), []string{"software", "network", "cloud", "breach"}
	for i := range benchTickets {
		team, created := i%benchTeams, now.Add(-time.Duration(benchTickets-i)*365*24*time.Hour/benchTickets)
		id, ref, word, name := uuid.NewString(), fmt.Sprintf("T-%06d", i), benchWords[random.IntN(len(benchWords))], fmt.Sprintf("Rossi%d Maria", i%97)
		ids[team] = append(ids[team], id)
		title, text := "The "+word+" does not work", strings.Repeat("Since this morning nothing happens when the button is pressed. ", 6)
		who := people[team+benchTeams*random.IntN(benchPeople/benchTeams)]
		responded := created.Add(time.Duration(random.IntN(180)) * time.Minute).UnixMilli()
		resolved := responded + int64(random.IntN(30*3600))*1000
		state, closed, resolution, stars := "closed", resolved+3600_000, "solved", random.IntN(6)
		if i >= benchTickets*9/10 && i%3 > 0 {
			state, closed, resolution, resolved = "investigation", 0, "", 0
		}
		turn := int64(1<<52) + created.UnixMilli()
		if resolved == 0 {
			turn = responded + 24*3600_000
		}
		do(`INSERT INTO tickets (id, ref, version, type, state, title, text, language, requester, email, phone, office, channel, category, area, impact, urgency, priority, team, level, assignee_id, parent, waiting, appointment, resolution, solution, reopened, created, responded, resolved, closed, search, turn)
			VALUES (?, ?, 7, 'incident', ?, ?, ?, 'it', ?, 'maria@comune.example', '', FALSE, 'phone', ?, '', 1, 2, ?, ?, 'L1', ?, NULL, '', 0, ?, '', 0, ?, ?, ?, ?, ?, ?)`,
			id, ref, state, title, text, name, categories[random.IntN(len(categories))], 1+random.IntN(4), benchTeam(team), who.ID, resolution, created.UnixMilli(), responded, resolved, closed,
			strings.ToLower(ref+"\n"+title+"\n"+name+"\nmaria@comune.example\n\n\n"+text), turn)
		do(`INSERT INTO ticket_teams (ticket, team) VALUES (?, ?)`, id, benchTeam(team))
		if i%10 == 0 {
			do(`INSERT INTO ticket_teams (ticket, team) VALUES (?, ?)`, id, benchTeam((team+1)%benchTeams))
			do(`INSERT INTO ticket_pauses (ticket, since, until) VALUES (?, ?, ?)`, id, responded, responded+int64(random.IntN(7200))*1000)
		}
		for n, kind := range []string{"open", "take", "categorise", "prioritise", "diagnose", "investigate", "resolve"} {
			do(`INSERT INTO ticket_history (ticket, number, at, by_id, by, kind, data) VALUES (?, ?, ?, ?, ?, ?, ?)`, id, n+1, created.UnixMilli()+int64(n)*60_000, who.ID, who.Name, kind, `{"kind":"`+kind+`","text":"Looked at it."}`)
		}
		do(`INSERT INTO ticket_sessions (ticket, session) VALUES (?, ?)`, id, "s"+id)
		do(`INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued, active, ended, end_reason, stars) VALUES (?, 'Issued', ?, ?, ?, 0, ?, ?, ?, 'technician', ?)`,
			"s"+id, who.ID, who.Name, benchTeam(team), responded, responded+int64(random.IntN(600))*1000, responded+1200_000, stars)
		do(`INSERT INTO desk_notices (id, ticket, kind, version, made, tries, next, sent, error) VALUES (?, ?, 'open', 1, ?, 1, 0, ?, '')`, uuid.NewString(), id, created.UnixMilli(), created.UnixMilli())
	}
	do(`UPDATE sessions SET state = 'Ending'`)
	do(`UPDATE sessions SET state = 'Closed'`)
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	if _, err := k.db.ExecContext(context.WithoutCancel(ctx), "PRAGMA optimize"); err != nil {
		b.Fatal(err)
	}
	return ids
}

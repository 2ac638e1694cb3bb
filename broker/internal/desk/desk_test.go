package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/ops/opstest"

	"github.com/uptrace/bun"
)

// env is a desk on a real database, with two teams and a clock that is set by hand.
type env struct {
	*Desk
	t   testing.TB
	db  *bun.DB
	mu  sync.Mutex
	now time.Time

	anna, bruno, carla, lead, admin, auditor access.Account // L1, L1, L2, L1's lead
}

var first, second = Team{"Service desk", "", access.L1}, Team{"Networks", "", access.L2}

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
	e := &env{t: t, db: db, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	add := func(name string, role access.Role, team string, level access.Level) access.Account {
		n := access.NewAccount{Email: strings.ToLower(name) + "@office.example", Name: name + " Rossi", Role: role, Team: team, Level: level, Password: "seven grey herons over Bolzano"}
		if team != "" {
			n.Profile = "View only"
		}
		a, err := people.Add(ctx, n)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	e.anna, e.bruno = add("Anna", access.Technician, first.Name, access.L1), add("Bruno", access.Technician, first.Name, access.L1)
	e.carla, e.lead = add("Carla", access.Technician, second.Name, access.L2), add("Lara", access.Lead, first.Name, access.L1)
	e.admin, e.auditor = add("Ada", access.Administrator, "", ""), add("Udo", access.Auditor, "", "")
	if e.Desk, err = New(ctx, Config{Database: db, LinkKey: make([]byte, 32), Files: t.TempDir(), FileKey: make([]byte, 32), Log: log, Now: func() time.Time { e.mu.Lock(); defer e.mu.Unlock(); return e.now }}); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *env) pass(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

func call(title string) NewTicket {
	return NewTicket{Type: Incident, Title: title, Text: "Since this morning.", Language: "it", Requester: Requester{Name: "Maria Verdi", Email: "maria@comune.example"}, Channel: ByPhone, Team: first}
}

func (e *env) open(by access.Account, title string) Ticket {
	e.t.Helper()
	t, err := e.Open(context.Background(), by, call(title))
	if err != nil {
		e.t.Fatal(err)
	}
	return t
}

// do does acts one after the other, each a minute later.
func (e *env) do(by access.Account, t Ticket, acts ...Act) Ticket {
	e.t.Helper()
	for _, a := range acts {
		e.pass(time.Minute)
		var err error
		if t, err = e.Do(context.Background(), by, t.ID, t.Version, a); err != nil {
			e.t.Fatalf("%s: %v", a.Kind, err)
		}
	}
	return t
}

var (
	categorise = Act{Kind: ActCategory, Category: "network", Area: "Printers"}
	prioritise = Act{Kind: ActPriority, Impact: ImpactBusiness, Urgency: UrgencyHigh}
	diagnose   = Act{Kind: ActDiagnose}
	escalate   = Act{Kind: ActEscalate, Team: &second, Text: "The switch does not answer."}
	inquire    = Act{Kind: ActInquire}
	resolve    = Act{Kind: ActResolve, Resolution: Solved, Text: "Cable replaced."}
)

// TestLife: a ticket from the call to its end and back, who may read and do what on the
// way, its clocks and its history.
func TestLife(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	ticket := e.open(e.anna, "Printer on floor 2")
	if ticket.State != Logged || ticket.Assignee.ID != e.anna.ID || ticket.Responded.IsZero() || !strings.HasPrefix(ticket.Ref, "T-") {
		t.Fatalf("%+v", ticket)
	}
	if _, err := e.Ticket(ctx, e.carla, ticket.ID); !errors.Is(err, ErrNoTicket) {
		t.Error("another team reads it", err)
	}
	if _, err := e.Do(ctx, e.carla, ticket.ID, ticket.Version, diagnose); !errors.Is(err, ErrNoTicket) {
		t.Error("another team works on it", err)
	}
	ticket = e.do(e.anna, ticket, categorise, prioritise, diagnose, escalate)
	if ticket.Priority != High || ticket.Team != second.Name || ticket.Level != access.L2 || ticket.Assignee.ID != "" || ticket.State != Escalated {
		t.Fatalf("%+v", ticket)
	}
	if _, err := e.Do(ctx, e.anna, ticket.ID, ticket.Version, inquire); !errors.Is(err, ErrForbidden) {
		t.Error("the first team goes on working", err)
	}
	ticket = e.do(e.anna, ticket, Act{Kind: ActComment, Text: "They called again."})
	ticket = e.do(e.carla, ticket, Act{Kind: ActTake}, Act{Kind: ActWait, Waiting: WaitingForVendor})
	if ticket.State != Investigation || ticket.Assignee.Name != "Carla Rossi" {
		t.Fatalf("%+v", ticket)
	}
	e.pass(time.Hour)
	ticket = e.do(e.carla, ticket, Act{Kind: ActGoOn}, resolve)
	c := Calendar{Always: true}
	if spent := ticket.Resolving(c, Target{Resolution: time.Hour}).Spent(e.now); spent != 8*time.Minute {
		t.Error("spent", spent)
	}
	e.pass(time.Hour)
	ticket = e.do(e.carla, ticket, Act{Kind: ActClose}, Act{Kind: ActReopen, Text: "It is down again."})
	if ticket.State != Investigation || ticket.Reopened != 1 || !ticket.Resolved.IsZero() || ticket.Solution != "" {
		t.Fatalf("%+v", ticket)
	}
	if spent := ticket.Resolving(c, Target{}).Spent(e.now); spent != 8*time.Minute {
		t.Error("the time in which nobody knew counts:", spent)
	}
	again, err := e.Ticket(ctx, e.carla, ticket.ID)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(ticket) {
		t.Errorf("%v\n%v\n%v", err, again, ticket)
	}
	history, err := e.History(ctx, e.anna, ticket.ID)
	if err != nil || len(history) != int(ticket.Version) {
		t.Fatal(len(history), ticket.Version, err)
	}
	var kinds []string
	for i, h := range history {
		if h.Number != int64(i+1) {
			t.Error(h)
		}
		kinds = append(kinds, string(h.Kind))
	}
	if got := strings.Join(kinds, " "); got != "open categorise prioritise diagnose escalate comment take wait go_on resolve close reopen" {
		t.Error(got)
	}
	for _, sql := range []string{"UPDATE ticket_history SET by = 'x'", "DELETE FROM ticket_history", "UPDATE tickets SET state = 'identified'"} {
		if _, err := e.db.ExecContext(ctx, sql); err == nil {
			t.Error("the database lets this through:", sql)
		}
	}
}

// TestRefused: what is not to be done changes nothing.
func TestRefused(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	ticket := e.open(e.anna, "A")
	for name, x := range map[string]struct {
		by   access.Account
		act  Act
		want error
	}{
		"no such step here":       {e.anna, inquire, ErrStep},
		"no category":             {e.anna, resolve, ErrNeeds},
		"goes on without waiting": {e.anna, Act{Kind: ActGoOn}, ErrStep},
		"unknown kind":            {e.anna, Act{Kind: "burn"}, access.ErrInvalid},
		"a field of another kind": {e.anna, Act{Kind: ActDiagnose, Category: "x"}, access.ErrInvalid},
		"no why":                  {e.anna, Act{Kind: ActEscalate, Team: &second}, access.ErrInvalid},
		"control characters":      {e.anna, Act{Kind: ActComment, Text: "\x1b[2J"}, access.ErrInvalid},
		"too long":                {e.anna, Act{Kind: ActComment, Text: strings.Repeat("x", maxText+1)}, access.ErrInvalid},
		"invalid UTF-8":           {e.anna, Act{Kind: ActComment, Text: "\xff"}, access.ErrInvalid},
		"unknown impact":          {e.anna, Act{Kind: ActPriority, Impact: 9, Urgency: 1}, access.ErrInvalid},
		"hangs on nothing":        {e.anna, Act{Kind: ActHang, Parent: "x"}, access.ErrInvalid},
		"administrator":           {e.admin, Act{Kind: ActTake}, ErrForbidden},
		"auditor":                 {e.auditor, Act{Kind: ActTake}, ErrNoTicket},
	} {
		if _, err := e.Do(ctx, x.by, ticket.ID, ticket.Version, x.act); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", name, err, x.want)
		}
	}
	if _, err := e.Do(ctx, e.bruno, ticket.ID, ticket.Version+1, categorise); !errors.Is(err, ErrStale) {
		t.Error(err)
	}
	if _, err := e.Open(ctx, e.auditor, call("x")); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	for name, change := range map[string]func(*NewTicket){
		"no contact": func(n *NewTicket) { n.Requester.Email = "" }, "no title": func(n *NewTicket) { n.Title = " " }, "no name": func(n *NewTicket) { n.Requester.Name = "\u202e" },
		"no type": func(n *NewTicket) { n.Type = "" }, "no team": func(n *NewTicket) { n.Team.Name = "" }, "no channel": func(n *NewTicket) { n.Channel = "pigeon" }, "e-mail": func(n *NewTicket) { n.Requester.Email = "x" },
	} {
		n := call("x")
		change(&n)
		if _, err := e.Open(ctx, e.anna, n); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := e.Ticket(ctx, e.anna, ticket.ID); err != nil || fmt.Sprint(now) != fmt.Sprint(ticket) {
		t.Error(now, err)
	}
}

// TestCycle: tickets do not hang on themselves, over however many others.
func TestCycle(t *testing.T) {
	e := newEnv(t)
	a, b, c := e.open(e.anna, "A"), e.open(e.anna, "B"), e.open(e.anna, "C")
	e.do(e.anna, a, Act{Kind: ActHang, Parent: b.ID})
	b = e.do(e.anna, b, Act{Kind: ActHang, Parent: c.ID})
	for _, parent := range []string{a.ID, b.ID, c.ID} {
		if _, err := e.Do(t.Context(), e.anna, c.ID, c.Version, Act{Kind: ActHang, Parent: parent}); err == nil {
			t.Error("a cycle")
		}
	}
	e.do(e.anna, b, Act{Kind: ActHang})
	e.do(e.anna, c, Act{Kind: ActHang, Parent: b.ID})
}

// TestOneWins: of many who change the same version one does, and the others are told.
func TestOneWins(t *testing.T) {
	e := newEnv(t)
	ticket := e.open(e.anna, "A")
	var won, stale int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := e.Do(context.Background(), e.bruno, ticket.ID, ticket.Version, Act{Kind: ActTake})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, ErrStale):
				stale++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 || stale != 19 {
		t.Errorf("%d won, %d were told", won, stale)
	}
}

func TestList(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	var all []Ticket
	for _, number := range []string{"zero", "one", "two", "three", "four"} {
		all = append(all, e.open(e.anna, "Caf\u00e9 100% "+number))
		e.pass(time.Minute)
	}
	all[1] = e.do(e.anna, all[1], categorise, prioritise, diagnose, escalate)
	e.do(e.anna, all[2], Act{Kind: ActSession, Session: "s1"}, Act{Kind: ActResolve, Resolution: Duplicate})
	received, err := e.Receive(ctx, call("From the portal"))
	if err != nil || received.State != Identified || received.Assignee.ID != "" || !received.Responded.IsZero() {
		t.Fatal(received, err)
	}
	for name, x := range map[string]struct {
		by     access.Account
		filter Filter
		want   string
	}{
		"all of the team":       {e.bruno, Filter{}, "From the portal,Caf\u00e9 100% four,Caf\u00e9 100% three,Caf\u00e9 100% two,Caf\u00e9 100% one,Caf\u00e9 100% zero"},
		"what it was given":     {e.carla, Filter{}, "Caf\u00e9 100% one"},
		"administrator":         {e.admin, Filter{Team: second.Name}, "Caf\u00e9 100% one"},
		"nobody":                {e.auditor, Filter{}, ""},
		"words, without accent": {e.lead, Filter{Text: "CAFE THREE"}, "Caf\u00e9 100% three"},
		"no wildcard":           {e.lead, Filter{Text: "f_ur"}, ""},
		"a percent sign":        {e.lead, Filter{Text: "100% four"}, "Caf\u00e9 100% four"},
		"by number":             {e.lead, Filter{Text: strings.ToLower(all[0].Ref)}, "Caf\u00e9 100% zero"},
		"open":                  {e.lead, Filter{Open: true, Text: "cafe", To: all[3].Created}, "Caf\u00e9 100% one,Caf\u00e9 100% zero"},
		"by session":            {e.lead, Filter{Session: "s1"}, "Caf\u00e9 100% two"},
		"by state":              {e.lead, Filter{States: []State{Resolved, Identified}}, "From the portal,Caf\u00e9 100% two"},
		"by priority":           {e.lead, Filter{Priority: High, Types: []Type{Incident}}, "Caf\u00e9 100% one"},
		"by person":             {e.lead, Filter{Assignee: e.anna.ID, From: all[3].Created}, "Caf\u00e9 100% four,Caf\u00e9 100% three"},
	} {
		var titles []string
		x.filter.Limit = 100
		list, err := e.List(ctx, x.by, x.filter)
		for _, t := range list {
			titles = append(titles, t.Title)
		}
		if got := strings.Join(titles, ","); err != nil || got != x.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, x.want)
		}
	}
	var pages []string
	f := Filter{Limit: 4}
	for {
		list, err := e.List(ctx, e.anna, f)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, t := range list {
			pages = append(pages, t.ID)
		}
		f.Before = Mark{list[len(list)-1].Created, list[len(list)-1].ID}
	}
	if len(pages) != 6 {
		t.Error("pages hold", len(pages))
	}
}

// BenchmarkList lists and searches among 10,000 tickets.
func BenchmarkList(b *testing.B) {
	e := newEnv(b)
	ctx := context.Background()
	err := e.transact(ctx, func(ctx context.Context, tx bun.Tx) error {
		for i := range 10_000 {
			t := Ticket{ID: fmt.Sprintf("%08d", i), Ref: fmt.Sprintf("T-%06d", i), Version: 1, Type: Incident, State: Logged, Title: fmt.Sprintf("Printer %d", i), Text: strings.Repeat("It does not print. ", 20),
				Requester: Requester{Name: "Maria Verdi", Email: "maria@comune.example"}, Channel: ByPhone, Team: first.Name, Level: access.L1, Teams: []string{first.Name}, Created: e.now.Add(time.Duration(i) * time.Minute), Turn: turnUnclocked + int64(i*7919%10_000)}
			if _, err := tx.NewInsert().Model(rowOf(t)).Exec(ctx); err != nil {
				return err
			}
			if err := e.note(ctx, tx, t, Person{}, e.now, "open", nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]Filter{"first page": {Limit: 50}, "word of one": {Limit: 50, Text: "printer 77 maria"}, "no word": {Limit: 50, Text: "scanner"}, "queue": {Limit: 50, ByTurn: true, Open: true}, "queue, last page": {Limit: 50, ByTurn: true, Open: true, After: Turn{turnUnclocked + 9949, "x"}},
		"queue of a team": {Limit: 50, ByTurn: true, Open: true, Team: first.Name}, "last page": {Limit: 50, Before: Mark{e.now.Add(50 * time.Minute), "x"}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := e.List(ctx, e.anna, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

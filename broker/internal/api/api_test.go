package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// TestDescription: the document is OpenAPI 3.1, and has every route.
func TestDescription(t *testing.T) {
	e := newEnv(t)
	if ok, problems := e.valid.ValidateDocument(); !ok {
		for _, p := range problems {
			t.Errorf("%s: %s %v", p.Message, p.Reason, p.SchemaValidationErrors)
		}
	}
	got := e.ask("", http.MethodGet, "/api/openapi.json", nil)
	for _, o := range Operations() {
		if !strings.Contains(string(got.body), `"operationId": "`+o.ID+`"`) || o.Summary == "" {
			t.Errorf("%s is not described", o.ID)
		}
	}
	for code, status := range problems {
		if status == 0 || !e.api.Texts.Match("en").Has("api.problem."+code) {
			t.Errorf("problem %s has no words", code)
		}
	}
}

// TestWhoMayAsk walks every role, with a token of every scope and of one, over every route,
// with a ticket and a session of the own team and of another.
func TestWhoMayAsk(t *testing.T) {
	e := newEnv(t)
	owner := e.account(access.Lead, "Service desk")
	other := e.account(access.Lead, "Reti")
	own, foreign := e.made(e.token(owner)), e.made(e.token(other))
	for id, who := range map[string]access.Account{"s-own": owner, "s-foreign": other} {
		insertSession(t, e, id, who, time.Now())
	}
	const ok, created, no, none, missing = http.StatusOK, http.StatusCreated, http.StatusForbidden, http.StatusNotFound, http.StatusPreconditionRequired
	type want struct{ technician, lead, auditor, administrator int } // maintainer and DPO: no
	table := map[string]want{
		"GET /api/v1/me":                          {ok, ok, ok, ok},
		"GET /api/v1/teams":                       {ok, ok, no, ok},
		"GET /api/v1/categories":                  {ok, ok, no, ok},
		"GET /api/v1/service-hours":               {ok, ok, no, ok},
		"GET /api/v1/service-levels":              {no, no, no, ok}, // of all teams
		"GET /api/v1/tickets":                     {ok, ok, no, ok},
		"POST /api/v1/tickets":                    {created, created, no, no},
		"GET /api/v1/tickets/own":                 {ok, ok, no, ok},
		"GET /api/v1/tickets/foreign":             {none, none, no, ok},
		"GET /api/v1/tickets/own/history":         {ok, ok, no, ok},
		"GET /api/v1/tickets/foreign/history":     {none, none, no, ok},
		"POST /api/v1/tickets/own/acts":           {ok, ok, no, no},
		"POST /api/v1/tickets/foreign/acts":       {none, none, no, no},
		"POST /api/v1/tickets/own/acts unmatched": {missing, missing, no, missing},
		"GET /api/v1/sessions":                    {ok, ok, ok, ok},
		"GET /api/v1/sessions/s-own":              {ok, ok, ok, ok},
		"GET /api/v1/sessions/s-foreign":          {none, none, ok, ok},
		"GET /api/v1/sessions/nothing":            {none, none, none, none},
	}
	covered := map[string]bool{}
	for line := range table {
		method, path, _ := strings.Cut(strings.TrimSuffix(line, " unmatched"), " ")
		for _, id := range []string{"own", "foreign", "s-own", "s-foreign", "nothing"} {
			path = strings.ReplaceAll(path+"/", "/"+id+"/", "/{id}/")
			path = strings.TrimSuffix(path, "/")
		}
		covered[method+" "+path] = true
	}
	for _, o := range Operations() {
		if !covered[o.Method+" "+o.Path] {
			t.Errorf("no line for %s %s", o.Method, o.Path)
		}
	}
	for _, role := range access.Roles() {
		account := e.account(role, "Service desk")
		secrets := map[string]string{"": e.token(account)}
		for _, s := range access.TokenScopes() {
			secrets[string(s)] = e.token(account, s)
		}
		for scope, secret := range secrets {
			for line, w := range table {
				expect := map[access.Role]int{access.Technician: w.technician, access.Lead: w.lead, access.Auditor: w.auditor, access.Administrator: w.administrator, access.Maintainer: no, access.DPO: no}[role]
				method, path, _ := strings.Cut(line, " ")
				path, unmatched := strings.CutSuffix(path, " unmatched")
				if path == "/api/v1/me" {
					expect = ok
				} else if !within(scope, method, path) {
					expect = no
				}
				var body any
				var headers []string
				if method == http.MethodPost {
					body = printer
					if strings.HasSuffix(path, "/acts") {
						body = Act{Kind: desk.ActAnswer, Text: "We look at it."}
						now := must(e.desk.Ticket(t.Context(), owner, own.ID))(t)
						if headers = []string{"If-Match", tagOf(now.Version)}; unmatched {
							headers = nil
						}
						if scope == string(access.ScopeTicketsRead) && expect == ok {
							expect = no // it reads alone
						}
					}
				}
				path = strings.ReplaceAll(strings.ReplaceAll(path, "/own", "/"+own.ID), "/foreign", "/"+foreign.ID)
				if got := e.ask(secret, method, path, body, headers...); got.StatusCode != expect {
					t.Errorf("%s with %q: %s: %d instead of %d: %s", role, scope, line, got.StatusCode, expect, got.body)
				}
			}
		}
	}
}

// within says whether a scope is for a route at all.
func within(scope, method, path string) bool {
	tickets := scope == string(access.ScopeTickets)
	switch {
	case scope == "":
		return true
	case strings.HasPrefix(path, "/api/v1/sessions"):
		return scope == string(access.ScopeSessions)
	case path == "/api/v1/service-levels":
		return scope == string(access.ScopeFigures)
	case method == http.MethodPost && path == "/api/v1/tickets":
		return tickets
	}
	return tickets || scope == string(access.ScopeTicketsRead)
}

func insertSession(t testing.TB, e *env, id string, who access.Account, at time.Time) {
	t.Helper()
	_, err := e.db.ExecContext(t.Context(), "INSERT INTO sessions (id, state, technician_id, technician, team, key_expires, issued) VALUES (?, 'Issued', ?, ?, ?, 0, ?)", id, who.ID, who.Name, who.Team, at.UnixMilli())
	must(0, err)(t)
}

// TestNobody: without a token, with a cookie, or from a browser of another site nothing happens.
func TestNobody(t *testing.T) {
	e := newEnv(t)
	secret := e.token(e.account(access.Lead, "Service desk"))
	for _, o := range Operations() {
		path := strings.ReplaceAll(o.Path, "{id}", "x")
		for name, headers := range map[string][]string{"nothing": nil, "a cookie": {"Cookie", access.CookieName + "=" + secret}, "a wrong scheme": {"Authorization", "Basic " + secret}, "an address": nil} {
			if name == "an address" {
				path += "?access_token=" + secret
			}
			got := e.ask("", o.Method, path, nil, headers...)
			if got.StatusCode != http.StatusUnauthorized || got.code() != "unauthorized" || !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %s: %d %s", o.ID, name, got.StatusCode, got.body)
			}
		}
	}
	if got := e.ask(secret, http.MethodGet, "/api/v1/nothing", nil); got.code() != "not_found" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	got := e.ask(secret, http.MethodDelete, "/api/v1/tickets", nil)
	if got.code() != "method" || got.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("%d %s %q", got.StatusCode, got.body, got.Header.Get("Allow"))
	}
	if got := e.ask(secret, http.MethodGet, "/api/v1/me", nil, "Origin", "https://evil.example"); got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another site's page may read it")
	}
}

// TestLifeOfATicket: an outside system makes a ticket, colleagues work on it, and who comes
// too late is told so.
func TestLifeOfATicket(t *testing.T) {
	e := newEnv(t)
	lead := e.account(access.Lead, "Service desk")
	e.account(access.Technician, "Reti")
	secret := e.token(lead, access.ScopeTickets)
	ticket := e.made(secret)
	if ticket.State != desk.Identified || ticket.Assignee != nil || ticket.Channel != desk.ByProgram || ticket.Language != "en" || ticket.Due.IsZero() || ticket.Standing == "" {
		t.Errorf("%+v", ticket)
	}
	path := "/api/v1/tickets/" + ticket.ID
	etag := e.ask(secret, http.MethodGet, path, nil).Header.Get("ETag")
	do := func(a Act) {
		t.Helper()
		got := e.ask(secret, http.MethodPost, path+"/acts", a, "If-Match", etag)
		ticket = read[Ticket](t, got)
		etag = got.Header.Get("ETag")
	}
	do(Act{Kind: desk.ActTake})
	if ticket.Assignee == nil || ticket.Assignee.ID != lead.ID || ticket.State != desk.Logged {
		t.Errorf("%+v", ticket)
	}
	if got := e.ask(secret, http.MethodPost, path+"/acts", Act{Kind: desk.ActComment, Text: "late"}, "If-Match", `"1"`); got.StatusCode != http.StatusPreconditionFailed || got.code() != "stale" {
		t.Errorf("an old version is changed: %d %s", got.StatusCode, got.body)
	}
	if got := e.ask(secret, http.MethodPost, path+"/acts", Act{Kind: desk.ActDiagnose}, "If-Match", etag); got.code() != "step" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := e.ask(secret, http.MethodPost, path+"/acts", Act{Kind: desk.ActResolve, Resolution: desk.Solved, Text: "Cable."}, "If-Match", etag); got.code() != "missing" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	do(Act{Kind: desk.ActCategory, Category: "network"})
	do(Act{Kind: desk.ActPriority, Impact: "business", Urgency: "high"})
	if ticket.Priority != "high" {
		t.Errorf("%+v", ticket)
	}
	do(Act{Kind: desk.ActDiagnose})
	do(Act{Kind: desk.ActAnswer, Text: "Which light is on?"})
	do(Act{Kind: desk.ActWait, Waiting: desk.WaitingForRequester})
	do(Act{Kind: desk.ActGoOn})
	do(Act{Kind: desk.ActResolve, Resolution: desk.Solved, Text: "Cable replaced."})
	do(Act{Kind: desk.ActReopen, Text: "Not yet."})
	do(Act{Kind: desk.ActEscalate, Team: "Reti", Text: "The switch."})
	if ticket.Team != "Reti" || ticket.Reopened != 1 {
		t.Errorf("%+v", ticket)
	}
	if got := e.ask(secret, http.MethodPost, path+"/acts", Act{Kind: desk.ActTake}, "If-Match", etag); got.code() != "forbidden" {
		t.Errorf("the first team goes on: %d %s", got.StatusCode, got.body)
	}
	do(Act{Kind: desk.ActComment, Text: "Tell us."})
	history := read[History](t, e.ask(secret, http.MethodGet, path+"/history", nil))
	if n := len(history.Items); int64(n) != ticket.Version || history.Items[0].Kind != "open" || history.Items[n-1].Text != "Tell us." || history.Items[n-1].By != lead.Name {
		t.Errorf("%+v", history)
	}
	if got := e.ask(secret, http.MethodGet, path, nil, "If-None-Match", etag); got.StatusCode != http.StatusNotModified || len(got.body) != 0 {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := e.ask(secret, http.MethodHead, path, nil); got.StatusCode != http.StatusOK || len(got.body) != 0 || got.Header.Get("ETag") != etag {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// TestPages walks a list to its end, while tickets come in.
func TestPages(t *testing.T) {
	e := newEnv(t)
	secret := e.token(e.account(access.Lead, "Service desk"))
	var want []string
	for range 7 {
		want = append([]string{e.made(secret).ID}, want...)
	}
	var got []string
	cursor := ""
	for n := 0; n < 10; n++ {
		page := read[TicketList](t, e.ask(secret, http.MethodGet, "/api/v1/tickets?limit=3&open=true&cursor="+cursor, nil))
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		e.made(secret) // newer ones do not move the older
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !sameSet(got, want) {
		t.Errorf("read %d of %d", len(got), len(want))
	}
	for query, n := range map[string]int{"q=printer%20maria": 10, "q=scanner": 0, "state=identified&state=logged": 10, "state=closed": 0, "type=incident": 10, "type=request": 0, "team=Reti": 0, "team=Service%20desk": 10,
		"from=2020-01-01T00:00:00Z": 10, "to=2020-01-01T00:00:00Z": 0, "priority=critical": 0, "category=network": 0, "assignee=x": 0, "parent=x": 0, "session=x": 0} {
		if page := read[TicketList](t, e.ask(secret, http.MethodGet, "/api/v1/tickets?"+query, nil)); len(page.Items) != n {
			t.Errorf("%s: %d of %d", query, len(page.Items), n)
		}
	}
	for query, code := range map[string]string{"limit=0": "malformed", "limit=101": "malformed", "limit=x": "malformed", "cursor=x": "malformed", "cursor=" + strings.Repeat("a", 300): "malformed", "state=lost": "invalid", "nothing=1": "invalid",
		"team=a&team=b": "invalid", "from=yesterday": "invalid", "q=%ff": "invalid", "q=%00": "invalid", "q=" + strings.Repeat("a", 500): "invalid", "open=false": "invalid", "%zz": "malformed", "priority=urgent": "invalid"} {
		if got := e.ask(secret, http.MethodGet, "/api/v1/tickets?"+query, nil); got.code() != code {
			t.Errorf("%s: %d %s", query, got.StatusCode, got.body)
		}
	}
}

// sameSet compares what was read with what there was; tickets of one millisecond have no order.
func sameSet(got, want []string) bool {
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// TestBodies: what is not understood is refused, and nothing is made.
func TestBodies(t *testing.T) {
	e := newEnv(t)
	secret := e.token(e.account(access.Lead, "Service desk"))
	good := `"type":"incident","title":"x","requester":{"name":"Maria","phone":"1"}`
	for body, code := range map[string]string{
		"": "malformed", "null": "invalid", "[]": "malformed", "{": "malformed", `{` + good + `} {}`: "malformed", `{` + good + `,"team":"Reti"}`: "invalid", `{` + good + `,"title":"y"}`: "invalid",
		`{` + good + `,"Title":"y"}`: "invalid", `{` + good + `,"text":5}`: "invalid", `{"type":"incident","title":"x"}`: "invalid", `{` + good + `,"channel":"portal"}`: "invalid", `{` + good + `,"text":"` + strings.Repeat("a", 9000) + `"}`: "invalid",
		`{` + good + `,"text":"` + strings.Repeat("a", 70000) + `"}`: "too_large", `{` + good + `,"text":"` + "\xff" + `"}`: "malformed", strings.Repeat(`{"requester":`, 50) + "1" + strings.Repeat("}", 50): "malformed",
	} {
		if got := e.ask(secret, http.MethodPost, "/api/v1/tickets", body); got.code() != code {
			t.Errorf("%.60q: %d %s", body, got.StatusCode, got.body)
		}
	}
	for name, headers := range map[string][]string{"media_type": {"Content-Type", "text/plain"}, "malformed": {"Idempotency-Key", "a b"}} {
		if got := e.ask(secret, http.MethodPost, "/api/v1/tickets", printer, headers...); got.code() != name {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if list := read[TicketList](t, e.ask(secret, http.MethodGet, "/api/v1/tickets", nil)); len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	ticket := e.made(secret)
	for _, match := range []string{"*", "1", `W/"1"`, `"01"`, `"-1"`, `"1", "2"`, `"x"`} {
		if got := e.ask(secret, http.MethodPost, "/api/v1/tickets/"+ticket.ID+"/acts", Act{Kind: desk.ActTake}, "If-Match", match); got.code() != "malformed" {
			t.Errorf("If-Match %s: %d %s", match, got.StatusCode, got.body)
		}
	}
	for _, a := range []Act{{}, {Kind: "open"}, {Kind: desk.ActSession}, {Kind: desk.ActTake, Title: "x"}, {Kind: desk.ActPriority, Impact: "nobody", Urgency: "low"}, {Kind: desk.ActEscalate, Team: "nowhere", Text: "x"}} {
		if got := e.ask(secret, http.MethodPost, "/api/v1/tickets/"+ticket.ID+"/acts", a, "If-Match", `"1"`); got.code() != "invalid" {
			t.Errorf("%+v: %d %s", a, got.StatusCode, got.body)
		}
	}
}

// TestLanguages: problems and categories come in the language that is asked for.
func TestLanguages(t *testing.T) {
	e := newEnv(t)
	secret := e.token(e.account(access.Lead, "Service desk"))
	for _, tag := range e.api.Texts.Tags() {
		got := e.ask(secret, http.MethodGet, "/api/v1/nothing", nil, "Accept-Language", tag)
		if got.Header.Get("Content-Language") != tag || !strings.Contains(string(got.body), e.api.Texts.Match(tag).T("api.problem.not_found")) {
			t.Errorf("%s: %s", tag, got.body)
		}
		categories := read[CategoryList](t, e.ask(secret, http.MethodGet, "/api/v1/categories", nil, "Accept-Language", tag+", en;q=0.1"))
		matrix, _, err := e.desk.Matrix(t.Context())
		if must(0, err)(t); categories.Items[1].Name != matrix.Categories[1].Name(tag) || len(categories.Items[1].Levels) != 4 {
			t.Errorf("%s: %+v", tag, categories.Items[1])
		}
	}
	hours := read[ServiceHours](t, e.ask(secret, http.MethodGet, "/api/v1/service-hours", nil))
	if len(hours.Open) != 10 || hours.Open[0] != (Opening{1, "09:00", "13:00"}) || len(hours.Targets) != 4 || hours.Targets[0] != (Target{"critical", 60, 1440}) {
		t.Errorf("%+v", hours)
	}
}

// TestServiceLevels: figures of one's own team alone, and of no team of fewer than three.
func TestServiceLevels(t *testing.T) {
	e := newEnv(t)
	lead := e.account(access.Lead, "Service desk")
	secret := e.token(lead)
	e.made(secret)
	const own = "/api/v1/service-levels?team=Service+desk&by=priority"
	if got := e.ask(secret, http.MethodGet, own, nil); got.StatusCode != http.StatusUnprocessableEntity || got.code() != "too_few" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	e.account(access.Technician, "Service desk")
	e.account(access.Technician, "Service desk")
	got := read[ServiceLevels](t, e.ask(secret, http.MethodGet, own, nil))
	if got.Total.Tickets != 1 || got.Total.Open != 1 || len(got.Rows) != 1 || got.By != "priority" {
		t.Errorf("%+v", got)
	}
	if got := e.ask(secret, http.MethodGet, "/api/v1/service-levels?team=Reti", nil); got.StatusCode != http.StatusForbidden || got.code() != "forbidden" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := e.ask(secret, http.MethodGet, own+"&from=yesterday", nil); got.StatusCode != http.StatusUnprocessableEntity || got.code() != "invalid" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got := e.ask(secret, http.MethodGet, own+"&from=2026-02-01&to=2026-01-01", nil); got.StatusCode != http.StatusUnprocessableEntity || got.code() != "invalid" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if past := read[ServiceLevels](t, e.ask(secret, http.MethodGet, own+"&from=2020-01-01&to=2020-12-31", nil)); past.Total.Tickets != 0 || past.From != "2020-01-01" {
		t.Errorf("%+v", past)
	}
}

// TestOnce: a request that is sent several times, one after the other or at once, is done once.
func TestOnce(t *testing.T) {
	e := newEnv(t)
	lead := e.account(access.Lead, "Service desk")
	secret := e.token(lead)
	const key = "4711"
	first := e.ask(secret, http.MethodPost, "/api/v1/tickets", printer, "Idempotency-Key", `"`+key+`"`)
	ticket := read[Ticket](t, first)
	again := e.ask(e.token(lead), http.MethodPost, "/api/v1/tickets", printer, "Idempotency-Key", key)
	if string(again.body) != string(first.body) || again.StatusCode != http.StatusCreated || again.Header.Get("ETag") != first.Header.Get("ETag") || again.Header.Get("Location") != address+"/api/v1/tickets/"+ticket.ID || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s", again.StatusCode, again.body)
	}
	other := printer
	other.Title = "Something else"
	if got := e.ask(secret, http.MethodPost, "/api/v1/tickets", other, "Idempotency-Key", key); got.code() != "key_reused" || got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	// Another account's key is another key.
	if got := read[Ticket](t, e.ask(e.token(e.account(access.Lead, "Reti")), http.MethodPost, "/api/v1/tickets", printer, "Idempotency-Key", key)); got.ID == ticket.ID {
		t.Error("somebody else's answer")
	}
	// What failed was not done, and may be sent again.
	if got := e.ask(secret, http.MethodPost, "/api/v1/tickets", `{}`, "Idempotency-Key", "4712"); got.code() != "invalid" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	read[Ticket](t, e.ask(secret, http.MethodPost, "/api/v1/tickets", printer, "Idempotency-Key", "4712"))
	var all sync.WaitGroup
	ids := make(chan string, 8)
	for range cap(ids) {
		all.Go(func() {
			got := e.ask(secret, http.MethodPost, "/api/v1/tickets", printer, "Idempotency-Key", "4713")
			if got.StatusCode == http.StatusCreated {
				ids <- read[Ticket](t, got).ID
			} else if got.code() != "unsettled" {
				t.Errorf("%d %s", got.StatusCode, got.body)
			}
		})
	}
	all.Wait()
	close(ids)
	made := map[string]bool{}
	for id := range ids {
		made[id] = true
	}
	if len(made) != 1 {
		t.Errorf("made %d", len(made))
	}
	e.api.now = func() time.Time { return time.Now().Add(answersKept + time.Minute) }
	if got := read[Ticket](t, e.ask(secret, http.MethodPost, "/api/v1/tickets", printer, "Idempotency-Key", key)); got.ID == ticket.ID {
		t.Error("a key is kept for ever")
	}
}

// TestSessionsList: that sessions were, in pages, with the ticket that they belong to.
func TestSessionsList(t *testing.T) {
	e := newEnv(t)
	lead, boss := e.account(access.Lead, "Service desk"), e.account(access.Administrator, "")
	ticket := e.made(e.token(lead))
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for i := range 5 {
		insertSession(t, e, fmt.Sprint("s", i), lead, at.Add(time.Duration(i)*time.Hour))
	}
	insertSession(t, e, "foreign", e.account(access.Technician, "Reti"), at)
	if _, err := e.desk.Do(t.Context(), lead, ticket.ID, 1, desk.Act{Kind: desk.ActSession, Session: "s4"}); err != nil {
		t.Fatal(err)
	}
	page := read[SessionList](t, e.ask(e.token(lead), http.MethodGet, "/api/v1/sessions?limit=2", nil))
	if len(page.Items) != 2 || page.Items[0].ID != "s4" || page.Items[0].Ticket != ticket.ID || page.Items[1].Ticket != "" || page.Next == "" {
		t.Errorf("%+v", page)
	}
	page = read[SessionList](t, e.ask(e.token(lead), http.MethodGet, "/api/v1/sessions?limit=10&cursor="+page.Next, nil))
	if len(page.Items) != 3 || page.Items[0].ID != "s2" || page.Next != "" {
		t.Errorf("%+v", page)
	}
	if page = read[SessionList](t, e.ask(e.token(boss, access.ScopeSessions), http.MethodGet, "/api/v1/sessions?from=2026-11-01T09:00:00Z&to=2026-11-01T10:00:00Z&open=true", nil)); len(page.Items) != 2 {
		t.Errorf("%+v", page)
	}
	if page = read[SessionList](t, e.ask(e.token(boss, access.ScopeSessions), http.MethodGet, "/api/v1/sessions?team=Reti", nil)); len(page.Items) != 1 || page.Items[0].Ticket != "" {
		t.Errorf("%+v", page)
	}
}

// TestPace: a token that asks too often has to wait, and no other with it.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		take := func(token string, write bool) (http.Header, error) {
			h := http.Header{}
			return h, p.take(h, token, write, time.Now())
		}
		for n := range writeRate {
			h, err := take("a", true)
			if err != nil || h.Get("RateLimit") != fmt.Sprintf(`"write";r=%d;t=60`, writeRate-n-1) {
				t.Fatal(n, err, h)
			}
		}
		h, err := take("a", true)
		if access.Challenge(h, err) != http.StatusTooManyRequests || h.Get("Retry-After") == "" {
			t.Errorf("%v %v", h, err)
		}
		for token, write := range map[string]bool{"a": false, "b": true} {
			if _, err := take(token, write); err != nil {
				t.Errorf("%s: %v", token, err)
			}
		}
		time.Sleep(perWindow)
		if _, err := take("a", true); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

// FuzzRequest: no body, query or cursor makes anything but an answer or a problem.
func FuzzRequest(f *testing.F) {
	e := newEnv(f)
	lead := e.account(access.Lead, "Service desk")
	secret := e.token(lead)
	ticket := e.made(secret)
	f.Add("limit=3&cursor=MS4x", `{"type":"incident"}`, `"1"`)
	f.Add("state=identified&q=%25_", `{"kind":"take"}`, `"x"`)
	f.Add("from=2026-01-01T00:00:00Z", `{"kind":"edit","requester":{"name":"x","Name":"y"}}`, `W/"1"`)
	f.Fuzz(func(t *testing.T, query, body, match string) {
		for _, c := range []struct{ method, path string }{{http.MethodGet, "/api/v1/tickets"}, {http.MethodGet, "/api/v1/sessions"}, {http.MethodPost, "/api/v1/tickets/" + ticket.ID + "/acts"}} {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(body))
			r.URL.RawQuery = query
			r.Header.Set("Authorization", "Bearer "+secret)
			r.Header.Set("Content-Type", "application/json")
			r.Header["If-Match"] = []string{match}
			w := httptest.NewRecorder()
			e.api.ServeHTTP(w, r)
			if kind := w.Header().Get("Content-Type"); w.Code >= 500 || w.Code >= 400 && kind != "application/problem+json" || w.Code < 400 && kind != "application/json" {
				t.Errorf("%s %s?%s with %q: %d %s", c.method, c.path, query, body, w.Code, w.Body)
			}
		}
	})
}

// FuzzCursor: what is read as a cursor is one that was written.
func FuzzCursor(f *testing.F) {
	f.Add(cursorOf(time.UnixMilli(1), "x"))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if at, id, ok := readCursor(s); ok && cursorOf(at, id) != s {
			t.Errorf("%q is read as %s %q", s, at, id)
		}
	})
}

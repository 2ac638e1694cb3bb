package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/api"
	"consento/broker/internal/ops"
	"consento/broker/internal/sockets"
	"consento/broker/internal/web/page"
	"consento/protocol"
)

// promised reads testdata/rights.txt: for each method and address, and for each message of
// a console, whom it is for. It is written by hand, and what the program says is held
// against it: an address without a line fails, and so does a line without an address.
func promised(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/rights.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, who, ok := strings.Cut(line, "  ")
		if _, twice := table[what]; !ok || twice {
			t.Errorf("rights.txt: %q", line)
		}
		table[what] = strings.TrimSpace(who)
	}
	return table
}

// who says in the words of rights.txt whom a rule is for. A role in brackets needs a right
// of the profile.
func who(r page.Rule) string {
	if r.Who != page.Staff {
		return string(r.Who)
	}
	return rolesFor(r.Actions)
}

func rolesFor(actions []access.Action) string {
	var roles []string
	for _, role := range access.Roles() {
		rich := access.Account{ID: "x", Role: role, Team: "Desk", Profile: protocol.BuiltInProfiles()[1]}
		poor := rich
		poor.Profile = protocol.Profile{Name: "Poor"}
		may := func(a access.Account) bool {
			return slices.ContainsFunc(actions, func(action access.Action) bool { return access.May(a, action) })
		}
		switch {
		case may(poor):
			roles = append(roles, string(role))
		case may(rich):
			roles = append(roles, "("+string(role)+")")
		}
	}
	return strings.Join(roles, " ")
}

// TestRights walks every address by every method, and every message of a console, against
// every role, and asks the whole broker at each address as each of them: with every right,
// with none, ended, and as nobody.
func TestRights(t *testing.T) {
	b := opened(t, func(*ops.Config) {})
	table := promised(t)
	type request struct {
		method, path string
		rule         page.Rule
	}
	var requests []request
	for _, r := range b.site.Routes() {
		requests = append(requests, request{"GET", r.Path, r.Get})
		if r.Post.Who != "" {
			requests = append(requests, request{"POST", r.Path, r.Post})
		}
	}
	for _, d := range b.doors {
		method, path, ok := strings.Cut(d.pattern, " ")
		if !ok {
			method, path = "*", d.pattern
		}
		requests = append(requests, request{method, path, d.rule})
	}
	seen := map[string]bool{}
	check := func(what, is string) {
		seen[what] = true
		if promise, ok := table[what]; !ok {
			t.Errorf("testdata/rights.txt lacks\n%s  %s", what, is)
		} else if promise != is {
			t.Errorf("%s is for %q, and %q was promised", what, is, promise)
		}
	}
	for _, r := range requests {
		if r.rule.Who == "" || r.rule.Who == page.Staff && len(r.rule.Actions) == 0 {
			t.Errorf("%s %s is for nobody: it has no rule", r.method, r.path)
		}
		check(r.method+" "+r.path, who(r.rule))
	}
	for _, o := range api.Operations() { // package api asks at each as each role
		rule := page.Rule{Who: page.Staff, Actions: []access.Action{o.Needs}}
		if o.Needs == "" {
			rule = page.Rule{Who: page.Own}
		}
		check(o.Method+" "+o.Path, who(rule))
	}
	for _, m := range sockets.Requests() {
		check("console "+m.Type, rolesFor([]access.Action{m.Action}))
	}
	for what := range table {
		if !seen[what] {
			t.Errorf("testdata/rights.txt promises %s, which there is not", what)
		}
	}

	people := everyone(t, b)
	for _, r := range requests {
		for name, p := range people {
			nobodys := r.rule.Who == page.Own && p.cookies == nil
			if r.rule.Who != page.Staff && !nobodys { // what a holder is shown, and what one's own posts change, each page tests
				continue
			}
			if r.path == "/ws/console" { // it asks for a WebSocket first: package sockets tests its roles
				continue
			}
			allowed := !nobodys && slices.ContainsFunc(r.rule.Actions, func(a access.Action) bool { return access.May(p.account, a) })
			code, to, forbidden := p.ask(t, b, r.method, r.path)
			elsewhere := r.path == "/console/{$}" && code != http.StatusOK && code != http.StatusServiceUnavailable // where the console was not built
			refused := forbidden || code == http.StatusUnauthorized || elsewhere || strings.HasPrefix(to, "/signin?next=")
			if allowed == refused {
				t.Errorf("%s %s as %s: allowed is %v, and the answer %d %s", r.method, r.path, name, allowed, code, to)
			}
		}
	}
}

// person is somebody with a browser.
type person struct {
	account access.Account
	cookies []*http.Cookie // nil: not signed in
}

// everyone is one of each role with a profile that gives everything, one of each role that
// assists with one that gives nothing, one whose account has ended, and nobody.
func everyone(t *testing.T, b *broker) map[string]person {
	t.Helper()
	people := map[string]person{"nobody": {}}
	boss := access.Account{ID: "boss", Role: access.Administrator}
	if err := b.access.SaveProfile(t.Context(), boss, nil, protocol.Profile{Name: "Poor", Permissions: protocol.PermissionSet{protocol.ViewScreen: true}, Files: protocol.DefaultFileLimits()}); err != nil {
		t.Fatal(err)
	}
	join := func(name string, role access.Role, profile string) {
		n := access.NewAccount{Email: name + "@office.example", Name: "Anna Rossi", Role: role, Password: "four brown owls under Trento"}
		if role == access.Technician || role == access.Lead {
			n.Team, n.Level, n.Profile = "Help desk", access.L1, profile
		}
		account, err := b.access.Add(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		form := url.Values{"email": {n.Email}, "password": {n.Password}}
		r := httptest.NewRequest("POST", b.url+"/signin", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		if w.Code != http.StatusSeeOther || len(w.Result().Cookies()) == 0 {
			t.Fatalf("%s signs in: %d", name, w.Code)
		}
		people[name] = person{account, w.Result().Cookies()}
	}
	for _, role := range access.Roles() {
		join(string(role), role, protocol.ProfileFullSupport)
	}
	join("poor-technician", access.Technician, "Poor")
	join("poor-lead", access.Lead, "Poor")
	join("ended", access.Technician, protocol.ProfileFullSupport)
	ended := people["ended"]
	if err := b.access.Disable(t.Context(), ended.account.ID); err != nil {
		t.Fatal(err)
	}
	ended.account.Disabled = true
	people["ended"] = ended
	return people
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// ask asks for an address whose parts name nothing. A post is no form, so that nothing is
// changed by whoever may.
func (p person) ask(t *testing.T, b *broker, method, pattern string) (code int, to string, forbidden bool) {
	t.Helper()
	path := wildcard.ReplaceAllStringFunc(pattern, func(part string) string {
		switch part {
		case "{$}":
			return ""
		case "{n}", "{number}":
			return "1"
		case "{language}":
			return "en"
		}
		return "00000000-0000-4000-8000-000000000000"
	})
	body := ""
	if method == "POST" {
		body = "no form"
	}
	r := httptest.NewRequest(method, b.url+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:40000" // not this machine, which may scrape figures
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "text/plain")
	for _, c := range p.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	// An auditor who has not said why is refused as well, and not by the table.
	forbidden = w.Code == http.StatusForbidden && (pattern == "/metrics" || strings.Contains(w.Body.String(), "This page is for others"))
	return w.Code, w.Header().Get("Location"), forbidden
}

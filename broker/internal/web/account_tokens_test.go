package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/api"
)

// asker is whom a token stands for at the API's door.
func asker(t testing.TB, h *house, secret string) (access.Account, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/api/v1/tickets", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	r, err := h.access.ByToken(r)
	if err != nil {
		return access.Account{}, err
	}
	account, _ := access.Current(r)
	return account, nil
}

var shownToken = regexp.MustCompile(`consento_[0-9A-Za-z]{49}`)

// TestTokenPages: each role makes what its role can use, and nothing of it is a person.
func TestTokenPages(t *testing.T) {
	h := newHouse(t)
	offered := map[access.Role][]access.TokenScope{
		access.Technician:    {access.ScopeTickets, access.ScopeTicketsRead, access.ScopeSessions},
		access.Lead:          {access.ScopeTickets, access.ScopeTicketsRead, access.ScopeSessions, access.ScopeFigures},
		access.Auditor:       {access.ScopeSessions},
		access.Administrator: {access.ScopeTicketsRead, access.ScopeSessions, access.ScopeFigures, access.ScopeMetrics, access.ScopePeople},
		access.Maintainer:    {access.ScopeMetrics},
		access.DPO:           nil,
	}
	for _, role := range access.Roles() {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		page := p.get("/account/tokens")
		wants := map[access.TokenScope]bool{}
		for _, s := range offered[role] {
			wants[s] = true
		}
		for _, s := range access.TokenScopes() {
			if wants[s] {
				page.shows(t, `name="scope.`+string(s)+`"`)
			} else {
				page.hides(t, `name="scope.`+string(s)+`"`)
			}
			made := p.post("/account/tokens", "name", "a <b> program", "days", "30", "scope."+string(s), "on")
			secret := shownToken.FindString(made.text)
			if (secret != "") != wants[s] {
				t.Errorf("%s makes one of %s: %d", role, s, made.StatusCode)
			}
			if secret == "" {
				continue
			}
			made.shows(t, "shown this once", "a &lt;b&gt; program")
			if by, err := asker(t, h, secret); err != nil || by.Role != role || access.Can(by, access.ReadTickets, access.Scope{Owner: by.ID}) && s != access.ScopeTickets && s != access.ScopeTicketsRead {
				t.Errorf("%s: %+v, %v", s, by, err)
			}
			// It signs nobody in.
			if got := h.visitor(t, "Authorization", "Bearer "+secret).get("/account/tokens"); got.Request.URL.Path != "/signin" {
				t.Errorf("a token opens %s", got.Request.URL)
			}
		}
		p.get("/account/tokens").hides(t, "consento_")
	}
	if got := h.visitor(t).get("/account/tokens"); got.Request.URL.Path != "/signin" {
		t.Error(got.Request.URL)
	}
}

func TestTokenForm(t *testing.T) {
	h := newHouse(t)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	for name, c := range map[string]struct {
		pairs  []string
		status int
		says   string
	}{
		"no name":       {[]string{"name", " ", "days", "30", "scope.tickets", "on"}, http.StatusUnprocessableEntity, "in one line what it is for"},
		"nothing":       {[]string{"name", "x", "days", "30"}, http.StatusUnprocessableEntity, "Choose at least one"},
		"somebody's":    {[]string{"name", "x", "days", "30", "scope.metrics", "on"}, http.StatusUnprocessableEntity, "Choose at least one"},
		"no number":     {[]string{"name", "x", "days", "soon", "scope.tickets", "on"}, http.StatusBadRequest, ""},
		"not for years": {[]string{"name", "x", "days", "5000", "scope.tickets", "on"}, http.StatusUnprocessableEntity, ""},
	} {
		got := anna.post("/account/tokens", c.pairs...)
		if got.StatusCode != c.status || shownToken.MatchString(got.text) {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
		got.shows(t, c.says)
	}
	secret := shownToken.FindString(anna.post("/account/tokens", "name", "tickets", "days", "0", "scope.tickets", "on").text)
	if _, err := asker(t, h, secret); err != nil {
		t.Fatal(err)
	}
	page := anna.get("/account/tokens")
	page.shows(t, "without end", "last used", "Read, make and work on tickets")
	remove := regexp.MustCompile(`/account/tokens/[-0-9a-f]{36}/remove`).FindString(page.text)
	joins(t, h, "Bruno Verdi", "Service desk", access.L1).post(remove, "x", "y")
	if _, err := asker(t, h, secret); err != nil {
		t.Errorf("somebody else removes it: %v", err)
	}
	anna.post(remove, "x", "y").shows(t, "It works no longer", "You have no tokens")
	if _, err := asker(t, h, secret); err == nil {
		t.Error("a removed token works")
	}
}

// TestTokensInChromium makes one by keyboard, and looks at the page in every language.
func TestTokensInChromium(t *testing.T) {
	h := builtHouse(t)
	joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	b := newChromium(t, h, "en")
	b.open("/signin?next=/account/tokens", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/account/tokens" && document.querySelector("#name")`)
	b.write("#name", "Ticket system of the provider")
	b.click("form.card button.primary")
	b.until(`document.querySelector(".choices[aria-invalid]")`)
	b.glance("90-tokens-wrong")
	b.tabTo(`input[name="scope.tickets"]`)
	b.keys(" ")
	b.tabTo(`form.card button.primary`)
	b.keys("\r")
	b.until(`document.querySelector("#token")`)
	b.look("90-token-made")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/account/tokens", `html[lang="`+language+`"] .admin-list`)
		b.glance("90-tokens")
	}
}

// TestAPIPage: the reference names every operation and problem, in every language.
func TestAPIPage(t *testing.T) {
	h := builtHouse(t)
	page := h.visitor(t).get("/api/")
	for _, o := range api.Operations() {
		page.shows(t, `id="`+o.ID+`"`, o.Summary)
	}
	for _, f := range api.Failures() {
		page.shows(t, `id="problem-`+f.Code+`"`)
	}
	b := newChromium(t, h, "en")
	b.open("/api/", "h1")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/api/", `html[lang="`+language+`"] h1`)
		b.glance("91-api")
	}
}

package web_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"consento/broker/internal/access"
	"consento/broker/internal/central"
	"consento/broker/internal/central/centraltest"
	"consento/broker/internal/web"
	"consento/protocol"
)

// elsewhere is a real provider of single sign-on beside a house.
type elsewhere struct {
	*centraltest.Provider
	public string // address of the house
}

// withProvider runs a provider of which the house knows; host is how the house is called.
func withProvider(t testing.TB, host string, there *elsewhere, people ...centraltest.Person) option {
	return func(c *web.Config, h *house) {
		var err error
		if h.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(h.listen.Addr().String())
		there.public = "https://" + net.JoinHostPort(host, port)
		c.PublicURL = there.public
		if there.Provider, err = centraltest.New(t.TempDir(), there.public, people...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(there.Close)
		if c.SSO, err = central.NewProvider(there.Config, slog.New(slog.NewTextHandler(t.Output(), nil))); err != nil {
			t.Fatal(err)
		}
	}
}

func employee(login string, groups ...string) centraltest.Person {
	return centraltest.Person{ID: "id-" + login, Login: login, Password: "known elsewhere", First: "Anna", Last: login, Email: login + "@esempio.example", Groups: append([]string{}, groups...)}
}

// through signs in at the provider and comes back.
func (p *person) through(login string) seen {
	p.t.Helper()
	page := p.get("/signin/sso?next=/desk/")
	_, id, there := strings.Cut(page.text, `name="id" value="`)
	if !there {
		return page
	}
	id, _, _ = strings.Cut(id, `"`)
	r, err := p.http.PostForm(page.Request.URL.String(), url.Values{"id": {id}, "username": {login}, "password": {"known elsewhere"}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return seen{r, string(data)}
}

func (p *person) refused(login string, parts ...string) {
	p.t.Helper()
	got := p.through(login)
	if got.StatusCode != http.StatusForbidden || got.Request.URL.Path != "/signin/sso/return" {
		p.t.Errorf("%s: %d at %s", login, got.StatusCode, got.Request.URL)
	}
	got.shows(p.t, append(parts, "With a password of this service")...)
}

// TestSingleSignOn goes through what a person, an administrator and an auditor meet, with a
// real provider.
func TestSingleSignOn(t *testing.T) {
	var there elsewhere
	h := newHouse(t, withProvider(t, "127.0.0.1", &there, employee("bruno", "Everybody", "Help desk"), employee("dino", "Revisori"), employee("both", "Help desk", "Revisori"), employee("nobody", "Everybody"),
		centraltest.Person{ID: "x", Login: "vague", Password: "known elsewhere", Email: "vague@esempio.example", Unconfirmed: true, Groups: []string{"Help desk"}}, employee("carla", "Capi")))
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	auditor := signedIn(t, h, access.Auditor, "Dora Blu", "dora@esempio.example")
	boss.post("/admin/teams", "step", "add", "name", "Banco", "level", "L1")

	h.visitor(t).refused("bruno", "you have no access here")
	auditor.get("/admin/central").hides(t, "/scim/v2")
	boss.get("/admin/central").shows(t, there.public+"/scim/v2", "Nothing was written yet")
	boss.get("/admin/central").shows(t, "Office account", there.URL, there.public+"/signin/sso/return", "nobody comes in this way")
	rule := []string{"step", "add", "group", "HELP  desk", "role", "technician", "team", "Banco", "level", "L1", "profile", "View only"}
	boss.post("/admin/central", rule...).shows(t, "hold now", "HELP desk", "Banco · L1 · View only")
	boss.post("/admin/central", rule...).shows(t, "has a rule already")
	boss.post("/admin/central", "step", "add", "group", "x", "role", "technician", "team", "", "level", "L1", "profile", "View only").shows(t, "Choose a team")
	if got := boss.post("/admin/central", "step", "add", "group", "Revisori", "role", "auditor"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("an administrator says who audits: %d", got.StatusCode)
	}
	auditor.post("/admin/central", "step", "add", "group", "Revisori", "role", "auditor", "territory", "Nord").shows(t, "auditor · Nord", "rules that you do not see")
	boss.post("/admin/teams", "step", "delete", "name", "Banco").shows(t, "still has people")

	bruno := h.visitor(t)
	if got := bruno.through("bruno"); got.StatusCode != http.StatusOK || got.Request.URL.Path != "/desk/" {
		t.Fatalf("%d at %s: %s", got.StatusCode, got.Request.URL, got.text)
	}
	account, err := h.access.ByEmail(t.Context(), "bruno@esempio.example")
	if err != nil || account.Role != access.Technician || account.Team != "Banco" || account.Name != "Anna bruno" || !account.Central {
		t.Fatalf("%+v %v", account, err)
	}
	bruno.post("/signout").shows(t, "signed out of this service", there.URL+"/end_session?")
	h.visitor(t).through("dino")
	if a, err := h.access.ByEmail(t.Context(), "dino@esempio.example"); err != nil || a.Role != access.Auditor || a.Territory != "Nord" {
		t.Errorf("%+v %v", a, err)
	}
	h.visitor(t).refused("both", "These are kept apart")
	h.visitor(t).refused("vague", "no confirmed e-mail")
	h.visitor(t).refused("nobody", "you have no access here")
	for _, email := range []string{"both@esempio.example", "vague@esempio.example", "nobody@esempio.example"} {
		if _, err := h.access.ByEmail(t.Context(), email); err == nil {
			t.Errorf("%s has an account", email)
		}
	}

	// The account is nobody's to change here, and has no password.
	boss.get("/admin/people/"+account.ID).shows(t, "comes from the central accounts")
	for path, pairs := range map[string][]string{"": {"name", "B", "role", "lead", "team", "Banco", "level", "L1", "profile", "View only"}, "/link": {"x", "y"}, "/central": {"step", "emergency"}} {
		if got := boss.post("/admin/people/"+account.ID+path, pairs...); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	// Who signs out at the provider is out here, by its word alone.
	bruno = h.visitor(t)
	bruno.through("bruno")
	word, err := there.LogoutToken(t.Context(), "id-bruno")
	if err != nil {
		t.Fatal(err)
	}
	if got := h.visitor(t).post("/signin/sso/logout", "logout_token", word[:len(word)-9]+"AAAAAAAAA"); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a forged word: %d", got.StatusCode)
	}
	bruno.get("/account").shows(t, "kept with your central account")
	if got := h.visitor(t).post("/signin/sso/logout", "logout_token", word); got.StatusCode != http.StatusOK {
		t.Errorf("the provider's word: %d", got.StatusCode)
	}
	bruno.get("/account").hides(t, "kept with your central account")
	if got := h.visitor(t).post("/signin/sso/logout", "logout_token", word); got.StatusCode != http.StatusBadRequest {
		t.Errorf("the same word twice: %d", got.StatusCode)
	}
	unknown, err := there.LogoutToken(t.Context(), "nobody here")
	if err != nil {
		t.Fatal(err)
	}
	if got := h.visitor(t).post("/signin/sso/logout", "logout_token", unknown); got.StatusCode != http.StatusOK {
		t.Errorf("about somebody else: %d", got.StatusCode)
	}
	// Somebody who was made anew there comes in when it was allowed, and the old one no more.
	anew := employee("bruno", "Help desk")
	anew.ID, anew.Login = "id-anew", "anew"
	there.Set(anew)
	h.visitor(t).refused("anew", "already an account with your e-mail")
	boss.post("/admin/people/"+account.ID+"/central", "step", "await").shows(t, "takes the account over")
	if got := h.visitor(t).through("anew"); got.Request.URL.Path != "/desk/" {
		t.Errorf("%d: %s", got.StatusCode, got.text)
	}
	h.visitor(t).refused("bruno", "already an account with your e-mail")
	boss.post("/admin/people/"+account.ID+"/central", "step", "await")
	h.visitor(t).through("bruno")
	// Whoever loses the group is out at once when they come again, and comes back with it.
	bruno = h.visitor(t)
	bruno.through("bruno")
	bruno.get("/account").shows(t, "kept with your central account")
	token, err := h.access.AddToken(t.Context(), account.Email, access.NewToken{Name: "a program"})
	if err != nil {
		t.Fatal(err)
	}
	there.Set(employee("bruno", "Everybody"))
	h.visitor(t).refused("bruno", "you have no access here")
	bruno.get("/console/").shows(t, "Sign in")
	program := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	program.Header.Set("Authorization", "Bearer "+token)
	if _, err := h.access.ByToken(program); !errors.Is(err, access.ErrEnded) {
		t.Errorf("a token outlives the account: %v", err)
	}
	boss.get("/admin/people").shows(t, "out for now")
	there.Set(employee("bruno", "Help desk"))
	if got := bruno.through("bruno"); got.Request.URL.Path != "/desk/" {
		t.Errorf("does not come back: %s", got.Request.URL)
	}
	// A rule that goes takes what it gave at once; who was ended stays ended.
	rules, err := h.access.Rules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	boss.post("/admin/central", "step", "delete", "id", rules[0].ID).shows(t, "The rule is deleted")
	bruno.get("/console/").shows(t, "Sign in")
	boss.post("/admin/central", rule...)
	boss.post("/admin/people/"+account.ID+"/end", "sure", "yes").shows(t, "The account has ended")
	h.visitor(t).refused("bruno", "has ended")
	// To the other side nobody goes with the same account.
	there.Set(employee("dino", "Help desk"))
	h.visitor(t).refused("dino", "kept apart")

	{ // taken over
		h.visitor(t).refused("carla", "already an account with your e-mail")
		boss.post("/admin/central", "step", "add", "group", "Capi", "role", "administrator")
		own, err := h.access.ByEmail(t.Context(), "carla@esempio.example")
		if err != nil {
			t.Fatal(err)
		}
		boss.post("/admin/people/"+own.ID+"/central", "step", "await").shows(t, "takes the account over")
		carla := h.visitor(t)
		carla.through("carla")
		carla.get("/admin/people").shows(t, "Carla Neri", "central")
		boss.get("/admin/people").shows(t, "Sign in") // by the password of before
		if got := boss.post("/signin", "email", "carla@esempio.example", "password", goodPassword); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("the password of before is good: %d", got.StatusCode)
		}
		boss = carla
		boss.post("/admin/people/"+own.ID+"/central", "step", "emergency")
		capi := 0
		rules, err := h.access.Rules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rules {
			if r.Group == "Capi" {
				capi = i
			}
		}
		signedIn(t, h, access.Administrator, "Eva Rossi", "eva@esempio.example")
		boss.post("/admin/central", "step", "delete", "id", rules[capi].ID).shows(t, "take away your own role")
	}
	{ // held to it
		boss.post("/admin/central", "step", "hold", "role", "administrator").shows(t, "First choose an account for emergencies")
		eva, err := h.access.ByEmail(t.Context(), "eva@esempio.example")
		if err != nil {
			t.Fatal(err)
		}
		ivo := staff(t, h, access.Administrator, "ivo@esempio.example")
		boss.post("/admin/people/"+eva.ID+"/central", "step", "emergency").shows(t, "This account is for emergencies")
		boss.post("/admin/central", "step", "hold", "role", "administrator").shows(t, "signs in centrally only")
		boss.post("/admin/people/"+eva.ID+"/central", "step", "ordinary").shows(t, "First choose an account for emergencies")
		boss.post("/admin/people/"+eva.ID+"/end", "sure", "yes").shows(t, "First choose an account for emergencies")
		held := h.visitor(t)
		held.post("/signin", "email", ivo.Email, "password", goodPassword).shows(t, "Your role signs in with its central account")
		held.post("/signin", "email", ivo.Email, "password", "not this one at all").shows(t, "is wrong")
		held.get("/admin/people").hides(t, "ivo@esempio.example")
		spare := h.visitor(t)
		spare.post("/signin", "email", eva.Email, "password", goodPassword)
		spare.get("/admin/people").shows(t, "for emergencies")
		if got := auditor.post("/admin/central", "step", "release", "role", "administrator"); got.StatusCode != http.StatusBadRequest {
			t.Errorf("an auditor decides on administrators: %d", got.StatusCode)
		}
	}
	t.Run("wrong ways", func(t *testing.T) {
		h.visitor(t).get("/signin/sso/return?code=x&state=y").shows(t, "took too long, or began in another window")
		p := h.visitor(t)
		p.get("/signin/sso?next=https://evil.example/")
		p.get("/signin/sso/return?code=x&state=forged").shows(t, "cannot be trusted")
		p.get("/signin/sso/return?code=x&state=forged").shows(t, "took too long") // the question is gone
		p.get("/signin/sso")
		p.get("/signin/sso/return?error=access_denied").shows(t, "cannot be trusted") // not even a refusal without the state
	})
	t.Run("away", func(t *testing.T) {
		there.Close()
		p := h.visitor(t)
		p.through("bruno").shows(t, "Sign in")
		staff(t, h, access.Maintainer, "maint@esempio.example")
		if got := p.post("/signin", "email", "maint@esempio.example", "password", goodPassword); got.StatusCode != http.StatusOK && got.StatusCode != http.StatusForbidden || !strings.HasPrefix(got.Request.URL.Path, "/console/") {
			t.Errorf("by password: %d at %s", got.StatusCode, got.Request.URL)
		}
	})
}

// TestSingleSignOnInChromium signs in at the real provider, which is another site, and looks
// at each page in every language.
func TestSingleSignOnInChromium(t *testing.T) {
	var there elsewhere
	h := builtHouse(t, withProvider(t, "localhost", &there, employee("bruno", "Help desk"), employee("nobody")), func(c *web.Config, _ *house) { c.Directory = "Office network" })
	signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	ivo := staff(t, h, access.Technician, "ivo@esempio.example")
	boss, err := h.access.ByEmail(t.Context(), "carla@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []access.Rule{{Group: "Help desk", Role: access.Technician, Team: "Service desk", Level: access.L1, Profile: protocol.ProfileViewOnly},
		{Group: "cn=Capi,ou=Gruppi,dc=esempio,dc=example", Role: access.Administrator}} {
		if err := h.access.AddRule(t.Context(), boss, r); err != nil {
			t.Fatal(err)
		}
	}
	b := newChromium(t, h, "en")
	b.url = there.public
	b.open("/signin", "#email")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/signin", `html[lang="`+language+`"] a[href^="/signin/sso"]`)
		b.glance("71-signin")
		b.open("/signin/sso/return", `html[lang="`+language+`"] [role=alert]`)
		b.glance("71-again")
		b.open("/signed-out", `html[lang="`+language+`"] .notice`)
		b.glance("71-out")
	}
	b.tag = "en"
	b.speaks("en")
	through := func(login string) {
		b.open("/signin?next=/desk/", `a[href^="/signin/sso"]`)
		b.tabTo(`a[href^="/signin/sso"]`)
		b.keys("\r")
		b.until(`document.querySelector("#in")`)
		b.do(chromedp.SetValue("#username", login), chromedp.SetValue("#password", "known elsewhere"), chromedp.Click("#in"))
	}
	through("nobody")
	b.until(`location.pathname === "/signin/sso/return" && document.querySelector("[role=alert]")`)
	b.look("71-refused")
	through("bruno")
	b.until(`location.pathname === "/desk/"`)
	evaluate[int](b, `(() => { const f = document.createElement("form"); f.method = "post"; f.action = "/signout"; document.body.append(f); f.submit(); return 1 })()`)
	b.until(`location.pathname === "/signed-out" && document.querySelector("a.primary")`)
	b.click("a.primary")
	b.until(`location.pathname === "/signin" && document.querySelector("#email")`)
	b.open("/signin?next=/admin/central", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/admin/central" && document.querySelector("#rules-title")`)
	b.look("71-central")
	b.write("#group", "Help desk")
	b.do(chromedp.SetValue("#team", "Service desk"), chromedp.SetValue("#profile", "View only"))
	b.click("form.card button.primary")
	b.until(`document.querySelector("#group[aria-invalid]")`)
	b.look("71-central-wrong")
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/admin/central", `html[lang="`+language+`"] #rules-title`)
		b.glance("71-central")
		b.open("/admin/people/"+ivo.ID, `html[lang="`+language+`"] #central-title`)
		b.glance("71-person")
	}
}

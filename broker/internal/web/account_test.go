package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"consento/broker/internal/access"
)

const nextPassword = "quiet snow on the old bridge"

// TestAccountPages: everybody who is signed in has them, and nobody else.
func TestAccountPages(t *testing.T) {
	h := newHouse(t)
	for _, role := range access.Roles() {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		p.get("/account").shows(t, "Your account", string(role)+"@esempio.example", "Linux", "Nowhere else", "127.0.0.1")
		p.get("/account/password").shows(t, "Present password")
	}
	for _, path := range []string{"/account", "/account/password", "/signin/password"} {
		if got := h.visitor(t).get(path); got.Request.URL.Path != "/signin" {
			t.Errorf("%s lets nobody in to %s", path, got.Request.URL)
		}
	}
	if got := h.visitor(t).post("/account/password", "before", goodPassword, "password", nextPassword); got.Request.URL.Path != "/signin" {
		t.Error(got.Request.URL)
	}

	anna, elsewhere := h.visitor(t), h.visitor(t)
	for _, p := range []*person{anna, elsewhere} {
		p.post("/signin", "email", "technician@esempio.example", "password", goodPassword)
	}
	anna.get("/account").shows(t, "End the others")
	anna.post("/account/others", "x", "y").shows(t, "The others have ended", "Nowhere else")
	if got := elsewhere.get("/account"); got.Request.URL.Path != "/signin" {
		t.Error("it goes on elsewhere")
	}
	anna.post("/account/password", "before", "wrong", "password", nextPassword).shows(t, "This is not your present password")
	anna.post("/account/password", "before", goodPassword, "password", goodPassword).shows(t, "the password you have now")
	anna.post("/account/password", "before", goodPassword, "password", "polniypizdec110211").shows(t, "lists of stolen passwords")
	anna.post("/account/password", "before", goodPassword, "password", nextPassword).shows(t, "The new password holds")
}

// TestRulesOfSignIn: an office lets passwords grow old; whoever signs in with an old one
// chooses another and goes on to where they wanted.
func TestRulesOfSignIn(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	auditor := signedIn(t, h, access.Auditor, "Dino Conti", "dino@esempio.example")
	page := boss.get("/admin/signin")
	page.shows(t, "Signing in", "technician", "maintainer")
	page.hides(t, `name="auditor.password_days"`)
	auditor.get("/admin/signin").hides(t, `name="technician.password_days"`)
	auditor.get("/admin/signin").shows(t, `name="dpo.password_days"`)
	signedIn(t, h, access.DPO, "Udo Rossi", "udo@esempio.example").get("/admin/signin").shows(t, "This page is for: auditor, administrator")
	before := func(s seen) string {
		return regexp.MustCompile(`name="before" value="([^"]+)"`).FindStringSubmatch(s.text)[1]
	}
	rules := func(days string) []string {
		return []string{"before", before(page), "technician.password_days", days, "lead.password_days", "0", "administrator.password_days", "0", "maintainer.password_days", "0"}
	}
	for _, wrong := range []string{"", "x", "-1", "29", "99999"} {
		if got := boss.post("/admin/signin", rules(wrong)...); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", wrong, got.StatusCode)
		}
	}
	boss.post("/admin/signin", rules("30")...).shows(t, "The rules are saved", `value="30"`)
	if got := boss.post("/admin/signin", rules("60")...); got.StatusCode != http.StatusConflict {
		t.Errorf("what somebody else saved is lost: %d", got.StatusCode)
	}
	if got := auditor.post("/admin/signin", "before", "nonsense", "auditor.password_days", "30", "dpo.password_days", "0"); got.StatusCode != http.StatusConflict {
		t.Errorf("without having seen them: %d", got.StatusCode)
	}

	staff(t, h, access.Technician, "anna@esempio.example")
	if _, err := h.db.ExecContext(t.Context(), "UPDATE accounts SET password_at = '2020-01-01 00:00:00+00:00' WHERE email = 'anna@esempio.example'"); err != nil {
		t.Fatal(err)
	}
	anna := h.visitor(t)
	renewal := anna.post("/signin", "email", "anna@esempio.example", "password", goodPassword, "next", "/account")
	renewal.shows(t, "has reached its age")
	if got := anna.get("/account"); got.Request.URL.Path != "/signin" {
		t.Errorf("a half sign-in reads %s", got.Request.URL)
	}
	if got := anna.get("/console/"); got.Request.URL.Path != "/signin" {
		t.Errorf("a half sign-in reads %s", got.Request.URL)
	}
	if got := anna.post("/signin/password", "next", "/account", "password", goodPassword); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("the same again: %d", got.StatusCode)
	}
	if got := anna.post("/signin/password", "next", "/account", "password", nextPassword); got.Request.URL.Path != "/account" {
		t.Errorf("came to %s", got.Request.URL)
	}
}

// TestLanguageOfMails: the one that somebody who is signed in chose last on a page, or on
// that of the account; no other site chooses it, and only one that the office has.
func TestLanguageOfMails(t *testing.T) {
	h := newHouse(t)
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	is := func(what, want string) {
		t.Helper()
		a, err := h.access.ByEmail(t.Context(), "anna@esempio.example")
		if err != nil || a.Language != want {
			t.Errorf("%s: %q, %v", what, a.Language, err)
		}
	}
	from := func(p *person, site, path string) seen {
		t.Helper()
		return p.read(p.do(http.MethodGet, path, "", "Sec-Fetch-Site", site))
	}
	is("at first", "")
	anna.get("/account").shows(t, `<option value="" selected>The office’s (English)</option>`)
	h.visitor(t).get("/?lang=ja")
	from(h.visitor(t), "same-origin", "/?lang=ja")
	is("others choose", "")
	for _, site := range []string{"cross-site", "same-site", "none", ""} {
		from(anna, site, "/account?lang=ja").shows(t, `lang="ja"`)
		is("by a link from elsewhere, "+site, "")
	}
	from(anna, "same-origin", "/desk/?lang=xx")
	is("no language", "")
	from(anna, "same-origin", "/desk/?lang=fr").shows(t, `lang="fr"`)
	is("on a page", "fr")
	anna.post("/account/language", "language", "ja").shows(t, `<option value="ja" lang="ja" selected>`)
	is("on the page of the account", "ja")
	for _, wrong := range []string{"xx", "<b>", "EN"} {
		if got := anna.post("/account/language", "language", wrong); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", wrong, got.StatusCode)
		}
	}
	is("after what is none", "ja")
	anna.post("/account/language", "language", "")
	is("the office's again", "")
}

// TestAccountInChromium changes a password by keyboard and looks at the pages in every
// language.
func TestAccountInChromium(t *testing.T) {
	h := builtHouse(t)
	staff(t, h, access.Technician, "anna@esempio.example")
	staff(t, h, access.Administrator, "carla@esempio.example")
	h.visitor(t).post("/signin", "email", "carla@esempio.example", "password", goodPassword)
	b := newChromium(t, h, "en")
	b.open("/signin?next=/account", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/account"`)
	b.tabTo(`a[href="/account/password"]`)
	b.keys("\r")
	b.until(`location.pathname === "/account/password" && document.activeElement.id === "before"`)
	b.keys(goodPassword + "\tshort\r")
	b.until(`document.querySelector("#password[aria-invalid]")`)
	b.look("80-password-wrong")
	b.write("#before", goodPassword)
	b.write("#password", nextPassword+"\r")
	b.until(`location.search === "?saved=password"`)
	// The language that is chosen on a page is that of the mails.
	b.click(`a[href="/account?lang=de"], a[href*="lang=de"]`)
	b.until(`document.documentElement.lang === "de" && document.querySelector("#mail-language").value === "de"`)
	b.tabTo("#mail-language")
	b.keys("日") // as one types in a list
	b.until(`document.querySelector("#mail-language").value === "ja"`)
	b.keys("\t\r")
	b.until(`location.search === "?saved=language" && document.querySelector("#mail-language").value === "ja"`)
	b.click(`a[href*="lang=en"]`)
	b.until(`document.documentElement.lang === "en"`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"80-account": "/account", "80-password": "/account/password", "80-rules": "/admin/signin"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.tag = "en"
	b.speaks("en")
	for name, page := range map[string]string{"80-account": "/account", "80-rules": "/admin/signin"} {
		b.open(page, "h1")
		b.look(name)
	}
	// A password that became too old.
	if _, err := h.db.ExecContext(t.Context(), "INSERT INTO sign_in_rules (role, second_factor, password_days) VALUES ('technician', FALSE, 30)"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.ExecContext(t.Context(), "UPDATE accounts SET password_at = '2020-01-01 00:00:00+00:00' WHERE email = 'anna@esempio.example'"); err != nil {
		t.Fatal(err)
	}
	b.click(`.who-form button`)
	b.until(`location.pathname === "/signin" && document.querySelector("#email")`)
	b.open("/signin?next="+url.QueryEscape("/account"), "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/signin/password"`)
	if where := evaluate[string](b, "location.search"); !strings.Contains(where, "account") {
		t.Error(where)
	}
	b.look("80-renewal")
	b.write("#password", nextPassword+"\r")
	b.until(`location.pathname === "/account"`)
}

package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"

	"consento/broker/internal/access"
)

// TestSignInPasskeysInChromium: a technician adds a passkey, signs in with nothing else, by
// keyboard; it is the second factor and confirms; where it does not work, the page says so;
// and who has to set a factor up may do it by one.
func TestSignInPasskeysInChromium(t *testing.T) {
	h := builtHouse(t, atItself)
	staff(t, h, access.Technician, "anna@esempio.example")
	lead := staff(t, h, access.Lead, "bruno@esempio.example")
	b := newChromium(t, h, "en")
	b.url = strings.Replace(b.url, "127.0.0.1", "localhost", 1)
	command(b, webauthn.Enable, webauthn.EnableParams{})
	says := func(words string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("[data-passkey] [data-said]")?.textContent.includes(%q)`, words))
	}
	out := func() {
		t.Helper()
		b.click(`.who-form button`)
		b.until(`location.pathname === "/signin" && document.querySelector("#email")`)
		b.open("/signin?next=/account", "[data-passkey] button")
	}
	b.open("/signin?next=/account", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/account"`)
	b.click(`a[href="/account/passkey"]`)
	b.until(`document.activeElement.id === "password"`)
	b.keys(goodPassword + "\r")
	b.until(`location.pathname === "/account/passkey"`)

	// Nobody's finger: nothing is kept.
	stranger := b.authenticator(func(o *webauthn.VirtualAuthenticatorOptions) { o.IsUserVerified = false })
	b.write("#name", "My phone\r")
	says("No passkey was used")
	b.look("82-passkey-refused")
	b.unplug(stranger)
	phone := b.authenticator(nil)
	b.click("[data-passkey] button")
	b.until(`document.querySelector("#codes")`)
	if held := command(b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: phone}).Credentials; len(held) != 1 || held[0].RpID != "localhost" || !held[0].IsResidentCredential {
		t.Errorf("the authenticator holds %+v", held)
	}
	b.click("main a.button.primary")
	b.until(`location.pathname === "/account" && document.body.innerText.includes("My phone")`)
	b.look("82-account")
	b.click(`a[href="/account/passkey"]`)
	b.until(`location.pathname === "/account/passkey"`)
	b.write("#name", "Again\r")
	says("has a passkey for your account already")

	// With nothing else, by keyboard.
	b.open("/account", ".who-form")
	out()
	b.tabTo("[data-passkey] button")
	b.keys("\r")
	b.until(`location.pathname === "/account" && document.body.innerText.includes("Last used")`)
	// As second factor, and in the place of the password.
	out()
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/signin/second"`)
	b.look("82-second")
	b.click("[data-passkey] button")
	b.until(`location.pathname === "/account"`)
	b.open("/account/confirm?next=%2Faccount%2Ftotp", "[data-passkey] button")
	b.look("82-confirm")
	b.click("[data-passkey] button")
	b.until(`location.pathname === "/account/totp"`)

	// It is removed, and signs in no more.
	b.open("/account", ".who-form")
	out()
	b.click("[data-passkey] button")
	b.until(`location.pathname === "/account"`)
	b.click(`.plain-list a[href$="/remove"]`)
	b.until(`location.pathname === "/account/confirm"`)
	b.click("[data-passkey] button")
	b.until(`location.pathname.endsWith("/remove")`)
	b.look("82-remove")
	b.click("main form.actions button.primary")
	b.until(`location.search === "?saved=factor_gone"`)
	out()
	b.click("[data-passkey] button")
	b.until(`document.querySelector(".error-summary")?.textContent.includes("The passkey was not accepted")`)

	// Where it does not work.
	command(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: phone, IsUserVerified: false})
	b.click("[data-passkey] button")
	says("No passkey was used")
	b.look("82-signin")
	evaluate[bool](b, `delete window.PublicKeyCredential`)
	b.click("[data-passkey] button")
	says("This browser knows no passkeys")
	b.open("/signin", "[data-passkey] button")
	evaluate[string](b, `document.querySelector("[data-passkey]").dataset.origin = "https://elsewhere.example"`)
	b.click("[data-passkey] button")
	says("Passkeys work at https://localhost")
	b.open("/signin", "[data-passkey] button")
	evaluate[bool](b, `document.querySelector("[data-passkey]").elements.credential.value = "{}"; document.querySelector("[data-passkey]").submit(); true`)
	b.until(`document.querySelector(".error-summary")?.textContent.includes("The passkey was not accepted")`)
	b.glance("82-signin-wrong")
	b.unplug(phone)

	// The office asks for a factor: a passkey is one.
	if _, err := h.db.ExecContext(t.Context(), "INSERT INTO sign_in_rules (role, second_factor, password_days) VALUES ('lead', TRUE, 0)"); err != nil {
		t.Fatal(err)
	}
	b.authenticator(nil)
	b.open("/signin?next=/account", "#email")
	b.signInWith("bruno@esempio.example", goodPassword)
	b.until(`location.pathname === "/signin/enrol"`)
	b.look("82-enrol")
	b.click(`a[href^="/signin/enrol/passkey"]`)
	b.until(`location.pathname === "/signin/enrol/passkey"`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"82-enrol": "/signin/enrol?next=%2Faccount", "82-enrol-passkey": "/signin/enrol/passkey?next=%2Faccount"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.tag = "en"
	b.speaks("en")
	b.open("/signin/enrol/passkey?next=%2Faccount", `html[lang="en"] #name`)
	b.write("#name", "Laptop\r")
	b.until(`document.querySelector("#codes")`)
	b.click("main a.button.primary")
	b.until(`location.pathname === "/account"`)
	if f, err := h.access.Factors(t.Context(), lead.ID); err != nil || len(f.Passkeys) != 1 || f.Passkeys[0].Name != "Laptop" {
		t.Errorf("%+v, %v", f, err)
	}
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"82-account": "/account", "82-confirm": "/account/confirm?next=%2Faccount%2Fpasskey"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.open("/account", ".who-form")
	b.click(`.who-form button`)
	b.until(`location.pathname === "/signin" && document.querySelector("#email")`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/signin", `html[lang="`+language+`"] h1`)
		b.glance("82-signin")
	}
}

// TestNoPasskeysAtANumber: a public address that is no name has no passkeys, and says so.
func TestNoPasskeysAtANumber(t *testing.T) {
	h := newHouse(t, at("https://192.0.2.1"))
	staff(t, h, access.Technician, "anna@esempio.example")
	anna := h.visitor(t)
	anna.get("/signin").hides(t, "data-passkey")
	anna.post("/signin", "email", "anna@esempio.example", "password", goodPassword, "next", "/account").shows(t, "Passkeys need a public address that is a name")
	if got := anna.post("/passkey", "for", "get"); got.StatusCode != http.StatusConflict || !strings.Contains(got.text, "No passkey was used") {
		t.Errorf("%d, %s", got.StatusCode, got.text)
	}
	anna.post("/account/confirm", "next", "/account/passkey", "password", goodPassword)
	if got := anna.get("/account/passkey"); got.StatusCode != http.StatusNotFound {
		t.Error(got.StatusCode)
	}
	if got := h.visitor(t).post("/signin/passkey", "next", "/account", "credential", "{}"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Error(got.StatusCode)
	}
}

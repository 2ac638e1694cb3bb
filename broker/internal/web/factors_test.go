package web_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// codeFor is what an authenticator app shows for a key, so many steps from now (RFC 6238,
// by hand: the broker's own is not asked).
func codeFor(t testing.TB, key string, steps int64) string {
	t.Helper()
	secret, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, secret)
	if err := binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+steps); err != nil {
		t.Fatal(err)
	}
	sum := mac.Sum(nil)
	at := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:])&0x7fffffff)%1_000_000)
}

var (
	totpKey      = regexp.MustCompile(`id="totp-key"[^>]*><code>([A-Z2-7 ]+)</code>`)
	recoveryCode = regexp.MustCompile(`(?m)(?:<code>|^)([0-9A-Z]{4} [0-9A-Z]{4} [0-9A-Z]{4} [0-9A-Z]{4})$`)
)

// found is the first group of a pattern on a page.
func found(t testing.TB, s seen, pattern *regexp.Regexp) string {
	t.Helper()
	m := pattern.FindStringSubmatch(s.text)
	if m == nil {
		t.Fatalf("%s is not on %s: %s", pattern, s.Request.URL, s.text)
	}
	return html.UnescapeString(m[1])
}

// TestSecondFactorPages: the office asks technicians for a second factor; one sets it up
// on the way in, signs in with it, loses it, is helped, and begins anew.
func TestSecondFactorPages(t *testing.T) {
	h := newHouse(t)
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	account := staff(t, h, access.Technician, "anna@esempio.example")
	anna, elsewhere := h.visitor(t), h.visitor(t)
	in := func(p *person) seen {
		t.Helper()
		return p.post("/signin", "email", "anna@esempio.example", "password", goodPassword, "next", "/account")
	}
	in(anna).shows(t, "all that protects this account")
	if got := anna.get("/account/totp"); got.Request.URL.Path != "/account/confirm" {
		t.Errorf("a factor is changed without being asked again: %s", got.Request.URL)
	}
	for _, path := range []string{"/account/totp", "/account/totp/remove", "/account/codes"} {
		if got := anna.post(path, "code", "123456"); got.Request.URL.Path != "/account/confirm" {
			t.Errorf("%s: %s", path, got.Request.URL)
		}
	}
	page := boss.get("/admin/signin")
	before := found(t, page, regexp.MustCompile(`name="before" value="([^"]+)"`))
	boss.post("/admin/signin", "before", before, "technician.second_factor", "on", "technician.password_days", "0", "lead.password_days", "0", "administrator.password_days", "0", "maintainer.password_days", "0").
		shows(t, "The rules are saved", `name="technician.second_factor" value="on" checked`)

	enrol := in(anna)
	enrol.shows(t, "Set up a second factor", "<svg class=\"qr\"", "Your office asks for something")
	for _, path := range []string{"/account", "/console/", "/desk/", "/admin/people", "/account/totp", "/signin/second"} {
		if got := anna.get(path); strings.Contains(got.text, "Signed in as") || got.Request.URL.Path == "/account/totp" {
			t.Errorf("before the second factor: %s came to %s", path, got.Request.URL)
		}
	}
	key := found(t, anna.get("/signin/enrol?next=/account"), totpKey)
	anna.post("/signin/enrol", "next", "/account", "code", "000000").shows(t, "The code does not fit", key)
	kept := anna.post("/signin/enrol", "next", "/account", "code", codeFor(t, key, 0))
	kept.shows(t, "Recovery codes", "shown this once", `href="/account"`)
	codes := recoveryCode.FindAllStringSubmatch(kept.text, -1)
	if len(codes) != 10 {
		t.Fatalf("%d codes in %s", len(codes), kept.text)
	}
	anna.get("/account").shows(t, "Whoever learns your password", "10 codes left", "Your office asks for one")

	// The code that set it up is used; the one of the next half minute is not, and is good.
	in(elsewhere).shows(t, "One more step")
	elsewhere.post("/signin/second", "next", "/account", "code", codeFor(t, key, -5)).shows(t, "The code is wrong")
	if got := elsewhere.post("/signin/second", "next", "/account", "code", codeFor(t, key, 1)); got.Request.URL.Path != "/account" {
		t.Errorf("came to %s: %s", got.Request.URL, got.text)
	}
	in(elsewhere)
	elsewhere.post("/signin/second", "next", "/account", "code", strings.ToLower(codes[0][1])).shows(t, "9 codes left")

	// The last factor stays while the office asks for it.
	anna.post("/account/confirm", "next", "/account/totp/remove", "password", goodPassword).shows(t, "Remove the app")
	if got := anna.post("/account/totp/remove", "x", "y"); got.StatusCode != http.StatusConflict {
		t.Error(got.StatusCode)
	}
	anna.post("/account/codes", "x", "y").shows(t, "Recovery codes")

	// Lost: whoever manages the account takes it away.
	path := "/admin/people/" + account.ID
	boss.get(path).shows(t, "Take the second factor away")
	boss.get(path+"/factors").shows(t, "call back")
	boss.post(path+"/factors", "sure", "yes").shows(t, "The second factor is gone")
	boss.get(path).hides(t, "Take the second factor away")
	for _, p := range []*person{anna, elsewhere} {
		if got := p.get("/account"); got.Request.URL.Path != "/signin" {
			t.Errorf("goes on at %s", got.Request.URL)
		}
	}
	in(anna).shows(t, "Set up a second factor")
	own, err := h.access.ByEmail(t.Context(), "carla@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	auditor := staff(t, h, access.Auditor, "dino@esempio.example")
	for _, id := range []string{own.ID, auditor.ID, "nobody", "new"} {
		if got := boss.get("/admin/people/" + id + "/factors"); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", id, got.StatusCode)
		}
		if got := boss.post("/admin/people/"+id+"/factors", "sure", "yes"); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", id, got.StatusCode)
		}
	}
}

// TestSecondFactorInChromium sets an app up by keyboard, reading the QR code's picture,
// signs in with it, and looks at each page in every language.
func TestSecondFactorInChromium(t *testing.T) {
	h := builtHouse(t)
	staff(t, h, access.Lead, "anna@esempio.example")
	signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	account, err := h.access.ByEmail(t.Context(), "anna@esempio.example")
	if err != nil {
		t.Fatal(err)
	}
	b := newChromium(t, h, "en")
	b.open("/signin?next=/account", "#email")
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/account"`)
	b.tabTo(`a[href="/account/totp"]`)
	b.keys("\r")
	b.until(`document.activeElement.id === "password"`)
	b.look("81-confirm")
	b.keys(goodPassword + "\r")
	b.until(`location.pathname === "/account/totp" && document.activeElement.id === "code"`)
	b.click("summary")
	b.look("81-totp")
	key := evaluate[string](b, `document.querySelector("#totp-key").textContent`)
	b.write("#code", "12345\r")
	b.until(`document.querySelector("#code[aria-invalid]")`)
	b.glance("81-totp-wrong")
	b.write("#code", codeFor(t, key, 0)+"\r")
	b.until(`document.querySelector("#codes")`)
	b.look("81-codes")
	b.click("main a.button.primary")
	b.until(`location.pathname === "/account"`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"81-account": "/account", "81-totp": "/account/totp", "81-remove": "/account/totp/remove", "81-confirm": "/account/confirm"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
	b.click(`.who-form button`)
	b.until(`location.pathname === "/signin" && document.querySelector("#email")`)
	b.signInWith("anna@esempio.example", goodPassword)
	b.until(`location.pathname === "/signin/second"`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/signin/second?next=%2Faccount", `html[lang="`+language+`"] #code`)
		b.glance("81-second")
	}
	b.tag = "en"
	b.speaks("en")
	b.open("/signin/second?next=%2Faccount", `html[lang="en"] #code`)
	b.write("#code", codeFor(t, key, -5)+"\r")
	b.until(`document.querySelector("#code[aria-invalid]")`)
	b.look("81-second-wrong")
	b.write("#code", codeFor(t, key, 1)+"\r")
	b.until(`location.pathname === "/account"`)
	b.click(`.who-form button`)
	b.until(`location.pathname === "/signin" && document.querySelector("#email")`)
	b.open("/signin?next=/admin/people", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/admin/people"`)
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		for name, page := range map[string]string{"81-person": "/admin/people/" + account.ID, "81-away": "/admin/people/" + account.ID + "/factors", "81-rules": "/admin/signin"} {
			b.open(page, `html[lang="`+language+`"] h1`)
			b.glance(name)
		}
	}
}

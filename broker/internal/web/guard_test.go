package web_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"consento/broker/internal/access"
	"consento/broker/internal/web"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
	"consento/recordings"
)

func TestHeadersOnEveryPage(t *testing.T) {
	h := newHouse(t)
	p := h.visitor(t)
	for _, path := range []string{"/", "/k/x", "/session", "/terms", "/privacy", "/signin", "/setup", "/accessibility",
		"/nothing", "/assets/portal.css", "/assets/nothing", "/.well-known/security.txt"} {
		r := p.get(path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		csp := r.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'",
			"require-trusted-types-for 'script'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: policy lacks %s: %s", path, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "blob:;") && !strings.Contains(csp, "media-src 'self' blob:;") {
			t.Errorf("%s: policy %s", path, csp)
		}
		if cache := r.Header.Get("Cache-Control"); !strings.HasPrefix(path, "/assets/portal") && cache != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
		if hsts := r.Header.Get("Strict-Transport-Security"); hsts != "" {
			t.Errorf("%s on this machine insists on HTTPS: %q", path, hsts)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "help.esempio.example"
	response, err := p.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security under a public name")
	}
}

func TestPostsFromOtherSitesAreRefused(t *testing.T) {
	h := newHouse(t)
	p, id := joined(t, h)
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
		for _, path := range []string{"/key", "/session/stop", "/session/name", "/session/report", "/signin", "/signout", "/setup"} {
			page := p.read(p.do(http.MethodPost, path, "key=ACDEFGH&answer=no", header...))
			if page.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, header, page.StatusCode)
			}
			page.shows(t, "This request came from another site")
		}
	}
	if s, err := h.desk.Snapshot(t.Context(), id); err != nil || s.State != protocol.StateJoined {
		t.Errorf("the session is %v, %v", s.State, err)
	}
}

func TestBadRequestsGetAPage(t *testing.T) {
	h := newHouse(t)
	p, _ := joined(t, h)
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
		text               string
	}{
		{"GET", "/nothing/", "", nil, 404, "Page not found"},
		{"GET", "/audit/", "", nil, 404, "Page not found"},
		{"GET", "/session/nothing", "", nil, 404, "Page not found"},
		{"POST", "/nothing", "", nil, 404, "Page not found"},
		{"DELETE", "/session", "", nil, 405, "This cannot be done here"},
		{"POST", "/terms", "", nil, 405, "This cannot be done here"},
		{"PUT", "/key", "", nil, 405, "This cannot be done here"},
		{"POST", "/key", "key=" + strings.Repeat("A", 70<<10), nil, 400, "The form could not be read"},
		{"POST", "/key", "key=ACDEFGH&key=ACDEFGH", nil, 400, "The form could not be read"},
		{"POST", "/key", "key=%zz", nil, 400, "The form could not be read"},
		{"POST", "/session/name", "answer=yes", []string{"Content-Type", "multipart/form-data"}, 400, "The form could not be read"},
		{"POST", "/session/name", strings.Repeat("a=1&", 40), nil, 400, "The form could not be read"},
	} {
		page := p.read(p.do(c.method, c.path, c.body, c.header...))
		if page.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, page.StatusCode, c.status)
		}
		page.shows(t, "<h1>"+c.text, `href="/"`)
		if c.status == 405 && page.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
	}
}

func TestCookies(t *testing.T) {
	h := newHouse(t)
	h.desk.issue(goodKey, anna)
	p := h.visitor(t)
	p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response := p.do(http.MethodPost, "/key", "key=ACDEFGH")
	cookies := append(response.Cookies(), p.do(http.MethodGet, "/?lang=it", "").Cookies()...)
	if len(cookies) != 2 {
		t.Fatalf("cookies: %v", cookies)
	}
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || c.HttpOnly == strings.HasSuffix(c.Name, "language") || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s", c.Raw)
		}
	}
	// A cookie that was changed in any byte belongs to no session.
	value := cookies[0].Value
	stranger := h.visitor(t)
	for i := range value {
		changed := []byte(value)
		changed[i] ^= 1
		page := stranger.read(stranger.do(http.MethodGet, "/session/agent", "", "Cookie", cookies[0].Name+"="+string(changed)))
		if page.StatusCode != http.StatusNotFound || !strings.Contains(page.text, "There is no help session in this browser") {
			t.Fatalf("byte %d changed: %d", i, page.StatusCode)
		}
	}
}

func TestAssets(t *testing.T) {
	h := newHouse(t)
	p := h.visitor(t)
	page := p.get("/")
	_, after, found := strings.Cut(page.text, `href="/assets/portal.css?v=`)
	hash, _, _ := strings.Cut(after, `"`)
	if !found || hash == "" {
		t.Fatal("the style sheet has no hash")
	}
	css := p.get("/assets/portal.css?v=" + hash)
	if got := css.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("with its hash: %s", got)
	}
	if len(css.text) > 10<<10 {
		t.Errorf("portal.css has %d bytes", len(css.text))
	}
	if got := p.get("/assets/portal.css?v=other").Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("with another hash: %s", got)
	}
	if again := p.do(http.MethodGet, "/assets/portal.css", "", "If-None-Match", css.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("same ETag: %d", again.StatusCode)
	}
	for _, name := range []string{"index.html", ".placeholder", "..%2fweb.go", "portal.html"} {
		if got := p.get("/assets/" + name); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
	}
}

func TestSignInAndConsole(t *testing.T) {
	built := fstest.MapFS{"index.html": {Data: []byte(`<html><script src="/assets/console.js"></script></html>`)},
		"console.js": {Data: []byte("0")}, "base.css": {Data: []byte("x")}}
	h := newHouse(t, withConsole(built))
	for email, role := range map[string]access.Role{"anna@esempio.example": access.Technician, "carla@esempio.example": access.Auditor} {
		n := access.NewAccount{Email: email, Name: "N <b>S</b>", Role: role, Password: goodPassword}
		if role == access.Technician {
			n.Team, n.Level, n.Profile = "Service desk", access.L1, protocol.ProfileViewOnly
		}
		if _, err := h.access.Add(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	p := h.visitor(t)
	page := p.get("/console/")
	if page.Request.URL.Path != "/signin" || page.Request.URL.Query().Get("next") != "/console/" {
		t.Errorf("sent to %s", page.Request.URL)
	}
	wrong := p.post("/signin", "email", `anna@esempio.example`, "password", "wrong "+goodPassword)
	wrong.shows(t, "<title>Error: Sign in", "The e-mail or the password is wrong.", `value="anna@esempio.example"`)
	wrong.hides(t, goodPassword)

	in := p.post("/signin", "email", "Anna@Esempio.example", "password", goodPassword, "next", "https://evil.example/console/")
	if in.Request.URL.Path != "/console/" || !strings.Contains(in.text, `src="/assets/console.js?v=`) {
		t.Errorf("after signing in: %s %s", in.Request.URL, in.text)
	}
	if csp := in.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "img-src 'self' data: blob:;") {
		t.Errorf("policy of the console: %s", csp)
	}
	if again := p.get("/signin"); again.Request.URL.Path != "/console/" {
		t.Errorf("signed in already: %s", again.Request.URL)
	}
	p.post("/signout").shows(t, "<h1>Sign in</h1>")
	if out := p.get("/console/"); out.Request.URL.Path != "/signin" {
		t.Errorf("after signing out: %s", out.Request.URL)
	}

	auditor := h.visitor(t)
	no := auditor.post("/signin", "email", "carla@esempio.example", "password", goodPassword)
	no.shows(t, "The console is for technicians", "&lt;b&gt;", "auditor")
	if no.StatusCode != http.StatusForbidden {
		t.Errorf("auditor at the console: %d", no.StatusCode)
	}
}

// setupForm is a complete form; pairs replace fields.
func setupForm(token string, pairs ...string) url.Values {
	form := url.Values{"token": {token}, "office.name": {"Comune di Esempio"}, "office.phone": {"+39 0471 1"},
		"office.privacy_contact": {"privacy@esempio.example"},
		"administrator.name":     {"Carla Neri"}, "administrator.email": {"carla@esempio.example"}, "administrator.password": {goodPassword},
		"auditor.name": {"Dino Verdi"}, "auditor.email": {"dino@esempio.example"}, "auditor.password": {"quiet snow on the old bridge"},
		"auditor.public_key": {""}, "technician.name": {""}, "technician.email": {""}, "technician.password": {""}, "technician.team": {""}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

func TestSetup(t *testing.T) {
	h := newHouse(t, unset)
	p := h.visitor(t)
	p.get("/setup").shows(t, "This set-up link does not work")
	p.read(p.do(http.MethodPost, "/setup", setupForm("wrong").Encode())).shows(t, "This set-up link does not work")
	token, err := h.access.NewSetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.get("/setup?token="+token).shows(t, "bin/consento-verify keygen --out auditor", `name="language.ja" value="on" checked`, `accept="image/png,image/jpeg,image/webp"`, `type="file"`, `autocomplete="new-password"`)

	// The texts as they will be: what is typed stands in them, and nothing is set up by it.
	p.read(p.do(http.MethodPost, "/setup", setupForm(token, "step", "read", "office.phone", " ", "office.controller", "Regione <b>").Encode())).
		shows(t, "Comune di Esempio offers you help", "Regione &lt;b&gt;", "privacy@esempio.example", "[Telephone]", "90 days")
	p.read(p.do(http.MethodPost, "/setup", setupForm("wrong", "step", "read").Encode())).shows(t, "This set-up link does not work")
	p.get("/terms").shows(t, "Page not found")

	bad := p.read(p.do(http.MethodPost, "/setup", setupForm(token, "office.phone", "call me", "administrator.email", "carla",
		"administrator.password", "short", "auditor.email", "dino@esempio.example", "auditor.public_key", "<key>",
		"technician.name", "Anna Bianchi", "languages", "some").Encode()))
	bad.shows(t, "Choose at least one language", "<title>Error: Set up this office", "Use digits, spaces", "This is no e-mail address", "This password is too short",
		`value="carla"`, "&lt;key&gt;", "Team: This is needed.", "First technician – E-mail: This is needed.")
	bad.hides(t, "quiet snow", goodPassword, `value="short"`)
	p.read(p.do(http.MethodPost, "/setup", setupForm(token, "auditor.public_key", "nonsense").Encode())).
		shows(t, "This is no auditor&#39;s public key. It begins with consento-recipient-1.")
	identity, err := recordings.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	key := identity.Recipient().String()
	p.read(p.do(http.MethodPost, "/setup", setupForm(token, "auditor.public_key", key, "auditor.email", "Carla@esempio.example").Encode())).
		shows(t, "This e-mail is used twice")

	p.upload("/setup", "office.logo", []byte("<svg/>"), "token", token).shows(t, "This is no PNG, JPEG or WebP picture", "Telephone: This is needed.")

	// The key as a file, as a browser sends it.
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for name, values := range setupForm(token, "office.controller", "Regione di Esempio", "technician.name", "Anna Bianchi", "technician.email", "anna@esempio.example",
		"technician.password", goodPassword, "technician.team", "Service desk") {
		if err := parts.WriteField(name, values[0]); err != nil {
			t.Fatal(err)
		}
	}
	file, err := parts.CreateFormFile("auditor.key_file", "recipient.pub")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(key + "\n")); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"languages": "some", "language.en": "on", "language.it": "on"} {
		if err := parts.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if file, err = parts.CreateFormFile("office.logo", "logo.png"); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(logoFile(t)); err != nil {
		t.Fatal(err)
	}
	if err := parts.Close(); err != nil {
		t.Fatal(err)
	}
	done := p.read(p.do(http.MethodPost, "/setup", body.String(), "Content-Type", parts.FormDataContentType()))
	done.shows(t, "<h1>The office is set up</h1>", `href="/signin?next=/console/"`, `href="/settings"`, `alt="Logo of Comune di Esempio"`, `hreflang="it"`)
	done.hides(t, `hreflang="ja"`)
	p.get("/").shows(t, "<h1>Enter your session key</h1>", "Comune di Esempio")
	p.get("/privacy").shows(t, "privacy@esempio.example", "Regione di Esempio", "90 days", "6 months")
	recipients, err := h.access.Recipients(t.Context())
	if err != nil || len(recipients) != 1 || recipients[0].Key.String() != key {
		t.Errorf("recipients %v, %v", recipients, err)
	}
	p.post("/signin", "email", "anna@esempio.example", "password", goodPassword).shows(t, "make build")
	p.get("/setup?token="+token).shows(t, "The office is set up") // uses nothing, shows nothing else
}

func TestSecurityFile(t *testing.T) {
	h := newHouse(t)
	file := h.visitor(t).get("/.well-known/security.txt")
	file.shows(t, "Contact: mailto:privacy@esempio.example\n", "Expires: 20", "Canonical: https://help.esempio.example/.well-known/security.txt\n")
	if got := newHouse(t, unset).visitor(t).get("/.well-known/security.txt"); got.StatusCode != http.StatusNotFound {
		t.Errorf("of nobody: %d", got.StatusCode)
	}
}

func TestTermsForTheAgent(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	legal, err := legal.New(texts, "https://help.esempio.example", newHouse(t).access)
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for language, word := range map[string]string{"en": "Comune di Esempio offers you help", "it_IT.UTF-8": "Comune di Esempio ti offre assistenza"} {
		terms, err := legal.Terms(t.Context(), language, page.Office{Name: office.Name, Phone: office.Phone})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(terms.Text, word) || !strings.Contains(terms.Text, office.Phone) || strings.ContainsAny(terms.Text, "{}") ||
			len(terms.Text) > 4096 || len(terms.Language) != 2 ||
			terms.URL != "https://help.esempio.example/terms?language="+terms.Language+"&version="+terms.Version {
			t.Errorf("%s: %+v", language, terms)
		}
		joined := protocol.Joined{Session: "s", Technician: anna, Terms: terms}
		if err := joined.Validate(); err != nil {
			t.Error(err)
		}
		versions = append(versions, terms.Version)
	}
	if len(slices.Compact(versions)) != 1 {
		t.Errorf("versions %v", versions)
	}
}

func TestNewRefuses(t *testing.T) {
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	legal, err := legal.New(texts, "https://a.example", h.access)
	if err != nil {
		t.Fatal(err)
	}
	good := web.Config{Sessions: h.desk, Accounts: h.access, Setup: h.access, Settings: h.access, Texts: texts, Legal: legal, PublicURL: "https://a.example:8443/",
		CookieKey: make([]byte, 32), Office: func(context.Context) (page.Office, error) { return page.Office{}, nil }}
	if _, err := web.New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*web.Config){
		"no sessions": func(c *web.Config) { c.Sessions = nil }, "no settings": func(c *web.Config) { c.Settings = nil }, "no texts": func(c *web.Config) { c.Texts = nil },
		"short key": func(c *web.Config) { c.CookieKey = make([]byte, 31) }, "http": func(c *web.Config) { c.PublicURL = "http://a.example" },
		"path": func(c *web.Config) { c.PublicURL = "https://a.example/x" }, "no page": func(c *web.Config) { c.Console = fstest.MapFS{} },
	} {
		c := good
		spoil(&c)
		if _, err := web.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

var keyInField = regexp.MustCompile(`id="key"[^>]* value="([^"]*)"`)

func FuzzKeyPath(f *testing.F) {
	h := newHouse(f)
	for _, seed := range []string{"ACD-EFGH", "../etc", "<script>", "%00", "ＡＣＤ", "//x", "?lang=it"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		p := h.visitor(t)
		p.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		page := p.get("/k/" + url.PathEscape(key))
		_, err := protocol.ParseSessionKey(key)
		switch {
		case page.StatusCode == http.StatusOK && err == nil:
		case page.StatusCode == http.StatusNotFound && err != nil:
		case page.StatusCode/100 == 3 && strings.ContainsAny(key, "./") || key == "": // cleaned by the server
		default:
			t.Errorf("%q: %d", key, page.StatusCode)
		}
		if m := keyInField.FindStringSubmatch(page.text); m != nil && m[1] != "" && err != nil {
			t.Errorf("%q is in the field as %q", key, m[1])
		}
	})
}

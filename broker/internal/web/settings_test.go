package web_test

import (
	"bytes"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/web/legal"
	"consento/broker/internal/web/page"
	"consento/protocol"
	"consento/protocol/lang"
)

// administrator makes the office and its administrator, and signs in.
func administrator(t testing.TB, h *house) *person {
	t.Helper()
	staff(t, h, access.Administrator, "carla@esempio.example")
	p := h.visitor(t)
	if in := p.post("/signin", "email", "carla@esempio.example", "password", goodPassword); in.Request.URL.Path != "/settings" {
		t.Fatalf("the administrator came to %s", in.Request.URL)
	}
	return p
}

func staff(t testing.TB, h *house, role access.Role, email string) access.Account {
	t.Helper()
	n := access.NewAccount{Email: email, Name: "Carla Neri", Role: role, Password: goodPassword}
	if role == access.Technician || role == access.Lead {
		n.Team, n.Level, n.Profile = "Service desk", access.L1, protocol.ProfileViewOnly
	}
	account, err := h.access.Add(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

// known stores the office as the first set-up would.
func known(t testing.TB, h *house) {
	t.Helper()
	boss := staff(t, h, access.Administrator, "first@esempio.example")
	s, err := h.access.Settings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Office = office
	if err := h.access.ChangeSettings(t.Context(), boss, s); err != nil {
		t.Fatal(err)
	}
}

// upload posts a form with one file in it.
func (p *person) upload(path, field string, file []byte, pairs ...string) seen {
	p.t.Helper()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := parts.WriteField(pairs[i], pairs[i+1]); err != nil {
			p.t.Fatal(err)
		}
	}
	part, err := parts.CreateFormFile(field, "any.svg")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := part.Write(file); err != nil {
		p.t.Fatal(err)
	}
	if err := parts.Close(); err != nil {
		p.t.Fatal(err)
	}
	return p.read(p.do(http.MethodPost, path, body.String(), "Content-Type", parts.FormDataContentType()))
}

func logoFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 200, 80))); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), "<script>alert(1)</script>"...)
}

// TestSettingsAreForAdministrators: nobody else sees or changes anything, by any
// address of the settings.
func TestSettingsAreForAdministrators(t *testing.T) {
	h := newHouse(t, unset)
	known(t, h)
	customer, _ := joined(t, h)
	people := map[string]*person{"customer": customer}
	for _, role := range []access.Role{access.Technician, access.Lead, access.Auditor, access.Maintainer, access.DPO} {
		staff(t, h, role, string(role)+"@esempio.example")
		p := h.visitor(t)
		p.post("/signin", "email", string(role)+"@esempio.example", "password", goodPassword)
		people[string(role)] = p
	}
	for who, p := range people {
		for _, path := range []string{"/settings", "/settings/texts/en", "/settings/restore/program"} {
			if got := p.get(path); got.StatusCode != http.StatusForbidden || strings.Contains(got.text, "textarea") || strings.Contains(got.text, office.PrivacyContact) {
				t.Errorf("%s reads %s: %d", who, path, got.StatusCode)
			}
		}
		for _, path := range []string{"/settings", "/settings/logo", "/settings/texts/en", "/settings/restore/program"} {
			got := p.post(path, "step", "save", "office.name", "Evil", "office.phone", "666", "recording_days", "1", "log_months", "1",
				"terms", "Evil", "privacy", "Evil", "base", "x")
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("%s posts to %s: %d", who, path, got.StatusCode)
			}
		}
		if got := p.upload("/settings/logo", "logo", logoFile(t)); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s uploads a logo: %d", who, got.StatusCode)
		}
	}
	if s, err := h.access.Settings(t.Context()); err != nil || s.Office != office || s.Logo != "" || s.RecordingDays != 90 {
		t.Errorf("settings %+v, %v", s, err)
	}
	h.visitor(t).get("/settings").shows(t, "This page is for: administrator", `href="/signin?next=%2Fsettings"`)
	// An administrator's own browser is not used by other sites.
	p := administrator(t, h)
	for _, path := range []string{"/settings", "/settings/logo", "/settings/texts/en", "/settings/restore/program"} {
		if got := p.read(p.do(http.MethodPost, path, "step=remove", "Sec-Fetch-Site", "cross-site")); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, got.StatusCode)
		}
	}
	if got := p.get("/settings"); got.StatusCode != http.StatusOK || !strings.Contains(got.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("settings: %d, %s", got.StatusCode, got.Header.Get("Content-Security-Policy"))
	}
}

func TestSettingsAreCheckedConfirmedAndSaved(t *testing.T) {
	h := newHouse(t, unset)
	known(t, h)
	p := administrator(t, h)
	before := p.get("/terms")
	p.get("/settings").shows(t, `value="Comune di Esempio"`, `value="90"`, "(empty)</bdi> → <bdi>Comune di Esempio")
	fields := func(pairs ...string) []string {
		form := map[string]string{"office.name": "Comune di Esempio", "office.phone": "+39 0471 000 000", "office.controller": "",
			"office.privacy_contact": office.PrivacyContact, "recording_days": "90", "log_months": "6", "languages": "some", "language.it": "on", "language.de": "on"}
		for i := 0; i+1 < len(pairs); i += 2 {
			form[pairs[i]] = pairs[i+1]
		}
		var all []string
		for k, v := range form {
			if v != "-" {
				all = append(all, k, v)
			}
		}
		return all
	}
	bad := p.post("/settings", fields("office.phone", "call", "recording_days", "0", "log_months", "many", "language.it", "-", "language.de", "-")...)
	bad.shows(t, "Use digits, spaces", "1 to 3650", "1 to 120", "Choose at least one language", `value="call"`, "<title>Error: ")
	if bad.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d", bad.StatusCode)
	}
	ask := p.post("/settings", fields("office.phone", "+39 0471 111", "recording_days", "30")...)
	ask.shows(t, "Save these changes?", "<bdi>+39 0471 000 000</bdi>", "<bdi>+39 0471 111</bdi>", "Italiano, Deutsch", "new version")
	if s, err := h.access.Settings(t.Context()); err != nil || s.RecordingDays != 90 {
		t.Fatalf("saved without a yes: %+v, %v", s, err)
	}
	var hidden []string
	for _, part := range strings.Split(ask.text, `<input type="hidden" name="`)[1:] {
		name, rest, _ := strings.Cut(part, `" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		hidden = append(hidden, name, value)
	}
	p.post("/settings", append(hidden, "step", "save")...).shows(t, "Salvato.") // English is offered no more
	p.post("/settings", append(hidden, "step", "save")...).shows(t, "Non è cambiato nulla.")
	s, err := h.access.Settings(t.Context())
	if err != nil || s.Office.Phone != "+39 0471 111" || s.RecordingDays != 30 || strings.Join(s.Languages, " ") != "it de" {
		t.Fatalf("saved %+v, %v", s, err)
	}
	// The pages follow: only these languages, the new facts in the texts.
	now := h.visitor(t, "Accept-Language", "de").get("/privacy")
	now.shows(t, `lang="de"`, "30 Tage", "+39 0471 111", `hreflang="it"`)
	now.hides(t, `hreflang="en"`, `hreflang="ja"`)
	h.visitor(t, "Accept-Language", "ja").get("/").shows(t, `<html lang="it">`)
	if got := h.visitor(t).get("/?lang=ja"); !strings.Contains(got.text, `<html lang="it">`) {
		t.Error("a language that is not offered can be chosen")
	}
	// The version that was accepted before stays, in a language that is not offered now.
	old := versionIn(t, before)
	p.get("/terms?version="+old+"&language=en").shows(t, "+39 0471 000 000", "offers you help", `<div lang="en">`)
	p.get("/privacy?version="+old+"&language=ja").shows(t, "90 日間")
	for _, missing := range []string{"2020-01-01-1", strings.Repeat("9", 50), "%00", "../x"} {
		if got := p.get("/terms?version=" + missing); got.StatusCode != http.StatusNotFound {
			t.Errorf("version %s: %d", missing, got.StatusCode)
		}
	}
}

// versionIn returns the version that a page of terms names.
func versionIn(t testing.TB, s seen) string {
	t.Helper()
	_, after, found := strings.Cut(s.text, `<p class="soft">Version `)
	version, _, _ := strings.Cut(after, "<")
	if !found {
		t.Fatalf("no version in %s", s.text)
	}
	return version
}

func TestTextsAreEditedByVersion(t *testing.T) {
	h := newHouse(t, unset)
	known(t, h)
	p := administrator(t, h)
	first := versionIn(t, p.get("/terms"))
	p.get("/settings/texts/en").shows(t, "{office} offers you help", "<code>{days}</code>", "90 days", `value="`+first+`"`)
	if got := p.get("/settings/texts/xx"); got.StatusCode != http.StatusNotFound {
		t.Errorf("unknown language: %d", got.StatusCode)
	}
	wrong := p.post("/settings/texts/en", "base", first, "step", "preview", "terms", "Ours\nfrom {ofice} \u202eevil", "privacy", "  ")
	wrong.shows(t, "{ofice} is none of the words", "Line 2", "The text is empty", "cannot be saved")
	if wrong.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d", wrong.StatusCode)
	}
	p.post("/settings/texts/en", "base", first, "step", "save", "terms", strings.Repeat("word ", 1300), "privacy", "P").shows(t, "At most 6000")
	p.post("/settings/texts/en", "base", first, "step", "save", "terms", strings.Repeat("{office} ", 13), "privacy", "P").shows(t, "At most 12 words")

	terms := "Our terms\r\nWe are {office} <b>&amp; {phone}.\r\n\r\n\r\nSecond\r\n  Said   again.  "
	look := p.post("/settings/texts/en", "base", first, "step", "preview", "terms", terms, "privacy", "Privacy\nOf {controller}, {dpo}: {days}.")
	look.shows(t, "Save this as a new version?", "We are Comune di Esempio &lt;b&gt;&amp;amp; +39 0471 000 000.", "Said again.", "{months} stood in the text", "now has 2", "Of Comune di Esempio, privacy@esempio.example: 90 days.")
	p.get("/terms").shows(t, first)
	p.post("/settings/texts/en", "base", first, "step", "edit", "terms", terms, "privacy", "P").shows(t, "<textarea id=\"terms\"", "Second\nSaid again.</textarea>")
	saved := p.post("/settings/texts/en", "base", first, "step", "save", "terms", terms, "privacy", "Privacy\nOf {controller}.")
	saved.shows(t, "Saved as version", "Edited: English", "Carla Neri", "your own text", "in force")
	second := versionIn(t, p.get("/terms"))
	if second == first {
		t.Fatal("no new version")
	}
	p.get("/terms").shows(t, "<h2><bdi>Our terms</bdi></h2>", "Said again.")
	h.visitor(t, "Accept-Language", "it").get("/terms").shows(t, "ti offre assistenza", second)
	p.get("/terms?version="+first).shows(t, "offers you help", "not the version in force")

	// What agents and pages ask customers to accept is the same text and version.
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	legal, err := legal.New(texts, "https://help.esempio.example", h.access)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := legal.Terms(t.Context(), "en", page.Office{Name: office.Name, Phone: office.Phone, DPO: office.PrivacyContact, RecordingDays: 90, LogMonths: 6})
	if err != nil || asked.Version != second || asked.Text != "Our terms\nWe are Comune di Esempio <b>&amp; +39 0471 000 000.\n\nSecond\nSaid again." {
		t.Errorf("asked %+v, %v", asked, err)
	}

	// Who began before somebody else saved is told, and loses nothing.
	stale := p.post("/settings/texts/en", "base", first, "step", "save", "terms", "Mine", "privacy", "Mine too")
	stale.shows(t, "Somebody saved version "+second, "Mine</textarea>", `value="`+second+`"`)
	if stale.StatusCode != http.StatusConflict {
		t.Errorf("status %d", stale.StatusCode)
	}
	p.get("/settings/restore/"+first).shows(t, "Use these texts again?", "offers you help")
	p.post("/settings/restore/"+first, "base", "2020-01-01-1").shows(t, "Use these texts again?")
	p.post("/settings/restore/"+first, "base", second).shows(t, "Saved as version", "Used again: "+first)
	p.get("/terms").shows(t, "offers you help")
	if got := p.get("/settings/restore/2020-01-01-1"); got.StatusCode != http.StatusNotFound {
		t.Errorf("restore nothing: %d", got.StatusCode)
	}
	changes, err := h.access.Changes(t.Context(), 2)
	if err != nil || len(changes) != 2 || changes[0].What != "restored" || changes[1].What != "texts" || changes[1].Before != first || changes[1].After != second {
		t.Errorf("changes %+v, %v", changes, err)
	}
}

func TestLogoIsShown(t *testing.T) {
	h := newHouse(t, unset)
	known(t, h)
	p := administrator(t, h)
	if got := p.get("/logo"); got.StatusCode != http.StatusNotFound {
		t.Errorf("no logo: %d", got.StatusCode)
	}
	p.get("/").hides(t, "<img")
	p.upload("/settings/logo", "logo", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`)).shows(t, "This is no PNG, JPEG or WebP picture", "<title>Error")
	p.upload("/settings/logo", "logo", nil).shows(t, "Choose a picture first")
	p.upload("/settings/logo", "logo", append(logoFile(t), make([]byte, access.MaxLogo)...)).shows(t, "larger than 1 MB")
	if got := p.upload("/settings/logo", "logo", make([]byte, 2<<20)); got.StatusCode != http.StatusBadRequest {
		t.Errorf("2 MiB: %d", got.StatusCode)
	}
	p.upload("/settings/logo", "logo", logoFile(t)).shows(t, "The logo is saved")
	for _, path := range []string{"/", "/terms", "/privacy", "/signin"} {
		p.get(path).shows(t, `alt="Logo of Comune di Esempio"`)
	}
	s, err := h.access.Settings(t.Context())
	if err != nil || s.Logo == "" {
		t.Fatal(err)
	}
	picture := h.visitor(t).get("/logo?v=" + s.Logo)
	if picture.Header.Get("Content-Type") != "image/png" || !strings.Contains(picture.Header.Get("Cache-Control"), "immutable") ||
		picture.Header.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(picture.text, "script") || !strings.HasPrefix(picture.text, "\x89PNG") {
		t.Errorf("picture: %v %q", picture.Header, picture.text[:20])
	}
	if other := p.get("/logo?v=other"); other.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("under another name: %v", other.Header)
	}
	p.post("/settings/logo", "step", "remove").shows(t, "The logo is removed")
	p.get("/").hides(t, "<img")
}

// TestConfiguredOffice: what the configuration says is not changed on a page, and
// a change of the configuration makes a version.
func TestConfiguredOffice(t *testing.T) {
	h := newHouse(t)
	p := administrator(t, h)
	got := p.get("/settings")
	got.shows(t, "configuration file", `name="recording_days"`)
	got.hides(t, `name="office.name"`)
	p.post("/settings", "step", "save", "office.name", "Evil", "recording_days", "91", "log_months", "6", "language.en", "on").shows(t, "Saved.")
	if s, err := h.access.Settings(t.Context()); err != nil || s.Office != office || s.RecordingDays != 91 {
		t.Errorf("settings %+v, %v", s, err)
	}
	texts, err := lang.Load()
	if err != nil {
		t.Fatal(err)
	}
	legal, err := legal.New(texts, "https://a.example", h.access)
	if err != nil {
		t.Fatal(err)
	}
	first, err := legal.Terms(t.Context(), "en", page.Office{Name: "A", Phone: "123"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := legal.Terms(t.Context(), "en", page.Office{Name: "B", Phone: "123"})
	if err != nil || first.Version == second.Version || !strings.Contains(second.Text, "B offers you help") {
		t.Errorf("%s, %s, %v", first.Version, second.Version, err)
	}
}

// TestNextAfterSignIn: nobody is sent to another site.
func TestNextAfterSignIn(t *testing.T) {
	h := newHouse(t)
	staff(t, h, access.Administrator, "carla@esempio.example")
	for next, want := range map[string]string{"/settings": "/settings", "//evil.example/settings": "/settings", "/settings.evil": "/settings", "https://evil.example/settings": "/settings"} {
		p := h.visitor(t)
		if in := p.post("/signin", "email", "carla@esempio.example", "password", goodPassword, "next", next); in.Request.URL.Path != want || in.Request.URL.Host != strings.TrimPrefix(h.server.URL, "https://") {
			t.Errorf("%s leads to %s", next, in.Request.URL)
		}
	}
}

func FuzzTexts(f *testing.F) {
	h := newHouse(f)
	p := administrator(f, h)
	for _, seed := range []string{"A\nb {office}", "{", "}{", "{office", "\n\n\n", "\u202e", "{{.}}", "<script>", "a\r\n\r\n\r\nb", strings.Repeat("x", 7000), "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := &person{t: t, http: p.http, base: p.base, header: p.header}
		form := url.Values{"terms": {text}, "privacy": {"P\nx"}, "step": {"preview"}}
		got := p.read(p.do(http.MethodPost, "/settings/texts/en", form.Encode()))
		switch got.StatusCode {
		case http.StatusConflict: // taken, but for the base
		case http.StatusUnprocessableEntity, http.StatusBadRequest:
		default:
			t.Errorf("%q: %d", text, got.StatusCode)
		}
		if strings.Contains(got.text, "<script>") {
			t.Errorf("%q is in the page as it is", text)
		}
	})
}

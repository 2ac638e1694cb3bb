package web_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"consento/broker/internal/access"
	"consento/broker/internal/hooks"
	"consento/broker/internal/web"
)

var shownSecret = regexp.MustCompile(`whsec_[0-9A-Za-z&#;+/=]{44,}`)

// receiving is a house with webhooks, and another system that answers with what code says.
func receiving(t *testing.T, build func(testing.TB, ...option) *house, code func() int) (*house, *httptest.Server) {
	t.Helper()
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code()) }))
	t.Cleanup(other.Close)
	h := build(t, func(_ *web.Config, h *house) {
		h.hooks = func() *hooks.Hooks {
			roots := x509.NewCertPool()
			roots.AddCert(other.Certificate())
			made, err := hooks.New(hooks.Config{Database: h.db, Key: []byte(strings.Repeat("h", 32)), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Roots: roots, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := aside(func() { made.Run(ctx) })
			t.Cleanup(func() {
				stop()
				<-done
			})
			return made
		}
	})
	return h, other
}

// aside runs do, and closes what it returns at its end.
func aside(do func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	return done
}

// TestWebhookPages: an administrator names a target, tries it, sees how it went, sends again,
// replaces the secret and takes it away.
func TestWebhookPages(t *testing.T) {
	code := make(chan int, 1)
	code <- http.StatusServiceUnavailable
	h, other := receiving(t, newHouse, func() int {
		c := <-code
		code <- c
		return c
	})
	boss := signedIn(t, h, access.Administrator, "Carla Neri", "carla@esempio.example")
	boss.get("/admin/webhooks").shows(t, "Nobody is told")
	boss.post("/admin/webhooks", "name", "x", "url", "http://example.org", "event.ticket.opened", "on").shows(t, "begins with https://")
	boss.post("/admin/webhooks", "name", "x", "url", "https://10.0.0.1/", "event.ticket.opened", "on").shows(t, "own network")
	boss.post("/admin/webhooks", "name", " ", "url", other.URL, "event.ticket.opened", "on").shows(t, "in one line")
	boss.post("/admin/webhooks", "name", "x", "url", other.URL).shows(t, "Choose at least one")
	page := boss.post("/admin/webhooks", "name", "Provider <b>", "url", other.URL+"/in?key=secret", "event.ticket.opened", "on", "active", "on")
	page.shows(t, "shown this once", "Provider &lt;b&gt;", "Nothing was sent yet")
	secret := shownSecret.FindString(page.text)
	list := boss.get("/admin/webhooks")
	list.shows(t, "Provider &lt;b&gt;", "A ticket came in", "Works")
	list.hides(t, "key=secret")
	path := regexp.MustCompile(`/admin/webhooks/[-0-9a-f]{36}`).FindString(list.text)
	boss.get(path).hides(t, "whsec_")
	boss.post(path, "step", "try").shows(t, "A test is on its way")
	look(t, "the answer is shown", func() bool { return strings.Contains(boss.get(path).text, "The target answered 503.") })
	boss.get("/admin/webhooks").shows(t, "Nothing arrives since")
	<-code
	code <- http.StatusNoContent
	delivery := regexp.MustCompile(`name="delivery" value="(msg_[0-9a-f]{32})"`).FindStringSubmatch(boss.get(path).text)[1]
	boss.post(path, "step", "again", "delivery", delivery).shows(t, "It is sent again")
	look(t, "it arrived", func() bool { return strings.Contains(boss.get(path).text, "arrived ") })
	if got := boss.post(path, "step", "again", "delivery", "msg_x"); got.StatusCode != http.StatusNotFound {
		t.Error(got.StatusCode)
	}
	if next := shownSecret.FindString(boss.post(path, "step", "rotate").text); next == "" || next == secret {
		t.Errorf("%q after %q", next, secret)
	}
	boss.post(path, "step", "save", "name", "Provider", "url", other.URL, "event.session.ended", "on").shows(t, "The webhook is saved", "Switched off")
	if got := boss.post(path, "step", "save", "name", "Provider", "url", "x", "event.session.ended", "on"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Error(got.StatusCode)
	}
	if got := boss.post(path, "step", "x"); got.StatusCode != http.StatusBadRequest {
		t.Error(got.StatusCode)
	}
	anna := joins(t, h, "Anna Bianchi", "Service desk", access.L1)
	for who, p := range map[string]*person{"technician": anna, "auditor": signedIn(t, h, access.Auditor, "Udo Neri", "udo@esempio.example"), "maintainer": signedIn(t, h, access.Maintainer, "Mia Neri", "mia@esempio.example"), "nobody": h.visitor(t)} {
		for _, got := range []seen{p.get("/admin/webhooks"), p.get(path), p.post(path, "step", "remove"), p.post("/admin/webhooks", "name", "x")} {
			if got.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d", who, got.StatusCode)
			}
		}
	}
	boss.post(path, "step", "remove").shows(t, "The webhook is removed", "Nobody is told")
	if got := boss.get(path); got.StatusCode != http.StatusNotFound {
		t.Error(got.StatusCode)
	}
}

// TestWebhooksInChromium adds one by keyboard, and looks at both pages in every language.
func TestWebhooksInChromium(t *testing.T) {
	h, other := receiving(t, builtHouse, func() int { return http.StatusBadGateway })
	staff(t, h, access.Administrator, "carla@esempio.example")
	b := newChromium(t, h, "en")
	b.open("/signin?next=/admin/webhooks", "#email")
	b.signInWith("carla@esempio.example", goodPassword)
	b.until(`location.pathname === "/admin/webhooks" && document.querySelector("#url")`)
	b.write("#name", "Ticket system of the provider")
	b.write("#url", "http://example.org")
	b.click("form.card button.primary")
	b.until(`document.querySelector("#url[aria-invalid]")`)
	b.look("92-webhooks-wrong")
	b.do(chromedp.SetValue("#url", other.URL+"/in"))
	b.tabTo("form.card button.primary")
	b.keys("\r")
	b.until(`document.querySelector("#secret")`)
	b.look("92-webhook-made")
	b.open("/admin/webhooks", ".admin-list a")
	b.click(".admin-list a")
	b.until(`document.querySelector("button[value=try]")`)
	page := evaluate[string](b, `location.pathname`)
	b.click("button[value=try]")
	b.until(`document.querySelector(".notice.good")`)
	boss := h.visitor(t)
	boss.post("/signin", "email", "carla@esempio.example", "password", goodPassword)
	look(t, "the answer is shown", func() bool { return strings.Contains(boss.get(page).text, "502") })
	for _, language := range tags(t) {
		b.tag = language
		b.speaks(language)
		b.open("/admin/webhooks", `html[lang="`+language+`"] .admin-list`)
		b.glance("92-webhooks")
		b.open(page, `html[lang="`+language+`"] ol.admin-list`)
		b.glance("92-webhook")
	}
}

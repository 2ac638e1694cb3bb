package web_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/broker/internal/web"
	"consento/console"
	"consento/protocol"
	"consento/recordings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
)

// builtHouse is a house with the console's files, which hold the fonts and the
// style sheet that all pages share.
func builtHouse(t testing.TB, options ...option) *house {
	t.Helper()
	if !console.Built() {
		t.Fatal("the console is not built: make build")
	}
	return newHouse(t, append(options, withConsole(console.Files()))...)
}

// TestPagesInChromium goes the customer's way in every language and looks at
// every page of it.
func TestPagesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t)
			b := newChromium(t, h, language)
			downloads := t.TempDir()
			command(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
				Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads})
			id := h.desk.issue(goodKey, anna)

			b.open("/", "#key")
			b.look("1-key")
			b.write("#key", "2345678\r")
			b.until(`document.querySelector("[aria-invalid]")`)
			b.look("1-key-error")
			b.open("/k/ACDEFGH", "#key")
			b.click("button.primary")
			b.until(`document.querySelector(".person")`)
			b.look("2-name")
			b.click(`button[value=yes]`)
			b.until(newest("Joined"))
			b.look("3-share")

			b.click("a[download]")
			b.until(`document.querySelector(".status .fetched .start")`)
			is(b, `document.querySelectorAll('[data-testid="session-state"]').length`, 1)
			name := filepath.Join(downloads, "consento-"+string(h.desk.sessions[id].ticket))
			b.until(`document.readyState === "loading"`) // the download did not stop the live page
			until(t, "the help program is saved", func() bool { _, err := os.Stat(name); return err == nil })
			evaluate[bool](b, `document.querySelector(".start details").open = true`)
			b.click("[data-copy]")
			b.until(`document.querySelector("[data-said]").textContent || getSelection().toString().includes("sha256sum")`)
			evaluate[bool](b, `getSelection().empty(); true`)
			b.look("3-start")

			h.desk.set(id, step(protocol.StateWaiting, protocol.StepAgentStarted))
			b.until(newest("Waiting"))
			b.look("4-waiting")
			h.desk.set(id, func(s *protocol.Session) {
				step(protocol.StateActive, protocol.StepTermsAccepted, protocol.StepViewAllowed)(s)
				s.Viewers = []string{anna.Name}
			})
			b.until(newest("Active"))
			b.look("4-active")
			b.open("/session", ".status .watching")
			b.look("4-active-opened")

			b.click(".stop-form button")
			b.until(newest("Ending") + ` && document.querySelector(".after")`) // not the page that was left, which says it too
			b.look("5-ending")
			yes := true
			h.desk.set(id, ended(protocol.StateClosed, protocol.EndCustomer, &yes))
			b.until(newest("Closed") + ` && document.readyState === "complete"`)
			b.look("5-ended")
		})
	}
}

// newest is true when the newest line of the status has the state.
func newest(state protocol.State) string {
	return fmt.Sprintf(`[...document.querySelectorAll('[data-testid="session-state"]')].at(-1)?.dataset.state === %q`, state)
}

// TestOtherPagesInChromium looks at what is not on the customer's way.
func TestOtherPagesInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t)
			b := newChromium(t, h, language)
			for _, p := range []struct{ name, path, selector string }{
				{"6-terms", "/terms", ".legal"}, {"6-privacy", "/privacy", ".legal"},
				{"7-signin", "/signin", "#email"}, {"9-accessibility", "/accessibility", ".legal"},
				{"9-missing", "/nothing", "h1"}, {"9-no-session", "/session", "h1"},
			} {
				b.open(p.path, p.selector)
				b.look(p.name)
			}
			// A form that is sent where none is expected: as a link of an old page might.
			b.open("/terms", ".legal")
			b.send("/terms", 1)
			b.until(`document.querySelector("main h1") && !document.querySelector(".legal")`)
			b.look("9-method")
			b.open("/", "#key")
			b.send("/key", 1<<20)
			b.until(`document.querySelector("main h1") && !document.querySelector("#key")`)
			b.look("9-form")
			for name, err := range map[string]error{
				"9-broken": errors.New("the disk is on fire"), "9-busy": session.ErrStopping, "9-evidence": session.ErrEvidence,
			} {
				h.desk.answer(err)
				b.open("/k/ACDEFGH", "#key")
				b.click("button.primary")
				b.until(`location.pathname === "/key" && document.querySelector("h1")`)
				b.look(name)
			}
			h.desk.answer(nil)
			b.visit("data:text/html,<form method=post action=" + b.url + "/signout><button>go</button></form>")
			b.click("button")
			b.until(`location.pathname === "/signout" && document.querySelector("h1")`)
			b.look("9-origin")

			b.open("/signin", "#email")
			b.signInWith("nobody@esempio.example", "wrong")
			b.until(`document.querySelector(".error-summary")`)
			b.look("7-signin-error")

			h.desk.answer(&session.ThrottledError{RetryAfter: 30 * time.Second})
			b.open("/k/ACDEFGH", "#key")
			b.click("button.primary")
			b.until(`document.querySelector("[aria-invalid]")`)
			b.look("1-key-throttled")
			h.desk.answer(nil)

			id := h.desk.issue(goodKey, anna)
			b.open("/k/ACDEFGH", "#key")
			b.click("button.primary")
			b.until(`document.querySelector(".person")`)
			b.click("button[value=called]")
			b.until(`document.querySelector(".reason")`)
			b.look("5-reported")
			if len(h.desk.reported) != 1 || h.desk.reported[0] != id {
				t.Errorf("reported: %v", h.desk.reported)
			}
			h.desk.issue("ACDEFGJ", anna)
			delete(h.agents, "consento-agent-linux-amd64")
			b.open("/k/ACDEFGJ", "#key")
			b.click("button.primary")
			b.until(`document.querySelector(".person")`)
			b.click(`button[value=yes]`)
			b.until(newest("Joined"))
			b.look("3-unprepared")

			account, err := h.access.Add(t.Context(), access.NewAccount{Email: "carla@esempio.example", Name: "Carla Neri",
				Role: access.Auditor, Password: goodPassword})
			if err != nil {
				t.Fatal(err)
			}
			b.open("/signin", "#email")
			b.signInWith(account.Email, goodPassword)
			b.until(`location.pathname === "/console/" && document.querySelector("h1")`)
			b.look("7-no-console")
		})
	}
}

// TestUnbuiltConsoleInChromium: a broker that was compiled without the console
// has no fonts, and still says so readably.
func TestUnbuiltConsoleInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *web.Config, _ *house) { c.Style = console.Style() })
			b := newChromium(t, h, language)
			account, err := h.access.Add(t.Context(), access.NewAccount{Email: "dino@esempio.example", Name: "Dino Verdi",
				Role: access.Technician, Team: "Helpdesk", Level: access.L1, Profile: protocol.ProfileViewOnly, Password: goodPassword})
			if err != nil {
				t.Fatal(err)
			}
			b.open("/signin", "#email")
			b.look("9-unbuilt-signin")
			b.signInWith(account.Email, goodPassword)
			b.until(`location.pathname === "/console/" && document.querySelector("h1")`)
			b.look("9-unbuilt-console")
		})
	}
}

// TestSetupInChromium looks at the first-run page and what follows it.
func TestSetupInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t, unset)
			b := newChromium(t, h, language)
			b.open("/", "h1")
			b.look("0-not-ready")
			b.open("/setup?token=wrong", "h1")
			b.look("8-setup-link")
			token, err := h.access.NewSetupToken(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			b.open("/setup?token="+token, "form")
			b.look("8-setup")
			evaluate[bool](b, `(document.querySelector("button[value=read]").removeAttribute("formtarget"), true)`) // into this tab
			b.click("button[value=read]")
			b.until(`document.querySelectorAll("article.legal").length === 2`)
			b.look("8-setup-texts")
			b.open("/setup?token="+token, "form")
			b.do(chromedp.SetValue(`[id="administrator.email"]`, "carla@esempio.example"))
			b.click("button.primary")
			b.until(`document.querySelector(".error-summary")`)
			b.look("8-setup-errors")

			identity, err := recordings.NewIdentity()
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{
				"office.name": "Comune di Esempio", "office.phone": "+39 0471 000 000",
				"administrator.name": "Carla Neri", "administrator.email": "carla@esempio.example", "administrator.password": goodPassword,
				"auditor.name": "Dino Verdi", "auditor.email": "dino@esempio.example", "auditor.password": goodPassword + " again",
				"auditor.public_key": identity.Recipient().String(),
			} {
				b.do(chromedp.SetValue(fmt.Sprintf("[id=%q]", name), value))
			}
			b.click("button.primary")
			b.until(`location.pathname === "/setup" && !document.querySelector("form.setup, input")`)
			b.look("8-setup-done")
		})
	}
}

// TestLivePageComesBack: a page whose connection is cut asks for itself again.
func TestLivePageComesBackInChromium(t *testing.T) {
	h := builtHouse(t)
	b := newChromium(t, h, "en")
	id := h.desk.issue(goodKey, anna)
	b.open("/k/ACDEFGH", "#key")
	b.click("button.primary")
	b.until(`document.querySelector(".person")`)
	b.click(`button[value=yes]`)
	b.until(newest("Joined"))
	h.server.CloseClientConnections()
	h.desk.set(id, step(protocol.StateWaiting, protocol.StepAgentStarted))
	b.until(newest("Waiting"))
}

// TestWithoutJavaScript goes the same way in a browser that runs no script.
func TestWithoutJavaScriptInChromium(t *testing.T) {
	h := builtHouse(t)
	b := newChromium(t, h, "en")
	b.withoutScripts()
	id := h.desk.issue(goodKey, anna)
	b.open("/k/acdefgh", "#key")
	b.click("button.primary")
	b.until(`document.querySelector(".person")`)
	b.ready()
	if evaluate[bool](b, `document.documentElement.classList.contains("js")`) {
		t.Fatal("the page's script runs")
	}
	b.click(`button[value=yes]`)
	b.until(newest("Joined"))
	h.desk.set(id, step(protocol.StateJoined, protocol.StepAgentFetched))
	b.until(`document.querySelector(".status .fetched .start")`)
	b.shot("3-start-no-script")
	h.desk.set(id, step(protocol.StateWaiting, protocol.StepAgentStarted))
	b.until(newest("Waiting"))
	// What is new stands out, what is past does not, and the heading follows.
	is(b, `[...document.querySelectorAll(".status > li")].map(li => getComputedStyle(li).fontWeight).join(" ")`, "400 400 600")
	is(b, `document.querySelector("h1").innerText.trim()`, "Answer the next questions")
	yes := true
	h.desk.set(id, ended(protocol.StateEnding, protocol.EndTechnician, nil))
	b.until(`document.querySelector("h1")?.innerText === "The help session is over"`) // by itself
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, &yes))
	b.until(newest("Closed") + ` && document.querySelector(".removed")`)
}

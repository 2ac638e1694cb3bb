package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/broker/internal/web"
	"consento/console"
	"consento/protocol"
	"consento/recordings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds each step in a browser.
const patience = 30 * time.Second

// axeSource is the accessibility checker, installed with the console's tools.
const axeSource = "../../../console/node_modules/axe-core/axe.min.js"

// chromium is one real browser with one page. WEB_SHOTS names a folder for
// pictures of what it shows.
type chromium struct {
	t   testing.TB
	ctx context.Context
	url string
	tag string
}

// Flags are Chromium's, "name=value".
func newChromium(t testing.TB, h *house, language string, flags ...string) *chromium {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()), chromedp.IgnoreCertErrors)
	for _, flag := range []string{"no-sandbox", "disable-gpu", "disable-quic", "disable-component-update"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	options = append(options, chromedp.Flag("lang", language), chromedp.Flag("accept-lang", language))
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		options = append(options, chromedp.Flag(name, value))
	}
	if _, err := os.Stat("/usr/bin/chromium"); err == nil {
		options = append(options, chromedp.ExecPath("/usr/bin/chromium"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &chromium{t: t, ctx: ctx, url: h.server.URL, tag: language}
	err := chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("exception in the page: %+v", e.ExceptionDetails)
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				t.Errorf("the page breaks the policy: %s", e.Entry.Text)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	// As if its window were in front, however many browsers run.
	command(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

func (b *chromium) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// command sends one command of the DevTools protocol.
func command[P, R any](b *chromium, c cdp.Command[P, R], params P) (result R) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) (err error) {
		result, err = cdp.Call(ctx, target, c, params)
		return err
	}))
	return result
}

// open goes to an address without waiting for the page's end: a live page has none.
func (b *chromium) open(path, selector string) {
	b.t.Helper()
	there := fmt.Sprintf("location.pathname + location.search === %q && document.querySelector(%q)", path, selector)
	for {
		command(b, page.Navigate, page.NavigateParams{URL: b.url + path})
		b.until(there + ` || document.body?.innerText.includes("ERR_NETWORK_CHANGED")`)
		if evaluate[bool](b, "!!("+there+")") {
			return
		}
		// Some other test made a network, and Chromium gave up what it was loading.
	}
}

// visit opens any address.
func (b *chromium) visit(address string) {
	b.t.Helper()
	command(b, page.Navigate, page.NavigateParams{URL: address})
}

func evaluate[T any](b *chromium, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %.200s", err, script)
	}
	return value
}

// until waits for an expression to become true. A page that is left while it is
// asked answers with an error, so the question is put again.
func (b *chromium) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && ok {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location + "\n" + document.body?.innerText`))
			b.t.Fatalf("never true: %s\nlast: %v\nthe page: %s", expression, err, text)
		}
	}
}

func (b *chromium) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(selector, chromedp.NodeVisible))
}

// view is one way in which a page is looked at.
type view struct {
	scheme string
	width  int64
}

// views are light and dark, wide and narrow: each with each where the pages are
// made, each at least once in the other languages. 720 is 1440 at 200 % zoom, in
// the colours that a person forces on all pages: axe reads contrast from what the
// style sheet says, and cannot there.
func views(language string) []view {
	switch language {
	case "en":
		return []view{{"light", 1440}, {"light", 320}, {"dark", 1440}, {"dark", 320}, {"forced", 720}}
	case "it":
		return []view{{"light", 1440}, {"light", 320}, {"dark", 1440}, {"dark", 320}}
	}
	return []view{{"light", 320}, {"dark", 1440}}
}

// look checks the page as it stands with axe and for sideways scrolling.
func (b *chromium) look(name string) {
	b.t.Helper()
	b.lookAt(name, views(b.tag))
}

// glance looks at one more state of a page that look has seen: the languages in
// which room is short narrow and dark too, the others once.
func (b *chromium) glance(name string) {
	b.t.Helper()
	if b.tag == "de" || b.tag == "ja" {
		b.lookAt(name, []view{{"light", 1440}, {"dark", 320}})
		return
	}
	b.lookAt(name, []view{{"light", 320}})
}

func (b *chromium) lookAt(name string, views []view) {
	b.t.Helper()
	source, err := os.ReadFile(axeSource)
	if err != nil {
		b.t.Fatalf("axe-core is installed with the console's tools: %v", err)
	}
	evaluate[bool](b, string(source)+"; true")
	for _, v := range views {
		colours := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: v.scheme}
		if v.scheme == "forced" {
			colours = &emulation.MediaFeature{Name: "forced-colors", Value: "active"}
		}
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{colours, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		b.do(chromedp.EmulateViewport(v.width, 900))
		what := fmt.Sprintf("%s-%s-%s-%d", name, b.tag, v.scheme, v.width)
		report := evaluate[json.RawMessage](b, `axe.run(document, {runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"], rules: {"color-contrast": {enabled: `+strconv.FormatBool(v.scheme != "forced")+`}}})
			.then(r => r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html + " " + n.failureSummary)]))`)
		if string(report) != "[]" {
			b.t.Errorf("%s: axe: %s", what, report)
		}
		if over := evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			b.t.Errorf("%s: %d pixels wider than the window", what, over)
		}
		b.shot(what)
	}
	b.do(chromedp.EmulateViewport(1440, 900))
}

func (b *chromium) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("WEB_SHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// send posts a field of so many characters to an address of the broker, from the
// page that is open.
func (b *chromium) send(path string, length int) {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf(`(() => {
		const form = document.createElement("form"), field = document.createElement("textarea");
		form.method = "post"; form.action = %q; field.name = "key"; field.value = "k".repeat(%d);
		form.append(field); document.body.append(form); form.submit(); return true;
	})()`, path, length))
}

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
			b.do(chromedp.SendKeys("#key", "2345678\r"))
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
			if n := evaluate[int](b, `document.querySelectorAll('[data-testid="session-state"]').length`); n != 1 {
				t.Errorf("%d elements are the state of the session", n)
			}
			name := filepath.Join(downloads, "consento-"+string(h.desk.sessions[id].ticket))
			b.until(`document.readyState === "loading"`) // the download did not stop the live page
			until(t, func() bool { _, err := os.Stat(name); return err == nil })
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
			b.until(newest("Ending"))
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

// until waits for something that no channel tells of.
func until(t testing.TB, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("never became true")
		}
	}
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
			b.until(`document.title && !document.querySelector(".legal")`)
			b.look("9-method")
			b.open("/", "#key")
			b.send("/key", 1<<20)
			b.until(`document.title && !document.querySelector("#key")`)
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
			command(b, page.Navigate, page.NavigateParams{URL: "data:text/html,<form method=post action=" + b.url + "/signout><button>go</button></form>"})
			b.click("button")
			b.until(`location.pathname === "/signout" && document.querySelector("h1")`)
			b.look("9-origin")

			b.open("/signin", "#email")
			b.do(chromedp.SendKeys("#email", "nobody@esempio.example"), chromedp.SendKeys("#password", "wrong\r"))
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
			b.do(chromedp.SendKeys("#email", account.Email), chromedp.SendKeys("#password", goodPassword+"\r"))
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
			b.do(chromedp.SendKeys("#email", account.Email), chromedp.SendKeys("#password", goodPassword+"\r"))
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
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	id := h.desk.issue(goodKey, anna)
	b.open("/k/acdefgh", "#key")
	b.click("button.primary")
	b.until(`document.querySelector(".person")`)
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
	weights := evaluate[[]string](b, `[...document.querySelectorAll(".status > li")].map(li => getComputedStyle(li).fontWeight)`)
	if got := strings.Join(weights, " "); got != "400 400 600" {
		t.Errorf("weights of the lines: %s", got)
	}
	if got := evaluate[string](b, `document.querySelector("h1").innerText.trim()`); got != "Answer the next questions" {
		t.Errorf("heading %q", got)
	}
	yes := true
	h.desk.set(id, ended(protocol.StateEnding, protocol.EndTechnician, nil))
	b.until(`document.querySelector("h1")?.innerText === "The help session is over"`) // by itself
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndTechnician, &yes))
	b.until(newest("Closed") + ` && document.querySelector(".removed")`)
}

// media shows the page as on that medium, "" the screen.
func (b *chromium) media(medium string) {
	b.t.Helper()
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium})
}

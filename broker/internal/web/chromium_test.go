package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
	t          testing.TB
	ctx        context.Context
	url        string
	tag        string
	scriptless bool // its pages run no script
}

// Flags are Chromium's, "name=value".
func newChromium(t testing.TB, h *house, language string, flags ...string) *chromium {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()), chromedp.IgnoreCertErrors,
		chromedp.WSURLReadTimeout(2*patience))
	// Else Chromium drops keys and clicks that come before a page is painted for the first time.
	for _, flag := range []string{"no-sandbox", "disable-gpu", "disable-quic", "disable-component-update", "allow-pre-commit-input"} {
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
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
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

// withoutScripts lets the browser run no script of its pages.
func (b *chromium) withoutScripts() {
	b.t.Helper()
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.scriptless = true
}

func (b *chromium) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("%v\nthe page: %s", err, b.says())
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

// says is what the page shows, for messages.
func (b *chromium) says() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location + "\n" + document.body?.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}

// open goes to an address without waiting for the page's end: a live page has none.
func (b *chromium) open(path, selector string) {
	b.t.Helper()
	b.visit(b.url + path)
	b.until(fmt.Sprintf("location.pathname + location.search === %q && document.querySelector(%q)", path, selector))
	b.ready()
}

// visit goes to any address until its document has taken the place of the one before.
func (b *chromium) visit(address string) {
	b.t.Helper()
	for range 50 {
		before := b.document()
		going := command(b, page.Navigate, page.NavigateParams{URL: address})
		switch going.ErrorText {
		case "net::ERR_NETWORK_CHANGED", "net::ERR_ABORTED":
			continue // some other test made a network, or the page itself went on
		case "":
		default:
			b.t.Fatalf("%s: %s", address, going.ErrorText)
		}
		if going.LoaderID == "" {
			return // another place of the same document
		}
		there := before
		until(b.t, "document of "+address, func() bool { there = b.document(); return there != before })
		if there == going.LoaderID {
			return
		}
	}
	b.t.Fatalf("%s does not load", address)
}

// document names the document that the page shows.
func (b *chromium) document() (id cdp.LoaderID) {
	b.t.Helper()
	until(b.t, "the page has a document", func() bool { // none while its process changes
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			tree, err := cdp.Call(ctx, target, page.GetFrameTree, cdp.Empty{})
			if err == nil {
				id = tree.FrameTree.Frame.LoaderID
			}
			return err
		}))
		return err == nil
	})
	return id
}

func evaluate[T any](b *chromium, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %.200s\nthe page: %s", err, script, b.says())
	}
	return value
}

// comes waits until an expression, perhaps a promise, has a value that is right,
// and returns it. A page that is left while it is asked answers with an error, so
// the question is put again.
func comes[T any](b *chromium, expression string, right func(T) bool) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
		if err == nil && right(value) {
			return value
		}
		// Some other test made a network while this page was on its way: whoever sits before it loads it again.
		lost, _ := chromedp.Run(ctx, chromedp.Evaluate[bool](`location.protocol === "chrome-error:" && document.body.innerText.includes("ERR_NETWORK_CHANGED")`))
		if lost {
			command(b, page.Reload, page.ReloadParams{})
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			b.t.Fatalf("never right: %s\nlast: %v, %v\nthe page: %s", expression, value, err, b.says())
		}
	}
}

// until waits for an expression to become true.
func (b *chromium) until(expression string) {
	b.t.Helper()
	comes(b, "!!("+expression+")", func(yes bool) bool { return yes })
}

// is waits for an expression to have this value.
func is[T comparable](b *chromium, expression string, want T) {
	b.t.Helper()
	comes(b, expression, func(got T) bool { return got == want })
}

// ready waits until the page is as people meet it: all of it is there (a live one
// has its first line), its scripts run, it is painted, and in its own letters, so
// that nothing moves any more.
func (b *chromium) ready() {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const live = document.querySelector('[data-testid="session-state"]') && (%[1]t || document.documentElement.classList.contains("js"));
		const begun = %[1]t || !document.querySelector("#browser") || document.querySelector("main").dataset.browser;
		return (live || document.readyState === "complete") && begun && performance.getEntriesByType("paint").length > 0
			&& document.body.offsetHeight >= 0 && document.fonts.status === "loaded"; // a layout asks for the fonts
	})()`, b.scriptless))
}

// frames waits for two frames, so that what follows a change of size is done.
func (b *chromium) frames() {
	b.t.Helper()
	comes(b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`, func(bool) bool { return true })
}

// click presses on the middle of the first element that a selector finds, once it
// stands still.
func (b *chromium) click(selector string) {
	b.t.Helper()
	b.ready()
	before := ""
	comes(b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e?.checkVisibility()) return "";
		e.scrollIntoViewIfNeeded();
		const r = e.getBoundingClientRect();
		return [r.x, r.y, r.width, r.height].join();
	})()`, selector), func(now string) bool {
		still := now != "" && now == before
		before = now
		return still
	})
	b.do(chromedp.Click(selector))
}

// write types into a field; "\r" is Enter.
func (b *chromium) write(selector, text string) {
	b.t.Helper()
	b.ready()
	b.do(chromedp.SendKeys(selector, text))
}

// signInWith fills in the page on which one signs in, which is open.
func (b *chromium) signInWith(email, password string) {
	b.t.Helper()
	b.write("#email", email)
	b.write("#password", password+"\r")
}

// media shows the page as on that medium, "" the screen.
func (b *chromium) media(medium string) {
	b.t.Helper()
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium})
}

func (b *chromium) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	b.until(fmt.Sprintf(`innerWidth === %d && innerHeight === %d`, width, height))
	b.frames()
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

// takeAxe gives the page the accessibility checker, once.
func (b *chromium) takeAxe() {
	b.t.Helper()
	if evaluate[bool](b, `typeof axe === "object"`) {
		return
	}
	source, err := os.ReadFile(axeSource)
	if err != nil {
		b.t.Fatalf("axe-core is installed with the console's tools: %v", err)
	}
	evaluate[bool](b, string(source)+"; true")
}

func (b *chromium) lookAt(name string, views []view) {
	b.t.Helper()
	b.ready()
	b.takeAxe()
	for _, v := range views {
		colours := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: v.scheme}
		if v.scheme == "forced" {
			colours = &emulation.MediaFeature{Name: "forced-colors", Value: "active"}
		}
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{colours, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		b.size(v.width, 900)
		b.ready()
		what := fmt.Sprintf("%s-%s-%s-%d", name, b.tag, v.scheme, v.width)
		report := evaluate[json.RawMessage](b, `axe.run(document, {resultTypes: ["violations"], selectors: false, runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"], rules: {"color-contrast": {enabled: `+strconv.FormatBool(v.scheme != "forced")+`}}})
			.then(r => r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html + " " + n.failureSummary)]))`)
		if string(report) != "[]" {
			b.t.Errorf("%s: axe: %s", what, report)
		}
		if over := evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			b.t.Errorf("%s: %d pixels wider than the window", what, over)
		}
		b.shot(what)
	}
	b.size(1440, 900)
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

// until waits for something that no channel tells of.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("%s: never became true", what)
		}
	}
}

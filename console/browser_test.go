// Package console_test drives the real bundle in a real Chromium. A peer in the
// test plays the broker on the WebSocket and decodes what the console sends with
// the broker's own decoder; a second page plays the customer's screen.
//
// CONSOLE_SHOTS names a folder for screenshots of every state.
package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"consento/build/stage"
)

// browser is one Chromium with a page.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// newBrowser starts Chromium for a person with this language.
func newBrowser(t *testing.T, language string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("allow-pre-commit-input", true), // else keys before the first paint are dropped
		chromedp.WSURLReadTimeout(2*patience),
		chromedp.Flag("lang", language),
		chromedp.Flag("accept-lang", language),
		// Two browsers on this machine connect with each other, perhaps without a network.
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns,Translate"),
	)
	if _, err := os.Stat(debianChromium); err == nil {
		options = append(options, chromedp.ExecPath(debianChromium))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t, ctx}
	b.watch()
	command(b, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: language})
	// As if its window were in front, however many browsers run.
	command(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.size(1440, 900)
	return b
}

const debianChromium = "/usr/bin/chromium"

// watch fails the test for any exception, and for anything that the policy blocks.
func (b *browser) watch() {
	b.t.Helper()
	err := chromedp.Listen(b.ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			b.t.Errorf("exception in the page: %+v", e.ExceptionDetails)
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity || strings.Contains(e.Entry.Text, "Content Security Policy") {
				b.t.Errorf("the page breaks the policy: %s", e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// command sends one command of the DevTools protocol.
func command[P, R any](b *browser, c cdp.Command[P, R], params P) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	}))
}

// open goes to an address, and waits until its page is loaded and painted.
func (b *browser) open(url string) {
	b.t.Helper()
	for range 50 {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := chromedp.Do(ctx, chromedp.Navigate(url))
		cancel()
		var failed *chromedp.LoadError
		if errors.As(err, &failed) && failed.ErrorText == "net::ERR_NETWORK_CHANGED" {
			continue // some other test made a network, and Chromium gave up what it was loading
		}
		if err != nil {
			b.t.Fatal(err)
		}
		b.frames()
		return
	}
	b.t.Fatalf("%s does not load", url)
}

// before runs a script in each page that is opened from now on, before its own.
func (b *browser) before(script string) {
	b.t.Helper()
	command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
}

// eval runs an expression (perhaps a promise) and returns its value.
func eval[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %s", err, script)
	}
	return value
}

// watching is a promise of whether an expression becomes true in time. It is looked
// at whenever the page changes, and twenty times a second for what is no change of
// the page.
func watching(expression string) string {
	return fmt.Sprintf(`new Promise((resolve) => {
		const check = () => { let ok = false; try { ok = !!(%s); } catch {} if (ok || performance.now() > limit) end(ok); };
		const end = (ok) => { clearInterval(timer); seen.disconnect(); resolve(ok); };
		const limit = performance.now() + %d;
		const seen = new MutationObserver(check);
		const timer = setInterval(check, 50);
		seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
		check();
	})`, expression, patience.Milliseconds())
}

// until waits for an expression to become true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	b.became(eval[bool](b, watching(expression)), what, expression)
}

// soon begins to look for what is only shown for a while; the function that it
// returns waits until it was.
func (b *browser) soon(what, expression string) (came func()) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`((globalThis.soon ??= {})[%q] = %s, true)`, what, watching(expression)))
	return func() {
		b.t.Helper()
		b.became(eval[bool](b, fmt.Sprintf(`soon[%q]`, what)), what, expression)
	}
}

func (b *browser) became(ok bool, what, expression string) {
	b.t.Helper()
	if !ok {
		b.shot("failed")
		b.t.Fatalf("%s: never became true: %s\nthe page says:\n%s", what, expression, eval[string](b, `document.body.innerText`))
	}
}

// comes waits until the value of a script is right.
func comes[T any](b *browser, what, script string, right func(T) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		value := eval[T](b, script)
		if right(value) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			b.shot("failed")
			b.t.Fatalf("%s: never so: %v is the last of %s", what, value, script)
		}
	}
}

// frames waits until the page's letters are those that stay and two frames were
// drawn, so that what follows a change of size is done.
func (b *browser) frames() {
	b.t.Helper()
	eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	b.until("fonts", `document.body.offsetHeight >= 0 && document.fonts.status === "loaded"`)
}

// key presses keys as a person does.
func (b *browser) key(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, stage.Raw))
}

// insert puts in a text at once, as from the clipboard.
func (b *browser) insert(text string) {
	b.t.Helper()
	command(b, input.InsertText, input.InsertTextParams{Text: text})
}

// click clicks on the first element of a CSS selector, once it stands still.
func (b *browser) click(selector string) {
	b.t.Helper()
	before := ""
	comes(b, selector+" stands still", fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		const menu = e?.closest('[data-menu="closed"]');
		if (menu) document.querySelector('[aria-controls="' + menu.id + '"]').click();
		const tab = e?.closest(".dock-panel[hidden]");
		if (tab) document.getElementById(tab.getAttribute("aria-labelledby")).click();
		if (!e?.checkVisibility()) return "";
		e.scrollIntoViewIfNeeded();
		const r = e.getBoundingClientRect();
		return [r.x, r.y, r.width, r.height].join();
	})()`, selector), func(now string) bool {
		still := now != "" && now == before
		before = now
		return still
	})
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *browser) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	b.until("size", fmt.Sprintf(`innerWidth === %d && innerHeight === %d`, width, height))
	b.frames()
}

// narrow looks at half a screen and at a telephone, and has more looked at there.
func (b *browser) narrow(name string, more func()) {
	b.t.Helper()
	for _, width := range []int64{960, 320} {
		b.size(width, 800)
		b.axe(fmt.Sprintf("%s at %d", name, width))
		b.shot(fmt.Sprintf("%s-%d", name, width))
		more()
	}
	b.size(1440, 900)
}

// focus puts the window in front, or behind others: a browser without a screen has no others.
func (b *browser) focus(front bool) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(document.hasFocus = () => %t, dispatchEvent(new Event(%[1]t ? "focus" : "blur")), true)`, front))
}

func (b *browser) scheme(dark bool) {
	b.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}},
	})
}

// forced is in the colours that a person forces on all pages.
func (b *browser) forced() {
	b.t.Helper()
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}},
	})
}

// shot takes a picture of the window, if somebody wants one.
func (b *browser) shot(name string) {
	b.t.Helper()
	folder := os.Getenv("CONSOLE_SHOTS")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// axe runs axe-core with the rules of WCAG 2.2 AA and its best practices.
func (b *browser) axe(name string) {
	b.t.Helper()
	if !eval[bool](b, `typeof axe === "object"`) { // once for each document
		source, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
		if err != nil {
			b.t.Fatalf("axe-core is missing (npm --prefix console ci --ignore-scripts): %v", err)
		}
		b.do(chromedp.Evaluate[chromedp.Void](string(source)))
	}
	b.frames()
	result := eval[string](b, `axe.run(document, {resultTypes: ["violations"], selectors: false}).then((r) => JSON.stringify(r.violations.map((v) =>
		({id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 160) + " | " + n.any.concat(n.all, n.none).map((c) => c.message).join("; "))}))))`)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(result), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found {
		b.t.Errorf("%s: axe %s (%s):\n  %s", name, v.ID, v.Help, strings.Join(v.Nodes, "\n  "))
	}
	if wide := eval[string](b, `document.documentElement.scrollWidth > innerWidth ? document.documentElement.scrollWidth + " > " + innerWidth : ""`); wide != "" {
		b.t.Errorf("%s: the page scrolls sideways: %s", name, wide)
	}
}

// byID is a selector for a data-testid.
func byID(id string) string { return fmt.Sprintf(`[data-testid=%q]`, id) }

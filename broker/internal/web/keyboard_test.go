package web_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/session"
	"consento/build/stage"
	"consento/protocol"
	"consento/recordings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keys presses keys as a person does.
func (b *chromium) keys(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, stage.Raw))
}

// focused returns what has the keyboard, and fails unless a person sees it.
func (b *chromium) focused() stage.Focused {
	b.t.Helper()
	f := evaluate[stage.Focused](b, stage.Focus)
	for _, wrong := range f.Wrong {
		b.t.Errorf("%s: the keyboard at %s: %s", evaluate[string](b, `location.pathname + " " + document.title`), f.Name, wrong)
	}
	return f
}

// tabTo presses Tab until the keyboard is at a selector, and fails unless every
// stop on the way is seen and the stops follow each other as a person reads. It
// returns those in the page's main part.
func (b *chromium) tabTo(selector string) []string {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector(%q)`, selector))
	b.ready()
	var stops []string
	last := b.standing()
	for range 150 {
		if evaluate[bool](b, fmt.Sprintf(`!!document.activeElement?.matches(%q)`, selector)) {
			b.focused()
			return stops
		}
		b.keys(kb.Tab)
		f := b.focused()
		// At the end it begins again, with the way past the head.
		if f.Name != "" && last.Name != "" && f.Name != "#main" && !f.After(last) {
			b.t.Errorf("%s: after %s the keyboard jumps back to %s", evaluate[string](b, `location.pathname`), last.Name, f.Name)
		}
		if last = f; f.InMain {
			stops = append(stops, f.Name)
		}
	}
	b.t.Fatalf("Tab never comes to %s; it came to %s", selector, strings.Join(stops, ", "))
	return nil
}

// standing is where the keyboard is, whether or not it is seen: a page opens with it nowhere.
func (b *chromium) standing() stage.Focused {
	b.t.Helper()
	return evaluate[stage.Focused](b, stage.Focus)
}

// enter goes to a selector with Tab and presses Enter there.
func (b *chromium) enter(selector string) {
	b.t.Helper()
	b.tabTo(selector)
	b.keys(kb.Enter)
}

// round goes with Tab through the whole page and back with Shift+Tab, and fails
// where the keyboard is caught or not seen.
func (b *chromium) round() {
	b.t.Helper()
	b.ready()
	evaluate[bool](b, `(globalThis.firstStop = null) === null`)
	var there []stage.Focused
	for range 200 {
		b.keys(kb.Tab)
		f := b.focused()
		if evaluate[bool](b, `(first => { globalThis.firstStop ??= document.activeElement; return first === document.activeElement; })(globalThis.firstStop)`) {
			break
		}
		there = append(there, f)
	}
	if len(there) >= 200 {
		b.t.Errorf("Tab never comes round: %v", there)
	}
	seen := map[string]bool{}
	for range there {
		b.do(chromedp.KeyEvent(kb.Tab, stage.Raw, chromedp.KeyModifiers(chromedp.ModifierShift)))
		seen[b.focused().Name] = true
	}
	if len(seen) < 2 {
		b.t.Errorf("Shift+Tab stays at %v", seen)
	}
}

// chooseFile presses Enter on a field for a file and answers the system's own question.
func (b *chromium) chooseFile(selector, file string) {
	b.t.Helper()
	command(b, page.SetInterceptFileChooserDialog, page.SetInterceptFileChooserDialogParams{Enabled: true})
	asked := make(chan cdp.BackendNodeID, 1)
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	if err := chromedp.Listen(ctx, func(e any) {
		if e, ok := e.(*page.EventFileChooserOpened); ok {
			asked <- e.BackendNodeID
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	b.enter(selector)
	ctx, cancel = context.WithTimeout(b.ctx, patience)
	defer cancel()
	select {
	case node := <-asked:
		command(b, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, BackendNodeID: node})
	case <-ctx.Done():
		b.t.Fatalf("Enter at %s asks for no file", selector)
	}
}

// TestSignInByKeyboard: a wrong password, then the right one, and out again.
func TestSignInByKeyboardInChromium(t *testing.T) {
	h := builtHouse(t, unset)
	known(t, h)
	administrator(t, h)
	b := newChromium(t, h, "en")
	b.open("/signin?next=%2Fsettings", "#email")
	b.round()
	b.open("/signin?next=%2Fsettings", "#email")
	b.until(`document.activeElement.id === "email"`) // the page opens there
	b.keys("carla@esempio.example")
	b.enter("#password")
	b.keys("wrong" + kb.Enter)
	b.until(`document.querySelector(".error-summary") && document.activeElement.id === "password"`)
	b.keys(goodPassword)
	b.enter(`form[action="/signin"] button`)
	b.until(`location.pathname === "/settings" && document.querySelector(".settings")`)
	b.enter(`form[action="/signout"] button`)
	b.until(`location.pathname !== "/settings" && document.querySelector("h1")`)
}

// TestSetupByKeyboard: mistakes first, by the links of the summary to the fields.
func TestSetupByKeyboardInChromium(t *testing.T) {
	h := builtHouse(t, unset)
	b := newChromium(t, h, "en")
	token, err := h.access.NewSetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.open("/setup?token="+token, "form")
	b.keys(kb.Tab)
	if f := b.focused(); f.Name != "#main" {
		t.Errorf("the first stop is %q, not the way past the head", f.Name)
	}
	b.keys(kb.Enter)
	identity, err := recordings.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(file, logoFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	fill := func(name, value string) {
		t.Helper()
		b.tabTo(fmt.Sprintf("[id=%q]", name))
		b.keys(value)
	}
	fill("office.name", "Comune di Esempio")
	fill("office.phone", "+39 0471 000 000")
	fill("office.controller", "Regione di Esempio")
	b.chooseFile(`[id="office.logo"]`, file)
	fill("administrator.name", "Carla Neri")
	fill("administrator.email", "carla@esempio.example")
	fill("administrator.password", goodPassword)
	fill("auditor.name", "Dino Verdi")
	fill("auditor.email", "dino@esempio.example")
	fill("auditor.password", goodPassword+" again")
	b.enter(`form[action="/setup"] button.primary`)
	b.until(`document.querySelector(".error-summary a")`)
	b.enter(`.error-summary a[href="#auditor.public_key"]`)
	b.until(`document.activeElement.id === "auditor.public_key"`)
	b.focused()
	b.keys(identity.Recipient().String())
	// The passwords and the file are never kept.
	b.enter(".skip-link")
	fill("administrator.password", goodPassword)
	fill("auditor.password", goodPassword+" again")
	b.enter(`form[action="/setup"] button.primary`)
	b.until(`location.search === "" && document.querySelector("#try")`)
	b.round()
	b.open("/setup", "#try")
	b.enter(`a[href^="/signin"]`)
	b.until(`document.querySelector("#email")`)
}

// TestSettingsByKeyboard: facts, logo, a text and an old version.
func TestSettingsByKeyboardInChromium(t *testing.T) {
	h := builtHouse(t, unset)
	known(t, h)
	administrator(t, h)
	b := newChromium(t, h, "en")
	b.open("/signin?next=%2Fsettings", "#email")
	b.keys("carla@esempio.example" + kb.Tab + goodPassword + kb.Enter)
	b.until(`location.pathname === "/settings" && document.querySelector(".settings")`)
	b.round()

	b.open("/settings", ".settings")
	b.tabTo(`[id="office.phone"]`)
	b.do(chromedp.KeyEvent("a", stage.Raw, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.keys("+39 0471 333 333")
	b.enter(`button[value=check]`)
	b.until(`document.querySelector(".differences")`)
	if stops := b.tabTo(`main a[href="/settings"]`); !slices.Equal(stops, []string{"step=save", "/settings"}) {
		t.Errorf("stops of the question: %q", stops)
	}
	b.do(chromedp.KeyEvent(kb.Tab, stage.Raw, chromedp.KeyModifiers(chromedp.ModifierShift)))
	b.focused()
	b.keys(kb.Enter)
	b.until(`location.pathname === "/settings" && document.querySelector("[role=status]")`)

	file := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(file, logoFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	b.chooseFile("#logo", file)
	b.enter(`form[action="/settings/logo"] button`)
	b.until(`document.querySelector("header img")?.naturalWidth === 200`)

	b.enter(`a[href="/settings/texts/en"]`)
	b.until(`document.querySelector("#terms")`)
	b.tabTo("#terms")
	b.do(chromedp.KeyEvent("a", stage.Raw, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.keys("1. Help\rThe help of {office} is free.\r\r2. Questions\rCall {phone}.")
	b.enter(`button[value=preview]`)
	b.until(`document.querySelector("button[value=save]")`)
	b.enter(`button[value=save]`)
	b.until(`location.pathname === "/settings" && document.querySelector("[role=status]")`)
	b.enter(`a[href^="/settings/restore/"]:not([href$=program])`)
	b.until(`location.pathname.startsWith("/settings/restore/") && document.querySelector("main form")`)
	b.enter(".settings .actions button.primary")
	b.until(`location.pathname === "/settings" && document.querySelector("[role=status]")`)
}

// TestPortalByKeyboard: key, name, help program, end, log; then a report.
func TestPortalByKeyboardInChromium(t *testing.T) {
	h := builtHouse(t)
	b := newChromium(t, h, "en")
	downloads := t.TempDir()
	command(b, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: downloads})
	id := h.desk.issue(goodKey, anna)
	b.open("/", "#key")
	b.until(`document.activeElement.id === "key"`)
	b.focused()
	b.keys("222 2222" + kb.Enter)
	b.until(`document.querySelector("[aria-invalid]") && document.activeElement.id === "key"`)
	b.do(chromedp.KeyEvent("a", stage.Raw, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.keys("acd-efgh")
	b.enter("button.primary")
	b.until(`document.querySelector(".person")`)
	b.round()
	b.open("/session", ".person")
	b.enter(`button[value=yes]`)
	b.until(newest("Joined"))
	b.round()
	b.enter("a[download]")
	b.until(`document.querySelector(".status .fetched .start")`)
	until(t, "the help program is saved", func() bool {
		_, err := os.Stat(filepath.Join(downloads, "consento-"+string(h.desk.sessions[id].ticket)))
		return err == nil
	})
	b.enter(".start summary")
	b.until(`document.querySelector(".start details").open`)
	b.enter("[data-copy]")
	b.until(`document.querySelector("[data-said]").textContent || getSelection().toString().includes("sha256sum")`)
	h.desk.set(id, step(protocol.StateActive, protocol.StepAgentStarted, protocol.StepTermsAccepted, protocol.StepViewAllowed))
	b.until(newest("Active"))
	b.enter(".stop-form button")
	b.until(newest("Ending"))
	h.desk.log(id, logOf(everyEvent()))
	yes := true
	h.desk.set(id, ended(protocol.StateClosed, protocol.EndCustomer, &yes))
	b.until(newest("Closed") + ` && document.readyState === "complete"`)
	b.round()
	b.enter(`a[href="/session/log"]`)
	b.until(`location.pathname === "/session/log" && location.search.includes("zone=") && document.querySelector("tr[data-code]")`)
	b.round()
	b.enter(`a[href^="/session/log.html"]`)
	until(t, "the log is saved", func() bool {
		saved, _ := filepath.Glob(filepath.Join(downloads, "consento-*.html"))
		return len(saved) == 1
	})

	id = h.desk.issue(goodKey, anna)
	h.desk.log(id, session.Log{})
	b.open("/k/ACDEFGH", "#key")
	b.until(`document.activeElement.id === "key"`)
	b.keys(kb.Enter)
	b.until(`document.querySelector(".person")`)
	b.enter(`form[action="/session/report"] button`)
	b.until(`document.querySelector(".reason")`)
	if len(h.desk.reported) != 1 || h.desk.reported[0] != id {
		t.Errorf("reported: %v", h.desk.reported)
	}
}

// TestBrowserWayByKeyboard: accept, share, pause, resume, change, end.
func TestBrowserWayByKeyboardInChromium(t *testing.T) {
	peer := &sharePeer{t: t}
	h := builtHouse(t, peer.before())
	b := newChromium(t, h, "en", testScreen...)
	command(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: windows, AcceptLanguage: "en"})
	command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: picker})
	id := h.desk.issue(goodKey, anna)
	b.open("/k/ACDEFGH", "#key")
	b.until(`document.activeElement.id === "key"`)
	b.keys(kb.Enter)
	b.until(`document.querySelector(".person")`)
	b.enter(`button[value=yes]`)
	b.until(newest("Joined"))
	b.at("terms")
	version := evaluate[string](b, `document.querySelector("#browser").dataset.terms`)
	peer.set(func(p *sharePeer) { p.terms = version })
	b.round()
	b.tabTo(".terms")
	before := evaluate[float64](b, `document.querySelector(".terms").scrollTop`)
	b.keys(kb.PageDown)
	b.until(fmt.Sprintf(`document.querySelector(".terms").scrollTop > %v`, before))
	if stops := b.tabTo(`[data-do=decline]`); !slices.Equal(stops, []string{"accept", "decline"}) {
		t.Errorf("after the terms: %q", stops)
	}
	b.do(chromedp.KeyEvent(kb.Tab, stage.Raw, chromedp.KeyModifiers(chromedp.ModifierShift)))
	b.focused()
	b.keys(kb.Enter)
	b.at("ask") // and the keyboard went along
	if stops := b.tabTo(`[data-do=share]`); !slices.Equal(stops, []string{"share"}) {
		t.Errorf("after the question: %q", stops)
	}
	b.keys(kb.Enter)
	b.at("live")
	h.desk.set(id, func(s *protocol.Session) {
		step(protocol.StateActive, protocol.StepBrowserJoined, protocol.StepTermsAccepted, protocol.StepViewAllowed)(s)
		s.Viewers = []string{anna.Name}
	})
	b.until(newest("Active"))
	b.sharing(protocol.SharingShown)
	if stops := b.tabTo(`[data-do=end]`); !slices.Equal(stops, []string{"pause", "change", "end"}) {
		t.Errorf("of the bar: %q", stops)
	}
	b.round() // the bar covers nothing that has the keyboard
	b.size(800, 600)
	b.round()
	b.size(1440, 900)
	b.enter(`[data-do=pause]`)
	b.sharing(protocol.SharingPaused)
	b.until(`document.activeElement.dataset.do === "resume"`)
	b.focused()
	b.keys(" ")
	b.sharing(protocol.SharingShown)
	b.until(`document.activeElement.dataset.do === "pause"`)
	evaluate[bool](b, `(picker.track.first = true)`)
	b.enter(`[data-do=change]`)
	b.until(`!picker.track.first && document.querySelector("[data-do=change]").getAttribute("aria-disabled") === "false"`)
	b.sharing(protocol.SharingShown)
	b.enter(`[data-do=end]`)
	b.until(`!document.querySelector("#bar") || document.querySelector("main").dataset.browser === "over"`)
	peer.mu.Lock()
	defer peer.mu.Unlock()
	if want := []protocol.SharingState{protocol.SharingShown, protocol.SharingPaused, protocol.SharingShown}; !slices.Equal(slices.Compact(peer.shared), want) {
		t.Errorf("the office was told %q", peer.shared)
	}
}

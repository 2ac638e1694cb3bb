package web_test

import (
	"fmt"
	"net/http"
	"testing"

	"consento/protocol"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// picker stands for the window in which the browser itself asks what to show,
// which no test can press: unless picker.answer says otherwise, Chromium's own
// screen for tests is chosen. The track of what was chosen is kept, to tell the
// page of it what only the system tells.
const picker = `if (navigator.mediaDevices) {
	const real = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices);
	window.picker = {
		answer: null, track: null,
		open() { return new Promise((resolve, reject) => { this.resolve = resolve; this.cancel = (name) => reject(new DOMException("", name)); }); },
	};
	navigator.mediaDevices.getDisplayMedia = async (wish) => {
		if (picker.answer === "wait") await picker.open();
		else if (picker.answer !== null) throw new DOMException("", picker.answer);
		const stream = await real(wish);
		picker.track = stream.getVideoTracks()[0];
		return stream;
	};
}`

// What Chromium shows in a test that has no screen.
var testScreen = []string{"use-fake-ui-for-media-stream", "use-fake-device-for-media-stream=display-media-type=monitor"}

// toTheTerms goes from a link to the terms, as on a computer that there is no
// help program for.
func (b *chromium) toTheTerms(h *house, key protocol.SessionKey) string {
	b.t.Helper()
	id := h.desk.issue(key, anna)
	b.open("/k/"+string(key), "#key")
	b.click("button.primary")
	b.until(`document.querySelector(".person")`)
	b.click(`button[value=yes]`)
	b.until(newest("Joined"))
	return id
}

// problem waits until the page says this, and nothing else, of what went wrong.
func (b *chromium) problem(what string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`[...document.querySelectorAll("[data-problem]")].filter((e) => e.checkVisibility()).map((e) => e.dataset.problem).join() === %q`, what))
}

func (b *chromium) at(step string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector("main").dataset.browser === %q`, step))
}

func (b *chromium) press(action string) {
	b.t.Helper()
	b.click(fmt.Sprintf(`[data-do=%q]`, action))
}

// TestBrowserWayInChromium reaches every state of the page that shares from the
// browser, and looks at each.
func TestBrowserWayInChromium(t *testing.T) {
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			peer := &sharePeer{t: t, quiet: true}
			h := builtHouse(t, peer.before())
			b := newChromium(t, h, language, testScreen...)
			command(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: windows, AcceptLanguage: language})
			command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: picker})
			b.toTheTerms(h, goodKey)
			b.at("terms")
			b.look("3-browser-terms")
			version := evaluate[string](b, `document.querySelector("#browser").dataset.terms`)
			// The keyboard reaches the terms, then the yes, then the no.
			order := evaluate[string](b, `[...document.querySelectorAll('[data-step="terms"] :is([tabindex="0"], button)')].map(e => e.dataset.do ?? "terms").join(" ")`)
			if order != "terms accept decline" {
				t.Errorf("order of the keyboard: %s", order)
			}

			peer.set(func(p *sharePeer) { p.refusal = http.StatusServiceUnavailable })
			b.press("accept")
			b.problem("unreachable")
			b.glance("3-browser-unreachable")
			peer.set(func(p *sharePeer) { p.refusal, p.used = 0, true })
			b.press("accept")
			b.problem("used")
			b.glance("3-browser-used")
			peer.set(func(p *sharePeer) { p.used, p.terms = false, version+"-2" })
			b.press("accept")
			b.problem("terms_changed")
			b.glance("3-browser-terms-changed")
			b.press("accept")
			b.at("wait")
			b.glance("3-browser-wait")

			peer.ask()
			b.at("ask")
			b.glance("4-browser-ask")
			evaluate[bool](b, `(picker.answer = "wait", true)`)
			b.press("share")
			b.until(`document.querySelector('[data-step="ask"] [data-choosing]').checkVisibility()`)
			b.glance("4-browser-choosing")
			evaluate[bool](b, `(picker.cancel("NotAllowedError"), true)`)
			b.problem("denied")
			b.glance("4-browser-denied")
			evaluate[bool](b, `(picker.answer = "NotReadableError", true)`)
			b.press("share")
			b.problem("failed")
			b.glance("4-browser-failed")
			peer.drop(http.StatusServiceUnavailable)
			b.problem("away")
			b.glance("4-browser-away")
			peer.set(func(p *sharePeer) { p.refusal = 0 })
			b.problem("")

			evaluate[bool](b, `(picker.answer = null, true)`)
			b.press("share")
			b.at("live")
			b.sharing(protocol.SharingShown)
			b.look("5-browser-live")
			evaluate[bool](b, `(picker.answer = "wait", true)`)
			b.press("change")
			b.until(`document.querySelector("#bar [data-choosing]").checkVisibility()`)
			b.glance("5-browser-choosing")
			evaluate[bool](b, `(picker.cancel("NotAllowedError"), true)`)
			b.problem("unchanged")
			b.glance("5-browser-unchanged")
			evaluate[bool](b, `(picker.answer = "NotReadableError", true)`)
			b.press("change")
			b.problem("failed")
			b.glance("5-browser-failed")
			b.press("pause")
			b.sharing(protocol.SharingPaused)
			b.problem("") // it is past
			b.glance("5-browser-paused")
			b.press("resume")
			b.sharing(protocol.SharingShown)
			evaluate[bool](b, `picker.track.dispatchEvent(new Event("mute"))`)
			b.sharing(protocol.SharingMuted)
			b.glance("5-browser-muted")
			evaluate[bool](b, `picker.track.dispatchEvent(new Event("unmute"))`)
			b.sharing(protocol.SharingShown)
			peer.drop(http.StatusServiceUnavailable)
			b.problem("away")
			b.glance("5-browser-away")
			peer.set(func(p *sharePeer) { p.refusal = 0 })
			b.problem("")
			evaluate[bool](b, `picker.track.dispatchEvent(new Event("ended"))`)
			b.sharing(protocol.SharingStopped)
			b.glance("5-browser-stopped")

			// The page goes on at once to how the session ended, but that keeps it waiting.
			peer.set(func(p *sharePeer) { p.last = true })
			b.press("end")
			b.at("over")
			b.glance("5-browser-over")
		})
	}
}

// sharing waits until the bar says this of what is shared.
func (b *chromium) sharing(state protocol.SharingState) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector("#bar").dataset.sharing === %q && document.querySelector('#bar [data-state=%[1]q]').checkVisibility()`, state))
}

// TestUnableBrowserInChromium: a browser that cannot share says so at once, and
// asks for nothing.
func TestUnableBrowserInChromium(t *testing.T) {
	lacks := map[string]string{
		"screen":    `delete MediaDevices.prototype.getDisplayMedia`,
		"devices":   `Object.defineProperty(Navigator.prototype, "mediaDevices", {value: undefined})`, // as on a page without TLS
		"WebRTC":    `delete window.RTCPeerConnection`,
		"any codec": `RTCRtpSender.getCapabilities = () => null`,
		"our codecs": `{ const all = RTCRtpSender.getCapabilities;
			RTCRtpSender.getCapabilities = (kind) => { const c = all.call(RTCRtpSender, kind); return {...c, codecs: c.codecs.filter((c) => !/av1|vp9/i.test(c.mimeType))}; }; }`,
	}
	for _, language := range tags(t) {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			h := builtHouse(t)
			b := newChromium(t, h, language)
			command(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: windows, AcceptLanguage: language})
			const key = goodKey
			for what, script := range lacks {
				if language != "en" && what != "WebRTC" {
					continue
				}
				added := command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
				b.toTheTerms(h, key)
				b.at("unsupported")
				if shown := evaluate[string](b, `[...document.querySelectorAll("[data-do]")].filter((e) => e.checkVisibility()).map((e) => e.dataset.do).join()`); shown != "" {
					t.Errorf("without %s the page offers %s", what, shown)
				}
				if what == "WebRTC" {
					b.look("3-browser-unsupported")
				}
				command(b, page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams(added))
			}
			if language == "en" { // the same browser, whole
				b.toTheTerms(h, key)
				b.at("terms")
			}
		})
	}
}

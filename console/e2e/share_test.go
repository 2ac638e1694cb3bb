package console_test

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// What answers the browser's own question as a customer does who picks the whole
// screen, or the window of that title, under the browser's names for them.
const (
	wholeScreen = "auto-select-desktop-capture-source=Entire screen"
	aTerminal   = "auto-select-window-capture-source-by-title=A terminal"
	aTab        = "auto-select-tab-capture-source-by-title=A tab"
)

const remote = `[data-testid="remote-screen"]`

// press presses a button of the page that is the agent.
func (o *office) press(action string) {
	o.t.Helper()
	o.must(o.page.Click(`[data-do="` + action + `"]`))
}

// toTheTerms goes from the technician's link to the terms: two presses.
func (o *office) toTheTerms() {
	o.t.Helper()
	key := o.issue()
	o.must(o.page.Open(o.broker.URL + "/k/" + key))
	o.must(o.page.Click(`form[action="/key"] button`))
	o.must(o.page.ConfirmName(true))
	o.must(o.page.Until("terms", `!document.querySelector('div[data-step="terms"]').hidden`))
}

// toTheScreen goes on to the shared screen with two presses more: four from the
// link, besides the browser's own question.
func (o *office) toTheScreen() {
	o.t.Helper()
	o.toTheTerms()
	o.press("accept")
	o.must(o.console.State("Waiting"))
	o.press("share")
	o.must(o.console.State("Active"))
	o.must(o.page.Until("bar", `!document.querySelector("#bar").hidden`))
	o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth > 0`))
}

// says waits until the bar of the page says this of what is shared.
func (o *office) says(state protocol.SharingState) {
	o.t.Helper()
	o.must(o.page.Until("the bar says "+string(state), `!document.querySelector('#bar [data-state="`+string(state)+`"]').hidden`))
}

// still checks that the console shows no new frame any more, while the customer's
// screen goes on changing: however slow the machine is, thirty changes that
// somebody counts, and not one frame.
func (o *office) still() {
	o.t.Helper()
	count := filepath.Join(o.customer.Home, "changes")
	o.must(os.RemoveAll(count))
	clock, err := o.customer.Start("xterm", "-geometry", "20x2+0-0", "-T", "changes", "-e", "bash", "-c",
		`for i in $(seq 6000); do echo "$i"; printf x >>"$0"; sleep 0.05; done`, count)
	o.must(err)
	defer clock.Kill()
	changes := func() int64 {
		file, err := os.Stat(count)
		if err != nil {
			return 0
		}
		return file.Size()
	}
	before, from := -1, int64(0)
	o.must(stage.Until(o.ctx, "no frame comes", func() bool {
		now, err := frames(o.console)
		if err != nil {
			return false
		}
		if now != before { // what was on its way
			before, from = now, changes()
		}
		return changes() >= from+30
	}))
}

// moves starts a window that never rests.
func (o *office) moves(title string) *stage.Program {
	o.t.Helper()
	terminal, err := o.customer.Start("xterm", "-geometry", "80x20+200+330", "-T", title, "-e", "bash", "-c",
		`for i in $(seq 6000); do echo "$i  The quick brown fox jumps over the lazy dog 0123456789"; sleep 0.05; done`)
	o.must(err)
	_, err = o.customer.Window(o.ctx, title)
	o.must(err)
	return terminal
}

// more waits until the console has shown so many frames more.
func (o *office) more(n int) {
	o.t.Helper()
	before, err := frames(o.console)
	o.must(err)
	o.must(stage.Until(o.ctx, "frames", func() bool { now, err := frames(o.console); return err == nil && now >= before+n }))
}

func TestShareFromBrowser(t *testing.T) {
	o := newOffice(t, wholeScreen)
	o.act("the whole screen, paused, ended by the technician", func(o *office) {
		o.toTheScreen()
		terminal := o.moves("busy")
		o.more(20)
		o.picture("shared-customer", o.customer)
		o.picture("shared-technician", o.technician)
		o.tellsOfItsNetwork()
		o.press("pause")
		o.says(protocol.SharingPaused)
		o.still()
		o.picture("paused-customer", o.customer)
		o.picture("paused-technician", o.technician)
		o.press("resume")
		o.says(protocol.SharingShown)
		o.more(20)
		terminal.Kill()
		o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(remote) }))
		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.must(o.page.State("Closed"))
		o.must(o.console.State("Closed"))
		o.picture("over", o.customer)
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventAgentJoined, protocol.EventTermsShown, protocol.EventTermsAccepted,
			protocol.EventConsentAsked, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventScreenPaused,
			protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
		if slices.Contains(e.codes, string(protocol.EventScreenGap)) {
			o.t.Error("a pause is no gap")
		}
		e.seen(o.t)
	})
	o.act("a second console and a second tab, ended by the second", func(o *office) {
		o.toTheScreen()
		others := []*stage.Browser{o.browser(o.technician, "it-IT")}
		o.must(others[0].SignIn(o.broker))
		tab, err := others[0].NewTab()
		o.must(err)
		others = append(others, tab)
		o.must(tab.Open(o.broker.URL + "/console/"))
		for _, other := range others {
			o.must(other.Front())
			o.must(other.Click(`.session-list button.row[data-state="Active"]`))
			o.must(other.Until("late picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
			o.must(o.same("the picture of who came late", func() (image.Image, error) { return other.Frame(remote) }))
		}
		terminal := o.moves("busy")
		o.more(10) // the first goes on
		terminal.Kill()
		o.must(o.same("the first console's picture", func() (image.Image, error) { return o.console.Frame(remote) }))
		o.must(tab.Click(`[data-testid="end-session"]`))
		o.must(o.page.Until("over", `location.pathname === "/session" && document.querySelector(".reason").textContent.length > 0`))
		for _, console := range append(others, o.console) {
			o.must(console.State("Closed"))
		}
		tab.Close()
		others[0].Close()
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventScreenShown, protocol.EventViewerJoined, protocol.EventViewerJoined,
			protocol.EventEnded, protocol.EventClosed)
		if slices.Contains(e.codes, string(protocol.EventRemovalUnknown)) {
			o.t.Error("a browser has nothing to remove")
		}
		e.seen(o.t)
	})
	o.act("terms declined", func(o *office) {
		o.toTheTerms()
		o.press("decline")
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTermsDeclined, protocol.EventAgentJoined, protocol.EventTermsDeclined, protocol.EventEnded)
	})
	o.act("not shown", func(o *office) {
		o.toTheTerms()
		o.press("accept")
		o.press("refuse")
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndConsentRefused, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventEnded)
		if e.video != "" {
			o.t.Error("there is a video of a screen that was never shown")
		}
	})
	o.act("broker restarted, the page comes back", func(o *office) {
		o.toTheScreen()
		o.must(o.broker.Stop())
		o.must(o.page.Until("the page says so", `!document.querySelector('#bar [data-problem="away"]').hidden`))
		o.must(o.broker.Start(o.ctx))
		o.must(o.page.Until("the page is back", `document.querySelector('#bar [data-problem="away"]').hidden`))
		o.must(o.console.Until("the picture is back", `document.querySelector('`+remote+`').videoWidth === 1280`))
		terminal := o.moves("busy")
		o.more(10)
		terminal.Kill()
		o.press("end")
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventResumed, protocol.EventAgentReturned,
			protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	})
	o.act("asleep", func(o *office) {
		o.toTheScreen()
		wake, err := o.page.Freeze()
		o.must(err)
		o.must(o.console.Until("away", `document.querySelector('[data-away="true"]')`))
		o.must(wake())
		o.must(o.console.Until("back", `document.querySelector('[data-away="true"]') === null`))
		terminal := o.moves("busy")
		o.more(10)
		terminal.Kill()
		o.press("end")
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventAgentAway, protocol.EventAgentReturned, protocol.EventAgentSlept,
			protocol.EventEnded, protocol.EventClosed)
	})
	o.act("ended while the broker is down", func(o *office) {
		o.toTheScreen()
		o.must(o.broker.Stop())
		o.must(o.page.Until("the page says so", `!document.querySelector('#bar [data-problem="away"]').hidden`))
		o.press("end")
		o.must(o.page.Until("over", `!document.querySelector('div[data-step="over"]').hidden`))
		o.picture("over", o.customer)
		o.must(o.broker.Start(o.ctx))
		o.must(o.page.Until("why", `document.querySelector(".reason").textContent.length > 0`))
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventAgentReturned, protocol.EventEnded, protocol.EventClosed)
	})
	o.act("led away", func(o *office) {
		o.toTheScreen()
		o.must(o.page.Open(o.broker.URL + "/accessibility"))
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	})
	o.act("window closed by the customer", func(o *office) {
		o.toTheScreen()
		o.page.Close()
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCustomer, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
		e.seen(o.t)
	})
	o.page = o.browser(o.customer, "it-IT", wholeScreen)
	o.act("browser killed", func(o *office) {
		before := o.acts()
		o.toTheScreen()
		if n := o.acts() - before; n > 4 {
			o.t.Errorf("the customer did %d things to share", n)
		}
		terminal := o.moves("busy")
		defer terminal.Kill()
		o.more(10)
		o.must(o.page.Kill())
		o.must(o.console.Until("the console says so", `document.querySelector('[data-away="true"]')`))
		o.must(o.console.State("Closed"))
		o.words("body", "vanished")
		e := o.newest(whole)
		e.expect(o.t, protocol.EndAgentLost, protocol.EventScreenShown, protocol.EventAgentAway, protocol.EventEnded, protocol.EventClosed)
		e.seen(o.t)
	})
}

// itsNetwork makes the figures of the page what told has, which a test sets.
const itsNetwork = `(() => {
	const real = RTCPeerConnection.prototype.getStats;
	globalThis.told = {};
	RTCPeerConnection.prototype.getStats = async function () {
		const report = new Map(await real.call(this));
		for (const [id, s] of report) {
			if (s.type === "candidate-pair" && s.nominated) report.set(id, { ...s, currentRoundTripTime: 0.02, availableOutgoingBitrate: told.room ?? 8e6 });
			if (s.type === "outbound-rtp") report.set(id, { ...s, qualityLimitationReason: told.reason ?? "none" });
		}
		return report;
	};
	return true;
})()`

// tellsOfItsNetwork: the technician reads what the page's statistics say.
func (o *office) tellsOfItsNetwork() {
	o.t.Helper()
	o.must(o.console.Key("q"))
	o.verdict(customers, known)
	if ok, err := stage.Eval[bool](o.page, itsNetwork); err != nil || !ok {
		o.t.Fatal(err)
	}
	for _, c := range []struct {
		told, says string
		part       int
	}{
		{`{ room: 3e5 }`, "The customer's network is very slow: the picture comes late", customers},
		{`{ reason: "cpu" }`, "The customer's computer is slow in making the picture", encoder},
		{`{ reason: "bandwidth" }`, "The customer's network is slow", customers},
	} {
		if ok, err := stage.Eval[bool](o.page, `(told = `+c.told+`, true)`); err != nil || !ok {
			o.t.Fatal(err)
		}
		o.verdict(c.part, fmt.Sprintf("v.includes(%q)", c.says))
	}
	o.must(o.console.Key("q"))
}

// TestShareOneWindow: only the window, also when its size changes, and an offer
// to choose anew when it is closed.
func TestShareOneWindow(t *testing.T) {
	o := newOffice(t, aTerminal)
	o.act("a window that grows and is closed", func(o *office) {
		terminal := o.moves("A terminal")
		o.toTheScreen()
		o.must(o.page.Until("what is shown", `!document.querySelector('#bar [data-source="window"]').hidden`))
		o.more(10)
		window, err := o.customer.Window(o.ctx, "A terminal")
		o.must(err)
		width, err := stage.Eval[int](o.console, `document.querySelector('`+remote+`').videoWidth`)
		o.must(err)
		o.must(o.customer.Resize(o.ctx, window, image.Pt(900, 500)))
		o.must(o.console.Until("a wider picture", `document.querySelector('`+remote+`').videoWidth >= 890`))
		if width >= 890 {
			o.t.Errorf("the window was %d pixels wide before", width)
		}
		o.more(10)
		o.picture("window", o.technician)
		// Minimised, its last picture stays: X11 tells the browser nothing of it.
		// What lies in its place is not shown.
		behind := o.coloured("secret", secret, "80x20+200+330")
		o.must(o.customer.Minimise(o.ctx, "A terminal"))
		o.sees("nothing of what lies there", func(image.Image) bool { return true })
		o.more(5)
		o.sees("nothing of what lies there", func(image.Image) bool { return true })
		o.picture("minimised", o.technician)
		behind.Kill()
		o.must(o.customer.Restore(o.ctx, "A terminal"))
		o.more(10)
		terminal.Kill()
		o.says(protocol.SharingStopped)
		o.still()
		o.picture("stopped-customer", o.customer)
		o.picture("stopped-technician", o.technician)
		terminal = o.moves("A terminal")
		defer terminal.Kill()
		o.press("change")
		o.says(protocol.SharingShown)
		o.more(10)
		o.press("end")
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCustomer, protocol.EventScreenShown, protocol.EventScreenShown, protocol.EventScreenStopped,
			protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
		if len(e.videos) < 2 {
			o.t.Errorf("a picture of another size is another file: %q", e.videos)
		}
		o.leaksNothing(e)
	})
	o.page.Close()
	o.page = o.browser(o.customer, "it-IT", aTab)
	o.act("a tab, beside it another one, and closed", shareTab)
}

// shareTab shows one tab of the customer's browser, and nothing of what stands in
// front of it.
func shareTab(o *office) {
	shown, err := o.page.NewTab()
	o.must(err)
	o.must(shown.Open(`data:text/html,<title>A tab</title><body style="background:%2300a040">`))
	o.must(o.page.Front())
	o.toTheScreen()
	o.must(o.page.Until("what is shown", `!document.querySelector('#bar [data-source="tab"]').hidden`))
	o.sees("the tab", func(img image.Image) bool { return like(img, green) > 100_000 })
	other := o.coloured("secret", secret, "60x20+100+300")
	defer other.Kill()
	o.must(shown.Front()) // the browser says in front of it that it is shown
	o.sees("the tab alone", func(img image.Image) bool { return like(img, green) > 100_000 })
	o.picture("tab-customer", o.customer)
	o.picture("tab", o.technician)
	shown.Close()
	o.says(protocol.SharingStopped)
	o.tells(protocol.SharingStopped)
	o.press("end")
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventScreenShown, protocol.EventScreenStopped, protocol.EventEnded, protocol.EventClosed)
	if what := e.shown(); len(what) == 0 || !strings.HasPrefix(what[0], "tab ") {
		o.t.Errorf("the evidence says that %q was shown", what)
	}
	e.seen(o.t)
	o.leaksNothing(e)
}

// TestShareDenied: the browser's own question is cancelled, twice, and answered.
func TestShareDenied(t *testing.T) {
	o := newOffice(t)
	o.act("cancelled, tried again, not shown", func(o *office) {
		o.toTheTerms()
		o.press("accept")
		for range 2 {
			o.press("share")
			o.must(o.page.Until("the browser asks", `!document.querySelector('div[data-step="ask"] [data-choosing]').hidden`))
			o.must(stage.Until(o.ctx, "cancelled", func() bool {
				if err := o.customer.Press(o.ctx, "Escape"); err != nil {
					return false
				}
				said, err := stage.Eval[bool](o.page, `!document.querySelector('[data-problem="denied"]').hidden`)
				return err == nil && said
			}))
		}
		o.picture("denied-customer", o.customer)
		o.press("refuse")
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndConsentRefused, protocol.EventConsentAsked, protocol.EventScreenDenied, protocol.EventScreenDenied,
			protocol.EventConsentRefused, protocol.EventEnded)
	})
}

package console_test

import (
	"image"
	"slices"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// settledPage is an expression of a page whose parts move no more.
const settledPage = `document.readyState === "complete" && document.fonts.status === "loaded"`

// programFromFirefox fetches the help program in Firefox, where the page goes on telling
// what happens while it runs, and afterwards takes a rating and gives the log.
func programFromFirefox(o *office, f *stage.Firefox) {
	o.must(f.Open(o.broker.URL + "/?lang=it"))
	o.must(f.Until("in Italian", `document.documentElement.lang === "it" && `+settledPage))
	o.must(f.Open(o.broker.URL + "/k/" + o.issue()))
	o.must(f.Until("page is whole", `location.pathname.startsWith("/k/") && `+settledPage))
	o.must(f.Click(`form[action="/key"] button`))
	o.must(f.Click(`form[action="/session/name"] button[value="yes"]`))
	command, err := f.FetchAgent(o.ctx, o.customer)
	o.must(err)
	// Firefox lists what it has fetched, sooner or later; the program itself has to go.
	before := slices.DeleteFunc(o.files(), func(file string) bool { return strings.HasPrefix(file, "/Downloads/") })
	before = append(before, "/.local", "/.local/share", "/.local/share/recently-used.xbel")
	agent, err := o.customer.StartAgent(o.ctx, command)
	o.must(err)
	// The page was asked for once, and each line comes by itself.
	line := func(key string) {
		o.t.Helper()
		o.must(f.Until("live: "+key, `document.querySelector(".status li.`+key+`") !== null`))
	}
	line("fetched")
	line("waiting")
	o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
	line("terms")
	o.must(o.customer.Accept(o.ctx, "Consento – mostrare"))
	line("active")
	line("watching")
	o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
	o.picture("live", o.customer)
	o.must(o.console.Click(`[data-testid="end-session"]`))
	line("removed") // on the page that says how it ended
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	o.must(f.Until("in words", `document.querySelector(".reason").textContent.length > 0 && document.querySelector(".status li.closed") !== null && `+settledPage))
	o.must(f.Click(`input[name="stars"][value="4"]`))
	o.must(f.Click(".rating button"))
	o.must(f.Until("thanked", `document.querySelector(".rating .notice.good") !== null && `+settledPage))
	o.picture("rated", o.customer)
	o.must(o.console.Until("the stars", `document.querySelector(".ended .stars")?.textContent.startsWith("★★★★")`))
	o.must(f.Open(o.broker.URL + "/session/log"))
	o.must(f.Until("the log", `location.pathname === "/session/log" && document.querySelector('tr[data-code="agent.removed"]') !== null && document.querySelector('tr[data-code="session.rated"], tr[data-code="consent.given"]') !== null`))
	o.picture("log", o.customer)
}

// inFirefox goes from the technician's link to the browser's own question, in
// four presses.
func (o *office) inFirefox(f *stage.Firefox) {
	o.t.Helper()
	key := o.issue()
	o.must(f.Open(o.broker.URL + "/k/" + key))
	for _, press := range []string{`form[action="/key"] button`, `form[action="/session/name"] button[value="yes"]`, `[data-do="accept"]`, `[data-do="share"]`} {
		o.must(f.Click(press))
	}
}

// TestShareAsVP9: a browser without AV1 is seen and recorded all the same.
func TestShareAsVP9(t *testing.T) {
	o := newOffice(t)
	firefox, err := o.customer.Firefox(o.ctx, "fr-FR", `user_pref("media.navigator.permission.disabled", true);`,
		`user_pref("media.webrtc.codec.video.av1.enabled", false);`)
	o.must(err)
	t.Cleanup(firefox.Close)
	o.act("shown, paused, late console", func(o *office) {
		o.inFirefox(firefox)
		o.must(o.console.State("Active"))
		o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		terminal := o.moves("busy")
		o.more(10)
		o.must(firefox.Click(`[data-do="pause"]`))
		o.still()
		o.must(firefox.Click(`[data-do="resume"]`))
		o.more(10)
		terminal.Kill()
		late := o.browser(o.technician, "it-IT")
		o.must(late.SignIn(o.broker))
		o.must(late.Click(`.session-list button.row[data-state="Active"]`))
		o.must(late.Until("late picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		o.must(o.same("the picture of who came late", func() (image.Image, error) { return late.Frame(remote) }))
		late.Close()
		o.must(firefox.Click(`[data-do="end"]`))
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCustomer, protocol.EventScreenShown, protocol.EventScreenPaused, protocol.EventScreenShown, protocol.EventEnded)
		if codec, err := stage.Codec(o.ctx, e.video); err != nil || codec != "vp9" {
			o.t.Errorf("recorded as %q, %v", codec, err)
		}
		e.seen(o.t)
	})
}

// TestShareFromFirefox: the same in the other browser, down to the recording.
func TestShareFromFirefox(t *testing.T) {
	o := newOffice(t)
	firefox, err := o.customer.Firefox(o.ctx, "de-DE", `user_pref("media.navigator.permission.disabled", true);`)
	o.must(err)
	t.Cleanup(firefox.Close)
	o.act("shown, paused, ended by the red X", func(o *office) {
		o.inFirefox(firefox)
		o.must(firefox.Until("bar", `!document.querySelector("#bar").hidden`))
		o.must(o.console.State("Active"))
		o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		terminal := o.moves("busy")
		o.more(10)
		o.picture("shared-customer", o.customer)
		o.picture("shared-technician", o.technician)
		o.must(o.console.Key("q"))
		o.verdict(customers, known)
		o.must(o.console.Key("q"))
		o.must(firefox.Click(`[data-do="pause"]`))
		o.must(firefox.Until("paused", `!document.querySelector('#bar [data-state="paused"]').hidden`))
		o.still()
		o.must(firefox.Click(`[data-do="resume"]`))
		o.more(10)
		terminal.Kill()
		o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(remote) }))
		o.must(firefox.Click(`[data-do="end"]`))
		o.must(firefox.Until("over", `document.querySelector(".reason")`))
		o.must(o.console.State("Closed"))
		e := o.newest(whole)
		e.expect(o.t, protocol.EndCustomer, protocol.EventAgentJoined, protocol.EventTermsAccepted, protocol.EventConsentGiven,
			protocol.EventScreenShown, protocol.EventScreenPaused, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
		e.seen(o.t)
	})
	o.act("ended by the technician", func(o *office) {
		o.inFirefox(firefox)
		o.must(o.console.State("Active"))
		o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.must(firefox.Until("over", `document.querySelector(".reason")`))
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndTechnician, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	})
	o.act("help program, live status, rating, log", func(o *office) { programFromFirefox(o, firefox) })
	o.act("reported", func(o *office) {
		o.must(firefox.Open(o.broker.URL + "/k/" + o.issue()))
		o.must(firefox.Until("page is whole", settledPage))
		o.must(firefox.Click(`form[action="/key"] button`))
		o.must(firefox.Until("the name", `location.pathname === "/session" && document.querySelector(".person") !== null && `+settledPage))
		o.must(firefox.Click(`form[action="/session/report"] button`))
		o.must(firefox.Until("what to do next", `document.body.innerText.includes("Riattacca")`))
		o.must(o.console.State("Closed"))
		o.words(".ended", "The customer reported this session.")
		o.newest(whole).expect(o.t, protocol.EndReported, protocol.EventRedeemed, protocol.EventReported, protocol.EventEnded, protocol.EventClosed)
	})
	o.act("window closed by the customer", func(o *office) {
		o.inFirefox(firefox)
		o.must(o.console.State("Active"))
		o.must(firefox.Shut())
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventClosed)
	})
}

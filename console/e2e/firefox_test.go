package console_test

import (
	"image"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

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
	o.act("window closed by the customer", func(o *office) {
		o.inFirefox(firefox)
		o.must(o.console.State("Active"))
		o.must(firefox.Shut())
		o.must(o.console.State("Closed"))
		o.newest(whole).expect(o.t, protocol.EndCustomer, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventClosed)
	})
}

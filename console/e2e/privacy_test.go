package console_test

import (
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"consento/build/stage"
	"consento/protocol"
)

// arrowDown is that key's number: evdev's plus 8.
const arrowDown = 116

// held tells whether a key is down on the customer's screen.
func (o *office) held(key byte) bool {
	o.t.Helper()
	xgb.Logger.SetOutput(io.Discard)
	c, err := xgb.NewConnDisplay(o.customer.Display)
	o.must(err)
	defer c.Close()
	keys, err := xproto.QueryKeymap(c).Reply()
	o.must(err)
	return keys.Keys[key/8]>>(key%8)&1 == 1
}

// TestPrivacy: the customer hides a program before anything is seen, and the whole screen in
// the midst of control. Neither is in any picture of the technician's or of the recording,
// wherever the windows go; a key that is held is let go; the technician is told what is
// hidden, and since when; and all of it is on the evidence.
func TestPrivacy(t *testing.T) {
	o := newOffice(t)
	const email = "full.support@comune.example"
	o.must(o.broker.AddSupporter(o.ctx, email, "Piera Galli", stage.Team))
	o.console.Close()
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignInAs(o.broker, email))
	before := o.files()
	shown := o.editor("shown")
	defer shown.Kill()
	other := o.coloured("secret", secret, "50x20+700+420")
	defer other.Kill()
	agent := o.agent()
	o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
	ask, err := o.customer.Window(o.ctx, "Consento – mostrare")
	o.must(err)
	o.must(o.customer.PressIn(o.ctx, ask, "shift+Tab", "shift+Tab", "shift+Tab", "Return")) // the links are before the answers: this, the chat, and to report
	hide, err := o.customer.Window(o.ctx, "Consento – programmi")
	o.must(err)
	// The one in front first: the browser, secret, shown.
	o.must(o.customer.PressIn(o.ctx, hide, "Tab", "Tab", "Down", "space"))
	o.picture("hide", o.customer)
	o.must(o.customer.PressIn(o.ctx, hide, "Up", "shift+Tab", "Return"))
	o.must(o.customer.PressIn(o.ctx, ask, "Tab", "Tab", "Tab", "Tab", "Return")) // from that link to the yes
	o.must(o.console.State("Active"))
	o.words(byID("covered"), "Programs hidden by the customer: 1")
	for _, title := range []string{"shown", "secret"} { // from below the browser
		o.must(o.customer.Activate(o.ctx, title))
	}
	o.sees("the rest", func(img image.Image) bool { return like(img, green) > 10_000 })
	o.picture("covered", o.technician)
	o.picture("covered-customer", o.customer)

	// The hidden one goes over the other, and opens one more.
	window, err := o.customer.Window(o.ctx, "secret")
	o.must(err)
	for i := range 8 {
		o.must(o.customer.Command(o.ctx, "xdotool", "windowmove", window, fmt.Sprint(700-70*i), fmt.Sprint(420-40*i)).Run())
		o.sees("the rest all the time", func(img image.Image) bool { return like(img, green) > 2_000 })
	}
	o.must(o.customer.Command(o.ctx, "xdotool", "windowmove", window, "760", "480").Run())
	more := o.coloured("secret too", secret, "30x8+760+120")
	defer more.Kill()
	o.sees("uncovered where it was", func(img image.Image) bool { return like(img, green) > 100_000 })

	// In the midst of control the customer hides everything.
	o.must(o.console.Click(byID("control")))
	_, err = o.customer.Window(o.ctx, toolQuestion)
	o.must(err)
	o.must(o.customer.Accept(o.ctx, toolQuestion))
	o.must(o.console.Until("control", `document.querySelector('[data-testid="control-strip"]')?.dataset.state === "given"`))
	o.must(o.customer.Activate(o.ctx, "shown"))
	o.must(o.console.Click(byID("remote-screen")))
	o.must(o.console.Until("the remote side has the keyboard", `document.activeElement?.dataset.testid === "remote-keys"`))
	o.must(o.technician.Command(o.ctx, "xdotool", "keydown", fmt.Sprint(arrowDown)).Run())
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	o.must(stage.Until(patient, "the key is down", func() bool { return o.held(arrowDown) }))
	o.bar("pause with control")
	o.tells(protocol.SharingPaused)
	if o.held(arrowDown) {
		t.Error("the key is still down")
	}
	other.Kill()
	more.Kill()
	// Of another name, so that the pause alone hides it.
	private, err := o.customer.Start("xterm", "-class", "Private", "-T", "private", "-bg", "#ff00ff", "-fg", "#ff00ff", "-geometry", "60x30+20+80", "-e", "cat")
	o.must(err)
	_, err = o.customer.Window(o.ctx, "private")
	o.must(err)
	o.words(byID("hidden-since"), "Since ")
	o.still()
	o.must(os.Remove(filepath.Join(o.customer.Home, "changes")))
	o.picture("paused", o.technician)
	o.picture("paused-customer", o.customer)
	if o.held(arrowDown) {
		t.Error("a key is down while the screen is hidden")
	}
	o.must(o.technician.Command(o.ctx, "xdotool", "keyup", fmt.Sprint(arrowDown)).Run())
	private.Kill()
	o.bar("pause with control")
	o.tells(protocol.SharingShown)
	o.sees("the screen again", func(img image.Image) bool { return like(img, green) > 10_000 })

	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventScreenCovered, protocol.EventConsentGiven,
		protocol.EventScreenPaused, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	o.everyFrame(e, func(*image.RGBA) {})
	for _, entry := range e.events {
		if entry.Code == string(protocol.EventScreenCovered) && fmt.Sprint(entry.Data) != "map[fields:0 programs:1]" {
			t.Errorf("covered: %v", entry.Data)
		}
	}
}

package console_test

import (
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"consento/build/stage"
	"consento/protocol"
)

// Colours of terminals: the program that is shown, and one that must never be.
var (
	green  = color.NRGBA{G: 0xa0, B: 0x40, A: 0xff}
	secret = color.NRGBA{R: 0xff, B: 0xff, A: 0xff}
)

// terminal opens a terminal of one colour, which xterm's own menu is not.
func (o *office) coloured(title string, c color.NRGBA, geometry string) *stage.Program {
	o.t.Helper()
	hex := fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B)
	p, err := o.customer.Start("xterm", "-T", title, "-bg", hex, "-fg", hex, "-cr", hex, "-geometry", geometry, "-e", "cat")
	o.must(err)
	_, err = o.customer.Window(o.ctx, title)
	o.must(err)
	return p
}

// like counts the pixels of a picture that are about of that colour: the codec
// changes it a little.
func like(img image.Image, c color.NRGBA) (n int) {
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) < 56 }
	for p := stage.Pixels(img).Pix; len(p) >= 4; p = p[4:] { // a thousand times in a recording
		if near(p[0], c.R) && near(p[1], c.G) && near(p[2], c.B) {
			n++
		}
	}
	return n
}

// sees waits until the technician's picture is as it should be, and finds nothing
// in it that must never be there.
func (o *office) sees(what string, ok func(image.Image) bool) {
	o.t.Helper()
	o.must(stage.Until(o.ctx, what, func() bool {
		img, err := o.console.Frame(remote)
		if err != nil {
			return false
		}
		if n := like(img, secret); n > 0 {
			o.picture("leak", o.technician)
			o.t.Fatalf("%d pixels of another program at the technician's", n)
		}
		return ok(img)
	}))
}

// tells waits until the console says this of what is shared.
func (o *office) tells(state protocol.SharingState) {
	o.t.Helper()
	o.must(o.console.Until("the console says "+string(state), `document.querySelector('[data-testid="shared"]').dataset.sharing === "`+string(state)+`"`))
}

// TestShowOneProgram: one program out of several is shown and recorded, with its
// menu, and nothing of the one that lies above it; then another is chosen, the
// picture pauses, and the program closes.
func TestShowOneProgram(t *testing.T) {
	o := newOffice(t)
	o.act("one program, another one, pause", func(o *office) {
		shown := o.coloured("shown", green, "60x20+100+120")
		defer shown.Kill()
		other := o.coloured("secret", secret, "70x24+250+200")
		defer other.Kill()
		agent := o.agent()
		o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
		ask, err := o.customer.Window(o.ctx, "Consento – mostrare")
		o.must(err)
		// The whole screen is chosen; the programs follow, the one in front first:
		// the browser, secret, shown.
		o.must(o.customer.PressIn(o.ctx, ask, "Tab", "Tab", "Down", "Down", "Down"))
		o.picture("asked", o.customer)
		o.must(o.customer.PressIn(o.ctx, ask, "shift+Tab", "Return"))
		o.must(o.console.State("Active"))
		o.tells(protocol.SharingShown)
		o.sees("the program", func(img image.Image) bool { return like(img, green) > 10_000 })
		o.picture("one", o.customer)
		o.picture("one", o.technician)

		// The other one moves over it.
		window, err := o.customer.Window(o.ctx, "secret")
		o.must(err)
		for i := range 8 {
			at := image.Pt(80+20*i, 90+10*i)
			o.must(o.customer.Command(o.ctx, "xdotool", "windowmove", window, fmt.Sprint(at.X), fmt.Sprint(at.Y)).Run())
			o.sees("the program all the time", func(img image.Image) bool { return like(img, green) > 10_000 })
		}

		// The customer pauses, and goes on.
		o.bar("pause")
		o.tells(protocol.SharingPaused)
		o.still()
		o.picture("paused", o.customer)
		o.bar("pause")
		o.tells(protocol.SharingShown)

		// It is minimised, and what lies behind it is not shown in its place.
		o.must(o.customer.Minimise(o.ctx, "shown"))
		o.tells(protocol.SharingMuted)
		o.words("body", "may be minimised")
		o.picture("minimised-customer", o.customer)
		o.picture("minimised", o.technician)
		o.still()
		o.must(o.customer.Restore(o.ctx, "shown"))
		o.tells(protocol.SharingShown)
		o.sees("the program again", func(img image.Image) bool { return like(img, green) > 10_000 })

		// Nobody attends a locked screen.
		locker, err := o.customer.Start("i3lock", "-n")
		o.must(err)
		o.tells(protocol.SharingLocked)
		o.still()
		o.picture("locked", o.technician)
		locker.Kill()
		o.tells(protocol.SharingShown)

		// It is closed: that is said to both.
		shown.Kill()
		o.tells(protocol.SharingStopped)
		o.picture("closed", o.customer)
		o.picture("closed", o.technician)
		o.coloured("shown again", green, "60x20+100+120")
		o.bar("change")
		change, err := o.customer.Window(o.ctx, "Consento – cosa mostrare")
		o.must(err)
		o.must(o.customer.PressIn(o.ctx, change, "Tab", "Tab", "Down"))
		o.picture("change", o.customer)
		o.must(o.customer.PressIn(o.ctx, change, "shift+Tab", "Return"))
		o.tells(protocol.SharingShown)
		o.sees("the program once more", func(img image.Image) bool { return like(img, green) > 10_000 })
		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.must(o.customer.Confirm(o.ctx, "Consento – "))
		_, err = agent.Exit(o.ctx)
		o.must(err)
		o.must(o.console.State("Closed"))

		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventScreenPaused,
			protocol.EventScreenShown, protocol.EventScreenMuted, protocol.EventScreenShown, protocol.EventScreenLocked, protocol.EventScreenShown, protocol.EventScreenStopped, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
		o.leaksNothing(e)
	})
	o.act("one monitor, unplugged, of another size, and the whole screen of another size", oneMonitor)
}

// leaksNothing looks at every frame of a recording for the other program.
func (o *office) leaksNothing(e evidence) {
	o.t.Helper()
	began := time.Now()
	for _, video := range e.videos {
		n, err := stage.EachFrame(o.ctx, video, func(img *image.RGBA) {
			if n := like(img, secret); n > 0 {
				o.t.Fatalf("%s has %d pixels of another program", video, n)
			}
		})
		o.must(err)
		o.t.Logf("%s: %d frames without the other program, looked at in %v", filepath.Base(video), n, time.Since(began).Round(time.Second))
	}
}

// bar presses a button of the agent's bar, once the bar stays where it is: its width
// follows what it says.
func (o *office) bar(button string) {
	o.t.Helper()
	id, err := o.customer.Window(o.ctx, "Consento – barra")
	o.must(err)
	r, err := o.customer.AtRest(o.ctx, id)
	o.must(err)
	x := map[string]int{"pause": 290, "change": 200, "end": 20}[button]
	o.must(o.customer.Click(o.ctx, image.Pt(r.Max.X-x, (r.Min.Y+r.Max.Y)/2)))
}

// words waits until an element of the console says this.
func (o *office) words(selector, text string) {
	o.t.Helper()
	o.must(o.console.Until(selector+" says "+text, fmt.Sprintf("document.querySelector(%q).innerText.includes(%q)", selector, text)))
}

// oneMonitor shows the right one of two monitors, which is unplugged and comes back
// smaller, and nothing of the left one; then the whole screen, whose resolution
// changes.
func oneMonitor(o *office) {
	right := image.Rect(640, 0, 1280, 800)
	o.must(o.customer.Monitor(o.ctx, "LEFT", image.Rect(0, 0, 640, 800), true))
	o.must(o.customer.Monitor(o.ctx, "RIGHT", right, false))
	before := o.files()
	agent := o.agent()
	left := o.coloured("secret", secret, "60x20+20+200")
	defer left.Kill()
	shown := o.coloured("shown", green, "60x20+760+200")
	defer shown.Kill()
	o.must(o.customer.Activate(o.ctx, "Consento – condizioni"))
	o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
	ask, err := o.customer.Window(o.ctx, "Consento – mostrare")
	o.must(err)
	o.must(o.customer.PressIn(o.ctx, ask, "Tab", "Tab", "Down", "Down"))
	o.picture("asked", o.customer)
	o.must(o.customer.PressIn(o.ctx, ask, "shift+Tab", "Return"))
	o.must(o.console.State("Active"))
	width := func(width int) func(image.Image) bool {
		return func(img image.Image) bool { return img.Bounds().Dx() == width && like(img, green) > 10_000 }
	}
	o.tells(protocol.SharingShown)
	o.words(`[data-testid="shared"]`, "Monitor 2")
	o.sees("the right monitor", width(640))
	o.picture("monitor-customer", o.customer)
	o.picture("monitor", o.technician)

	o.must(o.customer.Unplug(o.ctx, "RIGHT"))
	o.tells(protocol.SharingStopped)
	o.words("body", "What was shared is closed")
	o.still()
	o.picture("unplugged-customer", o.customer)
	o.picture("unplugged", o.technician)
	o.must(o.customer.Monitor(o.ctx, "RIGHT", image.Rect(720, 0, 1280, 720), false))
	o.tells(protocol.SharingShown)
	o.sees("the right monitor of another size", width(560))

	left.Kill()
	o.must(o.customer.NoWindow(o.ctx, "secret"))
	o.bar("change")
	change, err := o.customer.Window(o.ctx, "Consento – cosa mostrare")
	o.must(err)
	o.must(o.customer.PressIn(o.ctx, change, "Tab", "Tab", "Up", "Up"))
	o.picture("change", o.customer)
	o.must(o.customer.PressIn(o.ctx, change, "shift+Tab", "Return"))
	// More than before: it is explained, and a yes has to wait.
	_, err = o.customer.Window(o.ctx, "Consento – mostrare di più")
	o.must(err)
	o.picture("wider", o.customer)
	o.sees("still the monitor", width(560))
	o.must(o.customer.Accept(o.ctx, "Consento – mostrare di più"))
	o.sees("the whole screen", width(1280))
	o.must(o.customer.Resolution(o.ctx, image.Pt(1024, 768)))
	o.sees("the whole screen of another size", width(1024))
	o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(remote) }))
	o.picture("resolution", o.technician)
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))

	e := o.newest(whole)
	e.expect(o.t, protocol.EndTechnician, protocol.EventScreenShown, protocol.EventScreenStopped, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	if what, want := slices.Compact(e.shown()), []string{"monitor 2 640x800", "monitor 2 560x720", "desktop 1280x800", "desktop 1024x768"}; !slices.Equal(what, want) {
		o.t.Errorf("the evidence says that %q was shown instead of %q", what, want)
	}
	var widths []int
	for _, video := range e.videos {
		picture, err := stage.LastFrame(o.ctx, video)
		o.must(err)
		widths = append(widths, picture.Bounds().Dx())
	}
	for _, w := range []int{640, 560, 1280, 1024} {
		if !slices.Contains(widths, w) {
			o.t.Errorf("no video %d pixels wide: %v", w, widths)
		}
	}
	o.leaksNothing(e)
}

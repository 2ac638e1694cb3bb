package console_test

import (
	"context"
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
	// Of the menu and the dialog of a program that has them.
	blue = color.NRGBA{R: 0x20, G: 0x50, B: 0xe0, A: 0xff}
	gold = color.NRGBA{R: 0xe0, G: 0xb0, B: 0x20, A: 0xff}
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
	patient, cancel := context.WithTimeout(o.ctx, 90*time.Second)
	defer cancel()
	o.must(stage.Until(patient, what, func() bool {
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
// menu and its dialog, and nothing of the one that lies above it; then another is chosen, the
// picture pauses, and the program closes.
func TestShowOneProgram(t *testing.T) {
	o := newOffice(t)
	o.act("one program, another one, pause", func(o *office) {
		shown := o.editor("shown")
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

		o.opensMenu()
		o.opensDialog()

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
		o.must(o.customer.Confirm(o.ctx, "Consento – rimosso"))
		_, err = agent.Exit(o.ctx)
		o.must(err)
		o.must(o.console.State("Closed"))

		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventScreenPaused,
			protocol.EventScreenShown, protocol.EventScreenMuted, protocol.EventScreenShown, protocol.EventScreenLocked, protocol.EventScreenShown, protocol.EventScreenStopped, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
		menu, dialog := 0, 0
		o.everyFrame(e, func(img *image.RGBA) {
			menu, dialog = max(menu, like(img, blue)), max(dialog, like(img, gold))
		})
		if menu < menuSize || dialog < dialogSize {
			o.t.Errorf("at most %d pixels of the menu and %d of the dialog are recorded", menu, dialog)
		}
	})
	o.act("one monitor, unplugged, of another size, and the whole screen of another size", oneMonitor)
}

// Pixels that the editor's menu and dialog have at least.
const (
	menuSize   = 4_000
	dialogSize = 20_000
)

// editor opens a program that has a menu and a dialog, each of a colour of its own.
func (o *office) editor(title string) *stage.Program {
	o.t.Helper()
	hex := func(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
	p, err := o.customer.Start("xedit", "-title", title, "-geometry", "560x400+100+120", "-xrm", "*background: "+hex(green),
		"-xrm", "*SimpleMenu*background: "+hex(blue), "-xrm", "*SimpleMenu*foreground: "+hex(blue), "-xrm", "*search*background: "+hex(gold))
	o.must(err)
	_, err = o.customer.Window(o.ctx, title)
	o.must(err)
	return p
}

// inEditor is a place in the editor's text, where its menu opens.
var inEditor = image.Pt(300, 420)

// opensMenu opens the menu of the program that is shown, which is part of the picture,
// also where another program's window covers it.
func (o *office) opensMenu() {
	o.t.Helper()
	o.must(o.customer.Activate(o.ctx, "shown"))
	do := func(args ...string) { o.t.Helper(); o.must(o.customer.Command(o.ctx, "xdotool", args...).Run()) }
	do("mousemove", "--sync", fmt.Sprint(inEditor.X), fmt.Sprint(inEditor.Y), "keydown", "ctrl", "mousedown", "1")
	o.sees("the menu", func(img image.Image) bool { return like(img, blue) > menuSize })
	o.picture("menu-customer", o.customer)
	o.picture("menu", o.technician)
	cover := o.covers(blue)
	o.sees("the menu under the other", func(img image.Image) bool { return like(img, blue) > menuSize })
	cover.Kill()
	do("mousemove", "--sync", "20", "700", "mouseup", "1", "keyup", "ctrl")
	o.sees("no menu any more", func(img image.Image) bool { return like(img, blue) == 0 })
}

// opensDialog is the same for the dialog.
func (o *office) opensDialog() {
	o.t.Helper()
	editor, err := o.customer.Window(o.ctx, "shown")
	o.must(err)
	o.must(o.customer.Click(o.ctx, inEditor)) // it listens where the pointer is
	o.must(o.customer.PressIn(o.ctx, editor, "ctrl+s"))
	_, err = o.customer.Window(o.ctx, "^search$")
	o.must(err)
	o.sees("the dialog", func(img image.Image) bool { return like(img, gold) > dialogSize })
	cover := o.covers(gold)
	o.sees("the dialog under the other", func(img image.Image) bool { return like(img, gold) > dialogSize })
	o.picture("dialog-customer", o.customer)
	o.picture("dialog", o.technician)
	cover.Kill()
}

// covers opens a notification of another program in front of everything, the shown
// program with it, and waits until nothing of that colour is seen on the customer's
// screen.
func (o *office) covers(c color.NRGBA) *stage.Program {
	o.t.Helper()
	hex := fmt.Sprintf("#%02x%02x%02x", secret.R, secret.G, secret.B)
	p, err := o.customer.Start("xterm", "-T", "notification", "-xrm", "XTerm.overrideRedirect: true", "-bg", hex, "-fg", hex, "-cr", hex, "-geometry", "100x32+90+130", "-e", "cat")
	o.must(err)
	o.must(stage.Until(o.ctx, "the notification covers the program", func() bool {
		img, err := o.customer.Picture(o.ctx)
		return err == nil && exactly(img, secret) > 200_000 && exactly(img, c) == 0
	}))
	return p
}

// exactly counts the pixels of a picture that are of that very colour.
func exactly(img image.Image, c color.NRGBA) (n int) {
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.NRGBAModel.Convert(img.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}

// leaksNothing looks at every frame of a recording for the other program.
func (o *office) leaksNothing(e evidence) {
	o.t.Helper()
	o.everyFrame(e, func(*image.RGBA) {})
}

// everyFrame is leaksNothing that shows each frame.
func (o *office) everyFrame(e evidence, visit func(*image.RGBA)) {
	o.t.Helper()
	began := time.Now()
	for _, video := range e.videos {
		n, err := stage.EachFrame(o.ctx, video, func(img *image.RGBA) {
			if n := like(img, secret); n > 0 {
				o.t.Fatalf("%s has %d pixels of another program", video, n)
			}
			visit(img)
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
	x := map[string]int{"pause": 290, "change": 190, "end": 20, "pause with control": 350, "take back": 185}[button]
	o.must(o.customer.Click(o.ctx, image.Pt(r.Max.X-x, r.Max.Y-21))) // on a narrow bar they have a row of their own, below
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

package console_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/build/stage"
	"consento/protocol"
)

// network makes one. Where none can be had the test is skipped, but where
// everything is tested one has to be had.
func network(t *testing.T) *stage.Network {
	t.Helper()
	n, err := stage.NewNetwork(t.Context())
	if errors.Is(err, stage.ErrNoNetwork) && os.Getenv("CONSENTO_ALL") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// newNetworkOffice is newOffice with the customer's browser and agent behind a
// network of their own, and the technician's browser behind another if there is one.
func newNetworkOffice(t *testing.T, customer, technician *stage.Network, flags ...string) *office {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	bin, err := stage.Bin()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, ctx: ctx, dir: folder(t)}
	if o.broker, err = stage.NewBrokerAt(ctx, bin, o.dir, customer.Outside); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.broker.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log("broker:\n" + o.broker.Log())
		}
	})
	o.customer = o.screen(image.Pt(1280, 800), "customer")
	o.customer.Network = customer
	o.technician = o.screen(image.Pt(1440, 900), "technician")
	if technician != nil {
		o.must(technician.Reach(ctx, customer.Outside))
		o.technician.Network = technician
	}
	o.page = o.browser(o.customer, "it-IT", flags...)
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignIn(o.broker))
	return o
}

// terminal is a window full of text on the customer's screen, and what it shows.
type terminal struct {
	window *stage.Program
	file   *os.File
	line   int
}

func (o *office) terminal() *terminal {
	o.t.Helper()
	file, err := os.Create(filepath.Join(o.dir, "text"))
	o.must(err)
	o.t.Cleanup(func() { _ = file.Close() }) // nothing reads it any more
	window, err := o.customer.Start("xterm", "-fullscreen", "-fa", "DejaVu Sans Mono", "-fs", "10", "-T", "lines of text", "-e", "tail", "-n", "100", "-f", "-s", "0.02", file.Name())
	o.must(err)
	_, err = o.customer.Window(o.ctx, "lines of text")
	o.must(err)
	return &terminal{window: window, file: file}
}

// write adds lines; each is another one.
func (w *terminal) write(lines int) error {
	for range lines {
		w.line++
		if _, err := fmt.Fprintf(w.file, "%05d %s\n", w.line, strings.Repeat(fmt.Sprintf("%x the file server answers slowly; ", w.line*2654435761), 3)); err != nil {
			return err
		}
	}
	return nil
}

// painted waits until the customer's screen shows something else than it did, and
// rests: what a program was given to show is not there at once.
func (o *office) painted(was image.Image) {
	o.t.Helper()
	last := was
	o.must(stage.Until(o.ctx, "the customer's screen changed and rests", func() bool {
		now, err := o.customer.Picture(o.ctx)
		if err != nil {
			return false
		}
		rests := stage.PSNR(last, now, stage.Below(70)) > 60
		last = now
		return rests && stage.PSNR(was, now, stage.Below(70)) < 25
	}))
}

// settled waits until the technician sees what the customer sees, to so many
// dB of luma, and returns how long that took. How long it may take at most is for
// make bench: here other programs take their share of the machine.
func (o *office) settled(db float64) time.Duration {
	o.t.Helper()
	return o.settledIn(o.console, db)
}

// settledIn is the same for another console.
func (o *office) settledIn(console *stage.Browser, db float64) time.Duration {
	o.t.Helper()
	began := time.Now()
	last := 0.0
	ctx, cancel := context.WithTimeout(o.ctx, 2*time.Minute)
	defer cancel()
	err := stage.Until(ctx, "same picture", func() bool {
		theirs, err := o.customer.Picture(o.ctx)
		if err != nil {
			return false
		}
		ours, err := console.Frame(`[data-testid="remote-screen"]`)
		if err != nil {
			return false
		}
		last = stage.PSNR(theirs, ours, stage.Below(70)) // the bar at the top is left out of the picture
		return last >= db
	})
	if err != nil {
		o.picture("blurred", o.technician)
		o.picture("blurred-customer", o.customer)
		o.t.Fatalf("%.1f dB of %.1f after %v", last, db, time.Since(began))
	}
	return time.Since(began)
}

// scrolled writes lines so many times, each time when a picture has come since the last, and
// returns how long that took: what is seen sets the pace.
func (o *office) scrolled(text *terminal, times int) time.Duration {
	o.t.Helper()
	began := time.Now()
	for range times {
		o.must(text.write(2))
		o.more(1)
	}
	return time.Since(began)
}

// Parts of the statistics panel.
const (
	technicians = 0 // network
	customers   = 1
	encoder     = 2
)

// isTold goes on writing lines until the panel says this of the connection, and the
// status bar beside the picture that it is poor.
func (o *office) isTold(text *terminal, part int, words string) {
	o.t.Helper()
	seen, said := -1, ""
	patient, cancel := context.WithTimeout(o.ctx, 90*time.Second)
	defer cancel()
	err := stage.Until(patient, "the console says: "+words, func() bool {
		if now, err := frames(o.console); err == nil && now != seen {
			seen = now
			o.must(text.write(1))
		}
		said, _ = stage.Eval[string](o.console, fmt.Sprintf(`[...document.querySelectorAll(".verdict")][%d].textContent + " " + document.querySelector(".quality").dataset.level`, part))
		return strings.Contains(said, words) && strings.HasSuffix(said, " poor")
	})
	if err != nil {
		o.picture("not-told", o.technician)
		o.t.Fatalf("%v; it says: %s", err, said)
	}
}

// verdict waits until this holds of a part of the panel: v is its sentence, level how bad
// it is.
func (o *office) verdict(part int, holds string) {
	o.t.Helper()
	o.must(o.console.Until("the panel has "+holds, fmt.Sprintf(`((p) => ((v, level) => %s)(p.textContent, p.dataset.level))(document.querySelectorAll(".verdict")[%d])`, holds, part)))
}

// known holds of a part of which anything is known.
const known = `level !== "none"`

// TestPoorNetworks: whatever the customer's network is like, the picture comes,
// becomes what the customer sees, gets sharp, and is recorded whole.
func TestPoorNetworks(t *testing.T) {
	network := network(t)
	o := newNetworkOffice(t, network, nil)
	before := o.files()
	agent := o.agent()
	network.Shape(stage.Link{Rate: 1_000_000, Delay: 10 * time.Millisecond})
	o.show()
	o.page.Close()
	o.must(o.console.Key("q"))
	text := o.terminal()
	for _, c := range []struct {
		name     string
		link     stage.Link
		pictures int    // of motion
		says     string // the console, meanwhile
		crisp    bool   // is asked for
	}{
		{"1 Mbit/s", stage.Link{Rate: 1_000_000, Delay: 10 * time.Millisecond}, 20, "The customer's network is very slow", true},
		{"300 kbit/s, 200 ms", stage.Link{Rate: 300_000, Delay: 200 * time.Millisecond}, 20, "The customer's network is very slow", false},
		{"5 % loss", stage.Link{Delay: 20 * time.Millisecond, Loss: 0.05}, 20, "", false},
		{"20 % loss", stage.Link{Delay: 20 * time.Millisecond, Loss: 0.2}, 20, "Much is lost on the customer's way", false},
		// Without loss: what is still missing when a session ends is not recorded.
		{"2 s", stage.Link{Delay: 2 * time.Second}, 3, "The way to the customer is long", false},
	} {
		o.act(c.name, func(o *office) {
			network.Shape(c.link)
			motion := o.scrolled(text, c.pictures)
			if c.says != "" {
				o.isTold(text, customers, c.says)
			}
			if c.crisp {
				// Only a wider network carries text that is exact: until then the console says so.
				o.must(o.console.Click(`[data-testid="crisp"]`))
				o.must(o.console.Until("crisp text waits", `document.querySelector('[data-testid="crisp-waits"]')`))
				o.must(o.console.Click(`[data-testid="crisp"]`))
				o.must(o.console.Until("it is not asked for", `document.querySelector('[data-testid="crisp-waits"]') === null`))
			}
			behind := o.settled(30)
			sharp := o.settled(40)
			o.t.Logf("%d pictures of motion in %v, then readable after %v, sharp after another %v", c.pictures, motion, behind, sharp)
		})
	}
	o.act("recorded", func(o *office) {
		network.Shape(stage.Link{Rate: 500_000, Delay: 10 * time.Millisecond})
		was, err := o.customer.Picture(o.ctx)
		o.must(err)
		o.must(text.write(200))
		o.painted(was)
		o.settled(40)
		last, err := o.customer.Picture(o.ctx)
		o.must(err)
		network.Shape(stage.Link{})
		o.must(o.console.Click(`[data-testid="end-session"]`))
		_, err = o.customer.Window(o.ctx, "Consento – rimosso")
		o.must(err)
		text.window.Kill()
		o.over(agent, 0, before)
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventClosed)
		_, err = stage.Probe(o.ctx, e.video)
		o.must(err)
		recorded, err := stage.LastFrame(o.ctx, e.video)
		o.must(err)
		if db := stage.PSNR(last, recorded, stage.Below(70)); db < 38 {
			o.t.Errorf("the recording's last frame is at %.1f dB, after %.1f s; %+v", db, e.length, e.events)
		}
	})
}

// TestPoorNetworksOfBrowsers: a customer who shares from the browser over a poor
// network, portal and all, and a technician whose own network is poor. Then either
// is cut, and gets another address.
func TestPoorNetworksOfBrowsers(t *testing.T) {
	theirs, ours := network(t), network(t)
	o := newNetworkOffice(t, theirs, ours, wholeScreen)
	poor := stage.Link{Rate: 1_500_000, Delay: 50 * time.Millisecond, Loss: 0.01}
	theirs.Shape(poor)
	o.toTheScreen()
	text := o.terminal()
	o.act("the customer's", func(o *office) {
		o.must(text.write(60))
		motion := o.scrolled(text, 20)
		o.t.Logf("20 pictures of motion in %v, readable after %v", motion, o.settled(28))
		// What the page measures comes to the technician.
		o.must(o.console.Key("q"))
		theirs.Shape(stage.Link{Delay: 20 * time.Millisecond, Loss: 0.2})
		o.isTold(text, customers, "Much is lost on the customer's way")
		o.must(o.console.Key("q"))
	})
	o.act("the technician's", func(o *office) {
		theirs.Shape(stage.Link{})
		ours.Shape(poor)
		o.must(text.write(60))
		motion := o.scrolled(text, 20)
		o.t.Logf("20 pictures of motion in %v, readable after %v", motion, o.settled(28))
	})
	// Somebody else watches over a good network, with a browser that has no AV1.
	quick := o.browser(o.screen(image.Pt(1440, 900), "quick"), "en-US")
	o.must(quick.Before(withoutAV1))
	o.must(quick.SignIn(o.broker))
	o.open(quick)
	o.act("the technician's, beside a quick one", func(o *office) {
		o.must(text.write(60))
		o.scrolled(text, 3)
		o.settledIn(quick, 28)
		o.settled(28)
	})
	o.act("what the technician is told", func(o *office) {
		o.must(o.console.Key("q"))
		ours.Shape(stage.Link{Delay: 300 * time.Millisecond})
		o.isTold(text, technicians, "What you see is clearly late")
		ours.Shape(stage.Link{Delay: 20 * time.Millisecond, Loss: 0.2})
		o.isTold(text, technicians, "Much of the picture is lost on the way to you")
	})
	ours.Shape(stage.Link{})
	o.act("the technician's is cut", func(o *office) { o.consoleIsCut(ours, text, quick) })
	quick.Close()
	o.act("the technician's address changes", func(o *office) { o.consoleMoves(ours, text) })
	o.act("the customer's is cut", func(o *office) { o.pageIsCut(theirs, text) })
	o.act("the customer's address changes", func(o *office) { o.pageMoves(theirs, text) })
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.must(o.page.State("Closed"))
	text.window.Kill()
	e := o.newest(whole)
	e.expect(t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventViewerLeft, protocol.EventAgentAway, protocol.EventAgentReturned,
		protocol.EventAgentReturned, protocol.EventScreenPaused, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	e.seen(t)
	codecs := slices.Collect(maps.Values(o.codecs(e)))
	if !slices.Contains(codecs, "vp9") || !slices.Contains(codecs, "av1") {
		t.Errorf("recorded as %q", codecs)
	}
	o.page.Close()
	o.act("Firefox behind a poor network", func(o *office) { o.poorFirefox(theirs) })
}

// poorFirefox shares from Firefox over a slow network that loses packets.
func (o *office) poorFirefox(theirs *stage.Network) {
	theirs.Shape(stage.Link{Rate: 1_000_000, Delay: 50 * time.Millisecond, Loss: 0.05})
	firefox, err := o.customer.Firefox(o.ctx, "de-DE", `user_pref("media.navigator.permission.disabled", true);`)
	o.must(err)
	defer firefox.Close()
	o.inFirefox(firefox)
	o.must(o.console.State("Active"))
	o.must(o.console.Until("picture", `document.querySelector('`+remote+`').videoWidth === 1280`))
	text := o.terminal()
	defer text.window.Kill()
	o.must(text.write(60))
	motion := o.scrolled(text, 5)
	o.t.Logf("5 pictures of motion in %v, readable after %v", motion, o.settled(28))
	o.verdict(customers, known)
	text.window.Kill()
	o.must(firefox.Click(`[data-do="end"]`))
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	e.seen(o.t)
}

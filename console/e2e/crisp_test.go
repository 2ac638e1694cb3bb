package console_test

import (
	"fmt"
	"image"
	"strings"
	"testing"

	"consento/build/stage"
	"consento/protocol"
)

// differ counts the pixels below the agent's bar that are not the same.
func differ(a, b image.Image) int {
	p, q := stage.Pixels(a), stage.Pixels(b)
	if p.Rect != q.Rect {
		return -1
	}
	n := 0
	for y := shared; y < p.Rect.Dy(); y++ {
		for x := range p.Rect.Dx() {
			if p.RGBAAt(x, y) != q.RGBAAt(x, y) {
				n++
			}
		}
	}
	return n
}

// TestCrisp: the technician asks for crisp text, and at rest has the customer's
// screen pixel by pixel, as has the recording.
func TestCrisp(t *testing.T) {
	o := newOffice(t)
	o.act("exact at rest", func(o *office) {
		agent := o.share()
		page := o.browser(o.customer, "fr-FR")
		o.must(page.Open("data:text/html,<body style='margin:0;background:%23f4e2c8'>" + strings.Repeat("<p style='margin:4px;color:%2306c'>The quick <b style='color:%23a00'>brown</b> fox 0123456789", 40)))
		plain := 0
		o.must(o.until("the picture is sharp", func() error {
			screen, seen, err := o.both()
			if err != nil {
				return err
			}
			if db := stage.PSNR(screen, seen, stage.Below(shared)); db < 35 {
				return fmt.Errorf("%.1f dB", db)
			}
			plain = differ(screen, seen)
			return nil
		}))
		if plain == 0 {
			o.t.Error("the plain picture is exact already: this test shows nothing")
		}
		o.must(o.console.Click(`[data-testid="crisp"]`))
		o.must(o.console.Until("pressed", `document.querySelector('[data-testid="crisp"]').getAttribute("aria-pressed") === "true"`))
		var screen image.Image
		o.must(o.until("the picture is exact", func() error {
			s, seen, err := o.both()
			if err != nil {
				return err
			}
			if n := differ(s, seen); n != 0 {
				return fmt.Errorf("%d pixels differ", n)
			}
			screen = s
			return nil
		}))
		t.Logf("pixels that differ: %d plain, 0 crisp", plain)
		o.picture("technician", o.technician)
		o.must(o.console.Click(`[data-testid="end-session"]`))
		o.must(o.console.State("Closed"))
		o.must(o.customer.Confirm(o.ctx, "Consento – rimosso"))
		_, err := agent.Exit(o.ctx)
		o.must(err)
		e := o.newest(whole)
		e.expect(o.t, protocol.EndTechnician, protocol.EventEnded)
		recorded, err := stage.LastFrame(o.ctx, e.video)
		o.must(err)
		if n := differ(screen, recorded); n != 0 {
			o.t.Errorf("%d pixels of the recording differ", n)
		}
	})
}

// both are the customer's screen and what the technician sees of it.
func (o *office) both() (screen, seen image.Image, err error) {
	if screen, err = o.customer.Picture(o.ctx); err != nil {
		return nil, nil, err
	}
	seen, err = o.console.Frame(remote)
	return screen, seen, err
}

// until asks again and again, as long as the act lasts, and tells what was wrong last.
func (o *office) until(what string, ok func() error) error {
	o.t.Helper()
	var last error
	if err := stage.Until(o.ctx, what, func() bool { last = ok(); return last == nil }); err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

package console_test

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"consento/build/stage"
	"consento/protocol"
)

// TestControl: asked for and allowed, typed into a real program by real keys, taken
// back from the bar in mid-use, and all of it on the evidence.
func TestControl(t *testing.T) {
	o := newOffice(t)
	const email = "full.support@comune.example"
	o.must(o.broker.AddSupporter(o.ctx, email, "Piera Galli", stage.Team))
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignInAs(o.broker, email))
	before := o.files()
	agent := o.share()
	file := filepath.Join(o.customer.Home, "typed")
	terminal, err := o.customer.Start("xterm", "-T", "typed", "-geometry", "100x30+300+180", "-e", "sh", "-c", "cat > "+file)
	o.must(err)
	defer terminal.Kill()
	_, err = o.customer.Window(o.ctx, "typed")
	o.must(err)
	holds := func(what, text string) {
		o.t.Helper()
		o.must(stage.Until(o.ctx, what, func() bool {
			data, _ := os.ReadFile(file) // it may not be there yet
			return string(data) == text
		}))
	}
	strip := func(state string) {
		o.t.Helper()
		o.must(o.console.Until("control is "+state, `document.querySelector('[data-testid="control-strip"]')?.dataset.state === "`+state+`"`))
	}

	o.must(o.console.Click(`[data-testid="control"]`))
	strip("asked")
	o.picture("asked", o.customer)
	o.must(o.customer.Refuse(o.ctx, "Consento – un.altra"))
	strip("refused")
	o.picture("refused", o.technician)
	o.must(o.console.Until("it may be asked again", `document.querySelector('[data-testid="control"]').dataset.state === "refused"`))
	o.askAgain()
	o.must(o.customer.Accept(o.ctx, "Consento – un.altra"))
	strip("given")
	o.picture("given", o.customer)

	o.must(o.console.Click(`[data-testid="remote-screen"]`))
	o.must(o.console.Key("abc XYZ 1" + kb.Enter))
	holds("what was typed", "abc XYZ 1\n")
	o.picture("typed", o.technician)

	// The customer takes it back: what comes later goes nowhere.
	id, err := o.customer.Window(o.ctx, "Consento – barra")
	o.must(err)
	r, err := o.customer.AtRest(o.ctx, id)
	o.must(err)
	o.must(o.customer.Click(o.ctx, image.Pt(r.Max.X-190, r.Max.Y-21)))
	strip("withdrawn")
	o.picture("withdrawn", o.customer)
	o.must(o.console.Key("late" + kb.Enter))
	terminal.Kill()
	holds("nothing more", "abc XYZ 1\n")
	o.must(os.Remove(file))

	o.bar("end")
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentAsked, protocol.EventConsentRefused, protocol.EventConsentAsked, protocol.EventConsentGiven,
		protocol.EventControlUsed, protocol.EventConsentWithdrawn, protocol.EventEnded)
	for _, entry := range e.events {
		if entry.Code == string(protocol.EventControlUsed) && entry.Data["characters"] == nil {
			o.t.Errorf("%+v", entry)
		}
	}
}

// askAgain asks until the pause after a no is over.
func (o *office) askAgain() {
	o.t.Helper()
	o.must(stage.Until(o.ctx, "asked again", func() bool {
		if err := o.console.Click(`[data-testid="control"]`); err != nil {
			o.t.Fatal(err)
		}
		asked, err := stage.Eval[bool](o.console, `new Promise((done) => setTimeout(() => done(document.querySelector('[data-testid="control-strip"]')?.dataset.state === "asked"), 1000))`)
		return err == nil && asked
	}))
}

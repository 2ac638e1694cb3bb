package console_test

import (
	"fmt"
	"testing"

	"consento/build/stage"
)

// toolQuestion is the title of the question for one thing more.
const toolQuestion = "altra richiesta"

// newSupport is an office whose technician may use every tool.
func newSupport(t *testing.T) *office {
	t.Helper()
	o := newOffice(t)
	const email = "full.support@comune.example"
	o.must(o.broker.AddSupporter(o.ctx, email, "Piera Galli", stage.Team))
	o.console.Close() // of a technician who may look only
	o.console = o.browser(o.technician, "en-US")
	o.must(o.console.SignInAs(o.broker, email))
	return o
}

func byID(id string) string { return fmt.Sprintf(`[data-testid=%q]`, id) }

// becomes waits until an element of the console has this written to its data: what it
// is, "" if it has none.
func (o *office) becomes(selector, what, is string) {
	o.t.Helper()
	o.must(o.console.Until(selector+": "+what+" is "+is, fmt.Sprintf(`(document.querySelector(%q)?.dataset.%s ?? "") === %q`, selector, what, is)))
}

// asks has the technician press a button, which asks the customer, and returns the
// window of the question. selector is where the console keeps the answer.
func (o *office) asks(button, selector string) string {
	o.t.Helper()
	o.must(o.console.Click(byID(button)))
	o.becomes(selector, "state", "asked")
	window, err := o.customer.Window(o.ctx, toolQuestion)
	o.must(err)
	return window
}

// isRefused is asks, and the customer says no.
func (o *office) isRefused(button, selector string) {
	o.t.Helper()
	o.asks(button, selector)
	o.picture("asked", o.customer)
	o.must(o.customer.Refuse(o.ctx, toolQuestion))
	o.becomes(selector, "state", "refused")
	o.picture("refused", o.technician)
}

// asksAgain asks until the pause after a no is over.
func (o *office) asksAgain(button, selector string) {
	o.t.Helper()
	patient, cancel := stage.Briefly(o.ctx)
	defer cancel()
	o.must(stage.Until(patient, "asked again", func() bool {
		o.must(o.console.Click(byID(button)))
		asked, err := stage.Eval[bool](o.console, fmt.Sprintf(`new Promise((done) => setTimeout(() => done(document.querySelector(%q)?.dataset.state === "asked"), 1000))`, selector))
		return err == nil && asked
	}))
}

// prompted waits until the terminal ends with a prompt.
func (o *office) prompted(like string) {
	o.t.Helper()
	o.must(o.console.Until("a prompt like "+like, fmt.Sprintf(`new RegExp(%q).test(document.querySelector('[data-testid="terminal"] .xterm-rows').textContent.replaceAll("\u00a0", " ").trimEnd())`, like+"$")))
}

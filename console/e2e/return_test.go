package console_test

import (
	"image"

	"consento/build/stage"
	"consento/protocol"
	"consento/recordings"
)

// sees waits until the technician sees the customer's screen, and then ends the
// session and returns what is on the evidence.
func (o *office) seesAndEnds(agent *stage.Agent, before []string) evidence {
	// Another screen than before: the console keeps the last picture while it waits.
	window, err := o.customer.Start("xterm", "-T", "after the return", "-geometry", "60x20+200+200", "-bg", "#204060", "-e", "cat")
	o.must(err)
	defer window.Kill()
	_, err = o.customer.Window(o.ctx, "after the return")
	o.must(err)
	o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(`[data-testid="remote-screen"]`) }))
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	return o.newest(whole)
}

// brokerKilledAtEachStep: terms and question stay on the screen, and the answers count
// when the broker is there again. One that is killed before the agent has said that it
// is gone closes the session when it starts.
func brokerKilledAtEachStep(o *office) {
	before := o.files()
	agent := o.agent()
	for _, window := range []string{"Consento – condizioni", "Consento – mostrare"} {
		_, err := o.customer.Window(o.ctx, window)
		o.must(err)
		o.broker.Kill()
		o.must(o.customer.Accept(o.ctx, window))
		o.must(o.broker.Start(o.ctx))
	}
	o.must(o.console.State("Active"))
	o.must(o.console.Until("picture", `document.querySelector('[data-testid="remote-screen"]').videoWidth === 1280`))
	o.must(o.same("the technician's picture", func() (image.Image, error) { return o.console.Frame(`[data-testid="remote-screen"]`) }))
	let, err := agent.Hold() // before it can say anything
	o.must(err)
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.must(o.console.State("Ending"))
	o.broker.Kill()
	o.must(let())
	o.must(o.broker.Start(o.ctx))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(o.t, protocol.EndTechnician, protocol.EventTermsShown, protocol.EventResumed, protocol.EventAgentReturned, protocol.EventTermsAccepted,
		protocol.EventConsentAsked, protocol.EventResumed, protocol.EventAgentReturned, protocol.EventConsentGiven, protocol.EventEnded, protocol.EventClosed)
	e.seen(o.t)
}

// brokerKilled: the picture comes back by itself, and one chain of evidence holds
// what was before and after.
func brokerKilled(o *office) {
	before := o.files()
	agent := o.share()
	file := o.newestFile()
	o.must(stage.Until(o.ctx, "a picture that is sealed", func() bool {
		found, err := recordings.ScanFile(file, recordings.ScanOptions{})
		return err == nil && found.Tracks[recordings.TrackVideo].Records > 1 && found.UnsealedRecords() == 0
	}))
	o.broker.Kill()
	if code, out, err := o.broker.Verify(o.ctx, "session", file); err != nil || code != 2 {
		o.t.Errorf("the open recording of a killed broker: exit code %d, %v\n%s", code, err, out)
	}
	_, err := o.customer.Window(o.ctx, "Consento – barra")
	o.must(err)
	o.must(o.broker.Start(o.ctx))
	e := o.seesAndEnds(agent, before)
	e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventResumed, protocol.EventAgentReturned,
		protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	e.seen(o.t)
}

// brokerStopped: the red X works without a broker, and the broker is told why when
// it starts again.
func brokerStopped(o *office) {
	before := o.files()
	agent := o.share()
	o.must(o.broker.Stop())
	o.picture("away", o.customer)
	o.bar("end")
	_, err := o.customer.Window(o.ctx, "Consento – rimosso")
	o.must(err)
	o.must(o.broker.Start(o.ctx))
	o.must(o.console.State("Closed"))
	o.over(agent, 0, before)
	e := o.newest(whole)
	e.expect(o.t, protocol.EndCustomer, protocol.EventConsentGiven, protocol.EventSuspended, protocol.EventResumed, protocol.EventAgentAway,
		protocol.EventAgentReturned, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
}

// agentSleeps: a computer that sleeps longer than the broker's patience is missed,
// comes back by itself, and its sleep is on the evidence; one that sleeps too long
// finds that the session is over.
func agentSleeps(o *office) {
	before := o.files()
	agent := o.share()
	wake, err := agent.Freeze()
	o.must(err)
	o.must(o.console.Until("away", `document.querySelector('[data-away="true"]')`))
	o.picture("asleep", o.technician)
	o.must(wake())
	o.must(o.console.Until("back", `document.querySelector('[data-away="true"]') === null`))
	e := o.seesAndEnds(agent, before)
	e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventAgentAway, protocol.EventAgentReturned,
		protocol.EventAgentSlept, protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)

	agent = o.share()
	wake, err = agent.Freeze()
	o.must(err)
	o.must(o.console.State("Closed"))
	o.words("body", "did not come back")
	o.must(wake())
	o.over(agent, 0, before) // it came back, and was told why it is over
	o.newest(whole).expect(o.t, protocol.EndNetworkLost, protocol.EventAgentAway, protocol.EventEnded, protocol.EventRemovalUnknown, protocol.EventClosed)
}

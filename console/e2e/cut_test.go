package console_test

import (
	"testing"
	"time"

	"consento/build/stage"
	"consento/protocol"
)

// TestCutNetworks: a network that is gone for a while, and one that gives the
// computer another address, end nothing. Both sides come back by themselves, and
// the gap stands on the evidence.
func TestCutNetworks(t *testing.T) {
	network := network(t)
	o := newNetworkOffice(t, network, nil)
	before := o.files()
	agent := o.share()
	text := o.terminal()
	o.must(text.write(40))
	o.settled(38, time.Minute)
	o.act("until the broker misses the agent", func(o *office) {
		network.Shape(stage.Link{Loss: 1})
		o.must(o.console.Until("away", `document.querySelector('[data-away="true"]')`))
		o.must(text.write(40))
		network.Shape(stage.Link{})
		o.t.Logf("the new text was seen %v after the network was back", o.settled(38, time.Minute))
	})
	o.act("another address", func(o *office) {
		o.must(network.Move(o.ctx))
		o.must(text.write(40))
		o.t.Logf("the new text was seen after %v", o.settled(38, time.Minute))
	})
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventAgentAway, protocol.EventAgentReturned,
		protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	e.seen(t)
}

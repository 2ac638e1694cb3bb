package console_test

import (
	"testing"

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
	o.settled(38)
	o.act("until the broker misses the agent", func(o *office) {
		network.Shape(stage.Link{Loss: 1})
		o.must(o.console.Until("away", `document.querySelector('[data-away="true"]')`))
		o.must(text.write(40))
		network.Shape(stage.Link{})
		o.t.Logf("the new text was seen %v after the network was back", o.settled(38))
	})
	o.act("another address", func(o *office) {
		o.must(network.Move(o.ctx))
		o.must(text.write(40))
		o.t.Logf("the new text was seen after %v", o.settled(38))
	})
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventAgentAway, protocol.EventAgentReturned,
		protocol.EventEnded, protocol.EventRemoved, protocol.EventClosed)
	e.seen(t)
}

// Parts of the console: what it says of its own connection, and over the picture.
const (
	lineIs = `document.querySelector(".line").dataset.line === `
	notice = `document.querySelector('.stage[data-shown="true"] .stage-notice')`
)

// consoleIsCut: the technician watches, and the network is gone. The console says so,
// and comes back by itself to what the customer's screen shows by then. Another one
// goes on meanwhile.
func (o *office) consoleIsCut(ours *stage.Network, text *terminal, other *stage.Browser) {
	ours.Shape(stage.Link{Loss: 1})
	o.must(o.console.Until("the console says so", lineIs+`"lost" && `+notice+`.textContent.includes("Connection to the service lost")`))
	o.picture("cut", o.technician)
	o.must(text.write(40))
	o.settledIn(other, 28)
	ours.Shape(stage.Link{})
	o.must(o.console.Until("connected again", lineIs+`"online"`))
	o.t.Logf("the new text was seen %v after that", o.settled(28))
	o.must(o.console.Until("nothing over the picture any more", notice+` === null`))
}

// consoleMoves: the technician's computer gets another address.
func (o *office) consoleMoves(ours *stage.Network, text *terminal) {
	o.must(ours.Move(o.ctx))
	o.must(text.write(40))
	o.t.Logf("the new text was seen after %v", o.settled(28))
	o.must(o.console.Until("connected again", lineIs+`"online"`))
}

// pageIsCut is the same for the page that shares: it says so, and both see when it is
// back.
func (o *office) pageIsCut(theirs *stage.Network, text *terminal) {
	const away = `document.querySelector('#bar [data-problem="away"]').hidden`
	theirs.Shape(stage.Link{Loss: 1})
	o.must(o.page.Until("the page says so", away+` === false`))
	o.must(o.console.Until("the console says so", `document.querySelector('[data-away="true"]')`))
	o.picture("cut", o.customer)
	o.must(text.write(40))
	theirs.Shape(stage.Link{})
	o.must(o.page.Until("the page is back", away))
	o.must(o.console.Until("the console knows", `document.querySelector('[data-away="true"]') === null`))
	o.t.Logf("the new text was seen %v after that", o.settled(28))
}

// pageMoves: the customer's computer gets another address. The picture finds its way
// by itself, and what the customer presses arrives.
func (o *office) pageMoves(theirs *stage.Network, text *terminal) {
	o.must(theirs.Move(o.ctx))
	o.must(text.write(40))
	o.t.Logf("the new text was seen after %v", o.settled(28))
	o.press("pause")
	o.tells(protocol.SharingPaused)
	o.press("resume")
	o.tells(protocol.SharingShown)
}

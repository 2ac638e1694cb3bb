package console_test

import (
	"fmt"
	"image"
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
	text.window.Kill()
	o.act("one program over a poor network", func(o *office) { o.poorProgram(network) })
}

// poorProgram shows one program over a slow network that loses packets, while another
// one's window moves over it: nothing of that one is in any frame.
func (o *office) poorProgram(network *stage.Network) {
	shown := o.coloured("shown", green, "60x20+100+120")
	defer shown.Kill()
	other := o.coloured("secret", secret, "70x24+250+200")
	defer other.Kill()
	agent := o.agent()
	network.Shape(stage.Link{Rate: 1_000_000, Delay: 50 * time.Millisecond, Loss: 0.05})
	o.must(o.customer.Accept(o.ctx, "Consento – condizioni"))
	ask, err := o.customer.Window(o.ctx, "Consento – mostrare")
	o.must(err)
	o.must(o.customer.PressIn(o.ctx, ask, "Tab", "Tab", "Down", "Down", "Down")) // whole screen, browser, secret, shown
	o.must(o.customer.PressIn(o.ctx, ask, "shift+Tab", "Return"))
	o.must(o.console.State("Active"))
	program := func(img image.Image) bool { return like(img, green) > 10_000 }
	o.sees("the program", program)
	windows := map[string]image.Point{"secret": {80, 90}, "shown": {140, 160}}
	for i := range 3 {
		for title, at := range windows {
			id, err := o.customer.Window(o.ctx, title)
			o.must(err)
			o.must(o.customer.Command(o.ctx, "xdotool", "windowmove", id, fmt.Sprint(at.X+60*i), fmt.Sprint(at.Y+30*i)).Run())
		}
		o.more(1)
		o.sees("the program where it is now", program)
	}
	o.picture("one-poor", o.technician)
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.must(o.customer.Confirm(o.ctx, "Consento – rimosso"))
	_, err = agent.Exit(o.ctx)
	o.must(err)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	e.expect(o.t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventScreenShown, protocol.EventEnded, protocol.EventClosed)
	o.leaksNothing(e)
	e.seen(o.t)
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

package console_test

import (
	"image"
	"testing"

	"consento/protocol"
)

// TestSeveral: one technician, two customers at once. Both screens are seen in
// turn; a note is on the evidence, and so is when the technician looked away.
func TestSeveral(t *testing.T) {
	o := newOffice(t)
	other := *o
	other.customer = o.screen(image.Pt(1024, 768), "other")
	other.page = o.browser(other.customer, "it-IT")
	seen := func() (image.Image, error) { return o.console.Frame(`[data-testid="remote-screen"]`) }

	before := o.files()
	agent := o.share()
	o.must(o.same("the first screen", seen))
	otherBefore := other.files()
	otherAgent := other.agent()
	other.must(other.customer.Accept(o.ctx, "Consento – condizioni"))
	other.must(other.customer.Accept(o.ctx, "Consento – mostrare"))
	o.must(o.console.State("Active"))
	o.must(other.same("the other screen", seen))
	o.picture("two", o.technician)

	o.must(o.console.Key("1"))
	o.must(o.same("the first screen again", seen))
	o.must(o.console.Until("the other one rests", `[...document.querySelectorAll(".stage[data-shown=false] video")].every((v) => v.srcObject.getTracks().every((x) => x.readyState === "ended"))`))
	o.must(o.console.Key("2"))
	o.must(other.same("the other screen again", seen))

	o.must(o.console.Key("w"))
	o.must(o.console.Until("ready to write", `document.activeElement === document.querySelector(".notes textarea")`))
	o.must(o.console.Key("Toner is ordered"))
	o.must(o.console.Until("saved", `document.querySelector(".note-state").dataset.state === "saved"`))
	o.must(o.console.Key("\x1b"))
	o.must(o.console.Key("q"))
	o.must(o.console.Until("what is known of both networks, and the codec", `document.querySelectorAll(".verdict").length === 4 && document.querySelector(".figures-body").textContent.includes("AV1")`))
	o.picture("figures", o.technician)

	o.must(o.console.Key("1"))
	o.must(o.console.Click(`[data-testid="end-session"]`))
	o.over(agent, 0, before)
	o.must(o.console.State("Closed"))

	o.must(o.console.Key("2"))
	o.must(o.console.State("Active"))
	o.must(o.console.Click(`[data-testid="end-session"]`))
	other.over(otherAgent, 0, otherBefore)
	o.must(o.console.State("Closed"))
	e := o.newest(whole)
	// A picture that was closed may be noticed only after the next one was opened.
	e.expect(t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventViewerLeft, protocol.EventEnded, protocol.EventClosed)
	e.expect(t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventViewerJoined, protocol.EventViewerLeft,
		protocol.EventEnded, protocol.EventClosed)
	e.expect(t, protocol.EndTechnician, protocol.EventConsentGiven, protocol.EventNoteWritten, protocol.EventClosed) // when it had settled, or at the end
}

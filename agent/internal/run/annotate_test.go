package run

import (
	"testing"
	"time"

	"consento/protocol"
)

// TestNoBrokerDraws: without the customer's yes to that very epoch nothing is drawn,
// whatever a broker says; what was drawn goes with the yes.
func TestNoBrokerDraws(t *testing.T) {
	t.Parallel()
	a := attend(t)
	try := func(epochs ...uint32) {
		t.Helper()
		for _, epoch := range epochs {
			a.gets(&protocol.Annotate{Epoch: epoch, Kind: protocol.AnnotateLine, Mark: 1, Ink: protocol.InkBlue, Width: 640, Height: 480, Points: []protocol.Spot{{X: 1, Y: 1}}})
		}
	}
	opened := func() *drawingTool { d, _ := a.tools.open[protocol.MayDraw].(*drawingTool); return d }
	a.gets(recordedFor(protocol.MayDraw, 2))
	try(1, 2, 3)
	a.gets(askFor(protocol.MayDraw, 2))
	try(2)
	if opened() != nil {
		t.Fatal("open without an answer")
	}
	a.agrees(protocol.MayDraw)
	try(2)
	if opened() != nil {
		t.Fatal("open before it is on the evidence")
	}
	a.gets(recordedFor(protocol.MayDraw, 2))
	drawing := opened()
	if drawing == nil {
		t.Fatal("not open")
	}
	try(1, 3) // of another epoch
	a.takesBack(protocol.MayDraw)
	if opened() != nil || !drawing.drawing.Closed(time.Minute) {
		t.Error("it goes on")
	}
	try(2)
}

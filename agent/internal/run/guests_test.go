package run

import (
	"slices"
	"strings"
	"testing"
	"time"

	"consento/protocol"
)

var luca = protocol.Guest{Epoch: 4, Name: "Luca Verdi", Team: "Network", Way: protocol.WayJoin, State: protocol.ConsentAsked}

// answersGuest presses keys until the question about a person is answered.
func (a *attended) answersGuest(keys ...string) {
	a.t.Helper()
	until(a.t, "the question has the keyboard", func() bool {
		dialog, _ := a.xdotool("search", "--onlyvisible", "--name", "one more person")
		focus, err := a.xdotool("getwindowfocus")
		return err == nil && dialog != "" && focus == dialog
	})
	until(a.t, "answered", func() bool {
		_, _ = a.xdotool(append([]string{"key"}, keys...)...) // a yes counts a moment after it came up
		select {
		case answer := <-a.tools.guests.answers:
			if over := a.answeredGuest(a.t.Context(), answer); over != nil {
				a.t.Fatalf("%+v", over)
			}
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	until(a.t, "the question is closed", func() bool { return !a.UI.Asking() })
}

func (a *attended) saidOf() protocol.GuestAnswer {
	a.t.Helper()
	m, err := protocol.DecodeBody[protocol.GuestAnswer](<-a.heard)
	if err != nil {
		a.t.Fatal(err)
	}
	return m
}

func (a *attended) here() (epochs []uint32) {
	for _, g := range a.tools.guests.in {
		epochs = append(epochs, g.Epoch)
	}
	return epochs
}

// TestGuestByConsent: a person is here, on the bar, once the customer said yes and that is recorded;
// sent away at once; asked again, refused.
func TestGuestByConsent(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.gets(&protocol.GuestAsk{Guest: luca})
	if a.tools.guests.may(luca.Epoch) {
		t.Error("writes before the yes")
	}
	a.answersGuest("Tab", "Return", "shift+Tab")
	if said := a.saidOf(); said.State != protocol.ConsentGiven || said.Epoch != luca.Epoch {
		t.Fatalf("said %+v", said)
	}
	if len(a.here()) > 0 {
		t.Error("here before it is on the evidence")
	}
	a.gets(&protocol.GuestRecorded{Epoch: luca.Epoch})
	if text := a.barText(); !strings.Contains(text.Who, luca.Name) || text.TakeBack == "" || !a.tools.guests.may(luca.Epoch) {
		t.Errorf("the bar says %+v", text)
	}
	a.gets(&protocol.GuestAsk{Guest: luca}) // once more, after a lost connection: the same answer
	if said := a.saidOf(); said.State != protocol.ConsentGiven {
		t.Errorf("said %+v", said)
	}
	if over := a.takeBack(t.Context(), a.bar); over != nil {
		t.Fatalf("%+v", over)
	}
	if said := a.saidOf(); said.State != protocol.ConsentWithdrawn || said.Cause != protocol.GuestCustomer || len(a.here()) > 0 || strings.Contains(a.barText().Who, luca.Name) {
		t.Errorf("said %+v, here %v", said, a.here())
	}
	a.gets(&protocol.GuestRecorded{Epoch: luca.Epoch}) // a late word of the broker's
	if len(a.here()) > 0 {
		t.Error("a late word brings them back")
	}
	again := luca
	again.Epoch = 5
	a.gets(&protocol.GuestAsk{Guest: again})
	a.gets(ask(6)) // beside an open question
	if said := a.said(); said.State != protocol.ConsentRefused || said.Cause != protocol.CauseUnable {
		t.Errorf("a tool beside it: %+v", said)
	}
	a.answersGuest("Escape")
	if said := a.saidOf(); said.State != protocol.ConsentRefused || said.Cause != protocol.GuestCustomer || len(a.here()) > 0 {
		t.Errorf("said %+v", said)
	}
}

// TestNoBrokerBringsAGuest: nobody is here, and nobody's line is shown, by the broker's word alone.
func TestNoBrokerBringsAGuest(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.gets(&protocol.GuestRecorded{Epoch: 4})
	given := luca
	given.State = protocol.ConsentGiven
	if over := a.reconcileGuests(t.Context(), a.bar, []protocol.Guest{given}); over != nil {
		t.Fatalf("%+v", over)
	}
	if said := a.saidOf(); len(a.here()) > 0 || said.State != protocol.ConsentWithdrawn || said.Epoch != 4 {
		t.Errorf("here %v, said %+v", a.here(), said)
	}
	lines := protocol.Chat{Allowed: true, Lines: []protocol.ChatLine{{N: 1, From: protocol.ChatTechnician, Text: "a"}, {N: 2, From: protocol.ChatTechnician, Guest: 9, Text: "b"}}}
	if heard := a.Session.heard(lines); len(heard.Lines) != 1 || heard.Lines[0].N != 1 {
		t.Errorf("heard %+v", heard.Lines)
	}
	a.gets(&protocol.GuestAsk{Guest: luca})
	a.gets(&protocol.GuestEnded{Epoch: luca.Epoch, Cause: protocol.GuestWent})
	until(t, "the question is closed", func() bool { return !a.UI.Asking() })
	a.gets(&protocol.GuestRecorded{Epoch: luca.Epoch})
	if len(a.here()) > 0 {
		t.Errorf("here %v", a.here())
	}
	// What was said while the connection was lost is said again, and who went meanwhile is gone.
	a.tools.guests.said[7] = protocol.GuestAnswer{Epoch: 7, State: protocol.ConsentGiven}
	a.tools.guests.people[7] = protocol.Guest{Epoch: 7, Name: "Vera Neri", Way: protocol.WaySupervise}
	a.gets(&protocol.GuestRecorded{Epoch: 7})
	if !slices.Equal(a.here(), []uint32{7}) || a.tools.guests.may(7) {
		t.Fatalf("here %v; who only looks may write: %v", a.here(), a.tools.guests.may(7))
	}
	if over := a.reconcileGuests(t.Context(), a.bar, nil); over != nil || len(a.here()) > 0 {
		t.Errorf("%+v, here %v", over, a.here())
	}
}

// TestHandedOver: only to whom the customer let in, by that name; what was allowed ends, and who had
// the session is still on the bar.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	a := attend(t)
	agrees := func(epoch uint32, way protocol.GuestWay) {
		person := luca
		person.Epoch, person.Way = epoch, way
		a.tools.guests.people[epoch] = person
		a.tools.guests.said[epoch] = protocol.GuestAnswer{Epoch: epoch, State: protocol.ConsentGiven}
		a.tools.last = max(a.tools.last, epoch)
	}
	handed := func(epoch uint32, name string) *ending {
		return a.handedOver(a.bar, protocol.HandedOver{Epoch: epoch, Technician: protocol.Person{Name: name, Team: luca.Team},
			Former: protocol.Guest{Epoch: epoch + 1, Name: "X", Way: protocol.WayFormer, State: protocol.ConsentGiven}})
	}
	if over := handed(4, luca.Name); over == nil {
		t.Error("to somebody about whom nobody was asked")
	}
	agrees(4, protocol.WaySupervise)
	if over := handed(4, luca.Name); over == nil {
		t.Error("to somebody who only looks on")
	}
	agrees(4, protocol.WayTakeOver)
	if over := handed(4, "Mallory"); over == nil {
		t.Error("to somebody else")
	}
	a.tools.said[protocol.Control] = protocol.ConsentAnswer{Permission: protocol.Control, State: protocol.ConsentGiven, Epoch: 2}
	a.gets(recorded(2))
	a.gets(&protocol.GuestRecorded{Epoch: 4})
	if over := handed(4, luca.Name); over != nil {
		t.Fatalf("%+v", over)
	}
	if a.tools.open[protocol.Control] != nil || a.tools.gate.Load() != nil {
		t.Error("control goes on for another")
	}
	if text := a.barText(); !strings.Contains(text.Who, luca.Name+"\u2069 sees") && !strings.Contains(text.Who, luca.Name) || !strings.Contains(text.Who, "Anna Bianchi") || !slices.Equal(a.here(), []uint32{5}) {
		t.Errorf("the bar says %+v, here %v", text, a.here())
	}
	a.gets(recorded(2))
	if a.tools.open[protocol.Control] != nil {
		t.Error("a late word opens it again")
	}
	a.gets(ask(9)) // in the name of who had it
	if said := a.said(); said.State != protocol.ConsentRefused || said.Cause != protocol.CauseUnable {
		t.Errorf("said %+v", said)
	}
}

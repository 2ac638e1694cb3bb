package protocol_test

import (
	"errors"
	"strings"
	"testing"

	"consento/protocol"
)

func TestTicketsRefused(t *testing.T) {
	for name, m := range map[string]protocol.Message{
		"a session of a long ticket": &protocol.NewSession{Ticket: strings.Repeat("t", 65)},
		"a title of two lines":       &protocol.NewSession{Title: "a\nb"},
		"tickets of no view":         &protocol.Tickets{},
		"tickets, two lines":         &protocol.Tickets{View: protocol.TicketsAll, Text: "a\nb"},
		"tickets after too much":     &protocol.Tickets{View: protocol.TicketsAll, After: strings.Repeat("x", 101)},
		"too many tickets":           &protocol.TicketList{Tickets: make([]protocol.DeskTicket, protocol.MaxTickets+1)},
		"no ticket changed":          &protocol.TicketChanged{},
		"no ticket is gone":          &protocol.TicketGone{},
		"opens no ticket":            &protocol.TicketOpen{},
		"opens a long id":            &protocol.TicketOpen{Ticket: strings.Repeat("t", 65)},
		"opens before the beginning": &protocol.TicketOpen{Ticket: "t", Before: -1},
		"shows no ticket":            &protocol.TicketShown{},
		"does with no ticket":        &protocol.TicketDo{Version: 1, Act: protocol.TicketAct{Kind: "take"}},
		"does with no version":       &protocol.TicketDo{Ticket: "t", Act: protocol.TicketAct{Kind: "take"}},
		"does nothing":               &protocol.TicketDo{Ticket: "t", Version: 1},
		"new, no language":           &protocol.TicketNew{Language: "no tag"},
		"refused, unknown":           &protocol.TicketRefused{Problem: "mood"},
	} {
		if err := m.Validate(); !errors.Is(err, protocol.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package sockets

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
	"consento/protocol"
)

// person adds an account and returns it with what a socket of theirs needs.
func (s *server) person(t testing.TB, name string, role access.Role, team string, level access.Level, profile string) (access.Account, http.Header) {
	t.Helper()
	a := must(s.access.Add(t.Context(), access.NewAccount{Email: strings.ToLower(name) + "@example.org", Name: name + " Rossi", Role: role,
		Team: team, Level: level, Profile: profile, Password: "seven grey herons over Bolzano"}))(t)
	return a, http.Header{"Cookie": {s.signIn(t, a.Email)}}
}

func (s *server) consoleOf(t testing.TB, header http.Header, language string) *client {
	t.Helper()
	c, _, err := s.dial(t, "/ws/console", protocol.SubprotocolConsole, header)
	must(c, err)(t)
	c.send(t, &protocol.Hello{Version: protocol.CurrentVersion(), Software: "test", Language: language})
	c.expect(t, "hello", nil)
	c.expect(t, "welcome", nil)
	c.listens(t)
	return c
}

func (c *client) list(t testing.TB, m protocol.Tickets) (list protocol.TicketList) {
	t.Helper()
	c.send(t, &m)
	c.expect(t, "ticket_list", &list)
	return list
}

func (c *client) act(t testing.TB, shown protocol.TicketShown, a protocol.TicketAct) (after protocol.TicketShown) {
	t.Helper()
	c.send(t, &protocol.TicketDo{Ticket: shown.Ticket.ID, Version: shown.Ticket.Version, Act: a})
	c.expect(t, "ticket_shown", &after)
	return after
}

var aCall = protocol.TicketNew{Type: "incident", Title: "Il Wi-Fi cade", Text: "Da stamattina.", Channel: "phone", Language: "it",
	Requester: protocol.TicketRequester{Name: "Maria Verdi", Phone: "+39 0541 1"}}

// TestTicketsAtTheConsole: a call becomes a ticket, colleagues see it at once, it is worked
// on, handed on and read by the next level; who is late is told, and loses nothing.
func TestTicketsAtTheConsole(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, bruno := s.person(t, "Bruno", access.Technician, "Service desk", access.L1, protocol.ProfileFullSupport)
	_, carla := s.person(t, "Carla", access.Technician, "Networks", access.L2, protocol.ProfileFullSupport)
	_, dario := s.person(t, "Dario", access.Technician, "Service desk", access.L1, protocol.ProfileFullSupport)
	anna, other, second, third := s.consoleOf(t, dario, "en"), s.consoleOf(t, bruno, "de"), s.consoleOf(t, carla, "it"), s.consoleOf(t, carla, "it")
	if list := other.list(t, protocol.Tickets{View: protocol.TicketsOfTeam}); len(list.Tickets) != 0 || list.Untaken != 0 || !list.Works {
		t.Fatalf("%+v", list)
	}
	second.list(t, protocol.Tickets{View: protocol.TicketsOfTeam})
	var shown protocol.TicketShown
	anna.send(t, &aCall)
	anna.expect(t, "ticket_shown", &shown)
	if !shown.Works || !shown.Ticket.Mine || shown.Ticket.State != "logged" || shown.Phone == "" || shown.Acts[0] != "categorise" || shown.Next != 1 || len(shown.Choices.Categories) != 4 {
		t.Fatalf("%+v", shown)
	}
	var changed protocol.TicketChanged
	if other.expect(t, "ticket_changed", &changed); changed.Ticket.ID != shown.Ticket.ID || changed.Ticket.Mine {
		t.Errorf("a colleague is told %+v", changed)
	}
	shown = anna.act(t, shown, protocol.TicketAct{Kind: "categorise", Category: "network"})
	if shown.Work.When == "" || len(shown.Work.Steps) == 0 {
		t.Errorf("no cell of the matrix: %+v", shown.Work)
	}
	// Who saw an older version is told so, and may look.
	other.send(t, &protocol.TicketDo{Ticket: shown.Ticket.ID, Version: 1, Act: protocol.TicketAct{Kind: "comment", Text: "Seen it too."}})
	var refused protocol.TicketRefused
	if other.expect(t, "ticket_refused", &refused); refused.Problem != protocol.TicketStale {
		t.Errorf("%+v", refused)
	}
	var german protocol.TicketShown
	other.send(t, &protocol.TicketOpen{Ticket: shown.Ticket.ID})
	other.expect(t, "ticket_shown", &german)
	if german.History[0].Kind != "categorise" || german.History[0].Category == "" || german.Work.When == shown.Work.When || german.Ticket.Version != 2 {
		t.Errorf("in German %+v", german)
	}
	for problem, m := range map[protocol.TicketRefused]*protocol.TicketDo{
		{Problem: protocol.TicketStep}:                                        {Version: 2, Act: protocol.TicketAct{Kind: "close"}},
		{Problem: protocol.TicketNeeds, Field: "priority", Code: "missing"}:   {Version: 2, Act: protocol.TicketAct{Kind: "resolve", Resolution: "solved", Text: "x"}},
		{Problem: protocol.TicketInvalid, Field: "category", Code: "unknown"}: {Version: 2, Act: protocol.TicketAct{Kind: "categorise", Category: "x"}},
	} {
		m.Ticket = shown.Ticket.ID
		anna.send(t, m)
		var got protocol.TicketRefused
		if anna.expect(t, "ticket_refused", &got); got != problem {
			t.Errorf("%+v: %+v, want %+v", m.Act, got, problem)
		}
	}
	shown = anna.act(t, shown, protocol.TicketAct{Kind: "prioritise", Impact: 2, Urgency: 3})
	if shown.Ticket.Due.IsZero() || shown.Ticket.Answer {
		t.Errorf("no clock: %+v", shown.Ticket)
	}
	shown = anna.act(t, shown, protocol.TicketAct{Kind: "diagnose"})
	// Another team cannot tell it from one that is not there, and is not told of it.
	second.refused(t, second.send(t, &protocol.TicketOpen{Ticket: shown.Ticket.ID}), protocol.CodeNoTicket)
	shown = anna.act(t, shown, protocol.TicketAct{Kind: "escalate", Team: "Networks", Text: "The switch does not answer."})
	if shown.Works || !slices.Equal(shown.Acts, []string{"comment"}) {
		t.Errorf("still works on it: %+v", shown.Acts)
	}
	if second.expect(t, "ticket_changed", &changed); changed.Ticket.State != "escalated" || changed.Ticket.Level != "L2" {
		t.Errorf("the first that the next level hears is %+v", changed.Ticket)
	}
	if list := third.list(t, protocol.Tickets{View: protocol.TicketsOfTeam}); len(list.Tickets) != 1 || list.Untaken != 1 {
		t.Errorf("the next level's queue: %+v", list)
	}
	second.send(t, &protocol.TicketOpen{Ticket: shown.Ticket.ID})
	second.expect(t, "ticket_shown", &shown)
	if shown.Acts[0] != "take" || shown.History[0].Text == "" {
		t.Errorf("%+v", shown)
	}
	shown = second.act(t, shown, protocol.TicketAct{Kind: "take"})
	shown = second.act(t, shown, protocol.TicketAct{Kind: "edit", Title: "Switch on floor 2", Requester: &protocol.TicketRequester{Name: "Maria Verdi", Email: "maria@example.org"}})
	if shown.Email == "" || shown.Ticket.Title != "Switch on floor 2" || shown.Text == "" {
		t.Errorf("%+v", shown)
	}
	if got := second.act(t, shown, protocol.TicketAct{Kind: "resolve", Resolution: "solved", Text: "Replaced."}); got.Ticket.State != "resolved" || got.Solution == "" {
		t.Errorf("%+v", got.Ticket)
	}
}

// TestWhoSeesTickets: each role and right, by what the lists hold and what is refused.
func TestWhoSeesTickets(t *testing.T) {
	t.Parallel()
	s := serve(t)
	admin, _ := s.person(t, "Ada", access.Administrator, "", "", "")
	must(0, s.access.SaveProfile(t.Context(), admin, nil, protocol.Profile{Name: "No queue", Files: protocol.BuiltInProfiles()[0].Files, Permissions: protocol.PermissionSet{protocol.ViewScreen: true}, Rights: protocol.RightSet{protocol.MayIssueKeys: true}}))(t)
	_, works := s.person(t, "Bruno", access.Technician, "Service desk", access.L1, protocol.ProfileFullSupport)
	_, leads := s.person(t, "Lara", access.Lead, "Service desk", access.L1, "No queue")
	_, other := s.person(t, "Carla", access.Lead, "Networks", access.L2, protocol.ProfileFullSupport)
	_, none := s.person(t, "Nina", access.Technician, "Service desk", access.L1, "No queue")
	maker := s.consoleOf(t, works, "en")
	var shown protocol.TicketShown
	maker.send(t, &aCall)
	maker.expect(t, "ticket_shown", &shown)
	for name, c := range map[string]struct {
		header      http.Header
		reads, make bool
	}{"a colleague": {works, true, true}, "the lead, whatever the profile": {leads, true, true}, "another team": {other, false, true}, "without the right": {none, false, false}} {
		console := s.consoleOf(t, c.header, "en")
		if list := console.list(t, protocol.Tickets{View: protocol.TicketsAll}); len(list.Tickets) == 1 != c.reads || list.Works != c.make {
			t.Errorf("%s: %+v", name, list)
		}
		if c.reads {
			console.send(t, &protocol.TicketOpen{Ticket: shown.Ticket.ID})
			console.expect(t, "ticket_shown", nil)
			continue
		}
		console.refused(t, console.send(t, &protocol.TicketOpen{Ticket: shown.Ticket.ID}), protocol.CodeNoTicket)
		console.refused(t, console.send(t, &protocol.TicketDo{Ticket: shown.Ticket.ID, Version: 1, Act: protocol.TicketAct{Kind: "comment", Text: "x"}}), protocol.CodeNoTicket)
		if !c.make {
			console.send(t, &aCall)
			var refused protocol.TicketRefused
			if console.expect(t, "ticket_refused", &refused); refused.Problem != protocol.TicketForbidden {
				t.Errorf("%s makes one: %+v", name, refused)
			}
		}
	}
}

// TestTicketRightsEndAtOnce: who is moved to another team is told in mid-work, and reads
// nothing of the old one any more.
func TestTicketRightsEndAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	bruno, header := s.person(t, "Bruno", access.Technician, "Service desk", access.L1, protocol.ProfileFullSupport)
	lara, lead := s.person(t, "Lara", access.Lead, "Service desk", access.L1, protocol.ProfileFullSupport)
	s.person(t, "Carla", access.Technician, "Networks", access.L2, protocol.ProfileFullSupport)
	admin, _ := s.person(t, "Ada", access.Administrator, "", "", "")
	c, l := s.consoleOf(t, header, "en"), s.consoleOf(t, lead, "en")
	c.list(t, protocol.Tickets{View: protocol.TicketsOfTeam})
	var shown protocol.TicketShown
	l.send(t, &aCall)
	l.expect(t, "ticket_shown", &shown)
	c.expect(t, "ticket_changed", nil)
	must(s.access.ChangeAccount(t.Context(), admin, bruno.ID, access.NewAccount{Email: bruno.Email, Name: bruno.Name, Role: access.Technician, Team: "Networks", Level: access.L2, Profile: protocol.ProfileFullSupport}))(t)
	c.expect(t, "desk_changed", nil)
	if list := c.list(t, protocol.Tickets{View: protocol.TicketsAll}); len(list.Tickets) != 0 {
		t.Errorf("still lists %+v", list)
	}
	c.refused(t, c.send(t, &protocol.TicketOpen{Ticket: shown.Ticket.ID}), protocol.CodeNoTicket)
	// What it was shown is taken off its page as soon as it changes.
	l.act(t, shown, protocol.TicketAct{Kind: "assign", Assignee: lara.ID})
	var gone protocol.TicketGone
	if c.expect(t, "ticket_gone", &gone); gone.Ticket != shown.Ticket.ID {
		t.Errorf("%+v", gone)
	}
}

// TestTicketPages: a long queue comes page by page, and the longest texts fit.
func TestTicketPages(t *testing.T) {
	t.Parallel()
	s := serve(t)
	bruno, header := s.person(t, "Bruno", access.Technician, "Service desk", access.L1, protocol.ProfileFullSupport)
	for i := range protocol.MaxTickets + 5 {
		must(s.desk.Open(t.Context(), bruno, desk.NewTicket{Type: desk.Incident, Title: fmt.Sprint("Printer ", i, strings.Repeat("ᚠ", 180)), Channel: desk.ByPhone, Language: "it",
			Text: strings.Repeat("<", 8000), Requester: desk.Requester{Name: strings.Repeat("ᚠ", 100), Phone: "1"}, Team: desk.Team{Name: "Service desk"}}))(t)
	}
	c := s.consoleOf(t, header, "ja")
	seen := map[string]bool{}
	for m := (protocol.Tickets{View: protocol.TicketsMine}); ; {
		list := c.list(t, m)
		for _, x := range list.Tickets {
			if seen[x.ID] {
				t.Errorf("%s comes twice", x.Title)
			}
			seen[x.ID] = true
		}
		if m.After = list.More; list.More == "" {
			break
		}
	}
	if len(seen) != protocol.MaxTickets+5 {
		t.Errorf("%d tickets came", len(seen))
	}
	for id := range seen {
		var shown protocol.TicketShown
		c.send(t, &protocol.TicketOpen{Ticket: id})
		c.expect(t, "ticket_shown", &shown)
		for range 2 {
			shown = c.act(t, shown, protocol.TicketAct{Kind: "comment", Text: strings.Repeat("&", 8000)})
		}
		if shown.Earlier == 0 && !shown.Cut {
			t.Error("all of it fits")
		}
		break
	}
	c.refused(t, c.send(t, &protocol.Tickets{View: protocol.TicketsAll, After: "nonsense"}), protocol.CodeMalformed)
}

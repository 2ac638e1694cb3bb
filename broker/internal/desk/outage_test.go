package desk

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/access"
)

// TestParent: tickets hang on an incident, wait for it, are told and resolved with it,
// each in its own history; what is not resolved with it goes on.
func TestParent(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	parent := e.do(e.anna, e.open(e.anna, "No network on floor 2"), categorise, prioritise, diagnose)
	var hung []Ticket
	for _, title := range []string{"No mail", "No printer", "No telephone"} {
		asked, err := e.Receive(ctx, call(title))
		if err != nil {
			t.Fatal(err)
		}
		hung = append(hung, e.do(e.anna, asked, Act{Kind: ActHang, Parent: strings.ToLower(parent.Ref)}))
	}
	hung[1] = e.do(e.anna, hung[1], Act{Kind: ActTake}, categorise, prioritise, diagnose, escalate) // it is with another team meanwhile
	hung[2] = e.do(e.anna, hung[2], Act{Kind: ActHang})
	if hung[0].Parent != parent.ID || hung[0].Waiting != WaitingForParent || len(hung[0].Pauses) != 1 || hung[2].Parent != "" || hung[2].Waiting != WaitingForNobody || hung[2].Pauses[0].To.IsZero() {
		t.Errorf("%+v", hung)
	}
	if n, err := e.Children(ctx, parent.ID); err != nil || n != 2 {
		t.Error(n, err)
	}
	parent = e.do(e.anna, parent, Act{Kind: ActAnswer, Text: "A switch is being replaced.", Children: true})
	parent = e.do(e.anna, parent, Act{Kind: ActResolve, Resolution: Solved, Text: "Switch replaced.", Children: true})
	for i, c := range hung[:2] {
		now, err := read(ctx, e.db, c.ID)
		if err != nil || now.State != Resolved || now.Solution != "Switch replaced." || now.Category != "network" || now.Priority != parent.Priority || now.Waiting != WaitingForNobody {
			t.Errorf("%d: %+v %v", i, now, err)
		}
		f, err := e.ByLink(ctx, e.Link(c))
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, l := range f.Lines {
			said = append(said, string(l.Kind)+" "+l.By)
		}
		if got := strings.Join(said, "|"); !strings.Contains(got, "hang Anna Rossi|") || !strings.Contains(got, "answer Anna Rossi|") || !strings.HasSuffix(got, "resolve Anna Rossi") {
			t.Error(got)
		}
	}
	if now, err := read(ctx, e.db, hung[2].ID); err != nil || !now.State.Open() {
		t.Error("what hangs no more was resolved as well", err)
	}
	another := e.do(e.anna, e.open(e.anna, "Server room"), categorise, prioritise)
	waits := e.do(e.anna, e.open(e.anna, "No files"), Act{Kind: ActHang, Parent: another.ID})
	e.do(e.anna, another, Act{Kind: ActResolve, Resolution: Workaround, Text: "Restarted."})
	if now, err := read(ctx, e.db, waits.ID); err != nil || now.Waiting != WaitingForNobody || !now.State.Open() {
		t.Errorf("it waits for ever: %+v %v", now, err)
	}
	for name, c := range map[string]struct {
		ticket Ticket
		parent string
	}{"one that is resolved": {hung[2], another.Ref}, "one that is not there": {hung[2], "T-AAAAAA"}, "itself": {hung[2], hung[2].Ref}} {
		now, _ := read(ctx, e.db, c.ticket.ID)
		if _, err := e.Do(ctx, e.anna, now.ID, now.Version, Act{Kind: ActHang, Parent: c.parent}); !errors.Is(err, access.ErrInvalid) && !errors.Is(err, ErrStep) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOutage: what the portal says of an incident, from when until when, in which language.
func TestOutage(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	ticket := e.do(e.anna, e.open(e.anna, "No network"), categorise, prioritise)
	say := func(o Outage) { t.Helper(); ticket = e.do(e.anna, ticket, Act{Kind: ActOutage, Outage: &o}) }
	shown := func() []Outage {
		t.Helper()
		list, err := e.Outages(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	say(Outage{Spread: SpreadEveryone, Texts: map[string]string{"it": "La rete non va.", "en": "  ", "de": "Das Netz geht nicht."}})
	if list := shown(); len(list) != 1 || list[0].Place != "" || len(list[0].Texts) != 2 {
		t.Fatalf("%+v", list)
	}
	for tag, want := range map[string]string{"it": "it", "de": "de", "ja": "de"} {
		if text, language := shown()[0].Text(tag); language != want || text == "" {
			t.Errorf("%s: %q in %s", tag, text, language)
		}
	}
	say(Outage{Spread: SpreadLocal, Place: "Floor 2", Texts: map[string]string{"en": "No network."}, From: e.now.Add(time.Hour), Until: e.now.Add(2 * time.Hour)})
	for _, want := range []int{0, 1, 0} {
		if list := shown(); len(list) != want {
			t.Errorf("%s: %+v", e.now, list)
		}
		e.pass(time.Hour)
	}
	say(Outage{Spread: SpreadEveryone, Texts: map[string]string{"en": "Still."}})
	say(Outage{Spread: SpreadEveryone})
	if len(shown()) != 0 {
		t.Error("it is not taken back")
	}
	say(Outage{Spread: SpreadEveryone, Texts: map[string]string{"en": "Again."}})
	for name, o := range map[string]Outage{
		"nobody":      {Texts: map[string]string{"en": "x"}},
		"nowhere":     {Spread: SpreadLocal, Texts: map[string]string{"en": "x"}},
		"too long":    {Spread: SpreadEveryone, Texts: map[string]string{"en": strings.Repeat("x", 601)}},
		"control":     {Spread: SpreadEveryone, Texts: map[string]string{"en": "a\x00b"}},
		"ends before": {Spread: SpreadEveryone, Texts: map[string]string{"en": "x"}, From: e.now, Until: e.now.Add(-time.Hour)},
	} {
		if _, err := e.Do(ctx, e.anna, ticket.ID, ticket.Version, Act{Kind: ActOutage, Outage: &o}); !errors.Is(err, access.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Do(ctx, e.carla, ticket.ID, ticket.Version, Act{Kind: ActOutage, Outage: &Outage{Spread: SpreadEveryone}}); !errors.Is(err, ErrNoTicket) {
		t.Error("another team says it", err)
	}
	e.do(e.anna, ticket, resolve)
	if len(shown()) != 0 {
		t.Error("it is resolved, and the portal does not know")
	}
}

// TestAppointment: the requester gets it for their calendar, is reminded of it once, and
// of no other; times that the clock leaves out are none.
func TestAppointment(t *testing.T) {
	e := newEnv(t)
	p := post(t, e)
	ctx := t.Context()
	ticket := e.open(e.anna, "Printer")
	at := e.now.Add(48 * time.Hour)
	ticket = e.do(e.anna, ticket, Act{Kind: ActAppoint, At: at.Add(24 * time.Hour)}, Act{Kind: ActAppoint, At: at})
	take := func() (kinds []string) {
		t.Helper()
		list, err := p.Letters(ctx, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range list {
			kinds = append(kinds, l.Subject[10:])
			if len(l.Event) > 0 {
				if !bytes.Contains(l.Event, []byte("\r\nUID:"+ticket.ID+"@consento\r\n")) {
					t.Errorf("%s", l.Event)
				}
				kinds[len(kinds)-1] += "+"
			}
			if err := p.Sent(ctx, l.ID, nil); err != nil {
				t.Fatal(err)
			}
		}
		return kinds
	}
	if got := strings.Join(take(), "|"); got != "la tua richiesta è arrivata|un appuntamento+|un appuntamento+" {
		t.Error(got)
	}
	e.pass(46*time.Hour + 50*time.Minute)
	if got := strings.Join(take(), "|"); got != "" {
		t.Error("too early", got)
	}
	e.pass(15 * time.Minute)
	if got := strings.Join(take(), "|"); got != "il tuo appuntamento è tra poco" {
		t.Error(got)
	}
	e.pass(24 * time.Hour)
	if got := strings.Join(take(), "|"); got != "" {
		t.Error("reminded of one that was moved", got)
	}
	ticket = e.do(e.anna, ticket, Act{Kind: ActAppoint, At: e.now.Add(3 * time.Hour)}, Act{Kind: ActAppoint})
	if got := strings.Join(take(), "|"); got != "un appuntamento+|l’appuntamento è annullato+" {
		t.Error(got)
	}
	e.pass(3 * time.Hour)
	if got := strings.Join(take(), "|"); got != "" || !ticket.Appointment.IsZero() {
		t.Error(got, ticket.Appointment)
	}
	if _, err := e.Do(ctx, e.anna, ticket.ID, ticket.Version, Act{Kind: ActAppoint, At: e.now.Add(-time.Minute)}); !errors.Is(err, access.ErrInvalid) {
		t.Error("an appointment that is over", err)
	}
	rome := zone(t, "Europe/Rome")
	for s, want := range map[string]string{"2026-03-29T02:30": "", "2026-03-29T03:30": "2026-03-29T01:30:00Z", "2026-07-01T09:00": "2026-07-01T07:00:00Z", "2026-02-30T09:00": "", "": "", "tomorrow": ""} {
		at, ok := LocalTime(s, rome)
		if ok != (want != "") || ok && at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %s %t", s, at, ok)
		}
	}
}

// TestICS holds the file to RFC 5545 by a vector worked out by hand: escapes, folding
// within 75 bytes and never within a character.
func TestICS(t *testing.T) {
	made, at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	e := event{uid: "u@consento", sequence: 3, made: made, at: at, summary: "Büro; T-1, \\ x", text: "Zeile 1\n" + strings.Repeat("é", 40), url: "https://h.example/r"}
	want := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Consento//Service desk//EN\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\nUID:u@consento\r\nSEQUENCE:3\r\n" +
		"DTSTAMP:20260301T080000Z\r\nDTSTART:20260329T013000Z\r\nDTEND:20260329T020000Z\r\nSUMMARY:Büro\\; T-1\\, \\\\ x\r\n" +
		"DESCRIPTION:Zeile 1\\n" + strings.Repeat("é", 27) + "\r\n " + strings.Repeat("é", 13) + "\r\nURL:https://h.example/r\r\nSTATUS:CONFIRMED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	if got := string(e.ics()); got != want {
		t.Errorf("%q\n%q", got, want)
	}
	e.at = time.Time{}
	if got := string(e.ics()); !strings.Contains(got, "METHOD:CANCEL\r\n") || !strings.Contains(got, "STATUS:CANCELLED\r\n") || strings.Contains(got, "DTEND") {
		t.Error(got)
	}
}

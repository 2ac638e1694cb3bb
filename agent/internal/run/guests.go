package run

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"consento/agent/internal/ui"
	"consento/protocol"
)

// guests are the people beside the technician, as the customer has answered here. It
// belongs to the session's goroutine.
type guests struct {
	in      []protocol.Guest                // with the yes, and on the broker's evidence
	said    map[uint32]protocol.GuestAnswer // the last word on each question of this run
	people  map[uint32]protocol.Guest       // whom each question was about
	owner   uint32                          // the yes by which the technician has the session; 0: began it
	asking  *protocol.Guest                 // nil while nobody is asked about
	hush    context.CancelFunc              // closes the question
	answers chan guestAnswer
}

// guestAnswer is what the customer did with a question about a person.
type guestAnswer struct {
	guest  protocol.Guest
	answer ui.Answer
	err    error
}

func newGuests() guests {
	return guests{said: map[uint32]protocol.GuestAnswer{}, people: map[uint32]protocol.Guest{}, answers: make(chan guestAnswer, 1)}
}

// maxGuestsAsked bounds about how many people one run asks: a broker that asks about more wears the
// customer down.
const maxGuestsAsked = 60

// may reports whether the customer has ever let this person write here.
func (g *guests) may(epoch uint32) bool {
	said, ok := g.said[epoch]
	return ok && (said.State == protocol.ConsentGiven || said.State == protocol.ConsentWithdrawn) && g.people[epoch].Way.Chats()
}

// askedGuest puts the question about one more person to the customer.
func (s *Session) askedGuest(ctx context.Context, bar *ui.Bar, ask protocol.Guest) *ending {
	t, g := s.tools, &s.tools.guests
	if g.asking != nil && g.asking.Epoch == ask.Epoch {
		return nil // it is asked already
	}
	if said, ok := g.said[ask.Epoch]; ok {
		return s.tellGuest(ctx, said) // the broker did not hear it
	}
	if ask.Epoch <= t.last || t.asking != nil || g.asking != nil || bar == nil || len(g.said) >= maxGuestsAsked {
		return s.tellGuest(ctx, protocol.GuestAnswer{Epoch: ask.Epoch, State: protocol.ConsentRefused, Cause: protocol.GuestUnable})
	}
	t.last, g.asking, g.people[ask.Epoch] = ask.Epoch, &ask, ask
	asking, hush := context.WithCancel(ctx)
	g.hush = hush
	question := s.guestQuestion(ask)
	t.windows.Go(func() {
		answer, err := s.UI.Ask(asking, question)
		select {
		case g.answers <- guestAnswer{ask, answer, err}:
		case <-asking.Done(): // nobody waits for it
		}
	})
	return nil
}

// guestQuestion says in plain words who would come, and what they could do.
func (s *Session) guestQuestion(g protocol.Guest) ui.Question {
	key := "agent.guest." + string(g.Way)
	named := []string{"name", isolate(g.Name), "technician", isolate(plain(s.joined.Technician.Name)), "company", isolate(g.Team), "by", isolate(g.By)}
	office := s.joined.Technician.Office
	if g.Way == protocol.WayVendor {
		office = "" // not of this one
	}
	return ui.Question{
		Title: s.Texts.T("agent.guest.title"), Heading: s.Texts.T(key+".heading", named...),
		Who:    ui.Person{Name: isolate(g.Name), Team: isolate(g.Team), Office: office},
		Body:   s.Texts.T(key+".body", named...) + "\n\n" + s.Texts.T("agent.guest.away"),
		Accept: s.Texts.T("agent.tool.allow"), Refuse: s.Texts.T("agent.tool.refuse"), Report: s.Texts.T("agent.report"),
		Delay: toolDelay, Wait: s.Texts.T("agent.widen.wait"),
		Timeout: consentTimeout, MoreTime: s.Texts.T("agent.consent.more_time"),
		Warning: func(seconds int) string {
			return s.Texts.T("agent.consent.warning", "seconds", s.Texts.Count("seconds", seconds))
		},
	}
}

// answeredGuest takes what the customer did with a question about a person.
func (s *Session) answeredGuest(ctx context.Context, a guestAnswer) *ending {
	g := &s.tools.guests
	if g.asking == nil || g.asking.Epoch != a.guest.Epoch {
		return nil // they went meanwhile
	}
	g.hush()
	g.asking, g.hush = nil, nil
	if a.answer == ui.Reported && a.err == nil {
		return &ending{reason: protocol.EndReported, code: ExitRefused}
	}
	said := protocol.GuestAnswer{Epoch: a.guest.Epoch, State: protocol.ConsentRefused, Cause: protocol.GuestCustomer}
	switch {
	case a.err != nil:
		s.Log.Error("question not shown", slog.Any("error", a.err))
		said.Cause = protocol.GuestUnable
	case a.answer == ui.Accepted:
		said.State, said.Cause = protocol.ConsentGiven, ""
	case a.answer == ui.TimedOut:
		said.Cause = protocol.GuestNoAnswer
	}
	return s.tellGuest(ctx, said)
}

// tellGuest tells the broker the customer's last word on a person, and keeps it.
func (s *Session) tellGuest(ctx context.Context, said protocol.GuestAnswer) *ending {
	s.tools.guests.said[said.Epoch] = said
	if err := s.say(ctx, &said); err != nil {
		return s.lost()
	}
	return nil
}

// recordedGuest is the broker's word that the yes to a person is on its evidence: from now on they
// are on the bar. It counts only for whom the customer said yes to here.
func (s *Session) recordedGuest(bar *ui.Bar, epoch uint32) {
	g := &s.tools.guests
	if g.said[epoch].State != protocol.ConsentGiven || slices.ContainsFunc(g.in, func(x protocol.Guest) bool { return x.Epoch == epoch }) {
		return
	}
	g.in = append(g.in, g.people[epoch])
	s.showGuests(bar)
}

// endedGuest is the broker's word that somebody is not there any more, or not asked about.
func (s *Session) endedGuest(bar *ui.Bar, epoch uint32) {
	g := &s.tools.guests
	if g.asking != nil && g.asking.Epoch == epoch {
		g.hush()
		g.asking, g.hush = nil, nil
		g.said[epoch] = protocol.GuestAnswer{Epoch: epoch, State: protocol.ConsentRefused, Cause: protocol.GuestCustomer}
	}
	if said := g.said[epoch]; said.State == protocol.ConsentGiven {
		said.State = protocol.ConsentWithdrawn
		g.said[epoch] = said
	}
	g.in = slices.DeleteFunc(g.in, func(x protocol.Guest) bool { return x.Epoch == epoch })
	s.showGuests(bar)
}

// sendAway takes the yes to somebody back, as the customer wishes.
func (s *Session) sendAway(ctx context.Context, bar *ui.Bar, epoch uint32) *ending {
	g := &s.tools.guests
	if !slices.ContainsFunc(g.in, func(x protocol.Guest) bool { return x.Epoch == epoch }) {
		return nil // they went meanwhile
	}
	g.in = slices.DeleteFunc(g.in, func(x protocol.Guest) bool { return x.Epoch == epoch })
	s.showGuests(bar)
	return s.tellGuest(ctx, protocol.GuestAnswer{Epoch: epoch, State: protocol.ConsentWithdrawn, Cause: protocol.GuestCustomer})
}

// reconcileGuests compares the broker's list, after a lost connection, with the customer's words.
// Nobody comes in by that list alone.
func (s *Session) reconcileGuests(ctx context.Context, bar *ui.Bar, list []protocol.Guest) *ending {
	g := &s.tools.guests
	theirs := map[uint32]protocol.ConsentState{}
	for _, x := range list {
		theirs[x.Epoch] = x.State
	}
	if g.asking != nil && theirs[g.asking.Epoch] != protocol.ConsentAsked {
		s.endedGuest(bar, g.asking.Epoch)
	}
	for _, x := range slices.Clone(g.in) {
		if theirs[x.Epoch] != protocol.ConsentGiven {
			s.endedGuest(bar, x.Epoch)
		}
	}
	for _, x := range list {
		said, ok := g.said[x.Epoch]
		switch {
		case x.State == protocol.ConsentGiven && said.State == protocol.ConsentGiven:
			s.recordedGuest(bar, x.Epoch)
		case x.State == protocol.ConsentGiven && !ok:
			said = protocol.GuestAnswer{Epoch: x.Epoch, State: protocol.ConsentWithdrawn, Cause: protocol.GuestCustomer}
			fallthrough
		case x.State == protocol.ConsentGiven, ok:
			if over := s.tellGuest(ctx, said); over != nil {
				return over
			}
		}
	}
	return nil
}

func (s *Session) showGuests(bar *ui.Bar) {
	if bar != nil {
		s.updateBar(bar, s.barText())
	}
}

// barGuests is what the bar says of the people beside the technician, "" if there are none.
func (s *Session) barGuests() string {
	in := s.tools.guests.in
	if len(in) == 0 {
		return ""
	}
	names := make([]string, len(in))
	for i, g := range in {
		names[i] = isolate(g.Name)
	}
	return s.Texts.T("agent.bar.also", "names", strings.Join(names, ", "))
}

// heard leaves out, of what the broker says of the chat, lines of people whom the customer has not
// let in here. After a restart of the computer the first answer holds what was written before it.
func (s *Session) heard(m protocol.Chat) protocol.Chat {
	if s.tools == nil {
		return m
	}
	before := s.Return != nil && s.tools.last == 0
	m.Lines = slices.DeleteFunc(m.Lines, func(l protocol.ChatLine) bool {
		out := l.Guest != 0 && !before && !s.tools.guests.may(l.Guest)
		if out {
			s.Log.Warn("line of somebody whom the customer did not let in")
		}
		return out
	})
	return m
}

// handedOver makes somebody the technician whom the customer has let in. A broker that names anybody
// else ends the session: the customer would be with a stranger.
func (s *Session) handedOver(bar *ui.Bar, m protocol.HandedOver) *ending {
	g := &s.tools.guests
	if m.Epoch <= g.owner {
		return nil // it was heard already
	}
	person, said := g.people[m.Epoch], g.said[m.Epoch]
	if said.State != protocol.ConsentGiven || person.Way == protocol.WaySupervise || person.Way == protocol.WayVendor || m.Technician.Name != person.Name || m.Technician.Team != person.Team || m.Former.Epoch <= m.Epoch {
		s.Log.Error("handed over to somebody whom the customer did not let in")
		return &ending{reason: protocol.EndConsentWithdrawn, code: ExitRefused}
	}
	for _, p := range protocol.Permissions() {
		if said, open := s.shut(nil, p); open && p != protocol.ViewScreen { // the yes was for who had it
			said.State, said.Cause = protocol.ConsentWithdrawn, ""
			s.tools.said[p] = said
		}
	}
	former := m.Former
	former.Name, former.Team = plain(s.joined.Technician.Name), plain(s.joined.Technician.Team) // as the customer knows them
	g.owner, s.tools.last = m.Epoch, max(s.tools.last, former.Epoch)
	g.people[former.Epoch], g.said[former.Epoch] = former, protocol.GuestAnswer{Epoch: former.Epoch, State: protocol.ConsentGiven}
	g.in = append(slices.DeleteFunc(g.in, func(x protocol.Guest) bool { return x.Epoch == m.Epoch }), former)
	s.joined.Technician = isolated(m.Technician)
	s.chat.hand(s.joined.Technician.Name)
	s.showGuests(bar)
	return nil
}

package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"consento/protocol"
)

const (
	// maxGuests bounds the people beside the technician.
	maxGuests = 8
	// guestPatience is how long an agent may take for an answer about a person: the
	// customer has two minutes, and may ask for more.
	guestPatience = 10 * time.Minute
)

// Whose says whose a session is, for who decides on rights.
type Whose struct {
	Owner     string // id of the technician's account
	Team      string
	Territory string
	// To whom it is on offer: an account, or a team.
	OfferedTo, OfferedTeam string
}

// guest is somebody beside the technician, with the customer's yes or asked about. It
// belongs to the session's goroutine.
type guest struct {
	protocol.Guest
	account string
	by      Technician // who it is, with the profile as it was told last
	since   time.Time  // of the question
	heard   time.Time  // when a console of theirs was there last
	lead    string     // who sends them away as one
}

// table is what others read of who is in a session.
type table struct {
	seats   []seat
	offer   *offer // a copy
	invites []invitation
	knew    map[string]bool // accounts, and "team " with a name, that were told of it: they are told of its end
}

// seat is what others read of a guest.
type seat struct {
	account string
	guest   protocol.Guest
}

// in reports whether the customer has said yes.
func (g *guest) in() bool { return g != nil && g.State == protocol.ConsentGiven }

func (s *session) guestOf(account string) *guest {
	for _, g := range s.guests {
		if g.account == account {
			return g
		}
	}
	return nil
}

func (s *session) guestBy(epoch uint32) *guest {
	for _, g := range s.guests {
		if g.Epoch == epoch {
			return g
		}
	}
	return nil
}

// seatOf finds somebody among the seats, from any goroutine.
func (s *session) seatOf(account string) (protocol.Guest, bool) {
	if t := s.table.Load(); t != nil {
		for _, x := range t.seats {
			if x.account == account {
				return x.guest, true
			}
		}
	}
	return protocol.Guest{}, false
}

// takeSeats shows the guests to other goroutines.
func (s *session) takeSeats() {
	t := &table{seats: make([]seat, len(s.guests)), knew: maps.Clone(s.knew)}
	for i, g := range s.guests {
		t.seats[i] = seat{g.account, g.Guest}
	}
	if s.offer != nil {
		o := *s.offer
		t.offer = &o
	}
	for _, i := range s.invites {
		t.invites = append(t.invites, *i)
	}
	s.table.Store(t)
}

// said is what the evidence says of a guest.
func (g *guest) said(cause protocol.GuestCause) map[string]any {
	data := map[string]any{"epoch": g.Epoch, "name": g.Name, "team": g.Team, "way": g.Way}
	if g.By != "" {
		data["by"] = g.By
	}
	if cause != "" {
		data["cause"] = cause
	}
	if g.lead != "" {
		data["lead"] = g.lead
	}
	return data
}

// JoinLive has the customer asked about one more person. Whether that person may come at
// all is the caller's to ask. It returns ErrNotNow where the same may be tried at another
// time, ErrNotAllowed after the third no and where the agent cannot ask.
func (m *Manager) JoinLive(ctx context.Context, by Technician, join protocol.GuestJoin) (shown protocol.Session, err error) {
	s, err := m.find(join.Session)
	if err != nil {
		return shown, err
	}
	return shown, s.do(ctx, func() error {
		if join.Way == protocol.WayTransfer && !s.offer.isFor(by.ID, by.Team) {
			return ErrNoSession
		}
		if g := s.guestOf(by.ID); g.in() && join.Way.Hands() {
			if err := s.takes(g, by, join.Way); err != nil {
				return err
			}
		} else if err := s.askGuest(by, join.Way, time.Now()); err != nil {
			return err
		}
		shown = m.Seen(by, *s.shown.Load())
		return nil
	})
}

// takes hands the session to somebody whom the customer has let in already: nobody is
// asked about the same person twice, and what that person may not do yet is asked for then.
func (s *session) takes(g *guest, by Technician, way protocol.GuestWay) error {
	switch {
	case g.Way == protocol.WaySupervise || g.Way == protocol.WayVendor || !by.Profile.Permissions.Allows(protocol.ViewScreen):
		return ErrNotAllowed // the customer was told that this person only looks on, or is not of this office
	case s.row.State != protocol.StateActive || s.agent == nil || s.asking():
		return ErrNotNow
	}
	if err := s.manager.mayBegin(by); err != nil {
		return err
	}
	g.by = by
	return s.handOver(g, way)
}

// mayAskGuest says whether the customer can be asked about a person now.
func (s *session) mayAskGuest(by Technician, now time.Time) error {
	no := s.turnedAway[by.ID]
	switch {
	case !by.Profile.Permissions.Allows(protocol.ViewScreen) || !s.tools.guests || no.Times >= maxNoes || s.technician().ID == by.ID:
		return ErrNotAllowed
	case s.row.State != protocol.StateActive || s.agent == nil || s.guestOf(by.ID) != nil || no.lately(now) || len(s.guests) >= maxGuests || s.asking():
		return ErrNotNow
	}
	return nil
}

// asking reports whether the customer has a question open.
func (s *session) asking() bool {
	return slices.ContainsFunc(s.consents, func(c protocol.Consent) bool { return c.State == protocol.ConsentAsked }) ||
		slices.ContainsFunc(s.guests, func(g *guest) bool { return g.State == protocol.ConsentAsked })
}

func (s *session) askGuest(by Technician, way protocol.GuestWay, now time.Time) error {
	if err := s.mayAskGuest(by, now); err != nil {
		return err
	}
	s.epoch++
	g := &guest{Guest: protocol.Guest{Epoch: s.epoch, Name: by.Name, Team: by.Team, Way: way, State: protocol.ConsentAsked}, account: by.ID, by: by, since: now, heard: now}
	s.knew[by.ID] = true
	if way == protocol.WayVendor {
		i := slices.IndexFunc(s.invites, func(i *invitation) bool { return i.Device != "" && i.vendor(s.id).ID == by.ID })
		if i < 0 {
			return ErrNoSession
		}
		g.By = s.invites[i].By
	}
	data := g.said("")
	if way != protocol.WayVendor {
		data["account"] = by.ID
	}
	if err := s.write(logged{protocol.EventGuestAsked, data}); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	s.guests = append(s.guests, g)
	s.publish()
	s.agent.Send(&protocol.GuestAsk{Guest: g.Guest})
	return nil
}

// AnswerGuest takes the customer's answer about a person, or that they are sent away.
func (a *Agent) AnswerGuest(ctx context.Context, answer protocol.GuestAnswer) error {
	return a.act(ctx, func(s *session) error {
		g := s.guestBy(answer.Epoch)
		switch {
		case g == nil && answer.Epoch <= s.epoch:
			return nil // they went in this moment
		case g == nil, s.row.State != protocol.StateActive:
			return ErrNotNow
		case answer.State != protocol.ConsentGiven:
			cause := answer.Cause
			if cause == "" {
				cause = protocol.GuestCustomer
			}
			return s.endGuest(g, cause)
		case g.in():
			s.agent.Send(&protocol.GuestRecorded{Epoch: g.Epoch}) // the word of it was lost
			return nil
		}
		if err := s.write(logged{protocol.EventGuestAllowed, g.said("")}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		g.State = protocol.ConsentGiven
		s.publish()
		s.agent.Send(&protocol.GuestRecorded{Epoch: g.Epoch})
		if g.Way.Hands() {
			return s.handOver(g, g.Way)
		}
		return nil
	})
}

// endGuest takes a person out of the session: first they see nothing any more, then that
// is said.
func (s *session) endGuest(g *guest, cause protocol.GuestCause) error {
	code := protocol.EventGuestLeft
	if !g.in() {
		code = protocol.EventGuestRefused
		if cause == protocol.GuestCustomer || cause == protocol.GuestNoAnswer {
			no := s.turnedAway[g.account]
			s.turnedAway[g.account] = refused{Times: no.Times + 1, Last: time.Now()}
		}
	} else if cause == protocol.GuestCustomer { // sent away: as a no that was said later
		no := s.turnedAway[g.account]
		s.turnedAway[g.account] = refused{Times: no.Times, Last: time.Now()}
	}
	s.guests = slices.DeleteFunc(s.guests, func(x *guest) bool { return x == g })
	s.takeSeats()
	events := []logged{{code, g.said(cause)}}
	for v := range s.viewers {
		if v.account != g.account {
			continue
		}
		v.cut()
		delete(s.viewers, v)
		events = append([]logged{{protocol.EventViewerLeft, map[string]any{"name": v.name, "team": v.team}}}, events...)
	}
	err := s.write(events...)
	s.must(err)
	if s.agent != nil && cause != protocol.GuestCustomer && cause != protocol.GuestNoAnswer {
		s.agent.Send(&protocol.GuestEnded{Epoch: g.Epoch, Cause: cause})
	}
	if g.Way == protocol.WayTransfer && s.offer != nil {
		s.offer = nil
		ended := protocol.OfferRefused
		if cause != protocol.GuestCustomer && cause != protocol.GuestNoAnswer {
			ended = protocol.OfferDeclined
		}
		s.note(protocol.EventOfferEnded, map[string]any{"cause": ended, "by": g.Name})
	}
	s.vendorGone(g, cause)
	s.publish()
	s.manager.listeners.tell(g.account, &protocol.GuestEnded{Epoch: g.Epoch, Cause: cause, Session: s.id})
	if err != nil {
		return errors.Join(ErrEvidence, err)
	}
	return nil
}

// endGuests is endGuest for all, where the session goes on.
func (s *session) endGuests(cause protocol.GuestCause) {
	for _, g := range slices.Clone(s.guests) {
		_ = s.endGuest(g, cause) // the evidence's failing ends the session
	}
}

// guestSecond ends what nobody waits for any more: questions without an answer, people
// whose console is gone.
func (s *session) guestSecond(now time.Time) {
	for _, g := range slices.Clone(s.guests) {
		switch {
		case !g.in() && now.Sub(g.since) > guestPatience:
			_ = s.endGuest(g, protocol.GuestUnable)
		case now.Sub(g.heard) > s.manager.config.Limits.Away:
			_ = s.endGuest(g, protocol.GuestLost)
		}
	}
}

// LeaveLive ends a person's place, or the question about them: one's own, in one's own
// session anybody's, and as one who may end the session of another anybody's there.
func (m *Manager) LeaveLive(ctx context.Context, by Technician, leave protocol.GuestLeave, lead bool) (shown protocol.Session, err error) {
	s, err := m.find(leave.Session)
	if err != nil {
		return shown, err
	}
	return shown, s.do(ctx, func() error {
		g, cause := s.guestBy(leave.Epoch), protocol.GuestWent
		switch own := g != nil && g.account == by.ID; {
		case s.technician().ID == by.ID:
			cause = protocol.GuestSentAway
		case lead && !own:
			cause = protocol.GuestLead
		case !own:
			return ErrNoSession
		}
		if g == nil {
			return ErrNotNow
		}
		if cause == protocol.GuestLead {
			g.lead = by.Name
		}
		err := s.endGuest(g, cause)
		shown = m.Seen(by, *s.shown.Load())
		return err
	})
}

// KeepGuest tells the sessions in which a person is a guest that they are there, and may
// be: whoever may not any more goes at once.
func (m *Manager) KeepGuest(ctx context.Context, by Technician, may func(Whose, protocol.GuestWay) bool) error {
	var errs []error
	for _, s := range m.guestsOf(by.ID) {
		err := s.do(ctx, func() error {
			g := s.guestOf(by.ID)
			if g == nil {
				return nil
			}
			g.heard, g.by = time.Now(), by
			if !by.Profile.Permissions.Allows(protocol.ViewScreen) || !may(s.whose(), g.Way) {
				return s.endGuest(g, protocol.GuestRights)
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrNoSession) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// guestsOf lists the sessions in which somebody is a guest.
func (m *Manager) guestsOf(account string) (list []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.live {
		if _, in := s.seatOf(account); in {
			list = append(list, s)
		}
	}
	return list
}

// WhoseIs says whose a live session is.
func (m *Manager) WhoseIs(id string) (Whose, error) {
	s, err := m.find(id)
	if err != nil {
		return Whose{}, err
	}
	return s.whose(), nil
}

func (s *session) whose() Whose {
	t := s.technician()
	w := Whose{Owner: t.ID, Team: t.Team, Territory: t.Territory}
	if x := s.table.Load(); x != nil && x.offer != nil {
		if w.OfferedTo = x.offer.account; w.OfferedTo == "" {
			w.OfferedTeam = x.offer.shown.Team
		}
	}
	return w
}

// Seen is what somebody (ID and Team count) sees of a session: all of one's own; of one whose
// guest one is what a guest may know; of another that it is, whose, and since when.
func (m *Manager) Seen(by Technician, shown protocol.Session) protocol.Session {
	account := by.ID
	if m.owner(shown.ID) == account {
		shown.Mine = true
		return shown
	}
	shown.InvitedUntil = time.Time{}
	shown.Note, shown.NotedAt, shown.Summary, shown.Stills, shown.Tools, shown.Restart = "", time.Time{}, "", nil, nil, nil
	if shown.Offer != nil {
		o := *shown.Offer
		shown.Offer = &o
	}
	shown.Consents = slices.DeleteFunc(slices.Clone(shown.Consents), func(c protocol.Consent) bool { return c.Permission != protocol.ViewScreen })
	in := false
	if s, err := m.find(shown.ID); err == nil {
		if g, there := s.seatOf(account); there {
			shown.Self, in = g.Epoch, g.State == protocol.ConsentGiven
		}
		if t := s.table.Load(); shown.Offer != nil && t != nil && t.offer.isFor(account, by.Team) {
			shown.Offer.Mine = true
		} else if !in {
			shown.Offer = nil
		}
	}
	if !in {
		shown.Reason, shown.Sharing, shown.Network, shown.Block, shown.System, shown.Language = "", nil, nil, "", "", ""
	}
	return shown
}

// seatMemory is a guest for a restarted broker.
type seatMemory struct {
	Guest   protocol.Guest `json:"guest"`
	Account string         `json:"account"`
}

func (s *session) rememberGuests() (list []seatMemory) {
	for _, g := range s.guests {
		list = append(list, seatMemory{g.Guest, g.account})
	}
	return list
}

// recallGuests goes on with the people of an earlier run of the broker. Their consoles
// come back as that of the technician does; whose does not is lost.
func (s *session) recallGuests(list []seatMemory) {
	now := time.Now()
	for _, x := range list {
		s.guests = append(s.guests, &guest{Guest: x.Guest, account: x.Account, since: now, heard: now})
	}
}

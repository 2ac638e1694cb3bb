package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"consento/protocol"
)

// offerLife is how long a session is on offer.
const offerLife = 10 * time.Minute

// offer is a session on offer to a colleague or a team.
type offer struct {
	account string // "": to the team
	shown   protocol.Offering
	by      string // account of who offers it
	since   time.Time
}

// isFor reports whether somebody may take it.
func (o *offer) isFor(account, team string) bool {
	return o != nil && (o.account != "" && o.account == account || o.account == "" && o.shown.Team == team)
}

// Receiver is to whom a session can be offered: a colleague, or a team (no account).
type Receiver struct {
	Account string
	Name    string
	Team    string
}

// OfferLive offers a live session. Whether by may, and whether the receiver could have it,
// is the caller's to ask. It returns ErrNotNow while it is on offer already.
func (m *Manager) OfferLive(ctx context.Context, by Technician, id string, to Receiver, words string) (shown protocol.Session, err error) {
	s, err := m.find(id)
	if err != nil {
		return shown, err
	}
	return shown, s.do(ctx, func() error {
		switch {
		case s.row.State != protocol.StateActive || s.offer != nil:
			return ErrNotNow
		case to.Account == s.technician().ID || !s.tools.guests:
			return ErrNotAllowed
		}
		data := map[string]any{"team": to.Team, "by": by.Name}
		if to.Account != "" {
			data["name"], data["account"] = to.Name, to.Account
		}
		if words != "" {
			data["words"] = words
		}
		if err := s.write(logged{protocol.EventOffered, data}); err != nil {
			s.must(err)
			return errors.Join(ErrEvidence, err)
		}
		s.offer = &offer{account: to.Account, shown: protocol.Offering{Name: to.Name, Team: to.Team, By: by.Name, Words: words}, by: by.ID, since: time.Now()}
		s.knew[to.Account], s.knew["team "+to.Team] = to.Account != "", to.Account == ""
		s.publish()
		shown = m.Seen(by, *s.shown.Load())
		return nil
	})
}

// EndOffer withdraws an offer, by its technician or who made it, or declines one that is
// for oneself.
func (m *Manager) EndOffer(ctx context.Context, by Technician, end protocol.LiveOfferEnd) (shown protocol.Session, err error) {
	s, err := m.find(end.Session)
	if err != nil {
		return shown, err
	}
	return shown, s.do(ctx, func() error {
		switch o := s.offer; {
		case o != nil && (o.by == by.ID || s.technician().ID == by.ID):
			s.endOffer(protocol.OfferWithdrawn, by.Name)
		case o != nil && o.account == by.ID:
			s.endOffer(protocol.OfferDeclined, by.Name)
		case s.technician().ID == by.ID:
			return ErrNotNow
		default:
			return ErrNoSession
		}
		shown = m.Seen(by, *s.shown.Load())
		return nil
	})
}

// endOffer ends an offer; the question about whoever takes it goes with it.
func (s *session) endOffer(cause protocol.OfferCause, by string) {
	if s.offer == nil {
		return
	}
	s.offer = nil
	data := map[string]any{"cause": cause}
	if by != "" {
		data["by"] = by
	}
	s.note(protocol.EventOfferEnded, data)
	for _, g := range slices.Clone(s.guests) {
		if g.Way == protocol.WayTransfer && cause != protocol.OfferTaken {
			_ = s.endGuest(g, protocol.GuestSentAway) // the evidence's failing ends the session
		}
	}
	s.publish()
}

// offerSecond ends an offer that nobody takes. One that the customer is being asked about
// stays.
func (s *session) offerSecond(now time.Time) {
	if s.offer != nil && now.Sub(s.offer.since) > offerLife && !slices.ContainsFunc(s.guests, func(g *guest) bool { return g.Way == protocol.WayTransfer }) {
		s.endOffer(protocol.OfferExpired, "")
	}
}

// handOver makes a guest with the customer's yes the technician. What was allowed beside
// the view ends before, and who had the session stays as a guest. The view goes on: the
// yes was for this person and for what is shown.
func (s *session) handOver(g *guest, way protocol.GuestWay) error {
	if s.restart.going() {
		return ErrNotNow // the computer goes down for who was allowed it
	}
	before := s.technician()
	s.settleNote(true) // what the former technician noted stands under that name
	s.withdrawTools(protocol.CauseHanded)
	s.epoch++
	former := &guest{Guest: protocol.Guest{Epoch: s.epoch, Name: s.person.Name, Team: s.person.Team, Way: protocol.WayFormer, State: protocol.ConsentGiven}, account: before.ID, since: time.Now(), heard: time.Now()}
	person := s.person
	person.Name, person.Team = g.by.Name, g.by.Team
	handed := &protocol.HandedOver{Epoch: g.Epoch, Technician: person, Former: former.Guest}
	events := []logged{{protocol.EventHandedOver, map[string]any{"epoch": g.Epoch, "technician": person, "account": g.account, "profile": g.by.Profile.Name, "before": before.Name, "way": way}}}
	if s.offer != nil && way == protocol.WayTransfer {
		s.offer = nil
		events = append(events, logged{protocol.EventOfferEnded, map[string]any{"cause": protocol.OfferTaken, "by": person.Name}})
	}
	if err := s.write(events...); err != nil {
		s.must(err)
		return errors.Join(ErrEvidence, err)
	}
	s.guests = append(slices.DeleteFunc(s.guests, func(x *guest) bool { return x == g }), former)
	s.owned.Store(&g.by)
	s.evidence.copy.hand(g.by)
	s.person, s.handed = person, handed
	s.row.OwnerID, s.row.Owner, s.row.OwnerTeam = g.by.ID, person.Name, person.Team
	if err := s.manager.store.hand(context.Background(), s.row); err != nil {
		s.must(err) // a restart would give it back to who had it
		return errors.Join(ErrEvidence, err)
	}
	s.limitTo(g.by.Profile)
	s.knew[before.ID] = true
	s.publish()
	if s.agent != nil {
		s.agent.Send(handed)
	}
	return nil
}

// own makes a session somebody's, before it runs.
func (s *session) own(by Technician) {
	s.owned.Store(&by)
	s.evidence.copy.hand(by)
	s.tools.rights, s.tools.hosts, s.tools.files.limits = by.Profile.Permissions, by.Profile.Hosts, by.Profile.Files
}

// hand writes whose a session is now.
func (s store) hand(ctx context.Context, r row) error {
	_, err := s.db.NewUpdate().Model(&r).Column("owner_id", "owner", "owner_team").WherePK().Exec(ctx)
	return wrapStore(err)
}

// Here reports which of these accounts have a console open.
func (m *Manager) Here(accounts map[string]bool) {
	m.listeners.mu.Lock()
	defer m.listeners.mu.Unlock()
	for l := range m.listeners.all {
		if _, asked := accounts[l.technician]; asked {
			accounts[l.technician] = true
		}
	}
}

package sockets

import (
	"cmp"
	"context"
	"slices"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// Sessions of others: who may know of them, and come into them. The customer is asked
// beside that; package session asks.

// lists reports whether this person may know of a session, may whether they may come into
// it, and how: as their rights were when they were asked for last, a moment ago.
func (c *console) lists(w session.Whose) bool {
	a := c.current()
	return access.Can(a, access.ListSessions, scopeOf(w)) || offered(a, w)
}

// offered reports whether a session is on offer to an account.
func offered(a access.Account, w session.Whose) bool {
	return access.Can(a, access.Assist, own(a)) && (w.OfferedTo != "" && w.OfferedTo == a.ID || w.OfferedTeam != "" && w.OfferedTeam == a.Team)
}

func scopeOf(w session.Whose) access.Scope {
	return access.Scope{Owner: w.Owner, Team: w.Team, Territory: w.Territory}
}

func (c *console) may(w session.Whose, way protocol.GuestWay) bool {
	a := c.current()
	switch way {
	case protocol.WayJoin:
		return access.Can(a, access.JoinSession, scopeOf(w))
	case protocol.WaySupervise:
		return a.Role == access.Lead && access.Can(a, access.JoinSession, scopeOf(w))
	case protocol.WayTakeOver:
		return w.Owner != a.ID && access.Can(a, access.TakeOver, scopeOf(w))
	case protocol.WayTransfer:
		return offered(a, w)
	case protocol.WayFormer: // who had the session may stay in it
		return access.Can(a, access.Assist, own(a))
	}
	return false
}

func (c *console) current() access.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.account
}

// seen is what this person sees of a session.
func (c *console) seen(s protocol.Session) protocol.Session {
	a := c.current()
	s = c.config.Sessions.Seen(session.Technician{ID: a.ID, Team: a.Team}, s)
	if s.Mine || s.State.Over() {
		return s
	}
	whose, err := c.config.Sessions.WhoseIs(s.ID)
	if err != nil {
		return s // it is over in this moment
	}
	s.Sends = len(s.Guests) > 0 && c.sends(whose)
	for _, way := range protocol.GuestWays() {
		if way != protocol.WayFormer && (s.Self == 0 || way.Hands()) && c.may(whose, way) {
			s.May = append(s.May, way)
		}
	}
	return s
}

// joinLive asks the customer. Who may not come into a session learns nothing of it.
func (c *console) joinLive(ctx context.Context, by session.Technician, ref uint64, m protocol.GuestJoin) error {
	whose, err := c.config.Sessions.WhoseIs(m.Session)
	if err != nil {
		return err
	}
	if !c.may(whose, m.Way) {
		return session.ErrNoSession
	}
	asked, err := c.config.Sessions.JoinLive(ctx, by, m)
	if err != nil {
		return err
	}
	c.reply(ref, &protocol.SessionChanged{Session: c.seen(asked)})
	return nil
}

// sends reports whether this person may send others away from a session of somebody else's:
// whoever may end it may do less.
func (c *console) sends(w session.Whose) bool {
	a := c.current()
	return w.Owner != a.ID && access.Can(a, access.EndSession, scopeOf(w))
}

func (c *console) leaveLive(ctx context.Context, by session.Technician, ref uint64, m protocol.GuestLeave) error {
	whose, err := c.config.Sessions.WhoseIs(m.Session)
	if err != nil {
		return err
	}
	changed, err := c.config.Sessions.LeaveLive(ctx, by, m, c.sends(whose))
	if err != nil {
		return err
	}
	c.reply(ref, &protocol.SessionChanged{Session: c.seen(changed)})
	return nil
}

// receivers are the accounts that could be handed a session, but oneself.
func (c *console) receivers(ctx context.Context, by session.Technician) (list []access.Account, err error) {
	all, err := c.config.Colleagues(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.ID != by.ID && access.Can(a, access.Assist, own(a)) && a.Profile.Permissions.Allows(protocol.ViewScreen) {
			list = append(list, a)
		}
	}
	return list, nil
}

// maxColleagues bounds who is listed.
const maxColleagues = 300

func (c *console) colleagues(ctx context.Context, by session.Technician, ref uint64, _ protocol.Colleagues) error {
	list, err := c.receivers(ctx, by)
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, a := range list {
		here[a.ID] = false
	}
	c.config.Sessions.Here(here)
	told := &protocol.ColleagueList{People: []protocol.Colleague{}, Teams: []string{}}
	for _, a := range list {
		if !slices.Contains(told.Teams, a.Team) {
			told.Teams = append(told.Teams, a.Team)
		}
		told.People = append(told.People, protocol.Colleague{ID: a.ID, Name: a.Name, Team: a.Team, Level: string(a.Level), Here: here[a.ID]})
	}
	slices.SortStableFunc(told.People, func(x, y protocol.Colleague) int {
		if x.Here != y.Here {
			return map[bool]int{true: -1, false: 1}[x.Here]
		}
		return cmp.Compare(x.Name, y.Name)
	})
	slices.Sort(told.Teams)
	told.People = told.People[:min(len(told.People), maxColleagues)]
	c.reply(ref, told)
	return nil
}

// offerLive offers a session to a colleague, for which one transfers, or to a team, for which
// one escalates. Both have to be there.
func (c *console) offerLive(ctx context.Context, by session.Technician, ref uint64, m protocol.LiveOffer) error {
	whose, err := c.config.Sessions.WhoseIs(m.Session)
	if err != nil {
		return err
	}
	action := access.Escalate
	if m.Account != "" {
		action = access.TransferSession
	}
	a := c.current()
	if !access.Can(a, access.ListSessions, scopeOf(whose)) {
		return session.ErrNoSession
	}
	if !access.Can(a, action, scopeOf(whose)) {
		return session.ErrNotAllowed
	}
	list, err := c.receivers(ctx, by)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(to access.Account) bool {
		return m.Account != "" && to.ID == m.Account || m.Account == "" && to.Team == m.Team
	})
	if i < 0 {
		return session.ErrNotAllowed // nobody there could take it
	}
	to := session.Receiver{Team: list[i].Team}
	if m.Account != "" {
		to.Account, to.Name = list[i].ID, list[i].Name
	}
	offered, err := c.config.Sessions.OfferLive(ctx, by, m.Session, to, m.Words)
	if err != nil {
		return err
	}
	c.reply(ref, &protocol.SessionChanged{Session: c.seen(offered)})
	return nil
}

// invite answers with the link; who has it can ask the customer to be let in.
func (c *console) invite(ctx context.Context, by session.Technician, ref uint64, m protocol.VendorInvite) error {
	link, until, err := c.config.Sessions.Invite(ctx, by, m)
	if err != nil {
		return err
	}
	c.reply(ref, &protocol.VendorInvited{Session: m.Session, URL: c.config.PublicURL + session.VendorPath + link, Until: until.UTC()})
	return nil
}

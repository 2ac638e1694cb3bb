package api

import (
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/session"
	"consento/protocol"
)

// Session is that a session was. Nothing of what was in it is known here.
type Session struct {
	ID         string             `json:"id" doc:"Number of the session, as the log shows it."`
	State      protocol.State     `json:"state" doc:"Where it stands."`
	Technician Person             `json:"technician" doc:"Who opened it, by the name of that time."`
	Team       string             `json:"team" doc:"Of the technician at that time."`
	Ticket     string             `json:"ticket,omitempty" doc:"Id of the ticket that it belongs to, if the token's owner may read that." format:"uuid"`
	Issued     time.Time          `json:"issued" doc:"When its key was issued."`
	Active     time.Time          `json:"active,omitzero" doc:"When the customer showed the screen first."`
	Ended      time.Time          `json:"ended,omitzero" doc:"When it ended."`
	EndReason  protocol.EndReason `json:"end_reason,omitempty" doc:"Why it ended."`
	Test       bool               `json:"test,omitempty" doc:"It was marked as a test."`
}

// SessionList is one page of a list.
type SessionList struct {
	Items []Session `json:"items" doc:"The sessions that the token's owner may know of."`
	Next  string    `json:"next,omitempty" doc:"Cursor of the next page; missing: this is the last."`
}

func sessionRoutes() []route {
	const group = "Sessions"
	return []route{
		get("/api/v1/sessions", "listSessions", group, "List sessions", "The newest first, in pages: that they were, never what was in them. A token opens, sees and ends none.", access.ListSessions, paging(
			parameter{name: "open", doc: "Only those that are not over.", values: []string{"true"}},
			parameter{name: "team", doc: "Of the technician."},
			parameter{name: "from", doc: "Whose key was issued at this time or later.", format: "date-time"},
			parameter{name: "to", doc: "Whose key was issued before this time.", format: "date-time"}), (*API).listSessions),
		get("/api/v1/sessions/{id}", "getSession", group, "Read that a session was", "", access.ListSessions, nil, (*API).getSession),
	}
}

func (a *API) listSessions(c *call) (SessionList, error) {
	limit, at, id, err := c.page()
	if err != nil {
		return SessionList{}, err
	}
	f := session.ListFilter{Team: c.query.Get("team"), Open: c.query.Get("open") != "", BeforeTime: at, BeforeID: id, Limit: limit + 1}
	if f.From, err = c.moment("from"); err != nil {
		return SessionList{}, err
	}
	if f.To, err = c.moment("to"); err != nil {
		return SessionList{}, err
	}
	out := SessionList{Items: []Session{}}
	list, err := a.sessionsFor(c, f)
	if err != nil {
		return out, err
	}
	if len(list) > limit {
		list = list[:limit]
		out.Next = cursorOf(list[limit-1].Issued, list[limit-1].ID)
	}
	out.Items = list
	return out, nil
}

func (a *API) getSession(c *call) (Session, error) {
	id := c.r.PathValue("id")
	if id == "" || len(id) > 64 {
		return Session{}, errNotFound
	}
	list, err := a.sessionsFor(c, session.ListFilter{ID: id, Limit: 1})
	if err == nil && len(list) == 0 {
		err = errNotFound
	}
	if err != nil {
		return Session{}, err
	}
	return list[0], nil
}

// sessionsFor lists what the account may know of: what access.Can says of each team, and of
// its own, says it of the list.
func (a *API) sessionsFor(c *call, f session.ListFilter) ([]Session, error) {
	teams, err := a.Accounts.Teams(c.r.Context())
	if err != nil {
		return nil, err
	}
	f.Everything = access.Can(c.by, access.ListSessions, access.Scope{})
	for _, t := range teams {
		if access.Can(c.by, access.ListSessions, access.Scope{Team: t.Name, Territory: t.Territory}) {
			f.Teams = append(f.Teams, t.Name)
		}
	}
	if access.Can(c.by, access.ListSessions, access.Scope{Owner: c.by.ID}) {
		f.Technician = c.by.ID
	}
	list, err := session.List(c.r.Context(), a.Database, f)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.ID
	}
	tickets, err := a.Desk.TicketOf(c.r.Context(), c.by, ids)
	out := make([]Session, len(list))
	for i, s := range list {
		out[i] = Session{ID: s.ID, State: s.State, Technician: Person{s.TechnicianID, s.Technician}, Team: s.Team, Ticket: tickets[s.ID],
			Issued: s.Issued, Active: s.Active, Ended: s.Ended, EndReason: s.EndReason, Test: s.Test}
	}
	return out, err
}

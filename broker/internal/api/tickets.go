package api

import (
	"net/http"
	"strings"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/desk"
)

// Ticket is a ticket as the API tells of it.
type Ticket struct {
	ID          string          `json:"id" doc:"UUID." format:"uuid"`
	Ref         string          `json:"ref" doc:"What people say on the phone."`
	Version     int64           `json:"version" doc:"Grows with each change; the ETag in quotation marks."`
	URL         string          `json:"url" doc:"Its page, for people." format:"uri"`
	Type        desk.Type       `json:"type" doc:"What kind of work it is."`
	State       desk.State      `json:"state" doc:"Where it stands in its life."`
	Title       string          `json:"title" doc:"One line."`
	Text        string          `json:"text" doc:"Description and symptoms."`
	Language    string          `json:"language" doc:"Of the requester, BCP 47."`
	Requester   Requester       `json:"requester" doc:"Who asked for help."`
	Channel     desk.Channel    `json:"channel" doc:"How it came in."`
	Category    string          `json:"category,omitempty" doc:"Id of a category, as listed; missing as long as it is not known."`
	Area        string          `json:"area,omitempty" doc:"Application or place, one line."`
	Impact      Impact          `json:"impact,omitempty" doc:"Whom it hits."`
	Urgency     Urgency         `json:"urgency,omitempty" doc:"How soon it hurts."`
	Priority    Priority        `json:"priority,omitempty" doc:"Follows from impact and urgency."`
	Team        string          `json:"team" doc:"Whose turn it is."`
	Level       access.Level    `json:"level" doc:"Of that team."`
	Assignee    *Person         `json:"assignee,omitempty" doc:"Who has it; missing: nobody in particular."`
	Parent      string          `json:"parent,omitempty" doc:"Id of the incident that it hangs on." format:"uuid"`
	Waiting     desk.Waiting    `json:"waiting,omitempty" doc:"Whose turn it is while its clocks stand still; missing: the office's."`
	Appointment time.Time       `json:"appointment,omitzero" doc:"When the requester is called."`
	Resolution  desk.Resolution `json:"resolution,omitempty" doc:"How it was resolved."`
	Solution    string          `json:"solution,omitempty" doc:"What the requester was told."`
	Reopened    int             `json:"reopened" doc:"How often."`
	Created     time.Time       `json:"created" doc:"When it came in."`
	Responded   time.Time       `json:"responded,omitzero" doc:"When somebody took it in hand or answered."`
	Resolved    time.Time       `json:"resolved,omitzero" doc:"When it was resolved."`
	Closed      time.Time       `json:"closed,omitzero" doc:"When it was closed."`
	Due         time.Time       `json:"due,omitzero" doc:"When its clock that runs has to stop; missing while none does."`
	Standing    desk.Standing   `json:"standing,omitempty" doc:"How that clock stands now."`
}

// Requester is who asked for help.
type Requester struct {
	Name   string `json:"name" doc:"As they are called." max:"100"`
	Email  string `json:"email,omitempty" doc:"Where they are told of changes." max:"254"`
	Phone  string `json:"phone,omitempty" doc:"As people write it. E-mail or phone is needed." max:"60"`
	Office bool   `json:"whole_office,omitempty" doc:"The whole office is affected, as they say."`
}

// Person is somebody who works here.
type Person struct {
	ID   string `json:"id" doc:"Of the account." format:"uuid"`
	Name string `json:"name" doc:"As customers read it."`
}

// TicketList is one page of a list.
type TicketList struct {
	Items []Ticket `json:"items" doc:"The tickets that the token's owner may read."`
	Next  string   `json:"next,omitempty" doc:"Cursor of the next page; missing: this is the last."`
}

// NewTicket makes one.
type NewTicket struct {
	Type      desk.Type    `json:"type" doc:"What kind of work it is."`
	Title     string       `json:"title" doc:"One line." max:"200"`
	Text      string       `json:"text,omitempty" doc:"Description and symptoms. No passwords." max:"8000"`
	Language  string       `json:"language,omitempty" doc:"Of the requester, BCP 47; that of the request if nothing is said." max:"35"`
	Requester Requester    `json:"requester" doc:"Who asks for help."`
	Area      string       `json:"area,omitempty" doc:"Application or place, one line." max:"200"`
	Channel   desk.Channel `json:"channel,omitempty" doc:"How it came in. With program, or nothing, it waits until a person takes it in hand; else the token's owner has it in hand."`
}

// Act is one thing that is done with a ticket. Members that its kind does not have are refused.
type Act struct {
	Kind       desk.ActKind    `json:"kind" doc:"What is done."`
	Text       string          `json:"text,omitempty" doc:"Of comment and answer; why, with escalate and reopen; with resolve the solution." max:"8000"`
	Title      string          `json:"title,omitempty" doc:"Of edit." max:"200"`
	Area       string          `json:"area,omitempty" doc:"Of edit and categorise." max:"200"`
	Type       desk.Type       `json:"type,omitempty" doc:"Of edit."`
	Requester  *Requester      `json:"requester,omitempty" doc:"Of edit, whole."`
	Category   string          `json:"category,omitempty" doc:"Of categorise: id of a category." max:"100"`
	Impact     Impact          `json:"impact,omitempty" doc:"Of prioritise."`
	Urgency    Urgency         `json:"urgency,omitempty" doc:"Of prioritise."`
	Team       string          `json:"team,omitempty" doc:"Of escalate: name of a team." max:"100"`
	Assignee   string          `json:"assignee,omitempty" doc:"Of assign: id of an account of the team; missing: nobody in particular." max:"64"`
	Waiting    desk.Waiting    `json:"waiting,omitempty" doc:"Of wait."`
	At         time.Time       `json:"at,omitzero" doc:"Of appoint."`
	Parent     string          `json:"parent,omitempty" doc:"Of hang: id of an incident; missing: none." max:"64"`
	Resolution desk.Resolution `json:"resolution,omitempty" doc:"Of resolve."`
}

// History is what was done with a ticket.
type History struct {
	Items []Entry `json:"items" doc:"The oldest first."`
}

// Entry is one thing that was done.
type Entry struct {
	Version int64        `json:"version" doc:"The ticket's version that it made."`
	At      time.Time    `json:"at" doc:"When."`
	By      string       `json:"by,omitempty" doc:"Who, by the name of that time; missing: the requester, or the broker itself."`
	ByID    string       `json:"by_id,omitempty" doc:"Id of the account."`
	Kind    desk.ActKind `json:"kind" doc:"What; open is that it came in."`
	Text    string       `json:"text,omitempty" doc:"What was written with it."`
}

func values[T ~string](list []T) (out []string) {
	for _, v := range list {
		out = append(out, string(v))
	}
	return out
}

func ticketRoutes() []route {
	const group = "Tickets"
	filters := paging(
		parameter{name: "q", doc: "Words, all of which it has, in number, title, text, requester or area."},
		parameter{name: "open", doc: "Only those on which work is not done.", values: []string{"true"}},
		parameter{name: "state", doc: "In one of these states.", list: true, values: values(desk.States())},
		parameter{name: "type", doc: "Of one of these types.", list: true, values: values(desk.Types())},
		parameter{name: "team", doc: "Whose turn it is."},
		parameter{name: "assignee", doc: "Id of the account that has it."},
		parameter{name: "category", doc: "Id of the category."},
		parameter{name: "priority", doc: "Of this priority.", values: names(priorities)},
		parameter{name: "parent", doc: "Id of the incident that it hangs on."},
		parameter{name: "session", doc: "Id of a session that belongs to it."},
		parameter{name: "from", doc: "That came in at this time or later.", format: "date-time"},
		parameter{name: "to", doc: "That came in before this time.", format: "date-time"},
	)
	return []route{
		get("/api/v1/tickets", "listTickets", group, "List tickets", "The newest first, in pages. Listed are those that the token's owner may read.", access.ReadTickets, filters, (*API).listTickets),
		post("/api/v1/tickets", "createTicket", group, "Make a ticket", "It is the turn of the team of the token's owner. Send an Idempotency-Key: then it is made once, however often the request is sent.", access.WorkTickets, http.StatusCreated, (*API).createTicket).withVersion(),
		get("/api/v1/tickets/{id}", "getTicket", group, "Read a ticket", "", access.ReadTickets, nil, (*API).getTicket).withVersion(),
		get("/api/v1/tickets/{id}/history", "getTicketHistory", group, "Read what was done with a ticket", "It is only added to.", access.ReadTickets, nil, (*API).getHistory),
		post("/api/v1/tickets/{id}/acts", "doTicketAct", group, "Do something with a ticket", "If-Match names the version that was seen: a ticket that somebody else changed meanwhile is not changed, and the answer is 412. Who may read a ticket may comment; everything else is for its team and whom it is assigned to.", access.ReadTickets, http.StatusOK, (*API).act).withVersion().matching(),
	}
}

func (a *API) listTickets(c *call) (TicketList, error) {
	limit, at, id, err := c.page()
	if err != nil {
		return TicketList{}, err
	}
	f := desk.Filter{Text: c.query.Get("q"), Open: c.query.Get("open") != "", Team: c.query.Get("team"), Assignee: c.query.Get("assignee"), Category: c.query.Get("category"),
		Priority: desk.Priority(priorities.number(c.query.Get("priority"))), Parent: c.query.Get("parent"), Session: c.query.Get("session"), Before: desk.Mark{Created: at, ID: id}, Limit: limit + 1}
	for _, s := range c.query["state"] {
		f.States = append(f.States, desk.State(s))
	}
	for _, s := range c.query["type"] {
		f.Types = append(f.Types, desk.Type(s))
	}
	if f.From, err = c.moment("from"); err != nil {
		return TicketList{}, err
	}
	if f.To, err = c.moment("to"); err != nil {
		return TicketList{}, err
	}
	list, err := a.Desk.List(c.r.Context(), c.by, f)
	if err != nil {
		return TicketList{}, err
	}
	out := TicketList{Items: []Ticket{}}
	if len(list) > limit {
		list = list[:limit]
		out.Next = cursorOf(list[limit-1].Created, list[limit-1].ID)
	}
	for _, t := range list {
		out.Items = append(out.Items, a.ticket(t))
	}
	return out, nil
}

func (a *API) createTicket(c *call, n NewTicket) (Ticket, error) {
	if n.Channel == "" {
		n.Channel = desk.ByProgram
	}
	if n.Channel == desk.ByPortal {
		return Ticket{}, refused("channel", "unknown") // that is the portal's own
	}
	if n.Language == "" {
		n.Language = c.texts.Tag
	}
	t, err := a.Desk.Open(c.r.Context(), c.by, desk.NewTicket{Type: n.Type, Title: n.Title, Text: n.Text, Language: n.Language, Requester: n.Requester.desk(),
		Channel: n.Channel, Area: n.Area, Team: desk.Team{Name: c.by.Team, Territory: c.by.Territory, Level: c.by.Level}})
	if err != nil {
		return Ticket{}, err
	}
	c.location = a.PublicURL + "/api/v1/tickets/" + t.ID
	return a.seen(c, t), nil
}

func (a *API) getTicket(c *call) (Ticket, error) {
	t, err := a.Desk.Ticket(c.r.Context(), c.by, c.id())
	return a.seen(c, t), err
}

func (a *API) getHistory(c *call) (History, error) {
	entries, err := a.Desk.History(c.r.Context(), c.by, c.id())
	if err != nil {
		return History{}, err
	}
	out := History{Items: []Entry{}}
	for _, e := range entries {
		var said struct{ Text string }
		if err := decodeOwn(e.Data, &said); err != nil {
			return History{}, err
		}
		out.Items = append(out.Items, Entry{e.Number, e.At, e.By.Name, e.By.ID, e.Kind, said.Text})
	}
	return out, nil
}

func (a *API) act(c *call, in Act) (Ticket, error) {
	if in.Kind == desk.ActSession {
		return Ticket{}, refused("kind", "unknown") // sessions are hung on by whoever opens them
	}
	act := desk.Act{Kind: in.Kind, Text: in.Text, Title: in.Title, Area: in.Area, Type: in.Type, Category: in.Category, Impact: desk.Impact(impacts.number(string(in.Impact))),
		Urgency: desk.Urgency(urgencies.number(string(in.Urgency))), Assignee: desk.Person{ID: in.Assignee}, Waiting: in.Waiting, At: in.At, Parent: in.Parent, Resolution: in.Resolution}
	if in.Requester != nil {
		r := in.Requester.desk()
		act.Requester = &r
	}
	if in.Team != "" {
		act.Team = &desk.Team{Name: in.Team}
	}
	t, err := a.Desk.Do(c.r.Context(), c.by, c.id(), c.match, act)
	return a.seen(c, t), err
}

// id is the ticket or session of the address.
func (c *call) id() string {
	if id := c.r.PathValue("id"); len(id) <= 64 {
		return strings.ToLower(id)
	}
	return ""
}

func (r Requester) desk() desk.Requester {
	return desk.Requester{Name: r.Name, Email: r.Email, Phone: r.Phone, Office: r.Office}
}

// seen is a ticket that an answer is about, with its version.
func (a *API) seen(c *call, t desk.Ticket) Ticket {
	c.etag = tagOf(t.Version)
	return a.ticket(t)
}

func (a *API) ticket(t desk.Ticket) Ticket {
	out := Ticket{ID: t.ID, Ref: t.Ref, Version: t.Version, URL: a.PublicURL + "/desk/" + t.ID, Type: t.Type, State: t.State, Title: t.Title, Text: t.Text, Language: t.Language,
		Requester: Requester{t.Requester.Name, t.Requester.Email, t.Requester.Phone, t.Requester.Office}, Channel: t.Channel, Category: t.Category, Area: t.Area,
		Impact: Impact(impacts.name(int(t.Impact))), Urgency: Urgency(urgencies.name(int(t.Urgency))), Priority: Priority(priorities.name(int(t.Priority))), Team: t.Team, Level: t.Level, Parent: t.Parent, Waiting: t.Waiting,
		Appointment: t.Appointment, Resolution: t.Resolution, Solution: t.Solution, Reopened: t.Reopened, Created: t.Created.UTC().Truncate(time.Millisecond), Responded: t.Responded.UTC().Truncate(time.Millisecond),
		Resolved: t.Resolved, Closed: t.Closed, Due: t.Due, Standing: t.Standing(a.now())}
	if t.Assignee.ID != "" {
		out.Assignee = &Person{t.Assignee.ID, t.Assignee.Name}
	}
	return out
}

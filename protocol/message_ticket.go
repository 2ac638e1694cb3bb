package protocol

import (
	"errors"
	"slices"
	"time"
)

// Limits of what is said of tickets.
const (
	// MaxTicketText bounds a description, an answer, a note or a solution, in characters.
	MaxTicketText = 8000
	// MaxTicketLine bounds a title or a place, in characters.
	MaxTicketLine = 200
	// MaxTickets bounds the tickets of one message.
	MaxTickets = 50
)

// TicketView is which tickets a list shows, of those that one may read.
type TicketView string

// The views.
const (
	TicketsOfTeam TicketView = "team" // whose turn it is: one's own team's
	TicketsMine   TicketView = "mine" // that one has in hand
	TicketsAll    TicketView = "all"
)

// TicketViews lists the views.
func TicketViews() []TicketView { return []TicketView{TicketsOfTeam, TicketsMine, TicketsAll} }

// Tickets asks for tickets, and from then on for what becomes of every one that this
// person may read: see TicketChanged. It is answered with TicketList.
type Tickets struct {
	View  TicketView `json:"view"`
	Text  string     `json:"text,omitempty"`  // words, all of which it has
	Ended bool       `json:"ended,omitempty"` // also those that are resolved; then the newest first, not by turn
	After string     `json:"after,omitempty"` // as TicketList.More said, for the next page
}

func (*Tickets) MessageType() string { return "tickets" }

// Validate implements Message.
func (m *Tickets) Validate() error {
	return errors.Join(check(slices.Contains(TicketViews(), m.View), "view"), check(lineOK(m.Text, MaxTicketLine), "text"), check(len(m.After) <= 100, "after"))
}

// DeskTicket is what a list shows of one ticket. Type, state, level and what it waits for are
// named as package desk of the broker names them.
type DeskTicket struct {
	ID        string    `json:"id"`
	Ref       string    `json:"ref"` // what people call it on the phone
	Version   int64     `json:"version"`
	Type      string    `json:"type"`
	State     string    `json:"state"`
	Title     string    `json:"title"`
	Requester string    `json:"requester,omitempty"` // name; "" if it is not known yet
	Priority  int       `json:"priority,omitempty"`  // 1 critical to 4 low; 0 as long as it is not known
	Team      string    `json:"team"`
	Level     string    `json:"level"`
	Assignee  string    `json:"assignee,omitempty"` // name; "" nobody has it in hand
	Mine      bool      `json:"mine,omitempty"`     // this person has it in hand
	Waiting   string    `json:"waiting,omitempty"`  // for whom, while its clocks stand still
	Created   time.Time `json:"created"`
	Resolved  time.Time `json:"resolved,omitzero"`
	Turn      int64     `json:"turn"`             // place in the queue: the lowest is first, with the same the lower id
	Due       time.Time `json:"due,omitzero"`     // of the clock that runs: the first answer, then the solution
	Warn      time.Time `json:"warn,omitzero"`    // from when on it presses
	Answer    bool      `json:"answer,omitempty"` // the clock that runs is that of the first answer
}

// TicketName is a ticket by its names.
type TicketName struct {
	ID  string `json:"id"`
	Ref string `json:"ref"` // what people call it on the phone
}

// TicketList answers Tickets.
type TicketList struct {
	Tickets []DeskTicket `json:"tickets"`
	More    string       `json:"more,omitempty"` // there are further ones: ask with this as After
	Untaken int          `json:"untaken"`        // how many of the team's nobody has in hand
	Works   bool         `json:"works"`          // this person may make tickets
}

func (*TicketList) MessageType() string { return "ticket_list" }

// Validate implements Message.
func (m *TicketList) Validate() error { return check(len(m.Tickets) <= MaxTickets, "tickets") }

// TicketChanged tells of a ticket that came, or changed. Steps in between may be left
// out, the latest never.
type TicketChanged struct {
	Ticket DeskTicket `json:"ticket"`
}

func (*TicketChanged) MessageType() string { return "ticket_changed" }

// Validate implements Message.
func (m *TicketChanged) Validate() error { return check(m.Ticket.ID != "", "ticket") }

// TicketGone tells that a ticket is none that this person may read any more.
type TicketGone struct {
	Ticket string `json:"ticket"` // id
}

func (*TicketGone) MessageType() string { return "ticket_gone" }

// Validate implements Message.
func (m *TicketGone) Validate() error { return check(m.Ticket != "", "ticket") }

// DeskChanged tells that what this person may read or do, or what the office promises, is
// not as before: list and open tickets are to be asked for anew.
type DeskChanged struct{}

func (*DeskChanged) MessageType() string { return "desk_changed" }

// Validate implements Message.
func (*DeskChanged) Validate() error { return nil }

// TicketOpen asks for one ticket whole. It is answered with TicketShown, or with
// CodeNoTicket.
type TicketOpen struct {
	Ticket string `json:"ticket"`           // id
	Before int64  `json:"before,omitempty"` // the history before this number; 0: the newest
}

func (*TicketOpen) MessageType() string { return "ticket_open" }

// Validate implements Message.
func (m *TicketOpen) Validate() error {
	return errors.Join(check(ticketIDOK(m.Ticket), "ticket"), check(m.Before >= 0, "before"))
}

func ticketIDOK(id string) bool { return id != "" && len(id) <= 64 }

// TicketShown is one ticket whole, with what can be done with it.
type TicketShown struct {
	Ticket     DeskTicket      `json:"ticket"`
	Text       string          `json:"text,omitempty"`
	Language   string          `json:"language,omitempty"` // BCP 47 tag that the requester reads
	Email      string          `json:"email,omitempty"`
	Phone      string          `json:"phone,omitempty"`
	Office     bool            `json:"office,omitempty"` // the whole office is affected, as they say
	Channel    string          `json:"channel"`          // how it came in
	Category   string          `json:"category,omitempty"`
	Area       string          `json:"area,omitempty"`
	Impact     int             `json:"impact,omitempty"`
	Urgency    int             `json:"urgency,omitempty"`
	Resolution string          `json:"resolution,omitempty"`
	Solution   string          `json:"solution,omitempty"`
	History    []TicketEntry   `json:"history"`             // the newest first
	Earlier    int64           `json:"earlier,omitempty"`   // there is more of it: ask with this as Before
	Cut        bool            `json:"cut,omitempty"`       // texts are shortened: the page of the ticket has them whole
	Works      bool            `json:"works,omitempty"`     // this person may work on it, not only add notes
	Escalates  bool            `json:"escalates,omitempty"` // this person may hand it on, once the steps before are done
	Acts       []string        `json:"acts"`                // what can be done in this state
	Next       int             `json:"next"`                // how many of these the state asks for; they come first
	Choices    TicketChoices   `json:"choices"`
	Work       TicketWork      `json:"work"`
	Sessions   []TicketSession `json:"sessions,omitempty"` // the newest first
}

// TicketEntry is one thing that was done with a ticket.
type TicketEntry struct {
	N          int64     `json:"n"` // the ticket's version that it made
	At         time.Time `json:"at"`
	By         string    `json:"by,omitempty"` // name; "" the requester
	Kind       string    `json:"kind"`
	Text       string    `json:"text,omitempty"`
	Category   string    `json:"category,omitempty"` // name
	Priority   int       `json:"priority,omitempty"`
	Team       string    `json:"team,omitempty"`
	Assignee   string    `json:"assignee,omitempty"`
	Waiting    string    `json:"waiting,omitempty"`
	Resolution string    `json:"resolution,omitempty"`
}

// TicketChoices are what an act may name, in the language of the console.
type TicketChoices struct {
	Categories []TicketChoice `json:"categories"`
	Teams      []TicketChoice `json:"teams"`          // it can be handed on to; of each the level
	Team       string         `json:"team,omitempty"` // that the escalation matrix names for this category and level
	Colleagues []TicketChoice `json:"colleagues"`     // of the team that has it
}

// TicketChoice is one of several.
type TicketChoice struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"`
}

// TicketWork is the cell of the escalation matrix for a ticket's category and level.
type TicketWork struct {
	Steps []string `json:"steps"`
	When  string   `json:"when,omitempty"`  // when to hand on
	After int      `json:"after,omitempty"` // minutes of service time after which it is to be handed on; 0: no time is set
}

// TicketSession is a session that belongs to a ticket: that it was, and nothing of what
// was in it.
type TicketSession struct {
	ID      string    `json:"id"`
	By      string    `json:"by"` // name of the technician
	Started time.Time `json:"started"`
	Shared  time.Time `json:"shared,omitzero"` // when the customer began to share; zero: never
	Ended   time.Time `json:"ended,omitzero"`
	Reason  EndReason `json:"reason,omitempty"`
}

func (*TicketShown) MessageType() string { return "ticket_shown" }

// Validate implements Message.
func (m *TicketShown) Validate() error { return check(m.Ticket.ID != "", "ticket") }

// TicketAct is one thing that is done with a ticket. Fields that its kind does not have
// are absent.
type TicketAct struct {
	Kind       string           `json:"kind"`
	Text       string           `json:"text,omitempty"`
	Title      string           `json:"title,omitempty"`
	Area       string           `json:"area,omitempty"`
	Type       string           `json:"type,omitempty"`
	Requester  *TicketRequester `json:"requester,omitempty"`
	Category   string           `json:"category,omitempty"` // id
	Impact     int              `json:"impact,omitempty"`
	Urgency    int              `json:"urgency,omitempty"`
	Team       string           `json:"team,omitempty"`
	Assignee   string           `json:"assignee,omitempty"` // account
	Waiting    string           `json:"waiting,omitempty"`
	Resolution string           `json:"resolution,omitempty"`
}

// TicketRequester is who asked for help.
type TicketRequester struct {
	Name   string `json:"name"`
	Email  string `json:"email,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Office bool   `json:"office,omitempty"`
}

// TicketDo does an act with a ticket as it was seen. It is answered with TicketShown or,
// where this person may not read it afterwards, TicketGone; or with TicketRefused.
type TicketDo struct {
	Ticket  string    `json:"ticket"`
	Version int64     `json:"version"`
	Act     TicketAct `json:"act"`
}

func (*TicketDo) MessageType() string { return "ticket_do" }

// Validate implements Message. What an act may hold is package desk's to say.
func (m *TicketDo) Validate() error {
	return errors.Join(check(ticketIDOK(m.Ticket), "ticket"), check(m.Version > 0, "version"), check(m.Act.Kind != "" && len(m.Act.Kind) <= maxTypeLen, "kind"))
}

// TicketNew makes a ticket for somebody who called, wrote or came. It is answered as
// TicketDo.
type TicketNew struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Text      string          `json:"text,omitempty"`
	Channel   string          `json:"channel"`
	Language  string          `json:"language,omitempty"` // BCP 47 tag that the requester reads
	Area      string          `json:"area,omitempty"`
	Requester TicketRequester `json:"requester"`
}

func (*TicketNew) MessageType() string { return "ticket_new" }

// Validate implements Message.
func (m *TicketNew) Validate() error { return check(tagOK(m.Language), "language") }

// TicketProblem says why an act was not done. Nothing has changed.
type TicketProblem string

// The problems.
const (
	TicketStale     TicketProblem = "stale"     // somebody else changed it meanwhile
	TicketInvalid   TicketProblem = "invalid"   // the field cannot be so
	TicketNeeds     TicketProblem = "needs"     // the field has to be filled in first
	TicketStep      TicketProblem = "step"      // not possible in this state of the ticket
	TicketForbidden TicketProblem = "forbidden" // not this person's to do
)

// TicketProblems lists the problems.
func TicketProblems() []TicketProblem {
	return []TicketProblem{TicketStale, TicketInvalid, TicketNeeds, TicketStep, TicketForbidden}
}

// TicketRefused answers TicketDo or TicketNew.
type TicketRefused struct {
	Problem TicketProblem `json:"problem"`
	Field   string        `json:"field,omitempty"` // which one, of invalid and needs
	Code    string        `json:"code,omitempty"`  // what is wrong with it
}

func (*TicketRefused) MessageType() string { return "ticket_refused" }

// Validate implements Message.
func (m *TicketRefused) Validate() error {
	return check(slices.Contains(TicketProblems(), m.Problem), "problem")
}

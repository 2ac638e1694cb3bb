package desk

import (
	"time"

	"consento/broker/internal/access"
)

// Type is what kind of work a ticket is.
type Type string

// The types.
const (
	Incident    Type = "incident"    // something does not work
	Request     Type = "request"     // advice, training, something new
	Maintenance Type = "maintenance" // planned work
)

// Types lists the types.
func Types() []Type { return []Type{Incident, Request, Maintenance} }

// Channel is how a ticket came in.
type Channel string

// The channels.
const (
	ByPortal  Channel = "portal"
	ByPhone   Channel = "phone"
	ByMail    Channel = "mail"
	InPerson  Channel = "in_person"
	ByStaff   Channel = "staff"   // a technician saw it
	ByProgram Channel = "program" // another system, over the API
)

// Channels lists the channels.
func Channels() []Channel {
	return []Channel{ByPortal, ByPhone, ByMail, InPerson, ByStaff, ByProgram}
}

// Waiting is whose turn it is while a ticket's clocks stand still.
type Waiting string

// Whose turn it is: nobody else's, or that of one of these.
const (
	WaitingForNobody      Waiting = ""
	WaitingForRequester   Waiting = "requester"
	WaitingForVendor      Waiting = "vendor"
	WaitingForAppointment Waiting = "appointment"
	WaitingForParent      Waiting = "parent" // the incident that it hangs on
)

// Waitings lists the reasons to wait.
func Waitings() []Waiting {
	return []Waiting{WaitingForRequester, WaitingForVendor, WaitingForAppointment, WaitingForParent}
}

// Resolution says how a ticket was resolved.
type Resolution string

// The resolutions.
const (
	Solved          Resolution = "solved"
	Workaround      Resolution = "workaround"
	Duplicate       Resolution = "duplicate"
	WithdrawnByThem Resolution = "withdrawn" // the requester wants no more
	NotFound        Resolution = "not_found" // it could not be made out
)

// Resolutions lists the resolutions.
func Resolutions() []Resolution {
	return []Resolution{Solved, Workaround, Duplicate, WithdrawnByThem, NotFound}
}

// Requester is who asked for help. Of a ticket that was made for a session nothing is
// known at first.
type Requester struct {
	Name   string
	Email  string // "" without one: nothing is told by mail then
	Phone  string // as people write it
	Reach  string // when they are best called back, in their words
	Office bool   // the whole office is affected, as they say
}

// Person is who did something, with the name of that time.
type Person struct {
	ID   string // account, "" for the requester and for the broker itself
	Name string
}

// Ticket is one piece of work, as it stands.
type Ticket struct {
	ID        string // UUIDv4
	Ref       string // what people say on the phone, see NewRef
	Version   int64  // grows with each change
	Type      Type
	State     State
	Title     string // one line
	Text      string // description and symptoms
	Language  string // BCP 47, of the requester
	Requester Requester
	Channel   Channel

	Category string // id, "" as long as it is not known
	Area     string // application or place, one line
	Impact   Impact
	Urgency  Urgency
	Priority Priority // 0 as long as impact or urgency is not known

	Team      string // whose turn it is
	Territory string // of that team
	Level     access.Level
	Assignee  Person
	Teams     []string // all that ever had it: they may read it
	Parent    string   // id of the incident it hangs on

	Waiting     Waiting
	Appointment time.Time
	Resolution  Resolution
	Solution    string
	Reopened    int

	Created, Responded, Resolved, Closed time.Time // zero if not yet
	Pauses                               []Pause   // while others had their turn

	Turn int64     // place in the queue, the lowest first
	Due  time.Time // of the clock that runs; zero: none does
	Warn time.Time // when people are warned of it; likewise
}

// Response is the clock of the first answer, Resolving that of the solution. Nothing
// pauses the first: nobody but the office has the turn before it has answered.
func (t Ticket) Response(c Calendar, target Target) Clock {
	return Clock{Calendar: c, Target: target.Response, Started: t.Created, Stopped: t.Responded, Warn: target.Warn}
}

// Resolving is the clock of the solution.
func (t Ticket) Resolving(c Calendar, target Target) Clock {
	return Clock{Calendar: c, Target: target.Resolution, Started: t.Created, Stopped: t.Resolved, Pauses: t.Pauses, Warn: target.Warn}
}

package protocol

import (
	"errors"
	"time"
)

// Welcome follows the broker's Hello on a console's WebSocket: who is signed
// in, and every session that this person may see.
type Welcome struct {
	Account     Person        `json:"account"`
	Permissions PermissionSet `json:"permissions"` // of the account's profile
	Rights      RightSet      `json:"rights,omitempty"`
	CanIssue    bool          `json:"can_issue"`
	Tickets     bool          `json:"tickets,omitempty"` // may read tickets, of their own at least
	Sessions    []Session     `json:"sessions"`
	Now         time.Time     `json:"now"` // the broker's clock, for countdowns
}

func (*Welcome) MessageType() string { return "welcome" }

// Validate implements Message.
func (m *Welcome) Validate() error { return m.Account.validate() }

// Session is what a console shows of one session.
type Session struct {
	ID         string      `json:"id"`
	State      State       `json:"state"`
	Technician Person      `json:"technician"`
	Reason     string      `json:"reason,omitempty"` // why it is needed, as the customer reads it
	Ticket     *TicketName `json:"ticket,omitempty"` // that it belongs to; nil: none
	Test       bool        `json:"test,omitempty"`   // marked as a test; nothing else is different about it
	Mine       bool        `json:"mine"`
	Since      time.Time   `json:"since,omitzero"` // when this state began
	IssuedAt   time.Time   `json:"issued_at"`
	KeyExpires time.Time   `json:"key_expires"`
	ActiveAt   time.Time   `json:"active_at,omitzero"`
	EndedAt    time.Time   `json:"ended_at,omitzero"`
	EndReason  EndReason   `json:"end_reason,omitempty"`
	Consents   []Consent   `json:"consents"`
	Steps      []Step      `json:"steps"`  // what the customer has done so far, in order
	System     string      `json:"system"` // the customer's operating system, once known
	// Tools are the permissions beside the view that the agent can carry out.
	Tools   []Permission `json:"tools,omitempty"`
	Block   Block        `json:"block,omitempty"` // why the agent lets no input through at present; "": it does, or there is no control
	Viewers []string     `json:"viewers"`         // names of the technicians who watch
	// Guests are the people beside the technician, with the customer's yes or asked about.
	Guests []Guest `json:"guests,omitempty"`
	// Self is the Epoch of who reads this among them, 0 if they are not.
	Self uint32 `json:"self,omitempty"`
	// Offer is to whom the session is on offer, nil: to nobody.
	Offer *Offering `json:"offer,omitempty"`
	// InvitedUntil is until when a link for somebody from outside can be opened that nobody
	// has opened yet; zero: there is none.
	InvitedUntil time.Time `json:"invited_until,omitzero"`
	// May are the ways in which who reads this may come into the session.
	May []GuestWay `json:"may,omitempty"`
	// Sends: who reads this may send the people beside the technician away, although the
	// session is another's.
	Sends     bool     `json:"sends,omitempty"`
	Recording bool     `json:"recording"`
	Removed   *bool    `json:"removed,omitempty"` // nil: not known yet
	Sharing   *Sharing `json:"sharing,omitempty"` // what the agent said last about what it shares; nil: nothing yet
	// SharingSince is when the state of Sharing began.
	SharingSince time.Time `json:"sharing_since,omitzero"`
	Network      *Network  `json:"network,omitempty"`   // what the agent said last about its network; nil: nothing yet
	Crisp        bool      `json:"crisp,omitempty"`     // the picture is wished to be exact at rest
	AwaySince    time.Time `json:"away_since,omitzero"` // when the agent's connection was lost; zero while it is there
	AwayUntil    time.Time `json:"away_until,omitzero"` // when the session ends if the agent does not come back
	// Restart is that of the customer's computer, which the customer has allowed; nil: none.
	Restart *Restarting `json:"restart,omitempty"`
	Note    string      `json:"note,omitempty"`    // what the technician wrote: see Note
	NotedAt time.Time   `json:"noted_at,omitzero"` // when that was; zero: nothing was written
	// Summary says where the summary stands that the team wants; "": it wants none.
	Summary   SummaryState `json:"summary,omitempty"`
	KeptDays  int          `json:"kept_days,omitempty"`  // for how many days its recording is kept; 0: as the office's notice says
	LogMonths int          `json:"log_months,omitempty"` // for how many months its log is kept; 0: as the office's notice says
	Language  string       `json:"language,omitempty"`   // BCP 47 tag that the customer reads, "" if not known yet
	Stars     int          `json:"stars,omitempty"`      // 1 to 5, how the customer rated it; 0: not rated
	Stills    []Still      `json:"stills,omitempty"`     // pictures for the record, while it goes on
}

// Step is something the customer has done on the way to sharing, so that the
// technician can say on the phone what comes next.
type Step string

// The steps.
const (
	StepKeyTyped      Step = "key_typed"
	StepNameConfirmed Step = "name_confirmed"
	StepAgentFetched  Step = "agent_fetched"
	StepBrowserJoined Step = "browser_joined" // in place of the two around it: a page in the browser is the agent
	StepAgentStarted  Step = "agent_started"
	StepTermsAccepted Step = "terms_accepted"
	StepViewAllowed   Step = "view_allowed"
)

// SessionChanged carries the new shape of one session.
type SessionChanged struct {
	Session Session   `json:"session"`
	Now     time.Time `json:"now,omitzero"` // the broker's clock, which may have been set since Welcome
}

func (*SessionChanged) MessageType() string { return "session_changed" }

// Validate implements Message.
func (m *SessionChanged) Validate() error { return check(m.Session.ID != "", "session") }

// NewSession asks for a session and its key.
type NewSession struct {
	Reason string `json:"reason,omitempty"` // as in Reason, if it is known already
	Test   bool   `json:"test,omitempty"`   // mark it as a test
	Ticket string `json:"ticket,omitempty"` // id of the ticket that it belongs to
	// Title is that of the ticket that is made for it where it belongs to none, in the
	// technician's language.
	Title string `json:"title,omitempty"`
}

func (*NewSession) MessageType() string { return "new_session" }

// Validate implements Message.
func (m *NewSession) Validate() error {
	return errors.Join(check(lineOK(m.Reason, MaxReason), "reason"), check(len(m.Ticket) <= 64, "ticket"), check(lineOK(m.Title, MaxTicketLine), "title"))
}

// SessionIssued answers NewSession. The key is in no other message.
type SessionIssued struct {
	Session Session `json:"session"`
	Key     string  `json:"key"`     // canonical form
	URL     string  `json:"url"`     // the portal with the key filled in
	Address string  `json:"address"` // the portal, to be read out
}

func (*SessionIssued) MessageType() string { return "session_issued" }

// Validate implements Message.
func (m *SessionIssued) Validate() error {
	_, err := ParseSessionKey(m.Key)
	return errors.Join(check(m.Session.ID != "", "session"), err)
}

// EndSession is the technician's red X.
type EndSession struct {
	Session string `json:"session"`
}

func (*EndSession) MessageType() string { return "end_session" }

// Validate implements Message.
func (m *EndSession) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}

// StopWatching closes this console's picture of a session; the session goes on.
type StopWatching struct {
	Session string `json:"session"`
}

func (*StopWatching) MessageType() string { return "stop_watching" }

// Validate implements Message.
func (m *StopWatching) Validate() error {
	return check(m.Session != "" && len(m.Session) <= 64, "session")
}

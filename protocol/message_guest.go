package protocol

import (
	"errors"
	"slices"
)

// GuestWay says as what a person comes into a session beside the technician whose it is.
type GuestWay string

// The ways.
const (
	WayJoin      GuestWay = "join"      // a colleague, who sees and writes
	WaySupervise GuestWay = "supervise" // a lead, who only sees
	WayTakeOver  GuestWay = "take_over" // who is to be the technician, and asks for it
	WayTransfer  GuestWay = "transfer"  // who is to be the technician, and was offered it
	WayVendor    GuestWay = "vendor"    // from outside, by invitation: sees and writes, no more
	WayFormer    GuestWay = "former"    // who was the technician, and stays; nobody is asked about that
)

// GuestWays lists the ways.
func GuestWays() []GuestWay {
	return []GuestWay{WayJoin, WaySupervise, WayTakeOver, WayTransfer, WayVendor, WayFormer}
}

// Chats reports whether who comes this way reads and writes the chat.
func (w GuestWay) Chats() bool { return w != WaySupervise }

// GuestCause says why a person is not in a session, or not any more. It stands on the
// evidence.
type GuestCause string

// The causes.
const (
	GuestCustomer GuestCause = "customer"  // the customer said no, or sent them away
	GuestNoAnswer GuestCause = "no_answer" // two minutes without an answer
	GuestUnable   GuestCause = "unable"    // the agent could not ask
	GuestWent     GuestCause = "went"      // they went, or ask no more
	GuestSentAway GuestCause = "sent_away" // by the technician
	GuestLead     GuestCause = "lead"      // sent away by a lead, who need not be in the session
	GuestLost     GuestCause = "lost"      // their own connection, for more than AwayLimit
	GuestRights   GuestCause = "rights"    // their account or profile does not allow it any more
	GuestReboot   GuestCause = "reboot"    // the customer's computer was restarted
)

// GuestCauses lists the causes.
func GuestCauses() []GuestCause {
	return []GuestCause{GuestCustomer, GuestNoAnswer, GuestUnable, GuestWent, GuestSentAway, GuestLead, GuestLost, GuestRights, GuestReboot}
}

func (c GuestCause) valid() bool { return c == "" || slices.Contains(GuestCauses(), c) }

// Hands reports whether the session becomes theirs with the customer's yes.
func (w GuestWay) Hands() bool { return w == WayTakeOver || w == WayTransfer }

// Guest is a person in a session beside the technician whose it is, or one about whom the
// customer is being asked.
type Guest struct {
	Epoch uint32       `json:"epoch"` // counts with the consents of the session
	Name  string       `json:"name"`
	Team  string       `json:"team"`
	Way   GuestWay     `json:"way"`
	By    string       `json:"by,omitempty"` // of a vendor, who invited them; Team is then their company
	State ConsentState `json:"state"`
}

func (g Guest) validate() error {
	return errors.Join(check(g.Epoch > 0, "epoch"), check(lineOK(g.Name, MaxName) && g.Name != "", "name"), check(lineOK(g.Team, MaxName), "team"),
		check(slices.Contains(GuestWays(), g.Way), "way"), check(lineOK(g.By, MaxName) && (g.By != "") == (g.Way == WayVendor), "by"), check(g.State == ConsentAsked || g.State == ConsentGiven, "state"))
}

// maxGuests bounds the people in a message.
const maxGuests = 16

// GuestJoin asks to come into a colleague's session: the customer is asked. It is
// answered with the session's change.
type GuestJoin struct {
	Session string   `json:"session"`
	Way     GuestWay `json:"way"`
}

func (*GuestJoin) MessageType() string { return "guest_join" }

// Validate implements Message.
func (m *GuestJoin) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(slices.Contains(GuestWays(), m.Way) && m.Way != WayFormer, "way"))
}

// GuestLeave ends a person's place in a session, or the question about them: one's own,
// or, in a session that is one's own or that one may end, anybody's. It is answered with the session's change.
type GuestLeave struct {
	Session string `json:"session"`
	Epoch   uint32 `json:"epoch"`
}

func (*GuestLeave) MessageType() string { return "guest_leave" }

// Validate implements Message.
func (m *GuestLeave) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), check(m.Epoch > 0, "epoch"))
}

// GuestAsk tells the agent to ask the customer about one more person.
type GuestAsk struct {
	Guest Guest `json:"guest"`
}

func (*GuestAsk) MessageType() string { return "guest_ask" }

// Validate implements Message.
func (m *GuestAsk) Validate() error {
	return errors.Join(m.Guest.validate(), check(m.Guest.State == ConsentAsked && m.Guest.Way != WayFormer, "state"))
}

// GuestAnswer is the customer's answer, or that they send the person away later.
type GuestAnswer struct {
	Epoch uint32       `json:"epoch"`
	State ConsentState `json:"state"`           // given, refused or withdrawn
	Cause GuestCause   `json:"cause,omitempty"` // of a no; "" of a yes
}

func (*GuestAnswer) MessageType() string { return "guest_answer" }

// Validate implements Message.
func (m *GuestAnswer) Validate() error {
	by := m.Cause == "" || m.Cause == GuestCustomer || m.Cause == GuestNoAnswer || m.Cause == GuestUnable
	return errors.Join(check(m.Epoch > 0, "epoch"), check(m.State == ConsentGiven || m.State == ConsentRefused || m.State == ConsentWithdrawn, "state"),
		check(by && (m.Cause == "" || m.State != ConsentGiven), "cause"))
}

// GuestRecorded tells the agent that the yes to a person is on disk as evidence: from now
// on they are there.
type GuestRecorded struct {
	Epoch uint32 `json:"epoch"`
}

func (*GuestRecorded) MessageType() string { return "guest_recorded" }

// Validate implements Message.
func (m *GuestRecorded) Validate() error { return check(m.Epoch > 0, "epoch") }

// GuestEnded tells the agent that a person is not there any more, or is not asked about any
// more, without the customer's doing; and that person's console why.
type GuestEnded struct {
	Session string     `json:"session,omitempty"` // to a console only
	Epoch   uint32     `json:"epoch"`
	Cause   GuestCause `json:"cause"`
}

func (*GuestEnded) MessageType() string { return "guest_ended" }

// Validate implements Message.
func (m *GuestEnded) Validate() error {
	return errors.Join(check(len(m.Session) <= 64, "session"), check(m.Epoch > 0, "epoch"), check(m.Cause != "" && m.Cause.valid(), "cause"))
}

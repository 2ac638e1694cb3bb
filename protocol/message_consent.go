package protocol

import (
	"errors"
	"slices"
)

// ConsentCause says why a consent was refused or withdrawn. It is told to the
// technician and stands on the evidence.
type ConsentCause string

// The causes. An absent one is that of a program of version 1.0, or the end of
// the session.
const (
	CauseCustomer   ConsentCause = "customer"   // the customer said no, or took it back
	CauseNoAnswer   ConsentCause = "no_answer"  // two minutes without an answer
	CauseUnable     ConsentCause = "unable"     // the agent's program or the customer's system cannot do it
	CauseTechnician ConsentCause = "technician" // given back, or not asked for any more
	CauseAway       ConsentCause = "away"       // the agent's connection was lost for more than AwayLimit
	CauseSlept      ConsentCause = "slept"      // the customer's computer slept
	CauseLocked     ConsentCause = "locked"     // the screen was locked, or another user's session came in front
	CauseShared     ConsentCause = "shared"     // something else is shared than what the yes was for
	CauseRights     ConsentCause = "rights"     // the technician's profile does not allow it any more
	CauseMisuse     ConsentCause = "misuse"     // the console broke the limits of the tool
	CauseRestart    ConsentCause = "restart"    // the broker was restarted
	CauseFailed     ConsentCause = "failed"     // it could not be carried out any more
	CauseReboot     ConsentCause = "reboot"     // the customer's computer was restarted
	CauseHanded     ConsentCause = "handed"     // the session became another technician's
)

// ConsentCauses lists the causes.
func ConsentCauses() []ConsentCause {
	return []ConsentCause{CauseCustomer, CauseNoAnswer, CauseUnable, CauseTechnician, CauseAway, CauseSlept, CauseLocked,
		CauseShared, CauseRights, CauseMisuse, CauseRestart, CauseFailed, CauseReboot, CauseHanded}
}

func (c ConsentCause) valid() bool { return c == "" || slices.Contains(ConsentCauses(), c) }

// byAgent reports whether an agent may give c as the cause of its answer.
func (c ConsentCause) byAgent() bool {
	switch c {
	case "", CauseCustomer, CauseNoAnswer, CauseUnable, CauseAway, CauseSlept, CauseLocked, CauseShared, CauseFailed:
		return true
	}
	return false
}

// toolOK accepts the permissions that are asked for one by one in a live session:
// all but the view, which the session begins and ends with.
func toolOK(p Permission) error {
	if _, err := ParsePermission(string(p)); err != nil {
		return err
	}
	return check(p != ViewScreen && p.Asked(), "permission of a tool")
}

// ConsentRequest asks the broker to put one more permission to the customer. It
// is answered with the session's change.
type ConsentRequest struct {
	Session    string     `json:"session"`
	Permission Permission `json:"permission"`
	Device     *Device    `json:"device,omitempty"` // with ssh
}

func (*ConsentRequest) MessageType() string { return "consent_request" }

// Validate implements Message.
func (m *ConsentRequest) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), toolOK(m.Permission), deviceOK(m.Permission, m.Device))
}

// ConsentReturn gives a consent back, or takes a question back that is still
// open. It is answered with the session's change.
type ConsentReturn struct {
	Session    string     `json:"session"`
	Permission Permission `json:"permission"`
}

func (*ConsentReturn) MessageType() string { return "consent_return" }

// Validate implements Message.
func (m *ConsentReturn) Validate() error {
	return errors.Join(check(m.Session != "" && len(m.Session) <= 64, "session"), toolOK(m.Permission))
}

// ConsentEnded tells the agent that a question or a consent is over, without the
// customer's doing: the dialog closes, the tool stops.
type ConsentEnded struct {
	Permission Permission   `json:"permission"`
	Epoch      uint32       `json:"epoch"`
	Cause      ConsentCause `json:"cause"`
}

func (*ConsentEnded) MessageType() string { return "consent_ended" }

// Validate implements Message.
func (m *ConsentEnded) Validate() error {
	return errors.Join(toolOK(m.Permission), check(m.Cause != "" && m.Cause.valid(), "cause"))
}

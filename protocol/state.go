package protocol

import (
	"errors"
	"fmt"
	"time"
)

// State is where a session stands in its life. The zero value is invalid.
// A reconnect changes no state; consents, connections and the rating are small
// states beside it.
type State string

// The states in their order. The only way is forward.
const (
	StateIssued  State = "Issued"  // a key exists and waits to be typed
	StateJoined  State = "Joined"  // the customer typed the key; the agent is not there yet
	StateWaiting State = "Waiting" // the agent is there: name, terms and consent are asked
	StateActive  State = "Active"  // the customer consented to show the screen
	StateEnding  State = "Ending"  // ended; the agent removes itself
	StateClosed  State = "Closed"  // the evidence is closed
)

// States lists the states in their order.
func States() []State {
	return []State{StateIssued, StateJoined, StateWaiting, StateActive, StateEnding, StateClosed}
}

// Command is a cause for a change of state.
type Command string

// The commands.
const (
	CommandRedeem    Command = "redeem"     // the key was typed
	CommandAgentJoin Command = "agent_join" // the agent came with the session's ticket
	CommandActivate  Command = "activate"   // the customer consented to show the screen
	CommandEnd       Command = "end"        // one of the end reasons
	CommandClose     Command = "close"      // removal confirmed, or waited for long enough
)

// Commands lists all commands.
func Commands() []Command {
	return []Command{CommandRedeem, CommandAgentJoin, CommandActivate, CommandEnd, CommandClose}
}

// ErrTransition is wrapped by the error of a command that the state does not allow.
var ErrTransition = errors.New("not possible in this state of the session")

// Next returns the state that follows s on c. It is pure: the broker decides
// with it, the database holds the same table as a constraint, and the verifier
// replays it over the log.
func Next(s State, c Command) (State, error) {
	switch {
	case s == StateIssued && c == CommandRedeem:
		return StateJoined, nil
	case s == StateJoined && c == CommandAgentJoin:
		return StateWaiting, nil
	case s == StateWaiting && c == CommandActivate:
		return StateActive, nil
	case (s == StateIssued || s == StateJoined || s == StateWaiting || s == StateActive) && c == CommandEnd:
		return StateEnding, nil
	case s == StateEnding && c == CommandClose:
		return StateClosed, nil
	}
	return "", fmt.Errorf("%w: %s in %s", ErrTransition, c, s)
}

// Over reports whether nothing can happen in the session any more.
func (s State) Over() bool { return s == StateEnding || s == StateClosed }

// EndReason says why a session ended. It is a closed set.
type EndReason string

// The reasons. Each is shown to both sides in words.
const (
	EndCustomer         EndReason = "customer"           // the customer pressed the red X or closed the page
	EndTechnician       EndReason = "technician"         // the technician pressed the red X
	EndKeyExpired       EndReason = "key_expired"        // nobody typed the key within its ten minutes
	EndNameNotConfirmed EndReason = "name_not_confirmed" // the customer was told another name
	EndReported         EndReason = "reported"           // the customer reported the session
	EndTermsDeclined    EndReason = "terms_declined"     // the customer did not accept the terms
	EndConsentRefused   EndReason = "consent_refused"    // the customer refused to show the screen, or did not answer
	EndConsentWithdrawn EndReason = "consent_withdrawn"  // the customer took the view back by itself; no program of 1.0 says so
	EndRightsRevoked    EndReason = "rights_revoked"     // the technician lost the right in mid-session
	EndAgentLost        EndReason = "agent_lost"         // the agent vanished
	EndCaptureFailed    EndReason = "capture_failed"     // the screen could not be captured or encoded
	EndNetworkLost      EndReason = "network_lost"       // the connection was lost or made no sense
	EndEvidenceFailed   EndReason = "evidence_failed"    // the evidence could not be written
	EndShutdown         EndReason = "shutdown"           // the broker was stopped
	EndLimit            EndReason = "limit"              // the longest time for a session, or for a step, was over
)

// EndReasons lists the closed set.
func EndReasons() []EndReason {
	return []EndReason{EndCustomer, EndTechnician, EndKeyExpired, EndNameNotConfirmed, EndReported, EndTermsDeclined,
		EndConsentRefused, EndConsentWithdrawn, EndRightsRevoked, EndAgentLost, EndCaptureFailed,
		EndNetworkLost, EndEvidenceFailed, EndShutdown, EndLimit}
}

// Valid reports whether r is a member of the closed set.
func (r EndReason) Valid() bool {
	for _, k := range EndReasons() {
		if r == k {
			return true
		}
	}
	return false
}

// ByAgent reports whether an agent may give r as its reason to end a session.
func (r EndReason) ByAgent() bool {
	switch r {
	case EndCustomer, EndNameNotConfirmed, EndReported, EndTermsDeclined, EndConsentRefused, EndConsentWithdrawn,
		EndCaptureFailed, EndNetworkLost, EndEvidenceFailed, EndLimit:
		return true
	}
	return false
}

// ConsentState is where one consent stands.
type ConsentState string

// The states of a consent.
const (
	ConsentAsked     ConsentState = "asked"
	ConsentGiven     ConsentState = "given"
	ConsentRefused   ConsentState = "refused"
	ConsentWithdrawn ConsentState = "withdrawn"
)

// AwayLimit is how long a consent to anything but the view outlives the loss of
// the agent's connection.
const AwayLimit = time.Minute

// Consent is one permission that was put to the customer, and the answer.
// Epoch counts the consents of a session: every tool message carries the epoch
// it relies on, and an act under an old epoch is refused.
type Consent struct {
	Permission Permission   `json:"permission"`
	State      ConsentState `json:"state"`
	Epoch      uint32       `json:"epoch"`
	Cause      ConsentCause `json:"cause,omitempty"`  // why it was refused or withdrawn
	Device     *Device      `json:"device,omitempty"` // with ssh: which one it is for
}

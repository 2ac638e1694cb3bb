package session

import (
	"errors"
	"fmt"
	"time"

	"consento/protocol"
)

// The errors that callers tell apart. People are shown a sentence made of them.
var (
	// ErrKey is the one answer for a session key or ticket that is wrong, used
	// or expired: which of them it was is never said.
	ErrKey = errors.New("session key or ticket does not work")
	// ErrNoSession says that there is no such session, or none this person may see.
	ErrNoSession = errors.New("no such session")
	// ErrNoRecipient says that no auditor's key is named, so that the evidence
	// could be read by nobody: no session starts.
	ErrNoRecipient = errors.New("no auditor's public key is named")
	// ErrEvidence says that the evidence could not be written.
	ErrEvidence = errors.New("evidence could not be written")
	// ErrWitness says that nobody has signed the evidence for too long: no session
	// starts, those that are open go on.
	ErrWitness = errors.New("no witness has signed the evidence for too long")
	// ErrNotNow says that the state of the session does not allow it.
	ErrNotNow = errors.New("not possible in this state of the session")
	// ErrNotAllowed says that the rights or the consent do not reach.
	ErrNotAllowed = errors.New("not allowed")
	// ErrTooMany says that the technician has too many sessions open.
	ErrTooMany = errors.New("too many sessions are open")
	// ErrStopping says that the broker is being stopped.
	ErrStopping = errors.New("broker is stopping")
)

// EndedError says to the agent of a session that it is over, and why. It is
// ErrNoSession.
type EndedError struct {
	Reason protocol.EndReason
}

func (e *EndedError) Error() string { return "session is over: " + string(e.Reason) }

// Is implements what errors.Is asks.
func (*EndedError) Is(target error) bool { return target == ErrNoSession }

// ThrottledError says that an address has tried too many keys.
type ThrottledError struct {
	RetryAfter time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many tries, again in %s", e.RetryAfter.Round(time.Second))
}

package protocol

import "fmt"

// Right names one thing a profile lets its people do around sessions, beside what they
// may do in one (see [Permission]). The strings are stable: they stand on the wire, in
// profiles and on the trail.
type Right string

// The closed set of rights. None of them replaces a customer's consent: who joins, takes
// over or is invited needs the customer's yes as whoever came first.
const (
	MayIssueKeys     Right = "issue_keys" // open sessions of one's own
	MayQueue         Right = "queue"      // read the tickets of the team, and work on them
	MayJoin          Right = "join"       // take part in a session of a colleague in the team
	MayTakeOver      Right = "take_over"  // become the technician of such a session
	MayTransfer      Right = "transfer"   // hand a session to a colleague
	MayEscalate      Right = "escalate"   // hand a ticket, or a session, to another team
	MayInvite        Right = "invite"     // an external vendor, into one session
	MayExport        Right = "export"     // lists of tickets and figures, as files
	MaySeeStatistics Right = "statistics" // figures of the team
)

// Rights lists the closed set in the order in which people are shown it.
func Rights() []Right {
	return []Right{MayIssueKeys, MayQueue, MayJoin, MayTakeOver, MayTransfer, MayEscalate, MayInvite, MayExport, MaySeeStatistics}
}

// ParseRight checks that s is a member of the closed set.
func ParseRight(s string) (Right, error) {
	for _, r := range Rights() {
		if string(r) == s {
			return r, nil
		}
	}
	return "", fmt.Errorf("%w: right %q", ErrMalformed, s)
}

// RightSet is what a profile gives. A right that is absent is not given.
type RightSet map[Right]bool

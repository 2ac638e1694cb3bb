package session

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"consento/broker/internal/sfu"
	"consento/protocol"
	"consento/recordings"
)

// Limits bounds how long a session may stay in a state.
type Limits struct {
	Key     time.Duration // Issued: how long the key can be typed
	Joining time.Duration // Joined and Waiting together: the life of the join ticket
	Active  time.Duration // Active
	Removal time.Duration // Ending: how long the agent's removal is waited for
	Return  time.Duration // how long an agent whose connection was lost is waited for
	Restart time.Duration // how long an agent may take to come back after a restart of its computer
	Away    time.Duration // how long consents but the view outlive the loss of its connection
}

// DefaultLimits returns the limits of a broker that was told no others.
func DefaultLimits() Limits {
	return Limits{Key: protocol.KeyLifetime, Joining: 30 * time.Minute, Active: 8 * time.Hour, Removal: 2 * time.Minute, Return: protocol.ReturnLimit, Restart: protocol.RestartLimit, Away: protocol.AwayLimit}
}

// Config is what New needs. Every field but Bags, Now and Limits is required.
type Config struct {
	Database *bun.DB // migrated
	Media    *sfu.SFU
	Evidence string // folder of the recordings
	Bags     string // folder of their key bags; "": the same
	Origin   string // this broker's address, for the recordings
	// Recipients are whose keys open a session of this technician's; no stanza: no
	// session.
	Recipients func(context.Context, Technician) (Recipients, error)
	// Kept is for how long this technician's sessions are kept. May be nil: the standard
	// class, and no promise.
	Kept func(context.Context, Technician) (Kept, error)
	// Summary says whether this technician's team wants a summary of each session. May be
	// nil: none does.
	Summary func(context.Context, Technician) (bool, error)
	// Script returns a script of the office's that this technician may run, in the version
	// that is in force; an error for any other. May be nil: there are none.
	Script func(ctx context.Context, by Technician, id string, version uint32) (protocol.OwnScript, error)
	// Ticket finds the ticket that a new session belongs to, or makes one; the zero Ticket:
	// it belongs to none. May be nil: none does.
	Ticket func(ctx context.Context, by Technician, asked protocol.NewSession) (Ticket, error)
	// Attach names something of a session's evidence on its ticket, once. May be nil when
	// Ticket is.
	Attach func(ctx context.Context, by Technician, ticket string, what Sealed) error
	// Technician returns an account as it is now, for a session that goes on
	// after a restart; with ErrNotAllowed one that may not open sessions any more.
	Technician func(ctx context.Context, id string) (Technician, error)
	// Space says why no new session may start for want of free space, or nil.
	Space func(context.Context) error
	// Reserve is room for the ends of what runs, should the disk be full. May be nil.
	Reserve Reserve
	// Witnessed says why no new session may start for want of somebody who signs
	// it, or nil. What belongs to a session that was goes on without. May be nil.
	Witnessed func(context.Context) error
	Office    func(context.Context) (protocol.Person, error)                     // Office and Phone
	Terms     func(ctx context.Context, language string) (protocol.Terms, error) // in the language that fits best
	Global    GlobalLog                                                          // what recordings are anchored to
	Copies    Copies                                                             // customers' copies; nil: there are none
	LogKey    ed25519.PrivateKey                                                 // closes what a crash left open
	Derive    func(purpose string) []byte                                        // keys of the broker, 32 bytes each
	Log       *slog.Logger
	// Outbox is told, in the same transaction, that a session started or ended; nil: nobody is.
	Outbox func(ctx context.Context, tx bun.IDB, l Listed) error
	Now    func() time.Time // the wall clock; nil: time.Now
	Limits Limits           // zero values are filled from DefaultLimits
}

// Recipients are the ways to open a recording, and the signed policy that says so.
type Recipients struct {
	Stanzas []recordings.Stanza
	Policy  [32]byte // its hash; zero: there is none
}

// Reserve is given back once, when something could not be written.
type Reserve interface {
	// Release is told why. It reports whether there may be room now.
	Release(cause error) bool
	// Released reports whether it was: what runs has to end while there is room.
	Released() bool
}

// GlobalLog is the log that makes it impossible to lose a recording, or to make
// one anew, unseen. What it has taken stays taken; each method may be called
// again for the same segment. It is safe for concurrent use.
type GlobalLog interface {
	// Bagged brings the key bag of a segment that begins, which is on the disk, to a
	// second place. It waits a moment for it, and says nothing if it is to come later.
	Bagged(ctx context.Context, id recordings.SessionID, segment int)
	// Opened puts the beginning of a segment, up to its first seal, on the log and returns the proof for
	// the agent. Nobody is asked anything before.
	Opened(ctx context.Context, path string, head recordings.Head) (proof []byte, err error)
	// Sealed tells of a new head of a live segment. It does not wait.
	Sealed(id recordings.SessionID, segment int, head recordings.Head)
	// Countersignatures gives what others have signed over heads of a live segment
	// since it was asked last. It does not wait.
	Countersignatures(id recordings.SessionID, segment int) [][]byte
	// Closed puts the end of a segment on the log, also of one that Recover closed.
	Closed(ctx context.Context, path string) error
}

// Technician is on whose behalf a session is made or watched.
type Technician struct {
	ID        string // of the account
	Name      string
	Team      string
	Territory string
	Profile   protocol.Profile
}

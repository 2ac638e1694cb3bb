// Package desk knows the work around the sessions: tickets and their life, who has
// them, when the service desk is open, what service levels it promised, and whether they
// are kept.
//
// Promises:
//
//   - What may happen to a ticket is decided by a pure function ([Next] for its state)
//     and held by the database as well.
//
//   - Each act is in the ticket's history together with what it changed, or neither is;
//     history is only added to.
//
//   - Two people who change the same ticket do not overwrite each other: the second is
//     told so, and loses nothing.
//
//   - Nothing from within a session comes here by itself: a ticket knows that a session
//     was, no more.
//
//   - Who may read and do what is asked of [access.Can] for each call.
//
//   - A file that is attached is one of a short list of kinds, by its content, under a name
//     that starts no program; it lies encrypted, and nothing from a session is one.
//
// It draws no pages, knows no mail server (it writes letters, see [Post]) and no live sessions.
package desk

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"consento/broker/internal/access"
	"consento/broker/internal/feed"

	"github.com/uptrace/bun"
)

var (
	// ErrNoTicket says that there is no such ticket, or none that the account may read:
	// whether there is one is nobody else's to know.
	ErrNoTicket = errors.New("desk: no such ticket")
	// ErrForbidden says that the account may read it, and not do this.
	ErrForbidden = errors.New("desk: not this account's to do")
	// ErrStale says that somebody else changed the ticket meanwhile.
	ErrStale = errors.New("desk: changed by somebody else meanwhile")
)

// Config is what New needs.
type Config struct {
	Database *bun.DB // migrated by ops.OpenDatabase
	LinkKey  []byte  // of requesters' private links: at least 32 random bytes that outlive a restart
	Now      func() time.Time
	Log      *slog.Logger
	// Files is the folder of attachments, FileKey (32 bytes) what they are encrypted by;
	// "": there are none.
	Files   string
	FileKey []byte
	// Outbox is told of every change of a ticket, in its transaction; nil: nobody is. The
	// kind of a new ticket is "open".
	Outbox func(ctx context.Context, tx bun.IDB, t Ticket, kind ActKind) error
}

// Desk is safe for concurrent use.
type Desk struct {
	db       *bun.DB
	linkKey  []byte
	now      func() time.Time
	log      *slog.Logger
	feed     feed.Feed[string]
	alerted  func(ctx context.Context, db bun.IDB, a Alert) error // nil: nothing is done with alerts
	breached func(ctx context.Context, db bun.IDB, b Breach, news BreachNews) error
	files    *files // nil: nothing is attached
	outbox   func(ctx context.Context, tx bun.IDB, t Ticket, kind ActKind) error
}

// New makes a Desk, with the starting matrix and hours where there are none.
func New(ctx context.Context, c Config) (*Desk, error) {
	if c.Database == nil || c.Log == nil || len(c.LinkKey) < 32 {
		return nil, errors.New("desk: Database, Log and a LinkKey of 32 bytes are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Desk{db: c.Database, linkKey: c.LinkKey, now: c.Now, log: c.Log, outbox: c.Outbox}
	var err error
	if d.files, err = newFiles(c.Files, c.FileKey); err != nil {
		return nil, err
	}
	if d.files != nil {
		if err := d.files.sweep(ctx, d.db, d.now()); err != nil {
			return nil, err
		}
	}
	matrix, err := StartingMatrix()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.begin(ctx, ofMatrix, matrix), d.begin(ctx, ofHours, StartingHours())); err != nil {
		return nil, err
	}
	hours, _, err := d.Hours(ctx)
	if err != nil {
		return nil, err
	}
	return d, d.lineUp(ctx, d.db, hours, true)
}

// NewTicket is what a ticket begins with. Team has it at first.
type NewTicket struct {
	Type        Type
	Title, Text string
	Language    string // BCP 47
	Requester   Requester
	Channel     Channel
	Area        string
	Team        Team
}

func (n NewTicket) clean() (NewTicket, error) {
	a, err := Act{Kind: ActEdit, Type: n.Type, Title: n.Title, Area: n.Area, Text: n.Text, Requester: &n.Requester}.Clean()
	switch {
	case err != nil:
		return n, err
	case n.Type == "":
		return n, wrong("type", "missing")
	case n.Title == "":
		return n, wrong("title", "missing")
	case !n.Channel.known():
		return n, wrong("channel", "unknown")
	case len(n.Language) > 35:
		return n, wrong("language", "malformed")
	case n.Team.Name == "":
		return n, wrong("team", "missing")
	}
	n.Title, n.Area, n.Text, n.Requester = a.Title, a.Area, a.Text, *a.Requester
	return n, nil
}

func (c Channel) known() bool {
	for _, k := range Channels() {
		if k == c {
			return true
		}
	}
	return false
}

// Receive takes in what a customer asks for on the portal: it waits until somebody takes
// it in hand.
func (d *Desk) Receive(ctx context.Context, n NewTicket) (Ticket, error) {
	n.Channel = ByPortal
	return d.open(ctx, Person{}, n, Identified)
}

// Open makes a ticket for somebody who called, wrote or came; one from a program waits as one
// from the portal does. It returns ErrForbidden to
// who may not, and an *access.Invalid.
func (d *Desk) Open(ctx context.Context, by access.Account, n NewTicket) (Ticket, error) {
	if !access.Can(by, access.WorkTickets, access.Scope{Team: by.Team}) {
		return Ticket{}, ErrForbidden
	}
	if n.Channel == ByProgram {
		return d.open(ctx, personOf(by), n, Identified) // no person has taken it in hand
	}
	return d.open(ctx, personOf(by), n, Logged)
}

func personOf(a access.Account) Person { return Person{a.ID, a.Name} }

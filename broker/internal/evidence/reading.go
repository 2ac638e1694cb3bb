package evidence

import (
	"errors"
	"time"

	"consento/protocol"
)

var (
	// ErrNotFound: there is no such session or segment, or not for this account:
	// which of the two is not told.
	ErrNotFound = errors.New("no such recording")
	// ErrForbidden: the account may read no evidence at all, or not this (nobody
	// watches a session of their own).
	ErrForbidden = errors.New("this account may not read this recording")
	// ErrGrant: the grant is of another account or session, or too old. A viewing
	// has to be stated anew.
	ErrGrant = errors.New("no viewing was stated")
	// ErrShredded: the key bag was destroyed; the contents cannot be read any more.
	ErrShredded = errors.New("the key of this recording was destroyed")
	// ErrNoProof: nothing anchors this recording yet.
	ErrNoProof = errors.New("there is no proof for this recording")
)

// PageSize is how many sessions a [Page] has at most.
const PageSize = 50

// Query chooses sessions; the zero value chooses all. Every field that is set has
// to fit.
type Query struct {
	From, To   time.Time // started in [From, To)
	ID         string    // how the id begins
	Ticket     string    // how the number of its ticket begins, T-…, in any case
	Team       string    // whole name
	Technician string    // part of the name, in any case
	Ended      protocol.EndReason
	Tests      string        // "only", "without", "" both
	Has        []HeldContent // holds something of each
	Page       int           // from 1
}

// HeldContent is a kind of content that one looks for.
type HeldContent string

// The closed set.
const (
	HasVideo HeldContent = "video"
	HasChat  HeldContent = "chat"
	HasShell HeldContent = "shell"
	HasFiles HeldContent = "files"
)

// Page is a part of what a Query chose, the newest first.
type Page struct {
	Sessions []Summary
	Total    int      // of all pages
	Page     int      // of this one, from 1
	Teams    []string // to choose from
	Witness  string   // who signs at present: "none", "embedded", "independent"
}

// Summary is what the list says of a session.
type Summary struct {
	ID         string // 32 hex digits
	Started    time.Time
	Ended      time.Time // zero: goes on
	Team       string
	Technician string // name
	Reason     protocol.EndReason
	Test       bool
	Ticket     string // number of the ticket that it belongs to, made by chance; "": none
	Bytes      int64
	Segments   int
	Held       bool // a legal hold is on it
	Shredded   bool // no segment can be read any more
	LogKept    bool // then: but its log can
	LogApart   bool // its log has keys of its own
	Has        []HeldContent
	Verdict    State // of the last check; "" none yet
}

// Recording is one session with its segments.
type Recording struct {
	Summary
	Parts     []Segment // by number
	Until     time.Time // end of retention
	Holds     []Hold
	LogUntil  time.Time // end of the log's period; zero while it goes on, or where nothing is swept
	Erased    []Erasure // carried out, the newest first
	Territory string
}

// Segment is one file of a recording.
type Segment struct {
	Number   int
	Bytes    int64
	Final    bool // closed by its last seal
	Bag      bool // the key bag is there
	Shredded bool
	Log      bool // then: the keys of its events are there
	Purged   bool // its file is deleted too
}

// Hold keeps a recording from deletion.
type Hold struct {
	Since        time.Time
	By           string    // name
	Broker       bool      // the broker put it by itself, for a suspected data breach
	Until        time.Time // when it lapses if not both roles confirm it; zero: it holds until it is released
	Auditor, DPO string    // names of who confirmed it
}

// State is what a check comes to.
type State string

// The closed set, from best to worst.
const (
	Intact       State = "intact"
	Unverifiable State = "unverifiable" // nothing wrong, but something to compare with is missing
	Incomplete   State = "incomplete"   // not closed, or the end is torn
	Tampered     State = "tampered"
)

// Verdict is what a check of everything found.
type Verdict struct {
	State   State
	Reasons []Reason // the worst first
	Checked time.Time
	Witness string // "none", "embedded", "independent"
	Stores  int    // that hold it
	Hosts   int    // machines that these stores are on

	Clock  *ClockStatus // nil: none is configured
	Before time.Time    // all of it was closed before, says an outside clock; zero: it has not said so
}

// Reason is one finding. The codes and their values have words in the language
// files, audit.reason.CODE.
type Reason struct {
	Code     string
	Segment  int
	From, To time.Duration     // of the session that it touches; To 0: none in particular
	Values   map[string]string // placeholders of the words
}

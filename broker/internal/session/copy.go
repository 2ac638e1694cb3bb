package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"consento/protocol"
)

// Bounds of the customers' copies of their logs. They are in memory only: what
// lies on the disk is sealed, and the broker cannot read it.
const (
	copyKept      = time.Hour // after the end
	maxCopyEvents = 1000
	maxCopyBytes  = 256 << 10 // of the entries of one copy
	maxCopies     = 2000      // of sessions that are over; the oldest goes first
	maxAllCopies  = 64 << 20  // bytes of these
)

// LogEntry is one entry of the customer's copy.
type LogEntry struct {
	At   time.Time          `json:"at"`
	Code protocol.EventCode `json:"code"`
	Data json.RawMessage    `json:"data,omitempty"` // an object
}

// copyFields says what of an event the customer's copy holds: all that is about
// the session, nothing that is about the broker's accounts. Of a note it says who
// wrote it; the text is on the evidence. ok is false for a code that is not in
// the copy at all.
func copyFields(code protocol.EventCode) (fields []string, ok bool) {
	switch code {
	case protocol.EventIssued:
		return []string{"technician", "reason", "test", "key_expires"}, true
	case protocol.EventReason:
		return []string{"text"}, true
	case protocol.EventRedeemed, protocol.EventNameConfirmed, protocol.EventNameRefused, protocol.EventReported, protocol.EventNoteWritten:
		return []string{"by"}, true
	case protocol.EventAgentFetched:
		return []string{"system", "sha256"}, true
	case protocol.EventAgentJoined:
		return []string{"software", "system", "language", "version"}, true
	case protocol.EventAgentAway:
		return []string{"silent"}, true
	case protocol.EventAgentReturned:
		return []string{"away_ms"}, true
	case protocol.EventAgentSlept:
		return []string{"slept_ms"}, true
	case protocol.EventClockJumped:
		return []string{"by_ms"}, true
	case protocol.EventResumed:
		return []string{"technician", "state"}, true
	case protocol.EventTermsShown, protocol.EventTermsAccepted, protocol.EventTermsDeclined:
		return []string{"version", "language"}, true
	case protocol.EventConsentAsked, protocol.EventConsentGiven, protocol.EventConsentRefused, protocol.EventConsentWithdrawn:
		return []string{"permission", "epoch", "technician", "cause", "device"}, true
	case protocol.EventControlUsed:
		return []string{"clicks", "wheel", "keys", "characters"}, true
	case protocol.EventControlState:
		return []string{"block"}, true
	case protocol.EventShellStarted:
		return []string{"run", "script"}, true
	case protocol.EventShellOwn:
		return []string{"run", "name", "version", "interpreter", "sha256"}, true
	case protocol.EventShellUsed:
		return []string{"lines", "characters", "output"}, true
	case protocol.EventShellEnded:
		return []string{"run", "code", "stopped"}, true
	case protocol.EventSSHStarted:
		return []string{"run", "device"}, true
	case protocol.EventSSHKey:
		return []string{"run", "address", "algorithm", "key", "known", "before"}, true
	case protocol.EventSSHTrusted:
		return []string{"run", "key", "words"}, true
	case protocol.EventSSHRefused:
		return []string{"run", "method", "cause", "tries"}, true
	case protocol.EventSSHOpened:
		return []string{"run", "address", "algorithms", "old"}, true
	case protocol.EventSSHEnded:
		return []string{"run", "code", "cause", "stopped"}, true
	case protocol.EventSystemRequested, protocol.EventSystemRead:
		return []string{"snapshot", "sections", "unread"}, true
	case protocol.EventSystemFollowed:
		return []string{"on"}, true
	case protocol.EventFileFolder:
		return []string{"permission", "folder"}, true
	case protocol.EventFileListed:
		return []string{"path"}, true
	case protocol.EventFileAsked:
		return []string{"file", "to", "path", "size"}, true
	case protocol.EventFileEnded:
		return []string{"file", "to", "path", "size", "sha256", "result"}, true
	case protocol.EventClipAsked, protocol.EventClipEnded:
		return []string{"clip", "to", "type", "size", "sha256", "width", "height", "result"}, true
	case protocol.EventStillAsked:
		return []string{"still", "caption"}, true
	case protocol.EventStillTaken:
		return []string{"still", "caption", "sha256", "size", "width", "height"}, true
	case protocol.EventStillOnTicket:
		return []string{"still", "ticket"}, true
	case protocol.EventStillFailed:
		return []string{"still", "problem"}, true
	case protocol.EventDrawnUsed:
		return []string{"lines", "boxes", "points"}, true
	case protocol.EventRestartPrepared, protocol.EventRestartBegan:
		return []string{"seconds"}, true
	case protocol.EventRestartReturned:
		return []string{"away_ms", "software", "system"}, true
	case protocol.EventRestartByHand, protocol.EventRestartCancelled, protocol.EventRestartRefused, protocol.EventRestartExpired:
		return nil, true
	case protocol.EventScreenShown:
		return []string{"source", "width", "height", "name"}, true
	case protocol.EventScreenCovered:
		return []string{"programs", "fields"}, true
	case protocol.EventViewerJoined, protocol.EventViewerLeft:
		return []string{"name", "team"}, true
	case protocol.EventGuestAsked, protocol.EventGuestAllowed, protocol.EventGuestRefused, protocol.EventGuestLeft:
		return []string{"epoch", "name", "team", "way", "by", "cause"}, true
	case protocol.EventInvited:
		return []string{"by"}, true
	case protocol.EventInviteOpened:
		return []string{"by", "name", "team"}, true
	case protocol.EventInviteEnded:
		return []string{"by", "cause"}, true
	case protocol.EventOffered:
		return []string{"name", "team", "by", "words"}, true
	case protocol.EventOfferEnded:
		return []string{"cause", "by"}, true
	case protocol.EventHandedOver:
		return []string{"epoch", "technician", "before", "way"}, true
	case protocol.EventTransportChanged:
		return []string{"who", "connected"}, true
	case protocol.EventStateChanged:
		return []string{"from", "to"}, true
	case protocol.EventEnded:
		return []string{"reason", "by"}, true
	case protocol.EventRemoved:
		return []string{"complete", "left"}, true
	case protocol.EventRated:
		return []string{"stars", "words"}, true
	case protocol.EventChat:
		return []string{"n", "side", "from", "text"}, true
	case protocol.EventKeyRefused, protocol.EventSuspended, protocol.EventScreenGap, protocol.EventScreenPaused, protocol.EventScreenMuted,
		protocol.EventScreenStopped, protocol.EventScreenDenied, protocol.EventScreenLocked, protocol.EventMalformed, protocol.EventRemovalUnknown, protocol.EventClosed:
		return nil, true
	}
	return nil, false
}

// noise tells entries that go first where a copy is full.
func noise(code protocol.EventCode) bool {
	switch code {
	case protocol.EventViewerJoined, protocol.EventViewerLeft, protocol.EventTransportChanged, protocol.EventScreenGap,
		protocol.EventScreenMuted, protocol.EventStateChanged, protocol.EventMalformed, protocol.EventControlState, protocol.EventFileAsked, protocol.EventFileListed,
		protocol.EventClipAsked:
		return true
	}
	return false
}

// logCopy is the customer's copy of one session's log.
type logCopy struct {
	technician Technician // who began it: the evidence goes by that; never changes
	segment    int        // of the recording, in which it began; never changes

	mu      sync.Mutex
	entries []LogEntry
	bytes   int
	leftOut int
	since   time.Time // it begins here, not with the session; zero if it is whole
	until   time.Time // when it goes; zero while the session goes on
	rating  protocol.Rating
	keys    []promised // of the customer's own copies
	owner   Technician // whose it is now
}

func (c *logCopy) whose() Technician {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owner
}

func (c *logCopy) hand(to Technician) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owner = to
}

// add takes an event that is on the evidence. What does not fit pushes older
// entries out: noise first, then lines of chat, the beginning of the session last.
func (c *logCopy) add(at time.Time, code protocol.EventCode, data any) error {
	fields, ok := copyFields(code)
	if !ok {
		return nil
	}
	e := LogEntry{At: at.UTC(), Code: code}
	if len(fields) > 0 {
		whole, err := json.Marshal(data)
		if err != nil {
			return fmt.Errorf("copy of %s: %w", code, err)
		}
		var have map[string]json.RawMessage
		if err := json.Unmarshal(whole, &have); err != nil {
			return fmt.Errorf("copy of %s: %w", code, err)
		}
		for name := range have {
			if !slices.Contains(fields, name) {
				delete(have, name)
			}
		}
		if len(have) > 0 {
			if e.Data, err = json.Marshal(have); err != nil {
				return fmt.Errorf("copy of %s: %w", code, err)
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if rating, ok := data.(protocol.Rating); ok {
		c.rating = rating
	}
	c.entries = append(c.entries, e)
	c.bytes += e.size()
	for len(c.entries) > 1 && (len(c.entries) > maxCopyEvents || c.bytes > maxCopyBytes) {
		out := slices.IndexFunc(c.entries, func(e LogEntry) bool { return noise(e.Code) })
		if out < 0 { // what was written is still on both sides' screens
			out = slices.IndexFunc(c.entries, func(e LogEntry) bool { return e.Code == protocol.EventChat })
		}
		if out < 0 {
			out = 1
		}
		c.bytes -= c.entries[out].size()
		c.entries = slices.Delete(c.entries, out, out+1)
		c.leftOut++
	}
	return nil
}

// size is what an entry costs, in bytes.
func (e LogEntry) size() int { return 64 + len(e.Data) }

// has reports whether the copy holds an entry with this code.
func (c *logCopy) has(code protocol.EventCode) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.entries, func(e LogEntry) bool { return e.Code == code })
}

// copies holds the customers' copies.
type copies struct {
	mu     sync.Mutex
	all    map[string]*logCopy
	timers map[string]*time.Timer // of those of sessions that are over
	over   []string               // these, the first to end first
	bytes  int                    // of these
	closed bool
}

func newCopies() *copies {
	return &copies{all: map[string]*logCopy{}, timers: map[string]*time.Timer{}}
}

func (c *copies) keep(id string, l *logCopy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[id] = l
}

// get returns the copy of a session, nil if there is none (any more).
func (c *copies) get(id string) *logCopy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[id]
}

// end lets the copy of a session that is over go after copyKept.
func (c *copies) end(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.all[id]
	if l == nil || c.closed {
		return
	}
	l.mu.Lock()
	l.until = time.Now().Add(copyKept).UTC()
	c.bytes += l.bytes
	l.mu.Unlock()
	c.over = append(c.over, id)
	c.timers[id] = time.AfterFunc(copyKept, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.drop(id)
	})
	for len(c.over) > 1 && (len(c.over) > maxCopies || c.bytes > maxAllCopies) {
		c.drop(c.over[0])
	}
}

// drop forgets the copy of a session that is over. The caller holds the lock.
func (c *copies) drop(id string) {
	l, timer := c.all[id], c.timers[id]
	if l == nil || timer == nil {
		return
	}
	timer.Stop()
	l.mu.Lock()
	c.bytes -= l.bytes
	l.mu.Unlock()
	delete(c.all, id)
	delete(c.timers, id)
	c.over = slices.DeleteFunc(c.over, func(x string) bool { return x == id })
}

// close forgets all copies.
func (c *copies) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, timer := range c.timers {
		timer.Stop()
	}
	c.all, c.timers, c.over, c.bytes = map[string]*logCopy{}, map[string]*time.Timer{}, nil, 0
}

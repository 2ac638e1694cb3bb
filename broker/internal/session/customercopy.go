package session

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// Copies keeps what customers open by a private link: keys of the recording and the
// log, both encrypted for a key that the customer's browser made. It is safe for
// concurrent use.
type Copies interface {
	// PromiseCopy puts the copy on the log. Terms without tracks: the office gives
	// the log alone.
	PromiseCopy(ctx context.Context, session string, token [sha256.Size]byte) (recordings.ShareTerms, error)
	// KeepCopy keeps keys and log of a segment; nil leaves what is there.
	KeepCopy(ctx context.Context, id recordings.SessionID, segment int, keys, log []byte) error
	// PromiseLog is on what terms the keys of a session's events are kept, so that its
	// log can be read longer than its recording; without tracks they are not.
	PromiseLog(ctx context.Context, id recordings.SessionID) (recordings.ShareTerms, error)
	// KeepLogKeys keeps those of a segment, encrypted for who reads the recording.
	KeepLogKeys(ctx context.Context, id recordings.SessionID, segment int, keys []byte) error
}

// CopyKey is what a customer's browser gives: the public half of a key that it
// made, and SHA-256 of what it will show when it comes back. The private half is in
// the link alone.
type CopyKey struct {
	Recipient recordings.Recipient
	Token     [sha256.Size]byte
}

// Copy is what was promised to a customer's browser.
type Copy struct {
	ID        string    // of the link
	Until     time.Time // when it ends by itself
	Recording bool      // false: the log alone
}

// maxCopyKeys bounds the browsers of one customer that get a link.
const maxCopyKeys = 4

// promised is a copy with its key.
type promised struct {
	Recipient recordings.Recipient
	Terms     recordings.ShareTerms
}

// promisedJSON is how a restarted broker finds it again.
type promisedJSON struct {
	Recipient string             `json:"recipient"`
	ID        string             `json:"id"`
	Tracks    []recordings.Track `json:"tracks"`
	Made      time.Time          `json:"made"`
	Until     time.Time          `json:"until"`
}

func (p promised) copy() Copy {
	return Copy{ID: p.Terms.ID.String(), Until: p.Terms.Until, Recording: len(p.Terms.Tracks) > 0}
}

// OfferCopy gives a customer's browser a link to the copy of a session that is not
// over. The same key gets the same link. It returns ErrNotAllowed after too many.
func (m *Manager) OfferCopy(ctx context.Context, id string, key CopyKey) (Copy, error) {
	if m.config.Copies == nil {
		return Copy{}, ErrNotNow
	}
	s, err := m.find(id)
	if err != nil {
		return Copy{}, err
	}
	var given Copy
	return given, s.do(ctx, func() error {
		if s.row.State.Over() {
			return ErrNotNow
		}
		c := s.evidence.copy
		for _, p := range c.promised() {
			if p.Recipient.String() == key.Recipient.String() {
				given = p.copy()
				return nil
			}
		}
		if len(c.promised()) >= maxCopyKeys {
			return ErrNotAllowed
		}
		terms, err := m.config.Copies.PromiseCopy(ctx, s.id, key.Token)
		if err != nil {
			return errors.Join(ErrEvidence, err)
		}
		p := promised{key.Recipient, terms}
		c.promise(p)
		s.remember()
		given = p.copy()
		// Also for the time to come: after a crash nobody has this segment's keys any more.
		l := m.config.Limits
		m.keepKeys(s.evidence, s.evidence.now()+l.Key+l.Joining+l.Active)
		return nil
	})
}

// keepKeys gives each promised copy the keys of a segment up to a time. What cannot
// be kept is missing in the copy; the session goes on.
func (m *Manager) keepKeys(e *evidence, until time.Duration) {
	if e.copy == nil {
		return
	}
	for _, p := range e.copy.promised() {
		if len(p.Terms.Tracks) == 0 {
			continue
		}
		terms := p.Terms
		terms.To = until
		keys, err := e.writer.Share(terms, p.Recipient)
		if err == nil {
			err = m.config.Copies.KeepCopy(context.Background(), terms.ID, e.writer.Open().Segment, keys, nil)
		}
		if err != nil {
			m.config.Log.Error("customer's copy is not kept", slog.String("session", e.writer.Open().Session.String()), slog.Any("error", err))
		}
	}
}

// keepCopies completes the copies before the segment's keys are gone.
func (s *session) keepCopies() {
	if s.broken || s.evidence.copy == nil || len(s.evidence.copy.promised()) == 0 {
		return
	}
	s.manager.keepKeys(s.evidence, s.evidence.now()+time.Second)
	s.manager.keepLog(s.evidence.copy, *s.shown.Load())
}

// copiedLog is the customer's log inside a copy.
type copiedLog struct {
	Version int              `json:"v"`
	Session protocol.Session `json:"session"`
	Begins  time.Time        `json:"begins,omitzero"`
	LeftOut int              `json:"left_out"`
	Entries []LogEntry       `json:"entries"`
}

// maxCopiedLog is what a sealed note holds, in bytes.
const maxCopiedLog = 256 << 10

// keepLog encrypts the customer's log for each copy. It holds what this run of the
// broker knows; each segment of the recording has one.
func (m *Manager) keepLog(c *logCopy, shown protocol.Session) {
	shown.Note, shown.NotedAt, shown.Summary = "", time.Time{}, "" // the technician's own paper
	c.mu.Lock()
	told := copiedLog{Version: 1, Session: shown, Begins: c.since, LeftOut: c.leftOut, Entries: slices.Clone(c.entries)}
	c.mu.Unlock()
	text, err := json.Marshal(told)
	for err == nil && len(text) > maxCopiedLog && len(told.Entries) > 1 {
		out := max(1, len(told.Entries)/8) // the beginning stays
		told.Entries = slices.Delete(told.Entries, 1, 1+min(out, len(told.Entries)-1))
		told.LeftOut += out
		text, err = json.Marshal(told)
	}
	for _, p := range c.promised() {
		var log []byte
		if err == nil {
			log, err = recordings.SealNote(text, p.Recipient)
		}
		if err == nil {
			err = m.config.Copies.KeepCopy(context.Background(), p.Terms.ID, c.segment, nil, log)
		}
	}
	if err != nil {
		m.config.Log.Error("customer's log is not kept", slog.String("session", shown.ID), slog.Any("error", err))
	}
}

func (c *logCopy) promised() []promised {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.keys)
}

func (c *logCopy) promise(p promised) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, p)
}

// rememberCopies is for the session's memory, recallCopies its reverse.
func (c *logCopy) rememberCopies() []promisedJSON {
	var all []promisedJSON
	for _, p := range c.promised() {
		all = append(all, promisedJSON{p.Recipient.String(), p.Terms.ID.String(), p.Terms.Tracks, p.Terms.Made, p.Terms.Until})
	}
	return all
}

func (c *logCopy) recallCopies(all []promisedJSON) error {
	for _, j := range all {
		to, err := recordings.ParseRecipient(j.Recipient)
		if err != nil {
			return fmt.Errorf("customer's copy: %w", err)
		}
		id, err := recordings.ParseSessionID(j.ID)
		if err != nil {
			return fmt.Errorf("customer's copy: %w", err)
		}
		c.promise(promised{to, recordings.ShareTerms{ID: id, Tracks: j.Tracks, Made: j.Made, Until: j.Until}})
	}
	return nil
}

// Guess lets somebody try what only who has a private link can show. It counts as
// a try of a session key does: try returns ErrKey for a wrong one. It returns a
// *ThrottledError for an address that has tried too often.
func (m *Manager) Guess(ctx context.Context, address string, try func() error) error {
	let, err := m.throttle.try(ctx, address)
	if err != nil {
		return err
	}
	defer let.undo()
	if err = try(); errors.Is(err, ErrKey) {
		let.failed()
	}
	return err
}

package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"consento/protocol"
	"consento/recordings"
)

const (
	// summaryRest is how long what auditors search by stays as it is before it is
	// written; so a crash leaves little out. The end of a segment writes it at once.
	summaryRest = 15 * time.Second
	maxShown    = 50 // names of what was shown
	maxChat     = 500
)

// summary collects the words of one segment that auditors search by.
type summary struct {
	recordings.Summary
	changed time.Time // zero: what there is is written
}

// worded are the members of events that a summary takes words from.
type worded struct {
	Technician struct {
		Name string `json:"name"`
		Team string `json:"team"`
	} `json:"technician"`
	Name   string `json:"name"`
	Text   string `json:"text"`
	Reason string `json:"reason"`
	Words  string `json:"words"`
	System string `json:"system"`
}

// take takes the words of an entry as it was written on the evidence: an object with
// code and data.
func (s *summary) take(track recordings.Track, entry []byte) error {
	if track != recordings.TrackEvents && track != recordings.TrackChat {
		return nil
	}
	var e struct {
		Code protocol.EventCode `json:"code"`
		Data json.RawMessage    `json:"data"`
	}
	var w worded
	err := json.Unmarshal(entry, &e)
	switch {
	case err == nil && track == recordings.TrackChat, has(e.Code) && len(e.Data) > 0:
		err = json.Unmarshal(e.Data, &w)
	case err == nil:
		return nil
	}
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	s.changed = time.Now()
	if track == recordings.TrackChat {
		s.Chat = add(s.Chat, w.Text, maxChat)
		return nil
	}
	switch e.Code {
	case protocol.EventIssued, protocol.EventResumed:
		s.People, s.Team = add(s.People, w.Technician.Name, maxShown), w.Technician.Team
		if w.Reason != "" {
			s.Reason = w.Reason
		}
	case protocol.EventReason:
		s.Reason = w.Text
	case protocol.EventNoteWritten:
		s.Note = w.Text
	case protocol.EventHandedOver:
		s.People = add(s.People, w.Technician.Name, maxShown)
	case protocol.EventViewerJoined, protocol.EventGuestAllowed:
		s.People = add(s.People, w.Name, maxShown)
	case protocol.EventAgentJoined:
		s.System = w.System
	case protocol.EventScreenShown:
		s.Shown = add(s.Shown, w.Name, maxShown)
	case protocol.EventEnded:
		s.End = w.Reason
	case protocol.EventRated:
		s.Words = w.Words
	}
	return nil
}

// has tells the events that have words.
func has(code protocol.EventCode) bool {
	switch code {
	case protocol.EventIssued, protocol.EventResumed, protocol.EventReason, protocol.EventNoteWritten, protocol.EventViewerJoined, protocol.EventGuestAllowed, protocol.EventHandedOver,
		protocol.EventAgentJoined, protocol.EventScreenShown, protocol.EventEnded, protocol.EventRated:
		return true
	}
	return false
}

// add puts a word behind the others, once; the oldest goes where there are too many.
func add(to []string, word string, most int) []string {
	if word == "" || slices.Contains(to, word) {
		return to
	}
	return append(to[max(0, len(to)+1-most):], word)
}

// summarise writes what auditors search by, when it has rested or at once. On a full
// disk it is left out: what it repeats matters more.
func (e *evidence) summarise(atOnce bool) error {
	if e.summary.changed.IsZero() || !atOnce && time.Since(e.summary.changed) < summaryRest {
		return nil
	}
	body, err := e.summary.Bytes()
	if err != nil {
		return err
	}
	err = e.writer.Append(recordings.TrackSearch, 0, e.now(), 0, body)
	if errors.Is(err, recordings.ErrNoSpace) {
		return nil
	}
	e.summary.changed = time.Time{}
	return err
}

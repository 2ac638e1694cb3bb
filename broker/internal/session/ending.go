package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"consento/protocol"
)

// expire is called when the time for the state is over.
func (s *session) expire() {
	switch s.row.State {
	case protocol.StateIssued:
		s.end(protocol.EndKeyExpired, "broker")
	case protocol.StateEnding:
		s.close()
	default:
		s.end(protocol.EndLimit, "broker")
	}
}

// end ends the session. The picture stops first and the agent is told; only
// then the evidence is. It cannot fail: a session whose end cannot be written
// is over all the same.
func (s *session) end(reason protocol.EndReason, by string) {
	if s.row.State.Over() {
		return
	}
	s.room.Stop()
	if s.agent != nil && by != "agent" {
		s.agent.Send(&protocol.Ended{Reason: reason})
	}
	s.drain()
	s.row.EndReason, s.row.Ended = reason, time.Now().UnixMilli()
	s.row.Summary = s.row.Summary.AtEnd(s.joined)
	s.manager.tally.addEnd(reason)
	for i := range s.consents {
		if s.consents[i].State == protocol.ConsentAsked || s.consents[i].State == protocol.ConsentGiven {
			s.consents[i].State = protocol.ConsentWithdrawn // nothing is allowed any more
		}
	}
	var events []logged
	if reason == protocol.EndReported {
		s.manager.noteReport(s.id)
		events = append(events, logged{protocol.EventReported, map[string]any{"by": by}})
	}
	if u := s.tools.control.take(); u != (used{}) {
		events = append(events, logged{protocol.EventControlUsed, u})
	}
	s.tools.control.end()
	if l := s.tools.stills.failed(protocol.StillLate); l != nil {
		events = append(events, *l)
	}
	if u := s.tools.drawing.take(); u != (drawn{}) {
		events = append(events, logged{protocol.EventDrawnUsed, u})
	}
	events = append(events, s.shellEnd()...)
	events = append(events, s.tools.system.rest()...)
	events = append(events, s.filesEnd(&s.tools.files.send)...)
	events = append(events, s.filesEnd(&s.tools.files.fetch)...)
	events = append(events, s.clipEnd(&s.tools.clipboard.send)...)
	events = append(events, s.clipEnd(&s.tools.clipboard.fetch)...)
	for v := range s.viewers { // their picture has stopped
		events = append(events, logged{protocol.EventViewerLeft, map[string]any{"name": v.name, "team": v.team}})
	}
	clear(s.viewers)
	s.guests, s.offer, s.invites = nil, nil, nil
	err := s.commit(protocol.CommandEnd, append(events, logged{protocol.EventEnded, map[string]any{"reason": reason, "by": by}})...)
	if err != nil {
		s.giveUp(protocol.StateEnding, err)
	}
	if err := s.manager.store.forgetKey(context.Background(), s.id); err != nil {
		s.manager.config.Log.Warn("key not forgotten", slog.String("session", s.id), slog.Any("error", err))
	}
	// An agent that is away may come back and say that it removed itself, unless
	// it was waited for long enough already.
	if s.agent == nil && (s.away.IsZero() || by == "broker") {
		s.close()
		return
	}
	s.returning.Stop()
	s.deadline.Reset(s.manager.config.Limits.Removal)
}

// drain records the frames that came before the picture stopped, and the cursor's way.
func (s *session) drain() {
	defer func() {
		if !s.broken {
			_ = s.evidence.moved() // if it fails, so does the end, which says so
		}
	}()
	patience := time.NewTimer(drainPatience)
	defer patience.Stop()
	for flushed := s.room.Flushed(); flushed != nil || len(s.frames) > 0; {
		select {
		case f := <-s.frames:
			if s.row.State == protocol.StateActive && !s.broken {
				if err := s.evidence.frame(f); err != nil {
					return // the end says so
				}
			}
		case <-flushed:
			flushed = nil // what lies in frames is all
		case <-patience.C:
			return
		}
	}
}

// giveUp moves on to a state that could not be written down.
func (s *session) giveUp(state protocol.State, err error) {
	s.manager.config.Log.Error("end of the session is not written down", slog.String("session", s.id), slog.Any("error", err))
	s.row.State = state
	s.storeEnd()
	s.publish()
}

// storeEnd brings the database to the end that the session has come to. Until that
// is done the session stays among the live ones: from the database it would look
// as if it went on, and a restart would go on with it.
func (s *session) storeEnd() {
	r := s.row
	r.State = protocol.StateEnding
	var err error
	if !s.stored.Over() {
		err = s.manager.move(context.Background(), &r, s.stored)
	}
	if err == nil {
		s.stored = r.State
		if s.row.State == protocol.StateClosed {
			err = s.manager.move(context.Background(), &s.row, protocol.StateEnding)
		}
	}
	if err == nil || errors.Is(err, ErrNotNow) { // it is not as we know it, and will never be
		s.stored = s.row.State
	}
	if err != nil && !s.unstored {
		s.unstored = true
		s.manager.config.Log.Error("end of the session is not in the database yet", slog.String("session", s.id), slog.Any("error", err))
	}
}

// close writes the last of the evidence.
func (s *session) close() {
	if s.row.State != protocol.StateEnding {
		return
	}
	if s.joined && s.row.Removed == nil && !s.byBrowser() {
		s.note(protocol.EventRemovalUnknown, nil)
	}
	s.settleNote(true)
	if err := s.commit(protocol.CommandClose, logged{protocol.EventClosed, nil}); err != nil {
		s.giveUp(protocol.StateClosed, err)
	}
	s.keepCopies()
	if !s.broken {
		s.manager.keepEvents(s.evidence, s.evidence.now()+time.Second)
	}
	if err := s.evidence.close(); err != nil {
		s.manager.config.Log.Error("recording is not closed", slog.String("session", s.id), slog.Any("error", err))
	} else {
		s.whole = true
	}
	s.manager.forgetNotes(context.Background())
}

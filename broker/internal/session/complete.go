package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// complete goes on with the sessions that an earlier run of the broker left
// open. The segment that a crash left open is closed under the log key first. A
// session that cannot go on is ended, and its evidence says why; a recording that
// was tampered with is left as it is. What fails with one session, on a full disk
// say, keeps neither the others nor the service: the next start tries again, and
// until then nothing happens in it.
func (m *Manager) complete(ctx context.Context) error {
	rows, err := m.store.open(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := m.completeSession(ctx, r); err != nil {
			m.config.Log.Error("session is left open until the next start", slog.String("session", r.ID), slog.Any("error", err))
		}
	}
	return errors.Join(m.completeOrphans(ctx), ctx.Err())
}

// completeSession goes on with one session, or ends it.
func (m *Manager) completeSession(ctx context.Context, r row) error {
	last, err := m.completeRecording(ctx, r.ID)
	if err != nil {
		return err
	}
	reason := protocol.EndShutdown
	if r.State != protocol.StateEnding && last.whole {
		err := m.revive(ctx, r, last)
		switch {
		case err == nil:
			m.config.Log.Info("session goes on", slog.String("session", r.ID), slog.String("state", string(r.State)))
			return nil
		case errors.Is(err, ErrNotAllowed):
			reason = protocol.EndRightsRevoked
		case errors.Is(err, ErrEvidence):
			reason = protocol.EndEvidenceFailed
		}
		m.config.Log.Error("session cannot go on", slog.String("session", r.ID), slog.Any("error", err))
	}
	return m.conclude(ctx, r, last.whole, reason)
}

// completeOrphans closes recordings that no session is known of: the broker was
// stopped between the first of the evidence and the database.
func (m *Manager) completeOrphans(ctx context.Context) error {
	known, err := m.store.ids(ctx)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(m.config.Evidence, "*-0.rec"))
	if err != nil {
		return err
	}
	for _, f := range files {
		id := strings.TrimSuffix(filepath.Base(f), "-0.rec")
		if _, err := recordings.ParseSessionID(id); err != nil || known[id] {
			continue
		}
		// A recording begins with its key bag. Without one it was erased, and its row went later.
		if _, err := os.Stat(filepath.Join(m.config.Bags, filepath.Base(recordings.DefaultBag(f)))); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		m.config.Log.Warn("recording belongs to no session", slog.String("session", id))
		if _, err := m.completeRecording(ctx, id); err != nil {
			m.config.Log.Error("recording is left open until the next start", slog.String("session", id), slog.Any("error", err))
		}
	}
	return nil
}

// completed is the last segment of a recording.
type completed struct {
	number int
	head   recordings.Head
	whole  bool // it has its final seal: another may follow
}

func (m *Manager) completeRecording(ctx context.Context, id string) (completed, error) {
	var last completed
	session, err := recordings.ParseSessionID(id)
	if err != nil {
		return last, fmt.Errorf("session %s: %w", id, err)
	}
	paths, err := recordings.Segments(filepath.Join(m.config.Evidence, recordings.SegmentName(session, 0)))
	if err != nil {
		return last, fmt.Errorf("session %s: %w", id, err)
	}
	last.number = len(paths) - 1 // one that is missing shows as such: names and numbers then differ
	recovered, err := recordings.Recover(paths[last.number], m.config.LogKey, "broker stopped unexpectedly", time.Now())
	switch {
	case errors.Is(err, recordings.ErrTampered), errors.Is(err, recordings.ErrNothing), errors.Is(err, fs.ErrNotExist):
		// Not ours to mend: the auditor has to see it as it is.
		m.config.Log.Error("recording cannot be completed", slog.String("session", id), slog.Any("error", err))
	case err != nil:
		return last, fmt.Errorf("session %s: %w", id, err)
	default:
		if err := m.config.Global.Closed(ctx, paths[last.number]); err != nil {
			return last, fmt.Errorf("session %s: %w", id, err)
		}
		last.head, last.whole = recovered.Head, filepath.Base(paths[last.number]) == recordings.SegmentName(session, last.number)
	}
	return last, nil
}

// conclude ends a session that cannot go on. People read at once that it is over
// and why; then its evidence gets a last segment that says so, where the recording
// is whole. Where that cannot be written the session stays in Ending, for the next
// start.
func (m *Manager) conclude(ctx context.Context, r row, whole bool, reason protocol.EndReason) error {
	mem, err := r.remembered()
	if err != nil {
		mem = memory{} // it is not why the end should not be written
	}
	if from := r.State; from != protocol.StateEnding {
		mem.EndedFrom = from
		if err := m.withRoom(func() error { return m.store.remember(ctx, r.ID, mem.text()) }); err != nil {
			return err
		}
		r.State, r.EndReason, r.Ended = protocol.StateEnding, reason, time.Now().UnixMilli()
		r.Summary = r.Summary.AtEnd(mem.Joined)
		if err := m.move(ctx, &r, from); err != nil {
			return err
		}
		m.tally.addEnd(reason)
	}
	if err := m.store.forgetKey(ctx, r.ID); err != nil {
		return err
	}
	told := false
	if whole {
		err := m.addSegment(ctx, r, r.lastWords(mem)...)
		if errors.Is(err, recordings.ErrNoSpace) && m.config.Reserve != nil && m.config.Reserve.Release(err) {
			err = m.addSegment(ctx, r, r.lastWords(mem)...)
		}
		if errors.Is(err, ErrEvidence) {
			return err
		}
		if told = err == nil; err != nil { // nobody could read it
			m.config.Log.Error("end of the session is not on its evidence", slog.String("session", r.ID), slog.Any("error", err))
		}
	}
	r.State = protocol.StateClosed
	if err := m.move(ctx, &r, protocol.StateEnding); err != nil {
		return err
	}
	if told {
		m.shelve(ctx, r)
	}
	m.config.Log.Warn("session was left open and is closed now", slog.String("session", r.ID), slog.String("reason", string(r.EndReason)))
	return nil
}

// lastWords is what the evidence lacks of a session that is over.
func (r row) lastWords(mem memory) []logged {
	moved := func(from protocol.State, command protocol.Command, to protocol.State) logged {
		return logged{protocol.EventStateChanged, map[string]any{"from": from, "command": command, "to": to}}
	}
	var words []logged
	if mem.EndedFrom != "" {
		words = append(words, logged{protocol.EventEnded, map[string]any{"reason": r.EndReason, "by": "broker"}},
			moved(mem.EndedFrom, protocol.CommandEnd, protocol.StateEnding))
	}
	if mem.Joined && r.Removed == nil && !r.byBrowser() {
		words = append(words, logged{protocol.EventRemovalUnknown, nil})
	}
	if r.Note != "" { // a crash may have come before it was on the evidence
		words = append(words, logged{protocol.EventNoteWritten, r.noted(r.Technician)})
	}
	return append(words, logged{protocol.EventClosed, nil}, moved(protocol.StateEnding, protocol.CommandClose, protocol.StateClosed))
}

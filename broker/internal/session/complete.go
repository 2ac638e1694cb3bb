package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"consento/protocol"
	"consento/recordings"
)

// complete goes on with the sessions that an earlier run of the broker left
// open. The segment that a crash left open is closed under the log key first. A
// session that cannot go on is closed, with the reason in the log of the service;
// a recording that was tampered with is left as it is.
func (m *Manager) complete(ctx context.Context) error {
	rows, err := m.store.open(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		last, err := m.completeRecording(ctx, r.ID)
		if err != nil {
			return err
		}
		if r.State != protocol.StateEnding && last.whole {
			err := m.revive(ctx, r, last)
			if err == nil {
				m.config.Log.Info("session goes on", slog.String("session", r.ID), slog.String("state", string(r.State)))
				continue
			}
			m.config.Log.Error("session cannot go on", slog.String("session", r.ID), slog.Any("error", err))
		}
		if err := m.completeRow(ctx, r); err != nil {
			return err
		}
		m.config.Log.Warn("session was left open and is closed now", slog.String("session", r.ID), slog.String("state", string(r.State)))
	}
	return m.completeOrphans(ctx)
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
		m.config.Log.Warn("recording belongs to no session", slog.String("session", id))
		if _, err := m.completeRecording(ctx, id); err != nil {
			return err
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

func (m *Manager) completeRow(ctx context.Context, r row) error {
	from := r.State
	if from != protocol.StateEnding {
		r.State, r.EndReason, r.Ended = protocol.StateEnding, protocol.EndShutdown, time.Now().UnixMilli()
		if err := m.store.move(ctx, &r, from); err != nil {
			return err
		}
	}
	r.State = protocol.StateClosed
	if err := m.store.move(ctx, &r, protocol.StateEnding); err != nil {
		return err
	}
	return m.store.forgetKey(ctx, r.ID)
}

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

// complete closes what a crash or a power cut left open: the recording under
// the log key, the session in the database. A recording that was tampered with
// is left as it is, and said.
func (m *Manager) complete(ctx context.Context) error {
	rows, err := m.store.open(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := m.completeRecording(r.ID); err != nil {
			return err
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
		if err := m.completeRecording(id); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) completeRecording(id string) error {
	session, err := recordings.ParseSessionID(id)
	if err != nil {
		return fmt.Errorf("session %s: %w", id, err)
	}
	path := filepath.Join(m.config.Evidence, recordings.SegmentName(session, 0))
	_, err = recordings.Recover(path, m.config.LogKey, "broker stopped unexpectedly", time.Now())
	switch {
	case errors.Is(err, recordings.ErrTampered), errors.Is(err, recordings.ErrNothing), errors.Is(err, fs.ErrNotExist):
		// Not ours to mend: the auditor has to see it as it is.
		m.config.Log.Error("recording cannot be completed", slog.String("session", id), slog.Any("error", err))
	case err != nil:
		return fmt.Errorf("session %s: %w", id, err)
	}
	return nil
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

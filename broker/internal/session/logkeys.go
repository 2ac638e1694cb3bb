package session

import (
	"context"
	"log/slog"
	"time"
)

// keepEvents keeps the keys of a segment's events up to a time, apart from those of
// all else, so that the log can be read when the recording is erased. Where that
// fails the log goes with the recording, and the session goes on.
func (m *Manager) keepEvents(e *evidence, until time.Duration) {
	if m.config.Copies == nil {
		return
	}
	ctx, o := context.Background(), e.writer.Open()
	terms, err := m.config.Copies.PromiseLog(ctx, o.Session)
	if err == nil && len(terms.Tracks) > 0 {
		terms.To = until
		var keys []byte
		if keys, err = e.writer.ShareAmong(terms, e.readers...); err == nil {
			err = m.config.Copies.KeepLogKeys(ctx, o.Session, o.Segment, keys)
		}
	}
	if err != nil {
		m.config.Log.Error("keys of the log are not kept", slog.String("session", o.Session.String()), slog.Any("error", err))
	}
}

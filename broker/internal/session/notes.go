package session

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"consento/protocol"
)

const (
	// noteRest is how long a note has to stay as it is before it is put on the
	// evidence: not every half sentence.
	noteRest = 15 * time.Second
	// listed is how long the sessions that are over, and their notes, are shown
	// to their technician.
	listed = 24 * time.Hour
)

// WriteNote replaces what the technician wrote about a session, and returns the
// session. It returns ErrNotNow when another text than the one of note.Base
// stands there: it was written in another window. The evidence gets the note
// when it has settled, at the latest with the end.
func (m *Manager) WriteNote(ctx context.Context, by Technician, note protocol.Note) (protocol.Session, error) {
	s, err := m.find(note.Session)
	if err != nil {
		return protocol.Session{}, err
	}
	if s.technician.ID != by.ID {
		return protocol.Session{}, ErrNoSession
	}
	var shown protocol.Session
	return shown, s.do(ctx, func() error {
		if s.row.State == protocol.StateClosed || s.row.notedAt() != note.Base.UTC() {
			return ErrNotNow
		}
		now := max(time.Now().UnixMilli(), s.row.Noted+1) // each text has a time of its own
		if err := m.store.note(ctx, s.id, note.Text, now); err != nil {
			return err
		}
		s.row.Note, s.row.Noted, s.noteOpen = note.Text, now, true
		s.publish()
		shown = *s.shown.Load()
		return nil
	})
}

// settleNote puts the note on the evidence: once it has rested, or at once.
func (s *session) settleNote(atOnce bool) {
	if !s.noteOpen || !atOnce && time.Since(time.UnixMilli(s.row.Noted)) < noteRest {
		return
	}
	s.noteOpen = false
	s.note(protocol.EventNoteWritten, map[string]any{"by": s.technician.Name, "text": s.row.Note})
}

// forgetNotes forgets what was written about sessions that are not listed any more, and
// what led into them. In the database it still stands where the evidence of the end could
// not be written.
func (m *Manager) forgetNotes(ctx context.Context) {
	before := time.Now().Add(-listed)
	m.papers.forget(before)
	if err := m.store.forgetNotes(ctx, before); err != nil {
		m.config.Log.Error("old notes are not emptied", slog.Any("error", err))
	}
}

func (s store) note(ctx context.Context, id, text string, at int64) error {
	_, err := s.db.NewUpdate().Model((*row)(nil)).Set("note = ?", text).Set("noted = ?", at).Where("id = ?", id).Exec(ctx)
	return wrapStore(err)
}

func (s store) forgetNotes(ctx context.Context, before time.Time) error {
	_, err := emptied(s.db.NewUpdate().Model((*row)(nil))).Where("ended < ?", before.UnixMilli()).
		Where("(note <> '' OR reason <> '' OR memory <> '' OR key_hash IS NOT NULL OR ticket_hash IS NOT NULL)").Exec(ctx)
	if err != nil {
		return fmt.Errorf("sessions table: %w", err)
	}
	return nil
}

// notedAt is the time of the note, zero if there is none.
func (r row) notedAt() time.Time {
	if r.Noted == 0 {
		return time.Time{}
	}
	return time.UnixMilli(r.Noted).UTC()
}

package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"consento/protocol"
)

const (
	// noteRest is how long a note has to stay as it is before it is put on the
	// evidence: not every half sentence.
	noteRest = 15 * time.Second
	// closingPatience is how long a text waits for a session that is being closed.
	closingPatience = 2 * time.Second
	// listed is how long the sessions that are over, and their notes, are shown
	// to their technician.
	listed = 24 * time.Hour
)

// WriteNote replaces what the technician wrote about a session, and returns the
// session. It returns ErrNotNow when another text than the one of note.Base
// stands there: it was written in another window. The evidence gets the note
// when it has settled, at the latest with the end, and a complete summary at once.
func (m *Manager) WriteNote(ctx context.Context, by Technician, note protocol.Note) (protocol.Session, error) {
	s, err := m.find(note.Session)
	if errors.Is(err, ErrNoSession) {
		return m.writeLate(ctx, by, note)
	}
	if err != nil {
		return protocol.Session{}, err
	}
	if s.technician().ID != by.ID {
		return protocol.Session{}, ErrNoSession
	}
	var shown protocol.Session
	err = s.do(ctx, func() error {
		if s.row.State == protocol.StateClosed {
			return ErrNoSession
		}
		if s.row.notedAt() != note.Base.UTC() {
			return ErrNotNow
		}
		next := s.row.written(note, time.Now())
		if note.Done {
			if err := s.write(logged{protocol.EventNoteWritten, next.noted(s.technician().Name)}); err != nil {
				s.must(err)
				return errors.Join(ErrEvidence, err)
			}
		}
		if err := m.store.note(ctx, next); err != nil {
			return err
		}
		s.row.Note, s.row.Noted, s.row.Summary, s.noteOpen = next.Note, next.Noted, next.Summary, !note.Done
		s.publish()
		shown = *s.shown.Load()
		return nil
	})
	if !errors.Is(err, ErrNoSession) {
		return shown, err
	}
	// It was closed just now, and its row is being emptied.
	patience := time.NewTimer(closingPatience)
	defer patience.Stop()
	select {
	case <-s.done:
		return m.writeLate(ctx, by, note)
	case <-patience.C:
		return shown, ErrNotNow
	}
}

// writeLate is WriteNote for a session whose recording is closed: what is complete gets
// one more segment, and what is not is kept while the summary is missing.
func (m *Manager) writeLate(ctx context.Context, by Technician, note protocol.Note) (protocol.Session, error) {
	// What was asked for is carried out to its end, whoever still listens.
	ctx = context.WithoutCancel(ctx)
	done, err := m.adding()
	if err != nil {
		return protocol.Session{}, err
	}
	defer done()
	r, err := m.store.get(ctx, note.Session)
	if err != nil {
		return protocol.Session{}, err
	}
	if r.OwnerID != by.ID {
		return protocol.Session{}, ErrNoSession
	}
	m.papers.fill(&r)
	switch old := time.Since(time.UnixMilli(r.Ended)) > listed; {
	case r.State != protocol.StateClosed, r.notedAt() != note.Base.UTC():
		return protocol.Session{}, ErrNotNow
	case r.Summary != protocol.SummaryMissing && (old || !note.Done):
		return protocol.Session{}, ErrNotNow
	}
	next := r.written(note, time.Now())
	if note.Done {
		if err := m.append(ctx, r, logged{protocol.EventNoteWritten, next.noted(by.Name)}); err != nil {
			return protocol.Session{}, err
		}
	}
	row := next
	if next.Summary != protocol.SummaryMissing {
		row.Note, row.Noted = "", 0 // it stands on the evidence
	}
	if err := m.store.note(ctx, row); err != nil {
		return protocol.Session{}, err
	}
	m.papers.keep(next)
	office, err := m.config.Office(ctx)
	if err != nil {
		return protocol.Session{}, err
	}
	shown := next.public(office)
	m.feed.Publish(shown.ID, shown)
	return shown, nil
}

// written is the row with another note; each has a time of its own.
func (r row) written(note protocol.Note, now time.Time) row {
	r.Note, r.Noted = note.Text, max(now.UnixMilli(), r.Noted+1)
	switch {
	case note.Done && r.Summary != "":
		r.Summary = protocol.SummaryDone
	case r.Summary == protocol.SummaryDone && strings.TrimSpace(note.Text) == "":
		r.Summary = protocol.SummaryWanted // it was taken out again
	}
	return r
}

// noted is what the evidence says of the note.
func (r row) noted(by string) map[string]any {
	data := map[string]any{"by": by, "text": r.Note}
	if r.Summary == protocol.SummaryDone {
		data["done"] = true
	}
	return data
}

// settleNote puts the note on the evidence: once it has rested, or at once.
func (s *session) settleNote(atOnce bool) {
	if !s.noteOpen || !atOnce && time.Since(time.UnixMilli(s.row.Noted)) < noteRest {
		return
	}
	s.noteOpen = false
	s.note(protocol.EventNoteWritten, s.row.noted(s.technician().Name))
}

// MissingSummary is a session that is over without the summary that its team wants.
type MissingSummary struct {
	ID         string
	Technician string
	Team       string
	Issued     time.Time
	Ended      time.Time
	Drafted    bool // something is written
}

// MissingSummaries lists them, the oldest first: those of a technician, or of a team
// where technicianID is "".
func (m *Manager) MissingSummaries(ctx context.Context, technicianID, team string) ([]MissingSummary, error) {
	if technicianID == "" && team == "" {
		return nil, nil
	}
	rows, err := m.store.missing(ctx, technicianID, team)
	if err != nil {
		return nil, err
	}
	list := make([]MissingSummary, len(rows))
	for i, r := range rows {
		list[i] = MissingSummary{r.ID, r.Technician, r.Team, time.UnixMilli(r.Issued).UTC(), time.UnixMilli(r.Ended).UTC(), r.Note != ""}
	}
	return list, nil
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

func (s store) note(ctx context.Context, r row) error {
	_, err := s.db.NewUpdate().Model(&r).Column("note", "noted", "summary").WherePK().Exec(ctx)
	return wrapStore(err)
}

// maxMissing bounds the summaries that are listed as missing.
const maxMissing = 500

// missing lists the sessions whose summary is missing, of a technician or of a team.
func (s store) missing(ctx context.Context, technicianID, team string) ([]row, error) {
	var rows []row
	q := s.db.NewSelect().Model(&rows).Where("summary = ?", protocol.SummaryMissing).Where("state = ?", protocol.StateClosed)
	if technicianID != "" {
		q = q.Where("owner_id = ?", technicianID)
	}
	if team != "" {
		q = q.Where("team = ?", team)
	}
	err := q.Order("ended").Limit(maxMissing).Scan(ctx)
	return rows, wrapStore(err)
}

func (s store) forgetNotes(ctx context.Context, before time.Time) error {
	_, err := emptied(s.db.NewUpdate().Model((*row)(nil))).Where("ended < ?", before.UnixMilli()).
		Where("(note <> '' AND summary <> ? OR reason <> '' OR memory <> '' OR key_hash IS NOT NULL OR ticket_hash IS NOT NULL)", protocol.SummaryMissing).Exec(ctx)
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

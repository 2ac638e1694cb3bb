package session

import (
	"errors"
	"testing"
	"time"

	"consento/protocol"
)

// TestNote: a note is kept with the session, shown again, and on the evidence
// once it has settled and at the end; half sentences in between are not.
func TestNote(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.active(t)
	write := func(text string, base time.Time) (protocol.Session, error) {
		return e.m.WriteNote(t.Context(), anna, protocol.Note{Session: p.id, Text: text, Base: base})
	}
	first := must(write("Printer", time.Time{}))(t)
	if first.Note != "Printer" || first.NotedAt.IsZero() || p.state(t).Note != "Printer" {
		t.Fatalf("%+v", first)
	}
	second := must(write("Printer: no toner", first.NotedAt))(t)
	for _, base := range []time.Time{{}, first.NotedAt, second.NotedAt.Add(time.Millisecond)} {
		if _, err := write("overwritten", base); !errors.Is(err, ErrNotNow) {
			t.Errorf("based on %s: %v", base, err)
		}
	}
	s := must(e.m.find(p.id))(t)
	settle := func(age time.Duration) {
		must(0, s.do(t.Context(), func() error {
			s.row.Noted = time.Now().Add(-age).UnixMilli()
			s.settleNote(false)
			return nil
		}))(t)
	}
	settle(noteRest / 2)
	settle(noteRest) // only this one writes
	settle(2 * noteRest)
	rested := p.state(t)
	var base time.Time
	must(0, s.do(t.Context(), func() error { base = s.row.notedAt(); return nil }))(t)
	must(write("Toner is ordered", base))(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	// While the program removes itself there is time for a last word.
	last := must(write("Toner is ordered. Bye.", p.state(t).NotedAt))(t)
	must(0, p.agent.Removed(t.Context(), protocol.Removed{Complete: true}))(t)
	closed := p.closed(t)
	if closed.Note != last.Note || !closed.NotedAt.Equal(last.NotedAt) || rested.Note != "Printer: no toner" {
		t.Errorf("%+v", closed)
	}
	if _, err := write("too late", closed.NotedAt); !errors.Is(err, ErrNoSession) {
		t.Errorf("after the end: %v", err)
	}
	list, _ := e.events(t, p.id)
	var texts []string
	for i, x := range list {
		if x.Code != protocol.EventNoteWritten {
			continue
		}
		texts = append(texts, x.Data["text"].(string))
		if x.Data["by"] != anna.Name {
			t.Errorf("%v", x.Data)
		}
		if i == len(list)-1 {
			t.Error("the note comes after the end of the log")
		}
	}
	if len(texts) != 2 || texts[0] != "Printer: no toner" || texts[1] != last.Note {
		t.Errorf("on the evidence: %q", texts)
	}
}

// TestNoteIsTheTechnicians: nobody else writes, and what is old is emptied.
func TestNoteIsTheTechnicians(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := e.issue(t)
	bert := anna
	bert.ID = "bert-id"
	if _, err := e.m.WriteNote(t.Context(), bert, protocol.Note{Session: p.id, Text: "mine"}); !errors.Is(err, ErrNoSession) {
		t.Error(err)
	}
	must(e.m.WriteNote(t.Context(), anna, protocol.Note{Session: p.id, Text: "kept"}))(t)
	must(0, e.m.End(t.Context(), anna, p.id))(t)
	if s := p.closed(t); s.Note != "kept" || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	must(e.db.ExecContext(t.Context(), "UPDATE sessions SET ended = ?", time.Now().Add(-listed-time.Minute).UnixMilli()))(t)
	e.m.forgetNotes(t.Context())
	if s := p.state(t); s.Note != "" || !s.NotedAt.IsZero() {
		t.Errorf("%+v", s)
	}
}

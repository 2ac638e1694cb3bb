package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	if _, err := write("too late", closed.NotedAt); !errors.Is(err, ErrNotNow) {
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

// TestSummaryIsWanted: where the team wants a summary, the end waits for nothing; what is
// missing is listed over a restart, its draft is kept, and what is complete is on the
// evidence, each version behind the one before.
func TestSummaryIsWanted(t *testing.T) {
	t.Parallel()
	e := newEnv(t, func(c *Config) {
		c.Summary = func(_ context.Context, by Technician) (bool, error) { return by.Team == anna.Team, nil }
	})
	write := func(id, text string, base time.Time, done bool) (protocol.Session, error) {
		return e.m.WriteNote(t.Context(), anna, protocol.Note{Session: id, Text: text, Base: base, Done: done})
	}
	never := e.issue(t)
	must(0, e.m.End(t.Context(), anna, never.id))(t)
	if s := never.closed(t); s.Summary != "" {
		t.Errorf("nobody joined: %q", s.Summary)
	}
	early := e.active(t)
	if s := early.state(t); s.Summary != protocol.SummaryWanted {
		t.Errorf("in the session: %q", s.Summary)
	}
	if s := must(write(early.id, "Solved.", time.Time{}, true))(t); s.Summary != protocol.SummaryDone {
		t.Errorf("done in the session: %q", s.Summary)
	}
	early.finish(t)
	if s := early.state(t); s.Summary != protocol.SummaryDone {
		t.Errorf("done before the end: %q", s.Summary)
	}

	p := e.active(t)
	draft := must(write(p.id, "Printer", time.Time{}, false))(t)
	p.finish(t)
	closed := p.closed(t)
	if closed.Summary != protocol.SummaryMissing || closed.Note != "Printer" {
		t.Errorf("ended: %q, %q", closed.Summary, closed.Note)
	}
	draft = must(write(p.id, "Printer: toner", draft.NotedAt, false))(t)
	e.close(t)
	e.m = must(New(t.Context(), e.config))(t)
	list, _, err := e.m.Watch(t.Context(), anna, nothing)
	must(0, err)(t)
	i := slices.IndexFunc(list, func(s protocol.Session) bool { return s.ID == p.id })
	if i < 0 || list[i].Note != "Printer: toner" || list[i].Summary != protocol.SummaryMissing {
		t.Fatalf("after a restart %+v", list)
	}
	must(e.db.ExecContext(t.Context(), "UPDATE sessions SET ended = ended - ?", 2*listed.Milliseconds()))(t)
	e.m.forgetNotes(t.Context())
	for who, missing := range map[string][]MissingSummary{
		"technician": must(e.m.MissingSummaries(t.Context(), anna.ID, ""))(t), "team": must(e.m.MissingSummaries(t.Context(), "", anna.Team))(t)} {
		if len(missing) != 1 || missing[0].ID != p.id || !missing[0].Drafted || missing[0].Technician != anna.Name {
			t.Errorf("%s: missing %+v", who, missing)
		}
	}
	if missing := must(e.m.MissingSummaries(t.Context(), "", "Others"))(t); len(missing) != 0 {
		t.Errorf("others: %+v", missing)
	}
	bert := anna
	bert.ID = "bert-id"
	if _, err := e.m.WriteNote(t.Context(), bert, protocol.Note{Session: p.id, Text: "mine", Base: draft.NotedAt, Done: true}); !errors.Is(err, ErrNoSession) {
		t.Errorf("somebody else: %v", err)
	}
	if _, err := write(p.id, "overwritten", time.Time{}, true); !errors.Is(err, ErrNotNow) {
		t.Errorf("unseen: %v", err)
	}
	done := must(write(p.id, "Printer: toner changed.", draft.NotedAt, true))(t)
	if done.Summary != protocol.SummaryDone || done.Note != "Printer: toner changed." {
		t.Errorf("done: %+v", done)
	}
	if missing := must(e.m.MissingSummaries(t.Context(), anna.ID, ""))(t); len(missing) != 0 {
		t.Errorf("still missing %+v", missing)
	}
	if n := must(e.db.NewSelect().Table("sessions").Where("note <> ''").Count(t.Context()))(t); n != 0 {
		t.Errorf("%d texts are still in the database", n)
	}
	if _, err := write(p.id, "Later", done.NotedAt, true); !errors.Is(err, ErrNotNow) {
		t.Errorf("more than a day later: %v", err)
	}
	must(e.db.ExecContext(t.Context(), "UPDATE sessions SET ended = ended + ?", 2*listed.Milliseconds()))(t)
	if _, err := write(p.id, "No draft any more", done.NotedAt, false); !errors.Is(err, ErrNotNow) {
		t.Errorf("a draft of one that is complete: %v", err)
	}
	must(write(p.id, "Printer: toner changed by me.", done.NotedAt, true))(t)
	var texts []string
	all, segments := e.whole(t, p.id)
	for _, x := range all {
		if x.Code == protocol.EventNoteWritten {
			texts = append(texts, fmt.Sprint(x.Data["text"], x.Data["done"]))
		}
	}
	if found := e.summaries(t, p.id); segments != 3 || found[2].Note != "Printer: toner changed by me." {
		t.Errorf("%d segments, to be searched %+v", segments, found)
	}
	if want := "[Printer<nil> Printer: toner changed.true Printer: toner changed by me.true]"; fmt.Sprint(texts) != want {
		t.Errorf("on the evidence %v", texts)
	}
	must(0, Forget(t.Context(), e.db, []string{p.id}, nil))(t)
}

package session

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"consento/broker/internal/ops"
	"consento/protocol"
	"consento/recordings"
)

// summaries are the last ones of each segment, as an auditor reads them.
func (e *env) summaries(t testing.TB, id string) (all []recordings.Summary) {
	t.Helper()
	for _, path := range must(recordings.Segments(e.path(id)))(t) {
		s := e.opens(t, path)
		var last recordings.Summary
		_, err := s.Read(recordings.ScanOptions{}, func(i recordings.Item) (err error) {
			last, err = recordings.ParseSummary(i.Body)
			return err
		}, recordings.TrackSearch)
		must(0, err)(t)
		must(0, s.Close())(t)
		all = append(all, last)
	}
	return all
}

// written is one session with all the words that people can leave in it.
func written(t testing.TB, e *env) *play {
	t.Helper()
	s, key, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Reason: "quadragesima stampante"})
	must(0, err)(t)
	p := (&play{e: e, id: s.ID, key: key, link: &link{}}).redeem(t).name(t).join(t).terms(t).activate(t)
	must(0, p.agent.Share(t.Context(), protocol.Sharing{State: protocol.SharingShown, Source: protocol.SourceApplication, Width: 800, Height: 600, Name: "septuagesima editor"}))(t)
	must(e.m.WriteNote(t.Context(), anna, protocol.Note{Session: p.id, Text: "sexagesima: toner\nordered"}))(t)
	live := must(e.m.find(p.id))(t)
	must(0, live.do(t.Context(), func() error {
		return live.evidence.append(recordings.TrackChat, "chat", map[string]any{"from": anna.Name, "text": "quinquagesima grazie"})
	}))(t)
	must(0, p.agent.End(t.Context(), protocol.EndCustomer))(t)
	p.removed(t).closed(t)
	must(0, e.m.Rate(t.Context(), p.id, protocol.Rating{Stars: 4, Words: "septimana santa"}))(t)
	return p
}

// TestSummary: what auditors search by stands in the recording, also what was said
// after the end.
func TestSummary(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	p := written(t, e)
	want := []recordings.Summary{
		{Version: 1, People: []string{anna.Name}, Team: anna.Team, Reason: "quadragesima stampante", Note: "sexagesima: toner\nordered", End: "customer", System: "Debian",
			Shown: []string{"septuagesima editor"}, Chat: []string{"quinquagesima grazie"}},
		{Version: 1, Words: "septimana santa"},
	}
	if got := e.summaries(t, p.id); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestSummaryOverCrash: what has rested is written while the session goes on, and the
// segment behind a crash says again what the database knows.
func TestSummaryOverCrash(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	s, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Reason: "Printer"})
	must(0, err)(t)
	live := must(e.m.find(s.ID))(t)
	must(0, live.do(t.Context(), func() error {
		if err := live.evidence.summarise(false); err != nil || live.evidence.summary.changed.IsZero() {
			t.Errorf("written before it has rested: %v", err)
		}
		live.evidence.summary.changed = time.Now().Add(-summaryRest)
		return live.evidence.second()
	}))(t)
	at := must(recordings.FindSummary(e.path(s.ID)))(t)
	if at < 0 {
		t.Fatal("nothing is written while the session goes on")
	}
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	must(0, e.m.End(t.Context(), anna, s.ID))(t)
	(&play{e: e, id: s.ID}).closed(t)
	got := e.summaries(t, s.ID)
	if len(got) != 2 || got[0].Reason != "Printer" || got[1].Reason != "Printer" || got[1].End != "technician" || !reflect.DeepEqual(got[1].People, []string{anna.Name}) {
		t.Errorf("%+v", got)
	}
}

// TestNothingIsLeftInPlain: after the end no file of the broker and no row holds what
// people wrote in a session, though the lists of the day still show it.
func TestNothingIsLeftInPlain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	planted := []string{"quadragesima", "septuagesima", "sexagesima", "quinquagesima", "septimana"}
	s, _, err := e.m.Issue(t.Context(), anna, protocol.NewSession{Reason: planted[0]})
	must(0, err)(t)
	if found := e.search(t, planted); len(found) == 0 {
		t.Error("not even of a session that goes on: this test would prove nothing")
	}
	must(0, e.m.End(t.Context(), anna, s.ID))(t)
	p := written(t, e)
	(&play{e: e, id: s.ID}).closed(t)
	if s := p.state(t); s.Reason != "quadragesima stampante" || s.Note != "sexagesima: toner\nordered" || s.NotedAt.IsZero() {
		t.Errorf("the list of the day: %+v", s)
	}
	list, _, err := e.m.Watch(t.Context(), anna, nothing)
	if must(0, err)(t); len(list) != 2 || list[0].Note == "" && list[1].Note == "" {
		t.Errorf("%+v", list)
	}
	must(0, ops.Wipe(t.Context(), e.db))(t)
	if found := e.search(t, planted); len(found) > 0 {
		t.Errorf("in plain: %v", found)
	}
	// A restart forgets it: the recording has it.
	must(0, e.m.Close(t.Context()))(t)
	e.m = must(New(t.Context(), e.config))(t)
	if s := p.state(t); s.Reason != "" || s.Note != "" || s.Stars != 4 {
		t.Errorf("after a restart: %+v", s)
	}
}

// search looks for words in every file of the broker, and says which it found where.
func (e *env) search(t testing.TB, words []string) (found []string) {
	t.Helper()
	for _, dir := range []string{e.dir, e.evidence, e.bags, e.logDir} {
		must(0, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, word := range words {
				if strings.Contains(string(b), word) {
					found = append(found, filepath.Base(path)+": "+word)
				}
			}
			return err
		}))(t)
	}
	return found
}

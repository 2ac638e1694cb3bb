package evidence

import (
	"errors"
	"testing"
	"time"

	"consento/broker/internal/access"
	"consento/recordings"
)

// TestStorage: what came, what lies there, the largest, and who is told.
func TestStorage(t *testing.T) {
	n := newEnv(t)
	empty := must(n.e.Storage(t.Context(), dpo))(t)
	if empty.Over != 0 || empty.Used != 0 || empty.Sessions != 0 || !empty.FullAt.IsZero() || empty.Free <= 0 || empty.Total < empty.Free {
		t.Errorf("empty: %+v", empty)
	}
	small, large := n.session(t, "t1", "North desk", 9), n.long(t, 50_000)
	live := n.record(t)
	must(n.e.Opened(t.Context(), live.Path(), live.Head()))(t)
	s := must(n.e.Storage(t.Context(), auditor))(t)
	if s.Over != 1 || len(s.Days) != 1 || s.Days[0].Sessions != 2 || s.Days[0].Bytes < 50_000 || s.PerDay != s.Days[0].Bytes || s.Used <= s.PerDay ||
		s.Sessions != 3 || s.Live != 1 || s.Reserve != reservedLive {
		t.Errorf("%+v", s)
	}
	if len(s.Heaviest) != 2 || s.Heaviest[0].ID != large || s.Heaviest[1].ID != small || s.Heaviest[0].Bytes < 50_000 {
		t.Errorf("heaviest: %+v", s.Heaviest)
	}
	if s.Leaves == 0 || len(s.Checks) != 0 || !s.Checked.IsZero() {
		t.Errorf("before any check: %d leaves, %v at %v", s.Leaves, s.Checks, s.Checked)
	}
	must(n.e.Verdict(t.Context(), auditor, small))(t)
	if s := must(n.e.Storage(t.Context(), admin))(t); s.Checks[Unverifiable] != 1 || time.Since(s.Checked) > time.Hour {
		t.Errorf("after one: %v at %v", s.Checks, s.Checked)
	}
	north := access.Account{ID: "n", Role: access.Auditor, Territory: "South"}
	if s := must(n.e.Storage(t.Context(), north))(t); len(s.Heaviest) != 0 {
		t.Errorf("of another territory: %+v", s.Heaviest)
	}
	if s := must(n.e.Storage(t.Context(), admin))(t); s.Used == 0 || len(s.Heaviest) != 0 {
		t.Errorf("an administrator: %+v", s)
	}
	if _, err := n.e.Storage(t.Context(), access.Account{ID: "t", Role: access.Technician}); !errors.Is(err, ErrForbidden) {
		t.Errorf("a technician: %v", err)
	}
	must(live.Close())(t)
	must(0, n.e.Closed(t.Context(), live.Path()))(t)
}

// TestFigures: what operators watch, of recordings that can be read.
func TestFigures(t *testing.T) {
	n := newEnv(t)
	if f := must(n.e.Figures(t.Context()))(t); f != (Figures{}) {
		t.Errorf("of nothing: %+v", f)
	}
	n.own(t)
	due, held, kept, gone := n.session(t, "t1", "North desk", 9), n.session(t, "t1", "North desk", 10), n.session(t, "t1", "North desk", 11), n.session(t, "t1", "North desk", 12)
	for id, days := range map[string]int{due: -91, held: -91, kept: -89, gone: -91} {
		must(n.db.NewRaw("UPDATE sessions SET ended = ? WHERE id = ?", time.Now().AddDate(0, 0, days).UnixMilli(), id).Exec(t.Context()))(t)
	}
	must(0, n.e.PutHold(t.Context(), auditor, held, "court"))(t)
	must(0, n.e.AskErasure(t.Context(), auditor, gone, "time is over", false))(t)
	must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "the law says so"))(t)
	live := n.record(t) // of a session that the database does not know yet
	must(n.e.Opened(t.Context(), live.Path(), live.Head()))(t)
	f := must(n.e.Figures(t.Context()))(t)
	if f.Kept != 2 || f.Held != 1 || f.Due != 1 || f.Bytes != must(n.e.Storage(t.Context(), dpo))(t).Used || f.Bytes == 0 || f.Witnesses != 1 || f.Nearest != f.Furthest {
		t.Errorf("%+v", f)
	}
	must(live.Close())(t)
	must(0, n.e.Closed(t.Context(), live.Path()))(t)
}

// long is a session of so many bytes.
func (n *env) long(t testing.TB, bytes int) string {
	t.Helper()
	w := n.record(t)
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	must(0, w.Append(recordings.TrackVideo, 0, 0, 0, make([]byte, bytes)))(t)
	return n.ended(t, w)
}

// TestForecast: when the mark is reached at the present growth, and how urgent it is.
func TestForecast(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const gb = 1 << 30
	for name, c := range map[string]struct {
		free, perDay int64
		level        Level
		days         int // -1: never
	}{
		"no growth": {100 * gb, 0, Roomy, -1}, "shrinks": {100 * gb, -gb, Roomy, -1}, "ten years": {100 * gb, 1, Roomy, -1},
		"roomy": {101 * gb, gb, Roomy, 100}, "soon": {31 * gb, gb, FullSoon, 30}, "short": {11 * gb, gb, FullShort, 10},
		"near the mark": {gb + gb/4, 0, FullShort, -1}, "below": {gb / 2, gb, Full, 0}, "below and still": {gb / 2, 0, Full, -1},
	} {
		s := Storage{Free: c.free, Mark: gb, PerDay: c.perDay}
		s.forecast(now)
		want := time.Time{}
		if c.days >= 0 {
			want = now.AddDate(0, 0, c.days)
		}
		if s.Level != c.level || !s.FullAt.Equal(want) {
			t.Errorf("%s: %s, %s", name, s.Level, s.FullAt)
		}
	}
}

package evidence

import (
	"crypto"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings/stamp"
	"consento/recordings/stamp/stamptest"
	"consento/recordings/translog"
)

// stampedBy gives a broker a witness of its own and a timestamp authority.
func (n *env) stampedBy(t testing.TB, a *stamptest.Authority) {
	t.Helper()
	n.config.Timestamps = must(stamp.NewClient(stamp.Config{URL: a.URL, Roots: a.Roots(), Hash: crypto.SHA384}))(t)
	n.own(t)
}

// stamps are the timestamps on the log.
func (n *env) stamps(t testing.TB) []translog.Timestamp {
	t.Helper()
	var all []translog.Timestamp
	for e, err := range n.e.log.Entries(t.Context(), 0, n.e.Checkpoint().Size) {
		must(0, err)(t)
		if leaf, _, err := translog.ParseLeaf(e.Data); err == nil {
			if s, ok := leaf.(translog.Timestamp); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// TestDailyTimestamp: once a day an outside clock stamps what witnesses have signed,
// and shows of each session that it was closed.
func TestDailyTimestamp(t *testing.T) {
	n := newEnv(t)
	a := stamptest.New(t)
	n.stampedBy(t, a)
	eventually(t, "the first", func() bool { n.e.stampIfDue(t.Context()); return !n.e.Clock().Says.IsZero() })
	id := n.session(t, "t1", "North desk", 9)
	eventually(t, "a witness", func() bool { c, ok := n.e.log.Cosigned(); return ok && c.Size == n.e.log.Size() })
	n.e.stampIfDue(t.Context())
	if got := n.stamps(t); len(got) != 1 {
		t.Fatalf("on the first day: %+v", got)
	}
	if v := must(n.e.Verdict(t.Context(), auditor, id))(t); v.Clock == nil || !v.Before.IsZero() {
		t.Errorf("before the second: %+v", v)
	}
	if _, err := n.e.Timestamp(t.Context(), auditor, id); !errors.Is(err, ErrNoProof) {
		t.Errorf("before the second: %v", err)
	}
	n.ahead.Store(int64(25 * time.Hour))
	eventually(t, "the second", func() bool { n.e.stampIfDue(t.Context()); return len(n.stamps(t)) == 2 })
	n.e.stampIfDue(t.Context())
	all := n.stamps(t)
	if len(all) != 2 || all[1].N <= all[0].N {
		t.Fatalf("on the second day: %+v", all)
	}
	token := must(n.e.log.Sealed(all[1].Token))(t)
	says := must(stamp.Verify(token, all[1].Message(n.config.Origin), a.Roots()))(t)
	file := must(stamp.ParseSession(must(n.e.Timestamp(t.Context(), auditor, id))(t)))(t)
	if again, err := stamp.Verify(file.Token, file.Message(), a.Roots()); err != nil || again != says || file.Proof.Checkpoint.Size != all[1].N {
		t.Errorf("the session's: %+v, %v", again, err)
	}
	if got := n.told(t, must(file.Proof.Marshal())(t)); got != "opened closed" {
		t.Errorf("the session's: %s", got)
	}
	v := must(n.e.Verdict(t.Context(), auditor, id))(t)
	if !v.Before.Equal(says.Until()) || v.Clock.Failed || v.Clock.Late || time.Since(v.Before).Abs() > patience {
		t.Errorf("%+v, the authority says %v", v, says)
	}
	if trail := must(n.e.Trail(t.Context(), auditor, TrailQuery{Kind: string(translog.KindTimestamp)}))(t); trail.Total != 2 {
		t.Errorf("%+v", trail)
	}
	if s := must(n.e.Storage(t.Context(), auditor))(t); s.Clock == nil || !s.Clock.Says.Equal(says.Time) || s.Clock.Late {
		t.Errorf("%+v", s.Clock)
	}
	if _, err := n.e.Timestamp(t.Context(), auditor, strings.Repeat("0", 32)); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no session: %v", err)
	}
	if _, err := n.e.Timestamp(t.Context(), admin, id); err == nil {
		t.Error("an administrator gets it")
	}
	// A file that was changed shows nothing.
	path := filepath.Join(n.config.Recordings, TimestampName(id))
	text := must(os.ReadFile(path))(t)
	must(0, os.WriteFile(path, text[:len(text)-20], 0o600))(t)
	if v := must(n.e.Verdict(t.Context(), auditor, id))(t); !v.Before.IsZero() {
		t.Errorf("a damaged one: %+v", v)
	}
	must(0, os.WriteFile(path, text, 0o600))(t)
	n.reopen(t)
	n.e.stampIfDue(t.Context())
	if len(n.stamps(t)) != 2 || !n.e.Clock().Says.Equal(says.Time) {
		t.Errorf("after a restart: %+v, %+v", n.stamps(t), n.e.Clock())
	}
}

// TestTimestampFails: it is tried again, flagged after an hour, and sessions go on.
func TestTimestampFails(t *testing.T) {
	n := newEnv(t)
	a := stamptest.New(t)
	a.Play(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	n.stampedBy(t, a)
	eventually(t, "it fails", func() bool {
		n.e.stampIfDue(t.Context())
		n.e.clock.mu.Lock()
		defer n.e.clock.mu.Unlock()
		return errors.Is(n.e.clock.failed, stamp.ErrAnswer)
	})
	if s := n.e.Clock(); !s.Failed || s.Late || n.e.ClockCheck(t.Context()) != nil {
		t.Errorf("at once: %+v", s)
	}
	n.ahead.Store(int64(2 * time.Hour))
	n.e.stampIfDue(t.Context())
	if err := n.e.ClockCheck(t.Context()); err == nil || !strings.Contains(err.Error(), "503") || !n.e.Clock().Late {
		t.Errorf("after two hours: %v", err)
	}
	id := n.session(t, "t1", "North desk", 9)
	eventually(t, "sessions start", func() bool { return n.e.Witnessed(t.Context()) == nil })
	if v := must(n.e.Verdict(t.Context(), auditor, id))(t); !v.Clock.Late {
		t.Errorf("%+v", v)
	}
	// It answers, and what it says cannot be kept: then it is not on the log either.
	eventually(t, "a witness", func() bool { c, ok := n.e.log.Cosigned(); return ok && c.Size == n.e.log.Size() })
	blocked := filepath.Join(n.config.Recordings, TimestampName(id)+".new")
	must(0, os.Mkdir(blocked, 0o700))(t)
	a.Play(nil)
	n.ahead.Store(int64(4 * time.Hour))
	n.e.stampIfDue(t.Context())
	if !n.e.Clock().Failed || len(n.stamps(t)) != 0 {
		t.Error("a timestamp is on the log that no session has")
	}
	must(0, os.Remove(blocked))(t)
	n.ahead.Store(int64(8 * time.Hour))
	eventually(t, "it is back", func() bool { n.e.stampIfDue(t.Context()); return len(n.stamps(t)) == 1 })
	if s := n.e.Clock(); s.Failed || s.Late || n.e.ClockCheck(t.Context()) != nil {
		t.Errorf("%+v", s)
	}
	must(n.e.Timestamp(t.Context(), auditor, id))(t)
}

// TestNothingToStamp: without a witness there is nothing to be stamped.
func TestNothingToStamp(t *testing.T) {
	n := newEnv(t)
	a := stamptest.New(t)
	must(0, n.e.Close())(t)
	n.config.Timestamps = must(stamp.NewClient(stamp.Config{URL: a.URL, Roots: a.Roots(), Hash: crypto.SHA256}))(t)
	n.open(t)
	n.e.stampIfDue(t.Context())
	if s := n.e.Clock(); !s.Failed || s.Late || len(n.stamps(t)) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestWhenToStamp: each day, later after a failure, and whatever the clock does.
func TestWhenToStamp(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	c := &clock{}
	c.stamped(7, at, at)
	for after, want := range map[time.Duration]bool{0: false, 23 * time.Hour: false, 24 * time.Hour: true, 240 * time.Hour: true, -time.Minute: false, -time.Hour: true} {
		if got := c.wanted(at.Add(after)); got != want {
			t.Errorf("%s after the last: %t", after, got)
		}
	}
	c.next = at.Add(25 * time.Hour)
	for after, want := range map[time.Duration]bool{24*time.Hour + time.Minute: false, 25 * time.Hour: true, -time.Hour: true} {
		if got := c.wanted(at.Add(after)); got != want {
			t.Errorf("%s after the last, after a failure: %t", after, got)
		}
	}
}

package evidence

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// logged makes a closed session as a broker records it: the keys of its events are
// kept apart.
func (n *env) logged(t testing.TB) (id, path string) {
	t.Helper()
	w := n.record(t)
	o := w.Open()
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	for range 2 { // a second promise is the first
		terms := must(n.e.PromiseLog(t.Context(), o.Session))(t)
		terms.To = time.Minute
		keys := must(w.ShareAmong(terms, recordings.Alone(recordings.ClassAuditor, n.identity.Recipient())...))(t)
		must(0, n.e.KeepLogKeys(t.Context(), o.Session, 0, keys))(t)
	}
	must(0, w.Append(recordings.TrackEvents, 0, 0, 0, []byte(`{"code":"session.issued"}`)))(t)
	must(0, w.Append(recordings.TrackChat, 0, 0, 0, []byte(`{"text":"secret"}`)))(t)
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	n.fact(t, o.Session.String(), "t1", "North desk", 9)
	n.over(t, o.Session.String(), 90, 6)
	return o.Session.String(), w.Path()
}

// reads are the plaintexts that a share opens.
func (n *env) reads(t testing.TB, path string, keys []byte) (texts []string) {
	t.Helper()
	share := must(recordings.ParseShare(keys))(t)
	s := must(recordings.OpenShared(path, share, n.config.Now(), recordings.ByIdentity(n.identity)))(t)
	must(s.Read(recordings.ScanOptions{}, func(r recordings.Item) error {
		texts = append(texts, string(r.Body))
		return nil
	}))(t)
	return texts
}

// TestLogOutlivesRecording: after the recording's period its contents are gone for
// everybody and its log is not; after that of the log this is gone too, and each
// step stands on the log.
func TestLogOutlivesRecording(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	id, path := n.logged(t)
	held, _ := n.logged(t)
	n.clock(95 * 24 * time.Hour)
	for _, one := range []string{id, held} {
		must(0, n.e.AskErasure(t.Context(), auditor, one, "time is over", true))(t)
		x := must(n.e.erasures(t.Context(), dpo, one))(t)[0]
		if !x.Log {
			t.Errorf("what is asked for: %+v", x)
		}
		must(0, n.e.DecideErasure(t.Context(), dpo, x.ID, true, "the law says so"))(t)
	}
	must(0, n.e.PutHold(t.Context(), auditor, held, "court"))(t)
	if exists(t, n.bag(t, id)) {
		t.Fatal("the key bag is there")
	}
	r := must(n.e.Session(t.Context(), auditor, id))(t)
	if !r.Shredded || !r.LogKept || !r.Parts[0].Log || len(r.Erased) != 1 || r.LogUntil.IsZero() {
		t.Errorf("%+v", r)
	}
	grant := must(n.e.View(t.Context(), auditor, id, "complaint", "page"))(t)
	if texts := n.reads(t, path, must(n.e.LogKeys(t.Context(), auditor, grant, id, 0))(t)); len(texts) != 1 || texts[0] != `{"code":"session.issued"}` {
		t.Errorf("what can be read: %q", texts)
	}
	if _, err := n.e.LogKeys(t.Context(), second, grant, id, 0); !errors.Is(err, ErrGrant) {
		t.Errorf("without a viewing: %v", err)
	}
	n.e.config.Keys = func() (translog.Keys, error) { return translog.Keys{Log: n.e.logKeys()}, nil }
	if v := must(n.e.Verdict(t.Context(), auditor, id))(t); v.State == Tampered || v.State == Incomplete {
		t.Errorf("its integrity does not verify any more: %+v", v)
	}
	if err := n.e.AskErasure(t.Context(), auditor, id, "again", true); !errors.Is(err, ErrDecided) {
		t.Errorf("asked twice: %v", err)
	}
	n.clock(150 * 24 * time.Hour)
	must(0, n.e.sweep(t.Context()))(t)
	must(0, n.e.purge(t.Context()))(t)
	if !exists(t, path) || !exists(t, n.logFile(t, id)) {
		t.Fatal("the log's period is not over")
	}
	n.clock(185 * 24 * time.Hour)
	must(0, n.e.sweep(t.Context()))(t)
	if exists(t, n.logFile(t, id)) || !exists(t, n.logFile(t, held)) {
		t.Error("not the one whose period is over, or what is held")
	}
	if _, err := n.e.LogKeys(t.Context(), auditor, must(n.e.View(t.Context(), auditor, id, "complaint", "page"))(t), id, 0); !errors.Is(err, ErrShredded) {
		t.Errorf("its log: %v", err)
	}
	n.clock(190 * 24 * time.Hour)
	must(0, n.e.purge(t.Context()))(t)
	must(0, n.e.sweep(t.Context()))(t)
	if exists(t, path) || len(n.rows(t, id)) != 0 {
		t.Errorf("what is left: %v", n.rows(t, id))
	}
	if got := n.told(t, must(n.e.Receipt(t.Context(), id))(t)); got != "opened share closed logkeys erase erase erase shred revoke purge" {
		t.Errorf("proof: %s", got)
	}

	// What was to go with everything is asked for anew, and goes at once.
	must(0, n.e.ReleaseHolds(t.Context(), dpo, held, "court has decided"))(t)
	must(0, n.e.AskErasure(t.Context(), dpo, held, "asked for by the person", false))(t)
	must(0, n.e.DecideErasure(t.Context(), auditor, must(n.e.erasures(t.Context(), dpo, held))(t)[0].ID, true, "yes"))(t)
	if exists(t, n.logFile(t, held)) {
		t.Error("the log is there")
	}
	if terms := must(n.e.PromiseLog(t.Context(), recordings.SessionID(must(translog.ParseID(held))(t))))(t); len(terms.Tracks) != 0 {
		t.Error("a log that is gone is kept anew")
	}
	n.audit(t)
}

func (n *env) logFile(t testing.TB, id string) string {
	return filepath.Join(n.config.Bags, id+"-0"+logKeysFile)
}

// TestErasureTakesLog: asked for without it, the log goes with the recording.
func TestErasureTakesLog(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	id, _ := n.logged(t)
	n.erased(t, id)
	if exists(t, n.logFile(t, id)) {
		t.Error("the keys of its log are there")
	}
	if r := must(n.e.Session(t.Context(), auditor, id))(t); !r.Shredded || r.LogKept || r.Parts[0].Log {
		t.Errorf("%+v", r)
	}
	if got := n.told(t, must(n.e.Receipt(t.Context(), id))(t)); got != "opened share closed logkeys erase erase erase shred revoke" {
		t.Errorf("proof: %s", got)
	}
	n.audit(t)
}

package evidence

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"consento/recordings"
	"consento/recordings/translog"
)

// bagged is one segment whose key bag was brought to the witnesses first, as package
// session does it.
func (n *env) bagged(t testing.TB) *recordings.Writer {
	t.Helper()
	id := recordings.NewSessionID()
	return must(recordings.Create(recordings.Config{Dir: n.config.Recordings, BagDir: n.config.Bags, Session: id, Origin: "test", Started: n.config.Now(),
		Recipients: n.readers, Retention: "standard", Bagged: func() { n.e.Bagged(t.Context(), id, 0) }}))(t)
}

// ended closes a recording and makes a session of it that is over.
func (n *env) ended(t testing.TB, w *recordings.Writer) string {
	t.Helper()
	must(w.Close())(t)
	must(0, n.e.Closed(t.Context(), w.Path()))(t)
	id := w.Open().Session.String()
	n.fact(t, id, "t1", "North desk", 9)
	return id
}

func exists(t testing.TB, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// TestBagOnBothStores: before its session is on the log, there when the witness is,
// later when it is away, which the verdict says; and destroyed on both, which takes
// as long as the witness is away.
func TestBagOnBothStores(t *testing.T) {
	n := newEnv(t)
	hall := n.townHall(t)
	n.open(t)
	there := func(w *recordings.Writer) string {
		return filepath.Join(hall.root, "bags", filepath.Base(recordings.FindBag(w.Path())))
	}
	first := n.bagged(t)
	if !bytes.Equal(must(os.ReadFile(there(first)))(t), must(os.ReadFile(recordings.FindBag(first.Path())))(t)) {
		t.Error("the bag is not at the witness before anything else")
	}
	must(n.e.Opened(t.Context(), first.Path(), first.Head()))(t)
	id := n.ended(t, first)
	eventually(t, "both stores hold it", func() bool {
		v, err := n.e.Verdict(t.Context(), auditor, id)
		return err == nil && v.Stores == 2 && v.Hosts == 2 && len(v.Reasons) == 0
	})

	hall.away.Store(true)
	second := n.bagged(t)
	if exists(t, there(second)) {
		t.Fatal("the witness is away, and has the bag")
	}
	must(n.e.Opened(t.Context(), second.Path(), second.Head()))(t)
	if err := n.e.Witnessed(t.Context()); err != nil {
		t.Errorf("no session starts at once: %v", err)
	}
	eventually(t, "it is told", func() bool { s := n.e.Witnesses()[0]; return s.Bags > 0 && s.Lag > 0 && s.Silent })
	late := n.ended(t, second)
	v := must(n.e.Verdict(t.Context(), auditor, late))(t)
	flagged := false
	for _, r := range v.Reasons {
		flagged = flagged || r.Code == "bag_waits" && r.Values["witness"] == "town-hall"
	}
	if !flagged || v.Stores != 1 {
		t.Errorf("the verdict does not say it: %+v", v)
	}

	// The first is destroyed here, and cannot be said to be there.
	must(0, n.e.AskErasure(t.Context(), auditor, id, "time is over", false))(t)
	must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "the law says so"))(t)
	if exists(t, n.bag(t, id)) || !exists(t, there(first)) {
		t.Error("not destroyed here, or there without a word from here")
	}
	if e := must(n.e.Erasures(t.Context(), dpo))(t)[0]; e.Here.IsZero() || !e.Done.IsZero() || len(e.Waits) != 1 || e.Waits[0] != "town-hall" {
		t.Errorf("%+v", e)
	}
	n.reopen(t) // and the next run remembers
	hall.away.Store(false)
	eventually(t, "destroyed on both", func() bool {
		e := must(n.e.Erasures(t.Context(), dpo))(t)[0]
		return !e.Done.IsZero() && len(e.Waits) == 0
	})
	if exists(t, there(first)) {
		t.Error("said to be destroyed, and there")
	}
	eventually(t, "caught up", func() bool {
		v, err := n.e.Verdict(t.Context(), auditor, late)
		return err == nil && v.Stores == 2 && len(v.Reasons) == 0 && exists(t, there(second))
	})
	n.audit(t)
}

// TestBagOfOwnWitness: on one machine a second folder keeps it, by the same rules.
func TestBagOfOwnWitness(t *testing.T) {
	n := newEnv(t)
	n.own(t)
	n.config.Now = nil
	must(0, n.e.Close())(t)
	n.config.Witness.OwnBags = t.TempDir()
	n.open(t)
	n.config.Now = n.e.config.Now
	w := n.bagged(t)
	there := filepath.Join(n.config.Witness.OwnBags, "bags", filepath.Base(recordings.FindBag(w.Path())))
	if !exists(t, there) {
		t.Fatal("no second copy")
	}
	must(n.e.Opened(t.Context(), w.Path(), w.Head()))(t)
	id := n.ended(t, w)
	must(0, n.e.AskErasure(t.Context(), dpo, id, "asked for by the person", false))(t)
	must(0, n.e.DecideErasure(t.Context(), auditor, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "yes"))(t)
	eventually(t, "destroyed on both", func() bool {
		return !must(n.e.Erasures(t.Context(), dpo))(t)[0].Done.IsZero() && !exists(t, there)
	})
	if v := must(n.e.Verdict(t.Context(), auditor, id))(t); v.Stores != 1 {
		t.Errorf("%+v", v)
	}
}

// TestOrphanBags: what a crash left of a session that never began is destroyed; what
// the log knows is kept, whatever else is missing.
func TestOrphanBags(t *testing.T) {
	n := newEnv(t)
	never, known := n.record(t), n.record(t)
	must(n.e.Opened(t.Context(), known.Path(), known.Head()))(t)
	for _, w := range []*recordings.Writer{never, known} {
		must(w.Close())(t)
		must(0, os.Remove(w.Path()))(t)
	}
	n.reopen(t)
	if exists(t, recordings.FindBag(never.Path())) || !exists(t, recordings.FindBag(known.Path())) {
		t.Error("not the one that never began")
	}
}

// TestErasureOfALostBag: what somebody took away already can be decided about.
func TestErasureOfALostBag(t *testing.T) {
	n := newEnv(t)
	id := n.session(t, "t1", "North desk", 9)
	was := must(os.ReadFile(n.bag(t, id)))(t)
	must(0, os.Remove(n.bag(t, id)))(t)
	must(0, n.e.AskErasure(t.Context(), auditor, id, "time is over", false))(t)
	must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.Erasures(t.Context(), dpo))(t)[0].ID, true, "yes"))(t)
	shred, ok := n.last(t).(translog.Shred)
	bag := must(recordings.ParseBag(was))(t)
	if !ok || shred.Bag != translog.Hash(bag.Hash()) {
		t.Errorf("%+v", n.last(t))
	}
	n.audit(t)
}

// TestKeysThatComeBack: whoever puts an old backup back brings no destroyed key with
// it, and a shred leaves nothing of what a crash had begun.
func TestKeysThatComeBack(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	id, _ := n.logged(t)
	kept, _ := n.logged(t)
	half, _ := n.logged(t)
	of := func(id string) []string {
		return must(filepath.Glob(filepath.Join(n.config.Bags, id+"-*")))(t)
	}
	bag := n.bag(t, id)
	share := filepath.Join(n.config.Bags, id+"-0-"+half+".share")
	for _, begun := range []string{bag + ".new", bag + beforeEnd, bag + beforeEnd + ".new", n.logFile(t, id) + ".new", share, share + ".new"} {
		must(0, os.WriteFile(begun, []byte("keys"), 0o600))(t)
	}
	backup := map[string][]byte{}
	for _, path := range append(of(id), of(half)...) {
		backup[path] = must(os.ReadFile(path))(t)
	}
	if len(backup) != 10 {
		t.Fatalf("%d files", len(backup))
	}
	n.erased(t, id)
	must(0, n.e.AskErasure(t.Context(), auditor, half, "time is over", true))(t)
	must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.erasures(t.Context(), dpo, half))(t)[0].ID, true, "yes"))(t)
	if left := of(id); len(left) > 0 {
		t.Errorf("not destroyed: %v", left)
	}
	for path, b := range backup {
		must(0, os.WriteFile(path, b, 0o600))(t)
	}
	n.reopen(t)
	if left := of(id); len(left) > 0 {
		t.Errorf("back again: %v", left)
	}
	if left := of(half); len(left) != 1 || left[0] != n.logFile(t, half) {
		t.Errorf("of the log that is kept: %v", left)
	}
	if left := of(kept); len(left) != 2 {
		t.Errorf("of a recording that is kept: %v", left)
	}
}

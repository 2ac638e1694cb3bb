package evidence

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"consento/broker/internal/access"
	"consento/recordings"
	"consento/recordings/translog"
)

// anew makes the keys of a log anew for some readers, as an auditor's browser does.
func (n *env) anew(t testing.TB, path string, keys []byte, to ...recordings.Stanza) []byte {
	t.Helper()
	s := must(recordings.OpenShared(path, must(recordings.ParseShare(keys))(t), n.config.Now(), recordings.ByIdentity(n.identity)))(t)
	defer s.Close()
	return must(s.RewrapShare(to...))(t)
}

// TestLogIsWrappedAnew: by whom, for whom and when key bags may be, and after the
// recording is erased too; then the new auditor reads the log, and the one who left
// does not.
func TestLogIsWrappedAnew(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	s := newSigner(t)
	n.audit(t)
	first := s.next(t, nil, n.identity.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	erased, path := n.logged(t)
	whole, wholePath := n.logged(t)
	ended, _ := n.logged(t)
	live := n.record(t)
	o := live.Open()
	must(n.e.Opened(t.Context(), live.Path(), live.Head()))(t)
	liveID := o.Session.String()
	terms := must(n.e.PromiseLog(t.Context(), o.Session))(t)
	terms.To = 1 << 40
	liveKeys := must(live.ShareAmong(terms, recordings.Alone(recordings.ClassAuditor, n.identity.Recipient())...))(t)
	must(0, n.e.KeepLogKeys(t.Context(), o.Session, 0, liveKeys))(t)
	n.fact(t, liveID, "t1", "North desk", 9)
	erase := func(id string, keepLog bool) {
		t.Helper()
		must(0, n.e.AskErasure(t.Context(), auditor, id, "time is over", keepLog))(t)
		must(0, n.e.DecideErasure(t.Context(), dpo, must(n.e.erasures(t.Context(), dpo, id))(t)[0].ID, true, "the law says so"))(t)
	}
	erase(erased, true)
	erase(ended, false)

	second := must(recordings.NewIdentity())(t)
	s.last = first
	next := s.next(t, nil, second.Recipient()) // the first auditor has left
	must(n.e.AddPolicy(t.Context(), keyAuditor, next.Bytes()))(t)
	stanzas := must(next.Stanzas("North desk", "North"))(t)
	// The bag of the whole one, the logs of both; the live one's bag.
	if outdated, damaged, err := n.e.OutdatedBags(t.Context(), keyAuditor); outdated != 4 || damaged != 0 || err != nil {
		t.Errorf("%d outdated, %d damaged, %v", outdated, damaged, err)
	}
	for id, want := range map[string][]int{erased: {0}, whole: {0}, ended: nil} {
		if got := must(n.e.Outdated(t.Context(), keyAuditor, id))(t); !slices.Equal(got, want) {
			t.Errorf("outdated: %v, want %v", got, want)
		}
	}
	found, _, err := n.e.NextBags(t.Context(), keyAuditor, "")
	must(0, err)(t)
	offered := map[string][]byte{}
	for _, w := range found {
		if w.Log {
			offered[w.Session] = w.Bag
		}
	}
	if len(found) != 4 || len(offered) != 2 || !bytes.Equal(offered[erased], must(os.ReadFile(n.logFile(t, erased)))(t)) || offered[whole] == nil {
		t.Fatalf("%d offered, logs of %d", len(found), len(offered))
	}

	good := n.anew(t, path, offered[erased], stanzas...)
	stranger := must(recordings.NewIdentity())(t).Recipient()
	longer := must(live.ShareAmong(terms, stanzas...))(t)
	size := n.size(t)
	for name, c := range map[string]struct {
		id   string
		file []byte
		want error
	}{
		"one left out":            {erased, n.anew(t, path, offered[erased], recordings.Alone(recordings.ClassAuditor, stranger)...), ErrBag},
		"a stranger":              {erased, n.anew(t, path, offered[erased], append(slices.Clone(stanzas), recordings.Alone(recordings.ClassAuditor, stranger)...)...), ErrBag},
		"as it was":               {erased, offered[erased], ErrBag},
		"another session's":       {erased, n.anew(t, wholePath, offered[whole], stanzas...), ErrBag},
		"nothing":                 {erased, []byte("{}"), recordings.ErrMalformed},
		"of what is gone":         {ended, good, ErrShredded},
		"of a session that lives": {liveID, longer, ErrGoesOn},
		"of none":                 {strings.Repeat("0", 32), good, ErrNotFound},
	} {
		if err := n.e.RewrapLog(t.Context(), keyAuditor, c.id, 0, c.file); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, by := range []access.Account{{ID: "x", Role: access.Administrator}, {ID: "x", Role: access.DPO}, {ID: "x", Role: access.Technician}, {ID: "t1", Role: access.Auditor}} {
		if err := n.e.RewrapLog(t.Context(), by, erased, 0, good); err == nil {
			t.Errorf("%s %s did", by.Role, by.ID)
		}
	}
	if n.size(t) != size {
		t.Error("what was refused is on the log")
	}

	must(0, n.e.RewrapLog(t.Context(), keyAuditor, erased, 0, append(bytes.Clone(good), '\n')))(t)
	if leaf, ok := n.entry(t, size).(translog.LogKeys); !ok || leaf.Keys != translog.Hash(sha256.Sum256(good)) || leaf.By != keyAuditor.ID {
		t.Errorf("leaf %+v", n.entry(t, size))
	}
	if got := must(n.e.Outdated(t.Context(), keyAuditor, erased))(t); len(got) != 0 {
		t.Errorf("outdated: %v", got)
	}
	grant := must(n.e.View(t.Context(), auditor, erased, "complaint", "page"))(t)
	given := must(n.e.LogKeys(t.Context(), auditor, grant, erased, 0))(t)
	n.identity, second = second, n.identity
	if texts := n.reads(t, path, given); len(texts) != 1 || texts[0] != `{"code":"session.issued"}` {
		t.Errorf("what the new auditor reads: %q", texts)
	}
	if _, err := recordings.OpenShared(path, must(recordings.ParseShare(given))(t), n.config.Now(), recordings.ByIdentity(second)); !errors.Is(err, recordings.ErrNotForYou) {
		t.Errorf("who left: %v", err)
	}
	// The recorder's own are kept, as those of key bags are, and go with the others.
	if kept := must(os.ReadFile(n.logFile(t, erased) + beforeEnd))(t); !bytes.Equal(kept, offered[erased]) {
		t.Error("the recorder's own are gone")
	}
	erase(erased, false) // asked for anew: the log too
	if left := must(filepath.Glob(filepath.Join(n.config.Bags, erased+"*")))(t); len(left) > 0 {
		t.Errorf("not destroyed: %v", left)
	}
	if got := n.told(t, must(n.e.Receipt(t.Context(), erased))(t)); got != "opened share closed logkeys erase erase erase shred logkeys erase erase erase revoke" {
		t.Errorf("proof: %s", got)
	}
	n.audit(t)
	must(live.Close())(t)
}

// TestLogWrappedAnewIsKilled: the leaf comes first. Whatever a crash leaves after it, one set
// of keys is whole, it is offered again, and the next try ends well.
func TestLogWrappedAnewIsKilled(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	s := newSigner(t)
	n.audit(t)
	first := s.next(t, nil, n.identity.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	id, path := n.logged(t)
	file := n.logFile(t, id)
	was := must(os.ReadFile(file))(t)
	s.last = first
	next := s.next(t, nil, n.identity.Recipient(), must(recordings.NewIdentity())(t).Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, next.Bytes()))(t)
	stanzas := must(next.Stanzas("North desk", "North"))(t)
	for _, step := range [][2]string{{"keeping the recorder's own", file + beforeEnd}, {"putting them in place", file}} {
		name, block := step[0], step[1]
		// A folder of that name is in the way, as a crash would be.
		must(0, os.Mkdir(block+".new", 0o700))(t)
		size := n.e.Checkpoint().Size
		if err := n.e.RewrapLog(t.Context(), keyAuditor, id, 0, n.anew(t, path, was, stanzas...)); err == nil {
			t.Fatalf("%s: not stopped", name)
		}
		must(0, os.Remove(block+".new"))(t)
		if name == "putting them in place" {
			must(0, os.WriteFile(file+".new", []byte("half"), 0o600))(t)
		}
		n.reopen(t)
		leaf := n.entry(t, size)
		for ; size < n.e.Checkpoint().Size; size++ { // the trail of administration comes in between
			if leaf = n.entry(t, size); leaf.Kind() == translog.KindLogKeys {
				break
			}
		}
		if leaf.Kind() != translog.KindLogKeys {
			t.Errorf("%s: not on the log before", name)
		}
		if texts := n.reads(t, path, must(os.ReadFile(file))(t)); len(texts) != 1 {
			t.Errorf("%s: %q", name, texts)
		}
		if got := must(n.e.Outdated(t.Context(), keyAuditor, id))(t); len(got) != 1 {
			t.Errorf("%s: not offered again", name)
		}
	}
	good := n.anew(t, path, was, stanzas...)
	must(0, n.e.RewrapLog(t.Context(), keyAuditor, id, 0, good))(t)
	if got := must(os.ReadFile(file))(t); !bytes.Equal(got, good) || exists(t, file+".new") {
		t.Error("the next try did not end well")
	}
	if kept := must(os.ReadFile(file + beforeEnd))(t); !bytes.Equal(kept, was) {
		t.Error("the recorder's own were replaced")
	}
	n.audit(t)
}

// TestLogKeysAtTheWitness: it has them when the session is over, the newest after a
// re-wrapping, and none when they are destroyed, which the deletion waits for. What an
// older broker kept without naming it comes there too.
func TestLogKeysAtTheWitness(t *testing.T) {
	n := newEnv(t)
	n.sweeping(t)
	hall := n.townHall(t)
	n.open(t)
	s := newSigner(t)
	first := s.next(t, nil, n.identity.Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, first.Bytes()))(t)
	there := func(id string) string { return filepath.Join(hall.root, "bags", id+"-0.logkeys.key") }
	same := func(id string) func() bool {
		return func() bool {
			b, err := os.ReadFile(there(id))
			return err == nil && bytes.Equal(b, must(os.ReadFile(n.logFile(t, id)))(t)) && n.e.Witnesses()[0].Bags == 0
		}
	}
	id, path := n.logged(t)
	eventually(t, "they are there", same(id))
	recorder := must(os.ReadFile(there(id)))(t)

	s.last = first
	next := s.next(t, nil, n.identity.Recipient(), must(recordings.NewIdentity())(t).Recipient())
	must(n.e.AddPolicy(t.Context(), keyAuditor, next.Bytes()))(t)
	must(0, n.e.RewrapLog(t.Context(), keyAuditor, id, 0, n.anew(t, path, recorder, must(next.Stanzas("North desk", "North"))(t)...)))(t)
	eventually(t, "wrapped anew", same(id))
	before := strings.TrimSuffix(there(id), ".key") + ".before.key"
	if !bytes.Equal(must(os.ReadFile(before))(t), recorder) {
		t.Error("the recorder's own are not kept there")
	}

	// What both sides have differently is found at a start.
	hall.away.Store(true)
	late, _ := n.logged(t)
	n.reopen(t)
	hall.away.Store(false)
	eventually(t, "caught up", same(late))

	hall.away.Store(true)
	n.erased(t, id)
	if exists(t, n.logFile(t, id)) || !exists(t, there(id)) {
		t.Error("not destroyed here, or there without a word from here")
	}
	if x := must(n.e.erasures(t.Context(), dpo, id))(t)[0]; x.Here.IsZero() || !x.Done.IsZero() {
		t.Errorf("done while the witness is away: %+v", x)
	}
	hall.away.Store(false)
	eventually(t, "destroyed there", func() bool { return !must(n.e.erasures(t.Context(), dpo, id))(t)[0].Done.IsZero() })
	if exists(t, there(id)) || exists(t, before) {
		t.Error("said to be destroyed, and there")
	}
	n.audit(t)
}

// TestOlderLogKeysAreNamed: what a broker of before kept gets its leaf at the next
// start, once.
func TestOlderLogKeysAreNamed(t *testing.T) {
	n := newEnv(t)
	id, _ := n.logged(t)
	must(n.db.ExecContext(t.Context(), "UPDATE log_segments SET log_keys = NULL"))(t)
	size := n.e.Checkpoint().Size
	for range 2 {
		n.reopen(t)
	}
	if leaf, ok := n.entry(t, size).(translog.LogKeys); !ok || leaf.SID.String() != id || n.e.Checkpoint().Size != size+1 {
		t.Errorf("%+v, %d leaves more", n.entry(t, size), n.e.Checkpoint().Size-size)
	}
}

package mirror

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/store"
	"consento/recordings/translog"
)

// kept is a recording whose key bag lies beside it, and what the log says of it.
type kept struct {
	*recordings.Writer
	o       *office
	segment Segment
	id      translog.ID
	bag     string // file
}

func (o *office) keep(t testing.TB) *kept {
	t.Helper()
	w := must(recordings.Create(recordings.Config{Dir: o.dir, Session: recordings.NewSessionID(), Origin: "test", Started: time.Now(),
		Recipients: []recordings.Recipient{o.identity.Recipient()}, Retention: "standard"}))(t)
	return &kept{w, o, segmentOf(w), translog.ID(w.Open().Session), recordings.DefaultBag(w.Path())}
}

func (k *kept) name() string { return filepath.Base(k.bag) }

func (k *kept) sum(t testing.TB) translog.Hash { return sha256.Sum256(must(os.ReadFile(k.bag))(t)) }

func (k *kept) opened(t testing.TB) {
	t.Helper()
	o, h := k.Open(), k.Head()
	must(k.o.log.Add(t.Context(), translog.Opened{SID: k.id, Key: translog.Hash(o.Key), Commit: o.Commit, Bag: k.sum(t), N: h.N, Root: translog.Hash(h.Root), Retention: "standard"}))(t)
}

// rewrap makes another bag of the same form; what is in it only readers could tell.
func (k *kept) rewrap(t testing.TB) {
	t.Helper()
	other := k.o.keep(t)
	must(other.Close())(t)
	b := bytes.ReplaceAll(must(os.ReadFile(other.bag))(t), []byte(other.segment.Session.String()), []byte(k.segment.Session.String()))
	ok(t, errors.Join(os.Remove(other.bag), os.Remove(other.Path())))
	must(k.o.log.Add(t.Context(), translog.Rewrap{SID: k.id, Bag: sha256.Sum256(b), By: "a"}))(t)
	ok(t, os.WriteFile(k.bag, b, 0o600))
}

// shred decides with these approvals, and destroys the bag here.
func (k *kept) shred(t testing.TB, roles ...string) uint64 {
	t.Helper()
	erase := translog.ID{9}
	copy(erase[1:], k.id[:15])
	leaves := []translog.Leaf{translog.Erase{ID: erase, SID: k.id, Step: translog.StepAsked, By: "au", Role: translog.RoleAuditor}}
	by := map[string]string{translog.RoleAuditor: "au", translog.RoleDPO: "dpo"}
	for _, role := range roles {
		leaves = append(leaves, translog.Erase{ID: erase, SID: k.id, Step: translog.StepApproved, By: by[role], Role: role})
	}
	leaves = append(leaves, translog.Shred{SID: k.id, Bag: k.sum(t), By: [2]string{"au", "dpo"}, Erase: erase})
	first := must(k.o.log.Add(t.Context(), leaves...))(t)
	ok(t, os.Remove(k.bag))
	return first + uint64(len(leaves)) - 1
}

func (p *place) public() ed25519.PublicKey { return p.key.Public().(ed25519.PublicKey) }

// TestBags: a bag comes before its session is on the log, is replaced when the log
// says so, and is destroyed when two roles decided it, whoever was away meanwhile.
func TestBags(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	client := p.client(t)
	l := o.uplink(t, client, p.public())
	l.c.BagDir = o.dir
	there := func(name string) string { return filepath.Join(p.root, "bags", name) }
	has := func(k *kept) func() bool {
		return func() bool {
			b, err := os.ReadFile(there(k.name()))
			return err == nil && sha256.Sum256(b) == k.sum(t)
		}
	}
	first := o.keep(t)
	ok(t, l.Bag(t.Context(), first.segment)) // before anything else is known there
	if !has(first)() {
		t.Fatal("the bag is not there")
	}
	first.opened(t)
	stop := l.run(t)
	eventually(t, "the log", func() bool { return p.replica.Size() == o.log.Size() })
	recorder := must(os.ReadFile(first.bag))(t)
	first.rewrap(t)
	_ = l.Bag(t.Context(), first.segment) // the leaf may not be there yet
	eventually(t, "wrapped anew, and the answer here", func() bool { return has(first)() && l.Status().Bags == 0 })
	if b := must(os.ReadFile(there(before(first.name()))))(t); !bytes.Equal(b, recorder) {
		t.Error("the recorder's own bag is not kept")
	}

	// Away: sessions begin, and it is told; then it is caught up.
	p.stop()
	client.Close()
	second := o.keep(t)
	if err := l.Bag(t.Context(), second.segment); err == nil {
		t.Error("a mirror that is away took a bag")
	}
	second.opened(t)
	if s := l.Status(); s.Bags != 1 || !l.WaitingBag(second.segment) {
		t.Errorf("not told: %+v", s)
	}
	undecided, gone := o.keep(t), o.keep(t)
	for _, k := range []*kept{undecided, gone} {
		_ = l.Bag(t.Context(), k.segment)
		k.opened(t)
	}
	p.start(t)
	for _, k := range []*kept{second, undecided, gone} {
		eventually(t, "caught up", has(k))
	}
	leaf := gone.shred(t, translog.RoleAuditor, translog.RoleDPO)
	eventually(t, "destroyed there too", func() bool {
		done, err := l.Gone(t.Context(), gone.segment, leaf)
		return err == nil && done
	})
	firstLeaf := first.shred(t, translog.RoleAuditor, translog.RoleDPO)
	eventually(t, "and the one from before", func() bool {
		done, err := l.Gone(t.Context(), first.segment, firstLeaf)
		_, old := os.Stat(there(before(first.name())))
		return err == nil && done && errors.Is(old, fs.ErrNotExist)
	})
	// One role is not enough, for whoever writes the log.
	one := undecided.shred(t, translog.RoleAuditor)
	eventually(t, "the log", func() bool { return p.replica.Size() == o.log.Size() })
	if done, err := l.Gone(t.Context(), undecided.segment, one); done || err != nil {
		t.Errorf("destroyed by one role: %v", err)
	}
	if _, err := client.PutBag(t.Context(), first.name(), recorder); !errors.Is(err, ErrRefused) {
		t.Errorf("a bag of destroyed keys: %v", err)
	}
	// What both lack or have differently is found by the next run.
	stop()
	ok(t, os.Remove(there(second.name())))
	next := o.uplink(t, client, p.public())
	next.c.BagDir = o.dir
	next.run(t)
	eventually(t, "found again", has(second))
	for _, k := range []*kept{first, second, undecided, gone} {
		must(k.Close())(t)
	}
}

// TestBagRules: what is no bag of its name, or another than the log names, is refused.
func TestBagRules(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	c := p.client(t)
	k, other := o.keep(t), o.keep(t)
	bag, foreign := must(os.ReadFile(k.bag))(t), must(os.ReadFile(other.bag))(t)
	for what, b := range map[string][]byte{"nothing": nil, "no bag": []byte("{}"), "another's": foreign, "a line feed behind": append(bytes.Clone(bag), '\n')} {
		if _, err := c.PutBag(t.Context(), k.name(), b); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"x", strings.Repeat("0", 32) + "-0.rec", k.name() + ".before", strings.Repeat("0", 32) + "-0.before.key"} {
		if _, err := c.PutBag(t.Context(), name, bag); err == nil {
			t.Errorf("the name %q is taken", name)
		}
	}
	if _, err := c.PutBag(t.Context(), k.name(), bytes.Repeat([]byte{' '}, MaxBag+1)); err == nil {
		t.Error("too long, and taken")
	}
	if _, err := c.Bag(t.Context(), k.name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	// Before the log knows the segment anybody with the token can put something; the
	// log then says which it is, and the right one takes its place.
	wrong := bytes.ReplaceAll(foreign, []byte(other.segment.Session.String()), []byte(k.segment.Session.String()))
	must(c.PutBag(t.Context(), k.name(), wrong))(t)
	k.opened(t)
	l := o.uplink(t, c, p.public())
	l.c.BagDir = o.dir
	l.run(t)
	eventually(t, "the right one", func() bool {
		held, err := c.Bag(t.Context(), k.name())
		return err == nil && held.SHA256 == k.sum(t)
	})
	eventually(t, "the log", func() bool { return p.replica.Size() == o.log.Size() })
	if _, err := c.PutBag(t.Context(), k.name(), wrong); !errors.Is(err, ErrRefused) {
		t.Errorf("another than the log names: %v", err)
	}
	n := 0
	for h, err := range c.Bags(t.Context()) {
		ok(t, err)
		n++
		if h.Name != k.name() && h.Name != other.name() {
			t.Errorf("%+v", h)
		}
	}
	if n != 2 { // that of the second was found at the start
		t.Errorf("%d bags", n)
	}
	// A broker that insists on another bag is told so, and its people are.
	ok(t, os.WriteFile(k.bag, wrong, 0o600))
	_ = l.Bag(t.Context(), k.segment)
	for range patient {
		_ = l.Bag(t.Context(), k.segment)
	}
	if s := l.Status(); s.Refused != 1 {
		t.Errorf("%+v", s)
	}
	for _, w := range []*kept{k, other} {
		must(w.Close())(t)
	}
}

// TestBagOverACrash: what the log decided is done by the next run of the mirror.
func TestBagOverACrash(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	l := o.uplink(t, p.client(t), p.public())
	l.c.BagDir = o.dir
	k := o.keep(t)
	ok(t, l.Bag(t.Context(), k.segment))
	k.opened(t)
	l.run(t)
	at := filepath.Join(p.root, "bags", k.name())
	bag := must(os.ReadFile(at))(t)
	leaf := k.shred(t, translog.RoleAuditor, translog.RoleDPO)
	eventually(t, "destroyed", func() bool { done, err := l.Gone(t.Context(), k.segment, leaf); return err == nil && done })
	p.stop()
	ok(t, os.WriteFile(at, bag, 0o600)) // as if it had been killed in between
	p.start(t)
	if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	must(k.Close())(t)
}

// TestSlowMirrorAndBags: a session waits a moment for a mirror that hangs, no longer.
func TestSlowMirrorAndBags(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	p.stop()
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	p.wrap = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/bags/") {
				<-gate
			}
			h.ServeHTTP(w, r)
		})
	}
	p.start(t)
	l := o.uplink(t, p.client(t), p.public())
	l.c.BagDir = o.dir
	k := o.keep(t)
	wait, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Bag(wait, k.segment); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if s := l.Status(); s.Bags != 1 {
		t.Errorf("%+v", s)
	}
	open()
	l.run(t)
	eventually(t, "it comes", func() bool { return !l.WaitingBag(k.segment) })
	must(k.Close())(t)
}

// TestEmbeddedBags: the broker's own witness keeps them by the same rules.
func TestEmbeddedBags(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	conf := p.cosigner()
	conf.Name, conf.State = EmbeddedName, filepath.Join(t.TempDir(), "state")
	cosigner := must(translog.CreateCosigner(conf))(t)
	t.Cleanup(func() { ok(t, cosigner.Close()) })
	root := t.TempDir()
	folder := must(store.OpenFolder(filepath.Join(root, "rec"), filepath.Join(root, "bags"), nil))(t)
	t.Cleanup(func() { ok(t, folder.Close()) })
	own := NewEmbedded(o.dir, p.key, conf.Log, cosigner)
	ok(t, own.KeepBags(folder, o.log, slog.New(slog.DiscardHandler), nil))
	l := o.uplink(t, own, p.public())
	l.c.BagDir = o.dir
	k := o.keep(t)
	ok(t, l.Bag(t.Context(), k.segment))
	k.opened(t)
	l.run(t)
	held := must(own.Bag(t.Context(), k.name()))(t)
	if held.SHA256 != k.sum(t) {
		t.Errorf("%+v", held)
	}
	leaf := k.shred(t, translog.RoleAuditor, translog.RoleDPO)
	eventually(t, "destroyed", func() bool { done, err := l.Gone(t.Context(), k.segment, leaf); return err == nil && done })
	must(k.Close())(t)
}

// TestSweep: bags of sessions that never began go after a day, and purged
// recordings when the mirror's own time is over.
func TestSweep(t *testing.T) {
	o := newOffice(t)
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	root := t.TempDir()
	folder := must(store.OpenFolder(filepath.Join(root, "rec"), filepath.Join(root, "bags"), now))(t)
	t.Cleanup(func() { ok(t, folder.Close()) })
	log := must(translog.Create(filepath.Join(root, "log"), translog.Config{Origin: testOrigin, Key: o.key, Now: now}))(t)
	t.Cleanup(func() { ok(t, log.Close()) })
	o2 := *o
	o2.log = log
	k, never := o2.keep(t), o2.keep(t)
	keeper := newKeeper(folder, folder, log.Entries, slog.New(slog.DiscardHandler), now)
	for _, b := range []*kept{k, never} {
		must(keeper.put(t.Context(), b.name(), must(os.ReadFile(b.bag))(t)))(t)
	}
	k.opened(t)
	must(k.Close())(t)
	must(never.Close())(t)
	rec := filepath.Base(k.Path())
	ok(t, folder.Append(t.Context(), rec, 0, must(os.ReadFile(k.Path()))(t)))
	ok(t, folder.Seal(t.Context(), rec, now().Add(48*time.Hour)))
	k.shred(t, translog.RoleAuditor, translog.RoleDPO)
	must(log.Add(t.Context(), translog.Purge{SID: k.id}))(t)
	look := func(after time.Duration, bag, recording bool) {
		t.Helper()
		ahead.Store(int64(after))
		must(log.Add(t.Context(), translog.Admin{What: "a.b", By: "command"}))(t)
		ok(t, keeper.follow(t.Context(), log.Size()))
		_, noBag := os.Stat(filepath.Join(root, "bags", never.name()))
		_, noRec := folder.Stat(t.Context(), rec)
		if bag != (noBag == nil) || recording != (noRec == nil) {
			t.Errorf("after %s: %v, %v", after, noBag, noRec)
		}
	}
	look(2*time.Hour, true, true)
	look(26*time.Hour, false, true)
	look(50*time.Hour, false, false)
}

// TestLogKeys: a mirror takes keys of the events alone, as the log names them, and
// destroys them when they were revoked and the erasure of their recording was decided:
// neither alone is enough.
func TestLogKeys(t *testing.T) {
	o := newOffice(t)
	p := newPlace(t, o)
	c := p.client(t)
	k := o.keep(t)
	k.opened(t)
	name := strings.TrimSuffix(k.name(), ".key") + logCopyEnd
	file, there := strings.TrimSuffix(k.bag, ".key")+logKeysEnd, filepath.Join(p.root, "bags", name)
	terms := recordings.ShareTerms{ID: recordings.NewSessionID(), Tracks: []recordings.Track{recordings.TrackEvents}, To: time.Minute, Made: time.Now(), Until: time.Now().AddDate(100, 0, 0)}
	readers := recordings.Alone(recordings.ClassAuditor, o.identity.Recipient())
	keys, anew := must(k.ShareAmong(terms, readers...))(t), must(k.ShareAmong(terms, readers...))(t)
	link := must(k.ShareLink(terms, recordings.NewShareSecret()))(t)
	terms.Tracks = append(terms.Tracks, recordings.TrackVideo)
	more := must(k.ShareAmong(terms, readers...))(t)
	l := o.uplink(t, c, p.public())
	l.c.BagDir = o.dir
	l.run(t)
	told := func(leaves ...translog.Leaf) uint64 {
		first := must(o.log.Add(t.Context(), leaves...))(t)
		eventually(t, "the log", func() bool { return p.replica.Size() == o.log.Size() })
		return first + uint64(len(leaves)) - 1
	}
	named := func(b []byte) translog.Leaf {
		return translog.LogKeys{SID: k.id, Keys: sha256.Sum256(b), By: "broker"}
	}
	for what, b := range map[string][]byte{"of the picture too": more, "for a link": link, "no share": []byte("{}"), "a key bag": must(os.ReadFile(k.bag))(t),
		"a line feed behind": append(bytes.Clone(keys), '\n'), "too long": bytes.Repeat([]byte{' '}, MaxLogKeys+1)} {
		told(named(b))
		if _, err := c.PutBag(t.Context(), name, b); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if _, err := c.PutBag(t.Context(), name, keys); !errors.Is(err, ErrRefused) {
		t.Errorf("what the log does not name: %v", err)
	}
	is := func(b []byte) func() bool {
		return func() bool { have, err := os.ReadFile(there); return err == nil && bytes.Equal(have, b) }
	}
	share := translog.Share{ID: translog.ID(terms.ID), SID: k.id, By: "broker", To: translog.ToLog, Tracks: translog.Tracks{1}, Until: 1}
	for _, b := range [][]byte{keys, anew} {
		ok(t, os.WriteFile(file, b, 0o600))
		must(o.log.Add(t.Context(), named(b)))(t)
		l.LogKept(k.segment)
		eventually(t, "they are there", is(b))
	}
	if _, err := c.PutBag(t.Context(), name, keys); !errors.Is(err, ErrRefused) {
		t.Errorf("those of before: %v", err)
	}
	eventually(t, "nothing waits", func() bool { return l.Status().Bags == 0 })

	// Found at a start.
	ok(t, os.Remove(there))
	next := o.uplink(t, c, p.public())
	next.c.BagDir = o.dir
	next.c.Logs = func(context.Context) ([]Segment, error) { return []Segment{k.segment}, nil }
	next.run(t)
	eventually(t, "found again", is(anew))

	leaf := told(share, translog.Revoke{ID: share.ID, SID: k.id, By: "broker"})
	if done, err := next.LogGone(t.Context(), k.segment, leaf); done || err != nil || !is(anew)() {
		t.Errorf("destroyed because the broker alone said so: %t, %v", done, err)
	}
	k.shred(t, translog.RoleAuditor, translog.RoleDPO)
	eventually(t, "destroyed", func() bool {
		done, err := next.LogGone(t.Context(), k.segment, leaf)
		return err == nil && done
	})
	if left := must(filepath.Glob(filepath.Join(p.root, "bags", "*")))(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := c.PutBag(t.Context(), name, anew); !errors.Is(err, ErrRefused) {
		t.Errorf("of a log that was destroyed: %v", err)
	}
	must(k.Close())(t)
}

package verdict

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// office records one session of two segments, and keeps a log with a witness.
type office struct {
	dir      string
	log      *translog.Log
	key      ed25519.PrivateKey
	witness  *translog.Cosigner
	keys     translog.Keys
	identity recordings.Identity
	sid      recordings.SessionID
	paths    []string
	indexes  []uint64 // of the leaves about the session
}

func newOffice(t testing.TB, witness string) *office {
	t.Helper()
	o := &office{dir: t.TempDir(), identity: must(recordings.NewIdentity())(t), sid: recordings.NewSessionID()}
	_, o.key, _ = ed25519.GenerateKey(nil)
	public, sign, _ := ed25519.GenerateKey(nil)
	logKeys := []ed25519.PublicKey{o.key.Public().(ed25519.PublicKey)}
	o.log = must(translog.Create(filepath.Join(t.TempDir(), "log"), translog.Config{Origin: "office.example/evidence", Key: o.key}))(t)
	o.witness = must(translog.CreateCosigner(translog.CosignerConfig{Name: witness, Key: sign, Origin: "office.example/evidence", Log: logKeys, State: filepath.Join(t.TempDir(), "state")}))(t)
	o.keys = translog.Keys{Log: logKeys, Witness: []translog.NamedKey{{Name: witness, Key: public}}}
	t.Cleanup(func() { must(0, o.log.Close())(t); must(0, o.witness.Close())(t) })
	var continues *recordings.Head
	for n := range 2 {
		conf := o.conf(n, continues)
		w := must(recordings.Create(conf))(t)
		open, h := w.Open(), w.Head()
		bag := must(os.ReadFile(recordings.DefaultBag(w.Path())))(t)
		o.add(t, translog.Opened{SID: translog.ID(o.sid), Segment: n, Key: translog.Hash(open.Key), Commit: open.Commit, Bag: sha256.Sum256(bag), N: h.N, Root: translog.Hash(h.Root)})
		must(0, w.Append(recordings.TrackEvents, 0, time.Second, 0, []byte(`{"a":1}`)))(t)
		must(w.Seal())(t)
		end := must(w.Close())(t)
		file := must(os.ReadFile(w.Path()))(t)
		o.add(t, translog.Closed{SID: translog.ID(o.sid), Segment: n, N: end.N, Root: translog.Hash(end.Root), Bytes: uint64(len(file)), SHA256: sha256.Sum256(file)})
		o.paths, continues = append(o.paths, w.Path()), &end
	}
	return o
}

func (o *office) conf(n int, continues *recordings.Head) recordings.Config {
	return recordings.Config{Dir: o.dir, Session: o.sid, Segment: n, Continues: continues, Origin: "test", Started: time.Now(),
		Recipients: []recordings.Recipient{o.identity.Recipient()}}
}

func (o *office) add(t testing.TB, leaves ...translog.Leaf) {
	t.Helper()
	first := must(o.log.Add(t.Context(), leaves...))(t)
	for i := range leaves {
		o.indexes = append(o.indexes, first+uint64(i))
	}
}

// proof is what the log says, signed by the witness.
func (o *office) proof(t testing.TB) *translog.Proof {
	t.Helper()
	last, _ := o.witness.Last()
	point := o.log.Checkpoint()
	var proof = must(o.log.Consistency(t.Context(), last.Size, point.Size))(t)
	if last.Size == point.Size {
		proof = nil
	}
	line := must(o.witness.AddCheckpoint(translog.Request{Old: last.Size, Proof: proof, Checkpoint: point}))(t)
	p := must(o.log.Proof(t.Context(), translog.ID(o.sid), must(point.Add(line))(t), o.indexes...))(t)
	return &p
}

func (o *office) judge(t testing.TB, proof *translog.Proof) Result {
	t.Helper()
	c := New(o.keys, proof, nil)
	for _, path := range o.paths {
		if err := c.Scan(path, recordings.DefaultBag(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return c.Result()
}

func (r Result) codes() string {
	var all []string
	for _, reason := range r.Reasons {
		all = append(all, reason.Code)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}

func change(t testing.TB, path string, do func([]byte) []byte) {
	t.Helper()
	must(0, os.WriteFile(path, do(must(os.ReadFile(path))(t)), 0o600))(t)
}

// erase decides about all, or with one role only, and says what it did of a segment.
func (o *office) erase(t testing.TB, roles ...string) {
	t.Helper()
	id := translog.ID{5}
	step := func(step, by, role string) translog.Leaf {
		return translog.Erase{ID: id, SID: translog.ID(o.sid), Step: step, By: by, Role: role}
	}
	leaves := []translog.Leaf{step(translog.StepAsked, "au", translog.RoleAuditor)}
	for _, role := range roles {
		leaves = append(leaves, step(translog.StepApproved, map[string]string{translog.RoleAuditor: "au", translog.RoleDPO: "dpo"}[role], role))
	}
	for n := range o.paths {
		leaves = append(leaves, translog.Shred{SID: translog.ID(o.sid), Segment: n, Bag: translog.Hash{1}, By: [2]string{"au", "dpo"}, Erase: id})
	}
	o.add(t, leaves...)
}

// TestVerdicts: each thing that can be done to files, bags and log comes to its state.
func TestVerdicts(t *testing.T) {
	both := []string{translog.RoleAuditor, translog.RoleDPO}
	bag := func(o *office) string { return recordings.DefaultBag(o.paths[1]) }
	for name, c := range map[string]struct {
		witness string
		do      func(testing.TB, *office)
		state   State
		codes   string
	}{
		"as it is":    {do: func(testing.TB, *office) {}, state: Intact},
		"own witness": {witness: translog.EmbeddedWitness, do: func(testing.TB, *office) {}, state: Intact},
		"one bit": {do: func(t testing.TB, o *office) {
			change(t, o.paths[0], func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}, state: Tampered, codes: "changed log_differs"},
		"cut":         {do: func(t testing.TB, o *office) { change(t, o.paths[1], func(b []byte) []byte { return b[:len(b)-100] }) }, state: Tampered, codes: "changed log_differs"},
		"a part gone": {do: func(t testing.TB, o *office) { must(0, os.Remove(o.paths[1]))(t) }, state: Incomplete, codes: "missing_segment"},
		"no bag":      {do: func(t testing.TB, o *office) { must(0, os.Remove(bag(o)))(t) }, state: Intact},
		"another bag": {do: func(t testing.TB, o *office) { change(t, bag(o), func(b []byte) []byte { return append(b, '\n') }) }, state: Tampered, codes: "bag_differs"},
		"wrapped anew": {do: func(t testing.TB, o *office) {
			o.add(t, translog.Rewrap{SID: translog.ID(o.sid), Segment: 1, Bag: translog.Hash{9}, By: "au"})
		}, state: Unverifiable, codes: "bag_old"},
		"bag is back": {do: func(t testing.TB, o *office) { o.erase(t, both...); must(0, os.Remove(bag(o)))(t) }, state: Tampered, codes: "bag_back"},
		"destroyed": {do: func(t testing.TB, o *office) {
			o.erase(t, both...)
			for _, p := range o.paths {
				must(0, os.Remove(recordings.DefaultBag(p)))(t)
			}
		}, state: Intact},
		"deleted": {do: func(t testing.TB, o *office) {
			o.erase(t, both...)
			for n, p := range o.paths {
				o.add(t, translog.Purge{SID: translog.ID(o.sid), Segment: n, Bytes: 1})
				must(0, os.Remove(recordings.DefaultBag(p)))(t)
				must(0, os.Remove(p))(t)
			}
		}, state: Unverifiable, codes: "purged"},
		"destroyed by one role": {do: func(t testing.TB, o *office) {
			o.erase(t, translog.RoleAuditor)
			for _, p := range o.paths {
				must(0, os.Remove(recordings.DefaultBag(p)))(t)
			}
		}, state: Tampered, codes: "proof"},
		"deleted, undecided": {do: func(t testing.TB, o *office) {
			o.add(t, translog.Purge{SID: translog.ID(o.sid), Segment: 1, Bytes: 1})
			must(0, os.Remove(o.paths[1]))(t)
		}, state: Tampered, codes: "proof purged"},
		"recorded anew": {do: func(t testing.TB, o *office) {
			must(0, os.Remove(o.paths[0]))(t)
			must(0, os.Remove(recordings.DefaultBag(o.paths[0])))(t)
			w := must(recordings.Create(o.conf(0, nil)))(t)
			must(w.Close())(t)
		}, state: Tampered, codes: "bag_differs changed log_differs recorded_anew"},
		"no key of a witness":   {do: func(_ testing.TB, o *office) { o.keys.Witness = nil }, state: Unverifiable, codes: "no_witness"},
		"no key of the log":     {do: func(_ testing.TB, o *office) { o.keys.Log = nil }, state: Unverifiable, codes: "no_log_key"},
		"not closed on the log": {do: func(_ testing.TB, o *office) { o.indexes = o.indexes[:3] }, state: Unverifiable, codes: "not_closed_on_log"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.witness == "" {
				c.witness = "town-hall"
			}
			o := newOffice(t, c.witness)
			c.do(t, o)
			r := o.judge(t, o.proof(t))
			if r.State != c.state || r.codes() != c.codes {
				t.Errorf("%d, %q: %+v", r.State, r.codes(), r.Reasons)
			}
			own := slices.ContainsFunc(r.Remarks, func(s string) bool { return strings.Contains(s, "inside the broker") })
			if own != (c.witness == translog.EmbeddedWitness) {
				t.Errorf("remarks: %q", r.Remarks)
			}
		})
	}
}

// TestWithoutProof: files alone are never intact; and one of another session is found.
func TestWithoutProof(t *testing.T) {
	o, other := newOffice(t, "town-hall"), newOffice(t, "town-hall")
	if r := o.judge(t, nil); r.State != Unverifiable || r.codes() != "no_proof" || r.Proof != nil {
		t.Errorf("%d, %q", r.State, r.codes())
	}
	if New(o.keys, nil, nil).Anchored() || !New(o.keys, o.proof(t), nil).Anchored() {
		t.Error("anchored")
	}
	o.keys = other.keys
	if r := o.judge(t, other.proof(t)); r.State != Tampered || !strings.Contains(r.codes(), "log_differs") {
		t.Errorf("another session's proof: %d, %q", r.State, r.codes())
	}
}

// TestExcerptVerdict: an excerpt stands in the recording that the log holds, or not.
func TestExcerptVerdict(t *testing.T) {
	o, other := newOffice(t, "town-hall"), newOffice(t, "town-hall")
	e := must(recordings.ParseExcerpt(must(recordings.MakeExcerpt(o.paths[0], recordings.ScanOptions{}, recordings.Pick{Tracks: []recordings.Track{recordings.TrackEvents}, To: time.Hour}))(t)))(t)
	if s, why := Excerpt(e, o.proof(t), o.keys); s != Intact || why != "" {
		t.Errorf("%d, %s", s, why)
	}
	if s, _ := Excerpt(e, nil, o.keys); s != Unverifiable {
		t.Errorf("no proof: %d", s)
	}
	if s, _ := Excerpt(e, other.proof(t), other.keys); s != Tampered {
		t.Errorf("another session's proof: %d", s)
	}
	short := e
	short.Head.N--
	if s, _ := Excerpt(short, o.proof(t), o.keys); s != Unverifiable {
		t.Errorf("a head that the log does not hold: %d", s)
	}
	forged := e
	forged.Head.Root[0] ^= 1
	if s, _ := Excerpt(forged, o.proof(t), o.keys); s != Tampered {
		t.Errorf("another root: %d", s)
	}
	if bytes.Equal(o.sid[:], other.sid[:]) {
		t.Error("one session")
	}
}

// TestLogApart: of a recording whose keys were destroyed the verdict tells whether its
// log can still be read, by the share to the log and its revocation alone.
func TestLogApart(t *testing.T) {
	const apart, gone = "the keys of its events were kept apart: whoever has them reads the log, and nothing else", "the keys of its events, which were kept apart, were destroyed on "
	share := func(id byte, to string) func(*office) translog.Leaf {
		return func(o *office) translog.Leaf {
			return translog.Share{ID: translog.ID{id}, SID: translog.ID(o.sid), By: "broker", To: to, Tracks: translog.Tracks{1}, ToMS: 60_000, Until: 1 << 42}
		}
	}
	revoke := func(id byte) func(*office) translog.Leaf {
		return func(o *office) translog.Leaf {
			return translog.Revoke{ID: translog.ID{id}, SID: translog.ID(o.sid), By: "broker"}
		}
	}
	for name, c := range map[string]struct {
		before, after []func(*office) translog.Leaf
		erased        bool
		told          string // "": neither
	}{
		"not erased":                {before: []func(*office) translog.Leaf{share(7, "log")}},
		"erased with its log":       {erased: true},
		"kept apart":                {[]func(*office) translog.Leaf{share(7, "log")}, nil, true, apart},
		"then destroyed":            {[]func(*office) translog.Leaf{share(7, "log")}, []func(*office) translog.Leaf{revoke(7)}, true, gone},
		"another share was revoked": {[]func(*office) translog.Leaf{share(7, "log"), share(8, "customer")}, []func(*office) translog.Leaf{revoke(8)}, true, apart},
		"shared with somebody else": {[]func(*office) translog.Leaf{share(8, "customer")}, nil, true, ""},
		"that one was revoked":      {[]func(*office) translog.Leaf{share(8, "customer")}, []func(*office) translog.Leaf{revoke(8)}, true, ""},
		"revoked and never made":    {nil, []func(*office) translog.Leaf{revoke(7)}, true, ""},
		"its file was deleted as well": {[]func(*office) translog.Leaf{share(7, "log")}, []func(*office) translog.Leaf{func(o *office) translog.Leaf {
			return translog.Purge{SID: translog.ID(o.sid), Segment: 0, Bytes: 1}
		}, func(o *office) translog.Leaf {
			return translog.Purge{SID: translog.ID(o.sid), Segment: 1, Bytes: 1}
		}}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, "mirror.example/w")
			for _, leaf := range c.before {
				o.add(t, leaf(o))
			}
			if c.erased {
				o.erase(t, translog.RoleAuditor, translog.RoleDPO)
				for _, path := range o.paths {
					must(0, os.Remove(recordings.DefaultBag(path)))(t)
				}
			}
			for _, leaf := range c.after {
				o.add(t, leaf(o))
			}
			r := o.judge(t, o.proof(t))
			if r.State == Tampered {
				t.Errorf("%s", r.codes())
			}
			for _, words := range []string{apart, gone} {
				n := 0
				for _, remark := range r.Remarks {
					if strings.Contains(remark, words) {
						n++
					}
				}
				want := 0
				if words == c.told {
					want = len(o.paths) // of each segment
				}
				if n != want {
					t.Errorf("%d segments say %q, want %d: %q", n, words, want, r.Remarks)
				}
			}
		})
	}
}

package translog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

// witnessed cosigns the newest checkpoint of a log.
func witnessed(t testing.TB, l *Log) Checkpoint {
	t.Helper()
	c := l.Checkpoint()
	full, err := c.Add(cosign(c.body(), "mirror.example/w", seeded("witness"), l.conf.Now()))
	must(t, err)
	must(t, l.SetCosigned(t.Context(), full))
	return full
}

// office makes a log of whole sessions, with all that there is around them.
func office(t testing.TB, sessions int) (*Log, string) {
	t.Helper()
	l, dir := newLog(t)
	add(t, l, Policy{1, testHash(1), Hash{}, testHash(2)}, Policy{2, testHash(3), testHash(1), testHash(2)})
	var leaves []Leaf
	for n := range sessions {
		o := opened(n)
		leaves = append(leaves, o,
			Heartbeat{[]Head{{o.SID, 0, 1, o.Root}}}, Heartbeat{[]Head{{o.SID, 0, 50, testHash(n + 9)}}},
			closed(n), Access{testID(1000 + n), o.SID, "auditor-1", "page", Tracks{1, 2}, Hash{}})
	}
	add(t, l, leaves...)
	body, err := l.PutSealed([]byte("why"))
	must(t, err)
	sid := testID(0)
	add(t, l,
		Hold{testID(500), sid, "auditor-1", body}, Release{testID(500), sid, "auditor-1", body},
		Erase{testID(600), sid, StepAsked, "auditor-1", RoleAuditor, body},
		Erase{testID(600), sid, StepApproved, "auditor-1", RoleAuditor, body},
		Erase{testID(600), sid, StepApproved, "dpo-1", RoleDPO, body},
		Shred{sid, 0, testHash(3), [2]string{"dpo-1", "auditor-1"}, testID(600)},
		Purge{sid, 0, 5000},
		Timestamp{3, mustRoot(t, l, 3), testHash(77)},
		Admin{"signin", "auditor-1", body},
	)
	return l, dir
}

func mustRoot(t testing.TB, l *Log, n uint64) Hash {
	t.Helper()
	r, err := l.RootAt(t.Context(), n)
	must(t, err)
	return Hash(r)
}

// folderOf reads a log's folder into memory.
func folderOf(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	m := fstest.MapFS{}
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil || name == lockFile {
			return err
		}
		b, err := os.ReadFile(p)
		m[filepath.ToSlash(name)] = &fstest.MapFile{Data: b}
		return err
	}))
	return m
}

func clone(m fstest.MapFS) fstest.MapFS {
	c := fstest.MapFS{}
	for name, f := range m {
		c[name] = &fstest.MapFile{Data: bytes.Clone(f.Data)}
	}
	return c
}

func audited(t testing.TB, fsys fs.FS, old ...Checkpoint) AuditReport {
	t.Helper()
	r, err := Audit(t.Context(), fsys, testKeys(), old...)
	must(t, err)
	return r
}

func clean(r AuditReport) bool {
	return len(r.Problems) == 0 && len(r.Missing) == 0 && len(r.Unclosed) == 0
}

func TestAuditClean(t *testing.T) {
	l, dir := office(t, 120)
	early := l.Checkpoint()
	add(t, l, opened(999), Access{testID(1), testID(998), "a", "page", nil, Hash{}})
	witnessed(t, l)
	r := audited(t, os.DirFS(dir), early)
	if !clean(r) || r.Old != 1 || r.Sessions != 121 || len(r.Live) != 1 || r.Cosigned != l.Size() || len(r.Witnesses) != 1 || r.Leaves[KindHeartbeat] != 240 {
		t.Fatalf("%+v", r)
	}
	if got := fmt.Sprint(r.Remarks); !strings.Contains(got, "1 sealed bodies") || !strings.Contains(got, "1 leaves are about sessions") {
		t.Error(got)
	}
	// Nobody's keys: nothing contradicts, and nobody vouches.
	r, err := Audit(t.Context(), os.DirFS(dir), Keys{})
	must(t, err)
	if len(r.Problems) > 0 || len(r.Missing) != 2 {
		t.Errorf("%+v", r)
	}
}

// forge is a log with other leaves, tiles and checkpoints all in order, made by
// who has the log key.
func forge(t testing.TB, of *Log, change func(entries [][]byte) [][]byte) (fstest.MapFS, *Log) {
	t.Helper()
	var entries [][]byte
	for e, err := range of.Entries(t.Context(), 0, of.Size()) {
		must(t, err)
		entries = append(entries, bytes.Clone(e.Data))
	}
	dir := t.TempDir()
	l := &Log{conf: of.conf, dir: folder{dir}, fsys: os.DirFS(dir), turn: make(chan struct{}, 1)}
	w := l.writer(state{})
	for _, e := range change(entries) {
		must(t, w.add(e))
	}
	s, err := w.finish(sign(l.conf.Origin, w.edge.n, w.edge.root(), l.conf.Key))
	must(t, err)
	l.state = s
	return folderOf(t, dir), l
}

func TestAuditFindsForgedLeaves(t *testing.T) {
	l, dir := office(t, 60)
	saved := witnessed(t, l)
	honest := folderOf(t, dir)
	for name, change := range map[string]func([][]byte) [][]byte{
		"removed":   func(e [][]byte) [][]byte { return append(e[:7:7], e[8:]...) },
		"last gone": func(e [][]byte) [][]byte { return e[:len(e)-1] },
		"changed": func(e [][]byte) [][]byte {
			e[7] = bytes.Replace(e[7], []byte(`"n":50`), []byte(`"n":51`), 1)
			e[12][20] ^= 1
			return e
		},
		"reordered": func(e [][]byte) [][]byte { e[20], e[21] = e[21], e[20]; return e },
		"inserted":  func(e [][]byte) [][]byte { return append(e[:7:7], e[6:]...) },
	} {
		forged, _ := forge(t, l, change)
		// Without the log key: the old checkpoint stays.
		stale := clone(forged)
		stale[checkpointFile] = honest[checkpointFile]
		if r := audited(t, stale); len(r.Problems) == 0 {
			t.Errorf("%s, checkpoint kept: not found", name)
		}
		// With the log key: who kept a checkpoint finds it, be it the witness's or an own.
		if r := audited(t, forged, saved); len(r.Problems) == 0 {
			t.Errorf("%s, signed anew: not found with an old checkpoint", name)
		}
		forged[cosignedFile] = honest[cosignedFile]
		if r := audited(t, forged); len(r.Problems) == 0 {
			t.Errorf("%s, signed anew: not found with the cosigned checkpoint", name)
		}
	}
}

func TestAuditRollBack(t *testing.T) {
	l, dir := office(t, 20)
	backup := folderOf(t, dir)
	add(t, l, opened(70), closed(70))
	saved := l.Checkpoint()
	r := audited(t, backup, saved)
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Text, "set back") {
		t.Errorf("%+v", r.Problems)
	}
	// The roll-back goes on with other leaves until it is longer.
	other, _ := forge(t, l, func(e [][]byte) [][]byte {
		for n := range 30 {
			b, err := MarshalLeaf(Admin{"signin", "x", testHash(n)}, l.conf.Now())
			must(t, err)
			e = append(e[:len(e)-2:len(e)-2], b, b, b)
		}
		return e
	})
	if r := audited(t, other, saved); len(r.Problems) == 0 {
		t.Error("a fork was not found")
	}
	// A checkpoint that anybody can have made proves nothing, and says so.
	anybody := sign(testOrigin, 5, saved.Root, seeded("anybody"))
	if r := audited(t, folderOf(t, dir), anybody); len(r.Problems) == 0 || r.Old != 0 {
		t.Errorf("%+v", r)
	}
	foreign := sign("other.example/evidence", 5, saved.Root, l.conf.Key)
	if r := audited(t, folderOf(t, dir), foreign); len(r.Problems) == 0 {
		t.Error("a checkpoint of another log")
	}
}

// TestAuditLedger: what leaves must not say.
func TestAuditLedger(t *testing.T) {
	sid := testID(1)
	o := opened(1)
	asked := Erase{testID(6), sid, StepAsked, "a", RoleAuditor, Hash{}}
	byAuditor := Erase{testID(6), sid, StepApproved, "a", RoleAuditor, Hash{}}
	byDPO := Erase{testID(6), sid, StepApproved, "d", RoleDPO, Hash{}}
	shred := Shred{sid, 0, testHash(3), [2]string{"a", "d"}, testID(6)}
	next := opened(1)
	next.Segment = 1
	skipped := opened(1)
	skipped.Segment = 2
	beat := func(n uint64, root int) Heartbeat { return Heartbeat{[]Head{{sid, 0, n, testHash(root)}}} }
	shut := func(n uint64) Closed { c := closed(1); c.N = n; return c }
	for name, c := range map[string]struct {
		leaves []Leaf
		want   string // of the first problem; empty for none
	}{
		"all well":               {[]Leaf{o, beat(5, 1), shut(9), next, asked, byAuditor, byDPO, shred}, ""},
		"late heartbeat":         {[]Leaf{o, shut(9), beat(8, 3)}, ""},
		"opened twice":           {[]Leaf{o, shut(9), o}, "leaf 3: 00000000000000000000000000000002-0 is opened twice"},
		"closed, never opened":   {[]Leaf{shut(9)}, "never opened"},
		"heartbeat, not opened":  {[]Leaf{beat(5, 1)}, "never opened"},
		"closed twice":           {[]Leaf{o, shut(9), shut(9)}, "closed twice"},
		"recovered after closed": {[]Leaf{o, shut(9), Recovered{sid, 0, 9, testHash(1), 1, testHash(1), "crash"}}, "closed twice"},
		"grows when closed":      {[]Leaf{o, shut(9), beat(10, 3)}, "grows after"},
		"shrinks":                {[]Leaf{o, beat(9, 1), beat(8, 1)}, "shrinks"},
		"closed shorter":         {[]Leaf{o, beat(9, 1), shut(8)}, "shrinks"},
		"two heads":              {[]Leaf{o, beat(9, 1), beat(9, 2)}, "two heads"},
		"segment left out":       {[]Leaf{o, skipped}, "not the segment before"},
		"second genesis":         {[]Leaf{Genesis{testOrigin}}, "genesis"},
		"policy left out":        {[]Leaf{Policy{1, testHash(1), Hash{}, testHash(2)}, Policy{3, testHash(1), testHash(1), testHash(2)}}, "does not follow"},
		"policy of another":      {[]Leaf{Policy{1, testHash(1), Hash{}, testHash(2)}, Policy{2, testHash(1), testHash(9), testHash(2)}}, "does not follow"},
		"shred, nobody asked":    {[]Leaf{o, shred}, "without an erasure"},
		"shred, one approval":    {[]Leaf{o, asked, byAuditor, shred}, "without the approval"},
		"shred, one person":      {[]Leaf{o, asked, byAuditor, Erase{testID(6), sid, StepApproved, "a", RoleDPO, Hash{}}, shred}, "without the approval"},
		"shred by others":        {[]Leaf{o, asked, byAuditor, byDPO, Shred{sid, 0, testHash(3), [2]string{"a", "x"}, testID(6)}}, "by others"},
		"shred, refused":         {[]Leaf{o, asked, byAuditor, byDPO, Erase{testID(6), sid, StepRefused, "d", RoleDPO, Hash{}}, shred}, "refused"},
		"shred, held":            {[]Leaf{o, asked, byAuditor, byDPO, Hold{testID(8), sid, "a", Hash{}}, shred}, "legal hold"},
		"shred, of another":      {[]Leaf{o, opened(2), asked, byAuditor, byDPO, Shred{testID(2), 0, testHash(3), [2]string{"a", "d"}, testID(6)}}, "without an erasure"},
		"decided, not asked":     {[]Leaf{o, byDPO}, "before it is asked"},
		"asked twice":            {[]Leaf{o, asked, asked}, "asked for twice"},
		"deleted, not shredded":  {[]Leaf{o, shut(9), Purge{sid, 0, 1}}, "before its keys"},
		"hold twice":             {[]Leaf{o, Hold{testID(8), sid, "a", Hash{}}, Hold{testID(8), sid, "a", Hash{}}}, "begins twice"},
		"revoked, not shared":    {[]Leaf{o, Revoke{testID(8), sid, "a", Hash{}}}, "never made"},
		"revoked elsewhere":      {[]Leaf{o, Share{testID(8), testID(9), "a", "b", Tracks{1}, 0, 5, 9, Hash{}}, Revoke{testID(8), sid, "a", Hash{}}}, "never made"},
		"released, not held":     {[]Leaf{o, Release{testID(8), sid, "a", Hash{}}}, "no hold"},
		"stamped another root":   {[]Leaf{o, Timestamp{1, testHash(1), testHash(2)}}, "not this log's"},
		"stamped the future":     {[]Leaf{Timestamp{2, testHash(1), testHash(2)}}, "timestamp over"},
	} {
		l, dir := newLog(t)
		add(t, l, c.leaves...)
		witnessed(t, l)
		r := audited(t, os.DirFS(dir))
		got := ""
		if len(r.Problems) > 0 {
			got = r.Problems[0].String()
		}
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAuditUnclosed: a session that was opened and never closed is found as soon as
// it cannot be alive any more.
func TestAuditUnclosed(t *testing.T) {
	l, dir := newLog(t)
	now := l.conf.Now()
	l.conf.Now = func() time.Time { return now }
	add(t, l, opened(1))
	add(t, l, opened(2), closed(2))
	now = now.Add(liveFor)
	add(t, l, Admin{"signin", "a", Hash{}})
	witnessed(t, l)
	if r := audited(t, os.DirFS(dir)); !clean(r) || len(r.Live) != 1 {
		t.Errorf("%+v", r)
	}
	now = now.Add(time.Second)
	add(t, l, Admin{"signin", "a", Hash{}})
	if r := audited(t, os.DirFS(dir)); len(r.Unclosed) != 1 || r.Unclosed[0].SID != testID(1) || len(r.Problems) > 0 || len(r.Missing) > 0 {
		t.Errorf("%+v", r)
	}
	now = now.Add(lagAllowed)
	add(t, l, closed(1))
	if r := audited(t, os.DirFS(dir)); len(r.Missing) != 1 || !strings.Contains(r.Missing[0], "behind") {
		t.Errorf("%+v", r)
	}
}

func TestAuditRotation(t *testing.T) {
	l, dir := newLog(t)
	second, third := seeded("log 2"), seeded("log 3")
	add(t, l, NewRotation(testOrigin, RotateLog, l.conf.Key, public(second)), NewRotation(testOrigin, RotateWitness, seeded("witness"), public(seeded("witness 2"))))
	must(t, l.Close())
	conf := l.conf
	conf.OldKeys, conf.Key = []ed25519.PublicKey{public(conf.Key)}, second
	l, err := Open(dir, conf)
	must(t, err)
	add(t, l, NewRotation(testOrigin, RotateLog, second, public(third)))
	c := l.Checkpoint()
	full, err := c.Add(cosign(c.body(), "mirror.example/w", seeded("witness 2"), l.conf.Now()))
	must(t, err)
	must(t, l.SetCosigned(t.Context(), full))
	if r := audited(t, os.DirFS(dir)); !clean(r) {
		t.Errorf("%+v", r)
	}
	add(t, l, NewRotation(testOrigin, RotateLog, seeded("thief"), public(seeded("thief 2"))))
	if r := audited(t, os.DirFS(dir)); len(r.Missing) != 1 {
		t.Errorf("%+v", r)
	}
	must(t, l.Close())
}

// TestClockSetBack: a log whose clock goes backwards goes on and stays whole, over a
// restart as well; whoever audits it is told, and it is nobody's fault.
func TestClockSetBack(t *testing.T) {
	var behind atomic.Int64
	conf := testConfig()
	at := conf.Now()
	conf.Now = func() time.Time { return at.Add(-time.Duration(behind.Load())) }
	dir := t.TempDir()
	l, err := Create(dir, conf)
	must(t, err)
	o := opened(1)
	add(t, l, o)
	old := witnessed(t, l)
	behind.Store(int64(time.Hour))
	add(t, l, Heartbeat{[]Head{{o.SID, 0, 5, testHash(9)}}})
	l = reopen(t, l, dir)
	add(t, l, closed(1))
	behind.Store(0)
	c := witnessed(t, l)
	r := audited(t, os.DirFS(dir), old)
	if got := fmt.Sprint(r.Remarks); !clean(r) || r.Old != 1 || !strings.Contains(got, "the clock was set back 1 times") {
		t.Errorf("%+v", r)
	}
	p, err := l.Proof(t.Context(), o.SID, c, 1, 3)
	must(t, err)
	if _, err := p.Verify(testKeys()); err != nil {
		t.Error(err)
	}
}

// TestAuditFindsEveryChange flips bits of every stored file, and cuts each: the
// audit finds it, and the writer either mends it from the entries or refuses.
func TestAuditFindsEveryChange(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of audits, one after the other")
	}
	l, dir := office(t, 55) // 287 leaves: full and partial tiles on two levels
	witnessed(t, l)
	whole := folderOf(t, dir)
	if r := audited(t, whole); !clean(r) {
		t.Fatalf("%+v", r)
	}
	flips := 0
	for name, file := range whole {
		if strings.HasPrefix(name, "tile/") && !current(l.Size(), name) {
			continue // partial files that newer ones contain
		}
		step := max(1, len(file.Data)/150)
		for i := 0; i < len(file.Data); i += step {
			spoilt := clone(whole)
			spoilt[name].Data[i] ^= 1 << (i % 8)
			if r := audited(t, spoilt); clean(r) {
				t.Errorf("%s: bit %d of byte %d flipped, and nothing found", name, i%8, i)
			}
			flips++
		}
		for i := 0; i < len(file.Data); i += step {
			spoilt := clone(whole)
			spoilt[name].Data = spoilt[name].Data[:i]
			if r := audited(t, spoilt); clean(r) {
				t.Errorf("%s: cut at %d, and nothing found", name, i)
			}
		}
		gone := clone(whole)
		delete(gone, name)
		r := audited(t, gone)
		if strings.HasPrefix(name, sealedDir) {
			if !clean(r) || len(r.Remarks) == 0 {
				t.Errorf("%s deleted: %+v", name, r) // bodies may be deleted
			}
		} else if clean(r) {
			t.Errorf("%s deleted, and nothing found", name)
		}
	}
	t.Logf("%d bits flipped in %d files", flips, len(whole))
}

// current tells whether a tile or bundle belongs to the newest checkpoint.
func current(size uint64, name string) bool {
	for level := range 2 {
		for number := range size>>(tileHeight*(level+1)) + 1 {
			width := int(min(size>>(tileHeight*level)-number*tileWidth, tileWidth))
			if name == tilePath(level, number, width) || level == 0 && name == bundlePath(number, width) {
				return true
			}
		}
	}
	return false
}

// TestAuditHostileBundle: lengths that lie, bundles that are too long.
func TestAuditHostileBundle(t *testing.T) {
	l, dir := office(t, 3)
	whole := folderOf(t, dir)
	name := bundlePath(0, int(l.Size()))
	for what, b := range map[string][]byte{
		"length beyond the end": binary.BigEndian.AppendUint16(nil, 65535),
		"empty entries":         make([]byte, 2*256),
		"more than 256":         make([]byte, 2*257),
		"too long":              make([]byte, maxBundle+1),
	} {
		spoilt := clone(whole)
		spoilt[name].Data = b
		r, err := Audit(t.Context(), spoilt, testKeys())
		if err == nil && len(r.Problems) == 0 {
			t.Errorf("%s: nothing found", what)
		}
	}
}

package translog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"os"
	"testing"
)

// copyLog is what an uplink does: everything up to point, some entries at a time.
func copyLog(ctx context.Context, l *Log, r *Replica, point Checkpoint, step uint64) error {
	for {
		at := r.Size()
		to := min(at+step, point.Size)
		var entries [][]byte
		for e, err := range l.Entries(ctx, at, to) {
			if err != nil {
				return err
			}
			entries = append(entries, bytes.Clone(e.Data))
		}
		proof, err := l.Consistency(ctx, to, point.Size)
		if err != nil {
			return err
		}
		if to == point.Size {
			proof = nil
		}
		if err := r.Append(ctx, at, entries, proof, point); err != nil || to == point.Size {
			return err
		}
	}
}

func openReplica(t testing.TB, dir string) *Replica {
	t.Helper()
	r, err := OpenReplica(dir, testOrigin, []ed25519.PublicKey{public(seeded("log"))})
	must(t, err)
	t.Cleanup(func() { _ = r.Close() }) // may be closed already
	return r
}

// TestReplica: however the entries come, and whenever the process ends, the copy
// is the log.
func TestReplica(t *testing.T) {
	for _, step := range []uint64{37, 256, MaxEntries} {
		l, _ := newLog(t)
		dir := t.TempDir()
		r := openReplica(t, dir)
		for round := range 3 {
			var leaves []Leaf
			for n := range 150 {
				leaves = append(leaves, opened(round*1000+n), closed(round*1000+n))
			}
			add(t, l, leaves...)
			must(t, copyLog(t.Context(), l, r, l.Checkpoint(), step))
			if round == 1 {
				// As if it ended before the rest came.
				add(t, l, opened(5000), closed(5000), opened(5001), closed(5001))
				point := l.Checkpoint()
				e, err := l.Entry(t.Context(), r.Size())
				must(t, err)
				proof, err := l.Consistency(t.Context(), r.Size()+1, point.Size)
				must(t, err)
				must(t, r.Append(t.Context(), r.Size(), [][]byte{e}, proof, point))
			}
			must(t, r.Close())
			r = openReplica(t, dir)
		}
		if r.Checkpoint().Root != l.Checkpoint().Root || r.Size() != l.Size() {
			t.Errorf("step %d: %d leaves of %d", step, r.Size(), l.Size())
		}
		for e, err := range r.l.Entries(t.Context(), 0, r.Size()) {
			must(t, err)
			if want, err := l.Entry(t.Context(), e.Index); err != nil || !bytes.Equal(e.Data, want) {
				t.Fatalf("step %d: leaf %d: %v", step, e.Index, err)
			}
		}
	}
}

// TestReplicaRefuses: nothing that the log did not sign, and nothing that another
// log under its key and name would like in place of what is held.
func TestReplicaRefuses(t *testing.T) {
	l, _ := newLog(t)
	other, _ := newLog(t)
	for n := range 10 {
		add(t, l, opened(n))
		add(t, other, opened(100+n))
	}
	dir := t.TempDir()
	r := openReplica(t, dir)
	must(t, copyLog(t.Context(), l, r, l.Checkpoint(), 100))
	for n := range 10 {
		add(t, l, closed(n))
		add(t, other, closed(n))
	}
	held := r.Size()
	var entries, foreign [][]byte
	for e, err := range l.Entries(t.Context(), held, l.Size()) {
		must(t, err)
		entries = append(entries, bytes.Clone(e.Data))
	}
	for e, err := range other.Entries(t.Context(), held, other.Size()) {
		must(t, err)
		foreign = append(foreign, bytes.Clone(e.Data))
	}
	point := l.Checkpoint()
	unsigned := sign(testOrigin, point.Size, point.Root, seeded("somebody"))
	elsewhere := sign("elsewhere.example/evidence", point.Size, point.Root, seeded("log"))
	changed := append([][]byte{}, entries...)
	changed[3] = entries[2]
	proof, err := l.Consistency(t.Context(), held+5, point.Size)
	must(t, err)
	for name, c := range map[string]struct {
		at      uint64
		entries [][]byte
		point   Checkpoint
		want    error
	}{
		"another's key":        {held, entries, unsigned, ErrUntrusted},
		"another's name":       {held, entries, elsewhere, ErrUntrusted},
		"one entry twice":      {held, changed, point, ErrForeign},
		"one entry less":       {held, entries[:9], point, ErrForeign},
		"one entry more":       {held, append(append([][]byte{}, entries...), entries[0]), point, ErrForeign},
		"a fork":               {held, foreign, other.Checkpoint(), ErrForeign},
		"no JSON":              {held, [][]byte{[]byte("x")}, point, ErrForeign},
		"a second genesis":     {held, [][]byte{mustLeaf(t, Genesis{testOrigin})}, point, ErrForeign},
		"again from before":    {held - 1, entries, point, HeldError{held}},
		"further on":           {held + 1, entries, point, HeldError{held}},
		"a checkpoint too old": {held, nil, sign(testOrigin, 3, testTreeHash(t, l, 3), seeded("log")), ErrForeign},
	} {
		if err := r.Append(t.Context(), c.at, c.entries, nil, c.point); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := r.Append(t.Context(), held, entries[:4], proof, point); !errors.Is(err, ErrForeign) {
		t.Errorf("proof of another size: %v", err)
	}
	if r.Size() != held {
		t.Errorf("it holds %d", r.Size())
	}
	must(t, r.Append(t.Context(), held, entries, nil, point))
	body := []byte("sealed")
	must(t, r.PutSealed(hashOf(body), body))
	if err := r.PutSealed(hashOf(body), []byte("other")); !errors.Is(err, ErrForeign) {
		t.Errorf("another body: %v", err)
	}
	// What lies there is checked when it is opened again.
	must(t, r.Close())
	must(t, os.WriteFile(dir+"/"+bundlePath(0, int(point.Size)), JoinEntries(foreign), 0o600))
	if _, err := OpenReplica(dir, testOrigin, []ed25519.PublicKey{public(seeded("log"))}); !errors.Is(err, ErrTampered) {
		t.Errorf("changed on the disk: %v", err)
	}
}

func mustLeaf(t testing.TB, l Leaf) []byte {
	t.Helper()
	b, err := MarshalLeaf(l, testConfig().Now())
	must(t, err)
	return b
}

func testTreeHash(t testing.TB, l *Log, n uint64) [32]byte {
	t.Helper()
	h, err := l.RootAt(t.Context(), n)
	must(t, err)
	return h
}

func hashOf(b []byte) Hash { return Hash(sha256.Sum256(b)) }

// FuzzSplitEntries: whatever comes splits and joins to the same bytes, or not at all.
func FuzzSplitEntries(f *testing.F) {
	f.Add(JoinEntries([][]byte{[]byte("a"), nil, []byte("bc")}))
	f.Add([]byte{0, 2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := SplitEntries(b)
		if err == nil && !bytes.Equal(JoinEntries(entries), b) {
			t.Error("other bytes")
		}
	})
}

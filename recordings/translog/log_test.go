package translog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// reference is a log as golang.org/x/mod keeps it, all hashes in memory.
type reference struct {
	n      int64
	hashes []tlog.Hash
}

func (r *reference) ReadHashes(ix []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ix))
	for i, x := range ix {
		out[i] = r.hashes[x]
	}
	return out, nil
}

func (r *reference) add(t testing.TB, entry []byte) {
	h, err := tlog.StoredHashes(r.n, entry, r)
	must(t, err)
	r.hashes = append(r.hashes, h...)
	r.n++
}

// TestAgainstReference compares roots, proofs and entries with tlog's own tree at
// sizes around the borders of tiles.
func TestAgainstReference(t *testing.T) {
	l, dir := newLog(t)
	var ref reference
	read := func() {
		for e, err := range l.Entries(t.Context(), uint64(ref.n), l.Size()) {
			must(t, err)
			ref.add(t, e.Data)
		}
	}
	read()
	n := 0
	for _, size := range []int{2, 3, 255, 256, 257, 511, 512, 513, 600, 1000, 66_000} {
		var batch []Leaf
		for int(l.Size())+len(batch) < size {
			n++
			batch = append(batch, closed(n))
		}
		add(t, l, batch...)
		read()
		if int(l.Size()) != size || ref.n != int64(size) {
			t.Fatal(l.Size(), ref.n, size)
		}
		want, err := tlog.TreeHash(ref.n, &ref)
		must(t, err)
		if l.Checkpoint().Root != want {
			t.Fatalf("another root at size %d", size)
		}
		if size == 513 || size == 66_000 {
			l = reopen(t, l, dir)
			if l.Checkpoint().Root != want {
				t.Fatalf("another root at size %d after opening", size)
			}
		}
		for _, i := range []int{0, 1, 254, 255, 256, 511, 512, size / 2, size - 2, size - 1} {
			if i < 0 || i >= size {
				continue
			}
			for _, of := range []int{i + 1, (i + 1 + size) / 2, size} {
				p, err := l.Inclusion(t.Context(), uint64(i), uint64(of))
				must(t, err)
				root, err := tlog.TreeHash(int64(of), &ref)
				must(t, err)
				e, err := l.Entry(t.Context(), uint64(i))
				must(t, err)
				must(t, tlog.CheckRecord(p, int64(of), root, int64(i), tlog.RecordHash(e)))
				p, err = l.Consistency(t.Context(), uint64(i+1), uint64(of))
				must(t, err)
				from, err := l.RootAt(t.Context(), uint64(i+1))
				must(t, err)
				must(t, tlog.CheckTree(p, int64(of), root, int64(i+1), from))
			}
		}
	}
	if _, err := l.Inclusion(t.Context(), 5, l.Size()+1); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
	if _, err := l.Entry(t.Context(), l.Size()); !errors.Is(err, ErrRange) {
		t.Error(err)
	}
}

// TestConcurrentAdds: all are there, each once, and they share commits.
func TestConcurrentAdds(t *testing.T) {
	l, dir := newLog(t)
	const many = 400
	at := make([]uint64, many)
	points := make([]Checkpoint, many)
	var wait sync.WaitGroup
	for n := range many {
		wait.Go(func() {
			var err error
			at[n], err = l.Add(t.Context(), opened(n), closed(n))
			if err != nil {
				t.Error(err)
			}
			points[n] = l.Checkpoint()
		})
	}
	wait.Wait()
	l = reopen(t, l, dir)
	if l.Size() != 1+2*many {
		t.Fatal(l.Size())
	}
	for n := range many {
		for k, want := range []Leaf{opened(n), closed(n)} {
			e, err := l.Entry(t.Context(), at[n]+uint64(k))
			must(t, err)
			got, _, err := ParseLeaf(e)
			must(t, err)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("leaf %d: %v, want %v", at[n], got, want)
			}
		}
		if points[n].Size < at[n]+2 {
			t.Errorf("the checkpoint after leaf %d has size %d", at[n]+1, points[n].Size)
		}
		root, err := l.RootAt(t.Context(), points[n].Size)
		must(t, err)
		if root != points[n].Root {
			t.Errorf("checkpoint %d is not extended", points[n].Size)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	l, dir := newLog(t)
	if _, err := l.Add(t.Context()); err == nil {
		t.Error("no leaves were added")
	}
	if _, err := l.Add(t.Context(), closed(1), Closed{}); err == nil || l.Size() != 1 {
		t.Error("half an Add", err, l.Size())
	}
	if _, err := l.Add(t.Context(), Unknown{"x", "{}"}); err == nil {
		t.Error("an unknown leaf")
	}
	l.turn <- struct{}{} // a commit that takes long
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Add(ctx, closed(1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-l.turn
	if n := add(t, l, closed(2)); n != 1 {
		t.Error("the withdrawn leaf is there", n)
	}
	if _, err := Open(dir, l.conf); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	must(t, l.Close())
	if _, err := l.Add(t.Context(), closed(3)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := Create(dir, l.conf); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	other := l.conf
	other.Key = seeded("other")
	if _, err := Open(dir, other); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
	other.OldKeys = append(other.OldKeys, public(l.conf.Key))
	rotated, err := Open(dir, other)
	must(t, err)
	add(t, rotated, closed(3))
	must(t, rotated.Close())
	other.OldKeys = nil
	again, err := Open(dir, other)
	must(t, err)
	must(t, again.Close())
	if _, err := Open(t.TempDir(), other); !errors.Is(err, ErrNoLog) {
		t.Error(err)
	}
	must(t, os.Remove(filepath.Join(dir, checkpointFile)))
	if _, err := Create(dir, other); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

// TestFewFiles: a log's folder holds few partial files, and no temporary ones.
func TestFewFiles(t *testing.T) {
	l, dir := newLog(t)
	add(t, l, make250()...)
	for n := range 20 {
		add(t, l, closed(n))
	}
	count := func() (n int) {
		must(t, filepath.WalkDir(filepath.Join(dir, "tile", "entries"), func(p string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				n++
			}
			return err
		}))
		return n
	}
	if n := count(); n != 1+keepBundles {
		t.Errorf("%d bundles", n)
	}
	l = reopen(t, l, dir)
	for n := range 10 {
		add(t, l, closed(n))
	}
	if n := count(); n != 1+keepBundles {
		t.Errorf("%d bundles", n)
	}
}

func make250() (leaves []Leaf) {
	for n := range 250 {
		leaves = append(leaves, closed(n))
	}
	return leaves
}

func TestSealed(t *testing.T) {
	l, dir := newLog(t)
	h, err := l.PutSealed([]byte("cipher"))
	must(t, err)
	b, err := l.Sealed(h)
	must(t, err)
	if !bytes.Equal(b, []byte("cipher")) {
		t.Error(b)
	}
	must(t, os.WriteFile(filepath.Join(dir, "sealed", h.String()), []byte("other"), 0o600))
	if _, err := l.Sealed(h); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
	if _, err := l.Sealed(testHash(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := l.PutSealed(nil); err == nil {
		t.Error("an empty body")
	}
}

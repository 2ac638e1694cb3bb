package translog

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

const crashDir = "CONSENTO_TEST_TRANSLOG_DIR"

// TestCrashChild is the process that TestKill kills: it writes for ever, several at
// once, and announces each checkpoint.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("runs as a child only")
	}
	l, err := Open(dir, testConfig())
	if errors.Is(err, ErrNoLog) {
		l, err = Create(dir, testConfig())
	}
	must(t, err)
	var out sync.Mutex
	announce := func() {
		c := l.Checkpoint()
		out.Lock()
		defer out.Unlock()
		fmt.Printf("checkpoint %s\n", base64.StdEncoding.EncodeToString(c.Text))
	}
	announce()
	var wait sync.WaitGroup
	for worker := range 3 {
		wait.Go(func() {
			for n := 0; ; n++ {
				var leaves []Leaf
				for k := range 1 + n*7919%(10+worker*60) { // across the borders of bundles too
					leaves = append(leaves, closed(k))
				}
				first, err := l.Add(t.Context(), leaves...)
				if err != nil || l.Size() < first+uint64(len(leaves)) {
					t.Errorf("leaf %d: %v", first, err)
					return
				}
				announce()
			}
		})
	}
	wait.Wait()
}

// TestKill kills the writer -9 at 120 random moments, in a few logs that go on each
// time: no checkpoint that was announced is lost.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("120 child processes")
	}
	beyond := 0
	for range 6 {
		dir := t.TempDir()
		var known []Checkpoint
		for n := range 20 {
			more := killAt(t, dir, 1+rand.IntN(25))
			known = append(known, more...)
			before := known[len(known)-1].Size
			if size := checkCrashed(t, dir, known); size > before {
				beyond++
			}
			if t.Failed() {
				t.Fatalf("kill %d", n)
			}
		}
		t.Logf("%d checkpoints announced, the last of %d leaves", len(known), known[len(known)-1].Size)
	}
	t.Logf("after %d of 120 kills there was more than had been announced", beyond)
}

func killAt(t *testing.T, dir string, lines int) (known []Checkpoint) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	sc := bufio.NewScanner(out)
	for n := 0; sc.Scan(); n++ {
		if n == lines {
			must(t, cmd.Process.Kill())
		}
		f := strings.Fields(sc.Text())
		if len(f) != 2 || f[0] != "checkpoint" {
			continue // cut by the kill, or the test's own
		}
		b, err := base64.StdEncoding.DecodeString(f[1])
		if err != nil {
			continue
		}
		if c, err := ParseCheckpoint(b); err == nil {
			known = append(known, c)
		}
	}
	_ = cmd.Wait() // it was killed
	if len(known) == 0 {
		t.Fatal("the child announced nothing")
	}
	return known
}

// checkCrashed audits what is there, opens it, adds a leaf and audits again.
func checkCrashed(t *testing.T, dir string, known []Checkpoint) uint64 {
	t.Helper()
	r := audited(t, os.DirFS(dir), known...)
	for _, p := range r.Problems {
		if !strings.Contains(p.Text, "opened") && !strings.Contains(p.Text, "closed") { // the leaves are made up
			t.Errorf("before opening: %s", p)
		}
	}
	l, err := Open(dir, testConfig())
	must(t, err)
	size := l.Size()
	for _, c := range known {
		root, err := l.RootAt(t.Context(), c.Size)
		must(t, err)
		if root != c.Root {
			t.Errorf("the checkpoint of %d leaves is not extended", c.Size)
		}
	}
	add(t, l, Admin{"signin", "a", Hash{}})
	must(t, l.Close())
	return size
}

// TestCutAnywhere: files of the last commits as a power cut may leave them, by
// order of the writes: a checkpoint with all that came before it, and with any part of
// what comes behind it.
func TestCutAnywhere(t *testing.T) {
	l, dir := newLog(t)
	var batch []Leaf
	for n := range 250 {
		batch = append(batch, Admin{"signin", "a", testHash(n)})
	}
	add(t, l, batch...)
	before, point := folderOf(t, dir), l.Checkpoint()
	batch = nil
	for n := range 300 { // fills two bundles
		batch = append(batch, Admin{"signin", "b", testHash(n)})
	}
	add(t, l, batch...)
	after := folderOf(t, dir)
	var fresh []string
	for name, f := range after {
		if old, ok := before[name]; name != checkpointFile && (!ok || !bytes.Equal(old.Data, f.Data)) {
			fresh = append(fresh, name)
		}
	}
	for n := range 60 {
		disk := clone(before)
		for _, name := range fresh {
			switch rand.IntN(3) {
			case 0:
				disk[name] = after[name]
			case 1: // written, not renamed yet
				disk[name+tmpSuffix] = &fstest.MapFile{Data: after[name].Data[:rand.IntN(len(after[name].Data))]}
			}
		}
		// Bundles come one after the other.
		if _, ok := disk[bundlePath(0, tileWidth)]; !ok {
			delete(disk, bundlePath(1, tileWidth))
		}
		if _, ok := disk[bundlePath(1, tileWidth)]; !ok {
			delete(disk, bundlePath(2, 39))
		}
		at := t.TempDir()
		must(t, os.CopyFS(at, disk))
		l, err := Open(at, testConfig())
		if err != nil {
			t.Fatalf("disk %d: %v", n, err)
		}
		root, err := l.RootAt(t.Context(), point.Size)
		must(t, err)
		if root != point.Root || l.Size() < point.Size {
			t.Errorf("disk %d: the checkpoint is not extended", n)
		}
		add(t, l, Admin{"signin", "c", Hash{}})
		must(t, l.Close())
		if r := audited(t, os.DirFS(at), point); len(r.Problems) > 0 {
			t.Errorf("disk %d: %v", n, r.Problems)
		}
		left := folderOf(t, at)
		for name := range left {
			if strings.HasSuffix(name, tmpSuffix) {
				t.Errorf("%s is left", name)
			}
		}
	}
}

// TestOpenMendsOrRefuses spoils each file: tiles are computed anew, entries and
// checkpoints are not made up.
func TestOpenMendsOrRefuses(t *testing.T) {
	l, dir := office(t, 55)
	witnessed(t, l)
	must(t, l.Close())
	whole := folderOf(t, dir)
	for name, file := range whole {
		if strings.HasPrefix(name, sealedDir) || strings.HasPrefix(name, "tile/") && !current(l.Size(), name) {
			continue
		}
		hashes := strings.HasPrefix(name, "tile/") && !strings.HasPrefix(name, "tile/entries/")
		for what, spoil := range map[string]func([]byte) []byte{
			"cut":     func(b []byte) []byte { return b[:len(b)/2] },
			"flipped": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 4; return b },
			"gone":    func([]byte) []byte { return nil },
		} {
			at := t.TempDir()
			must(t, os.CopyFS(at, whole))
			p := filepath.Join(at, filepath.FromSlash(name))
			if b := spoil(file.Data); b == nil {
				must(t, os.Remove(p))
			} else {
				must(t, os.WriteFile(p, b, 0o600))
			}
			again, err := Open(at, testConfig())
			if err == nil {
				must(t, again.Close())
			}
			switch {
			case name == cosignedFile && what == "gone": // it was perhaps never there
				must(t, err)
			case hashes:
				if err != nil {
					t.Errorf("%s %s: %v", name, what, err)
				} else if mended, err := fs.ReadFile(os.DirFS(at), name); err != nil || !bytes.Equal(mended, file.Data) {
					t.Errorf("%s %s: not mended", name, what)
				}
			case !errors.Is(err, ErrTampered) && !errors.Is(err, ErrNoLog):
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
}

// TestSetBack: a checkpoint from a backup beside newer entries is brought forward
// again; one that a witness has seen more of is refused.
func TestSetBack(t *testing.T) {
	l, dir := office(t, 3)
	backup := folderOf(t, dir)
	add(t, l, opened(70))
	newest := witnessed(t, l)
	must(t, l.Close())
	must(t, os.WriteFile(filepath.Join(dir, checkpointFile), backup[checkpointFile].Data, 0o600))
	l, err := Open(dir, testConfig())
	must(t, err)
	if c := l.Checkpoint(); c.Size != newest.Size || c.Root != newest.Root {
		t.Error(c.Size, newest.Size)
	}
	must(t, l.Close())
	at := t.TempDir()
	backup[cosignedFile] = folderOf(t, dir)[cosignedFile]
	must(t, os.CopyFS(at, backup))
	if _, err := Open(at, testConfig()); !errors.Is(err, ErrTampered) {
		t.Error(err)
	}
}

// TestInterruptedCreate: what is left of it is begun anew.
func TestInterruptedCreate(t *testing.T) {
	l, dir := newLog(t)
	must(t, l.Close())
	must(t, os.Remove(filepath.Join(dir, checkpointFile)))
	l, err := Create(dir, testConfig())
	must(t, err)
	if l.Size() != 1 {
		t.Error(l.Size())
	}
	must(t, l.Close())
}

package translog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"consento/recordings/disktest"
)

// TestFullDisk runs the disk full at 120 different moments of a commit: an Add that
// failed is not in the log, one that was announced stays, and with room again the
// log goes on.
func TestFullDisk(t *testing.T) {
	root := disktest.New(t, 8<<20)
	refused := 0
	for n := range 120 {
		dir := filepath.Join(root, "log")
		l, err := Create(dir, testConfig())
		must(t, err)
		var leaves []Leaf
		for k := range 200 + n*3%200 { // also across the border of a bundle
			leaves = append(leaves, Admin{"signin", "a", testHash(k)})
		}
		add(t, l, leaves...)
		known := []Checkpoint{l.Checkpoint()}
		disktest.Fill(t, root, n%40*4096)
		for k := range 60 {
			size := l.Size()
			if _, err := l.Add(t.Context(), leaves[:1+k%50]...); err != nil {
				if !errors.Is(err, unix.ENOSPC) {
					t.Fatalf("disk %d: %v", n, err)
				}
				if l.Size() != size {
					t.Fatalf("disk %d: a failed Add made the log longer", n)
				}
				refused++
				break
			}
			known = append(known, l.Checkpoint())
		}
		if n%2 == 0 { // the process ends while the disk is full
			must(t, l.Close())
			l, err = Open(dir, testConfig())
			if err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("disk %d: %v", n, err)
			}
		}
		must(t, os.Remove(filepath.Join(root, disktest.Filler)))
		if err != nil {
			l, err = Open(dir, testConfig())
			must(t, err)
		}
		if last := known[len(known)-1]; l.Size() != last.Size {
			t.Errorf("disk %d: %d leaves, %d were announced", n, l.Size(), last.Size)
		}
		add(t, l, leaves[0])
		must(t, l.Close())
		r := audited(t, os.DirFS(dir), known...)
		if len(r.Problems) > 0 || r.Old != len(known) {
			t.Fatalf("disk %d: %v", n, r.Problems)
		}
		for name := range folderOf(t, dir) {
			if strings.HasSuffix(name, tmpSuffix) {
				t.Errorf("%s is left", name)
			}
		}
		must(t, os.RemoveAll(dir))
	}
	if refused < 100 {
		t.Errorf("the disk was full only %d times", refused)
	}
	t.Logf("%d commits were refused", refused)
}

package ops

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// keysOf are the keys of one session as older brokers kept them among the
// recordings, and what else lay there. Keys begin with "key".
func keysOf(sid string) map[string]string {
	other := strings.Repeat("5", 32)
	files := map[string]string{sid + "-0.rec": "recording", sid + "-0.rec.cosig": "signatures", sid + ".proof": "proof", sid + ".stamp": "stamp",
		"notes.key": "not ours", sid + "-x.key": "not ours", sid + "-0.key.txt": "not ours"}
	for _, end := range []string{"0.key", "0.key.before", "1.key", "12.key", "0.logkeys", "0-" + other + ".share", "0-" + other + ".share-forms", "1-" + other + ".told"} {
		files[sid+"-"+end] = "key " + sid + " " + end
	}
	return files
}

func spread(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		mustWrite(t, filepath.Join(dir, name), text)
	}
}

// lies checks that all keys lie in one folder and all else in the other, whole.
func lies(t testing.TB, evidence, bags string, files map[string]string) {
	t.Helper()
	seen := 0
	for _, dir := range []string{evidence, bags} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil || string(text) != files[e.Name()] || strings.HasPrefix(string(text), "key") != (dir == bags) {
				t.Errorf("%s: %q, %v", filepath.Join(dir, e.Name()), text, err)
			}
			seen++
		}
	}
	if seen != len(files) {
		t.Errorf("%d files of %d", seen, len(files))
	}
}

// TestMoveBags: what an older broker left is moved once; that broker cannot serve from the
// folder any more.
func TestMoveBags(t *testing.T) {
	f := newTestFolder(t)
	mustWrite(t, f.file("format"), formatPrefix+"1\n")
	sid := strings.Repeat("a", 32)
	files := keysOf(sid)
	spread(t, f.Evidence(), files)
	mustWrite(t, filepath.Join(f.Evidence(), sid+"-0.key.new"), "key half wri")
	for i, want := range []int{len(files) - 7 + 1, 0} {
		if n, err := f.MoveBags(); n != want || err != nil {
			t.Errorf("%d: %d moved, %v; want %d", i, n, err, want)
		}
		lies(t, f.Evidence(), f.Bags(), files)
	}
	if text, err := os.ReadFile(f.file("format")); string(text) != formatPrefix+"2\n" || err != nil {
		t.Errorf("format %q, %v", text, err)
	}
	// Put back out of a backup, the same is no conflict; another is.
	name := sid + "-0.key"
	mustWrite(t, filepath.Join(f.Evidence(), name), files[name])
	if _, err := f.MoveBags(); err != nil {
		t.Error(err)
	}
	lies(t, f.Evidence(), f.Bags(), files)
	first := sid + "-0-" + strings.Repeat("6", 32) + ".share"
	mustWrite(t, filepath.Join(f.Evidence(), first), "key of a share")
	mustWrite(t, filepath.Join(f.Evidence(), name), "key of another content")
	_, err := f.MoveBags()
	if !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), f.Bags()) || !strings.Contains(err.Error(), "keep one of them") {
		t.Errorf("two contents: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(f.Evidence(), first)); err != nil || string(text) != "key of a share" {
		t.Errorf("moved before it was refused: %q, %v", text, err)
	}
	for at, want := range map[string]string{f.Evidence(): "key of another content", f.Bags(): files[name]} {
		if text, err := os.ReadFile(filepath.Join(at, name)); err != nil || string(text) != want {
			t.Errorf("in %s: %q, %v", at, text, err)
		}
	}
	if err := errors.Join(os.Remove(filepath.Join(f.Evidence(), name)), os.Mkdir(filepath.Join(f.Evidence(), name), 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.MoveBags(); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: %v", err)
	}
}

// TestMoveBagsKilled ends it before every single step, on one disk and between two:
// each key is whole somewhere at every moment, and the next start finishes the work.
func TestMoveBagsKilled(t *testing.T) {
	killed := errors.New("killed")
	elsewhere := func(string, string) error { return &os.LinkError{Op: "rename", Err: unix.EXDEV} }
	for name, rename := range map[string]func(string, string) error{"one disk": os.Rename, "two disks": elsewhere} {
		t.Run(name, func(t *testing.T) {
			for at := 0; ; at++ {
				dir := t.TempDir()
				evidence, bags := filepath.Join(dir, "evidence"), filepath.Join(dir, "bags")
				files := keysOf(strings.Repeat("b", 32))
				spread(t, evidence, files)
				if err := os.Mkdir(bags, 0o700); err != nil {
					t.Fatal(err)
				}
				left := at
				m := mover{from: evidence, to: bags, rename: rename, step: func() error {
					if left--; left < 0 {
						return killed
					}
					return nil
				}}
				run := func() error {
					names, err := m.find()
					if err == nil {
						_, err = m.run(names)
					}
					return err
				}
				err := run()
				for name, text := range files {
					here, hereErr := os.ReadFile(filepath.Join(evidence, name))
					there, thereErr := os.ReadFile(filepath.Join(bags, name))
					if (hereErr != nil || string(here) != text) && (thereErr != nil || string(there) != text) {
						t.Fatalf("killed before step %d: %s is %q and %q", at, name, here, there)
					}
				}
				done := err == nil
				if !done && !errors.Is(err, killed) {
					t.Fatal(err)
				}
				left = 1 << 30
				if err := run(); err != nil {
					t.Fatalf("killed before step %d, then: %v", at, err)
				}
				lies(t, evidence, bags, files)
				if done {
					if at < 8 {
						t.Errorf("only %d steps", at)
					}
					return
				}
			}
		})
	}
}

// TestMoveBagsToAnotherDisk is the same with two real file systems, as when an
// operator put the bags elsewhere by a link.
func TestMoveBagsToAnotherDisk(t *testing.T) {
	elsewhere, err := os.MkdirTemp("/dev/shm", "consento-bags-")
	if err != nil && os.Getenv("CONSENTO_ALL") == "" {
		t.Skip("no memory disk: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(elsewhere) })
	f := newTestFolder(t)
	var here, there unix.Stat_t
	if err := errors.Join(unix.Stat(f.Evidence(), &here), unix.Stat(elsewhere, &there)); err != nil {
		t.Fatal(err)
	}
	if here.Dev == there.Dev {
		if os.Getenv("CONSENTO_ALL") != "" {
			t.Fatal("both are one disk")
		}
		t.Skip("both are one disk")
	}
	if err := errors.Join(os.Remove(f.Bags()), os.Symlink(elsewhere, f.Bags())); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for i := range 20 {
		for name, text := range keysOf(fmt.Sprintf("%032d", i)) {
			files[name] = text
		}
	}
	// One is longer than a block, so that a copy that is not whole shows.
	long := strings.Repeat("c", 32) + "-0.logkeys"
	files[long] = "key " + string(bytes.Repeat([]byte("long"), 10_000))
	spread(t, f.Evidence(), files)
	if _, err := f.MoveBags(); err != nil {
		t.Fatal(err)
	}
	lies(t, f.Evidence(), elsewhere, files)
}

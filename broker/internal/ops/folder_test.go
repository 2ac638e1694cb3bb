package ops

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func newTestFolder(t testing.TB) *Folder {
	t.Helper()
	f, err := OpenFolder(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFolderIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "data")
	if err := os.MkdirAll(filepath.Join(path, "keys"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, "keys")); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Keys(), 0o755); err != nil {
		t.Fatal(err)
	}
	if f, err = OpenFolder(path); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{f.Path(), f.Keys(), f.TLS(), f.Evidence(), f.Bags(), f.Agents()} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	left, err := filepath.Glob(filepath.Join(path, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFolderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string)
		is      error
		want    string
	}{
		"somebody's home": {func(t *testing.T, path string) {
			mustWrite(t, filepath.Join(path, "letter.txt"), "dear")
		}, ErrFolder, `"letter.txt"`},
		"newer folder": {func(t *testing.T, path string) {
			mustWrite(t, filepath.Join(path, "format"), "consento-data 3\n")
		}, ErrNewer, "folder format 3, this program knows up to 2"},
		"foreign format": {func(t *testing.T, path string) {
			mustWrite(t, filepath.Join(path, "format"), "PNG")
		}, ErrFolder, "not one of Consento"},
		"file in the way": {func(t *testing.T, path string) {
			mustWrite(t, filepath.Join(path, "format"), "consento-data 1\n")
			mustWrite(t, filepath.Join(path, "keys"), "a file")
		}, ErrFolder, "keys is not a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			c.prepare(t, path)
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = OpenFolder(path)
			if !errors.Is(err, ErrFolder) || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			if after, err := os.Stat(path); err != nil || (c.is != ErrFolder && after.Mode() != before.Mode()) {
				t.Fatalf("rights changed from %v to %v, %v", before.Mode(), after.Mode(), err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, "x")
	if _, err := OpenFolder(filepath.Join(file, "data")); !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), "part of the path is a file") {
		t.Errorf("below a file: %v", err)
	}
	if _, err := OpenFolder("/proc/consento"); !errors.Is(err, ErrFolder) {
		t.Errorf("where no folder can be: %v", err)
	}
}

func mustWrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDiskErrorsAreSentences(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "too little free space", syscall.EDQUOT: "too little free space", syscall.EROFS: "read-only", syscall.EACCES: "not writable",
	} {
		if got := plain(&fs.PathError{Op: "open", Path: "x", Err: errno}); !strings.Contains(got.Error(), want) || !errors.Is(got, errno) {
			t.Errorf("%v: %v", errno, got)
		}
	}
}

// /dev/full is a disk without space that every Linux machine has.
func TestFullDisk(t *testing.T) {
	err := os.WriteFile("/dev/full", []byte("x"), 0o600)
	if !errors.Is(plain(err), ErrNoSpace) {
		t.Fatalf("%v", plain(err))
	}
	check := FolderCheck(t.TempDir(), 1<<62)
	if err := check(t.Context()); !errors.Is(err, ErrNoSpace) {
		t.Fatalf("below the mark: %v", err)
	}
	if err := FolderCheck(t.TempDir(), 0)(t.Context()); err != nil {
		t.Fatalf("above the mark: %v", err)
	}
	if err := FolderCheck(filepath.Join(t.TempDir(), "gone"), 0)(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no folder: %v", err)
	}
}

const holderVariable = "OPS_TEST_HOLD_FOLDER"

// TestMain lets the test program stand in for a second broker.
func TestMain(m *testing.M) {
	if path := os.Getenv(holderVariable); path != "" {
		os.Exit(holdFolder(path))
	}
	os.Exit(m.Run())
}

// holdFolder serves from path until its standard input ends, or it is killed.
func holdFolder(path string) int {
	f, err := OpenFolder(path)
	if err != nil {
		return 3
	}
	if _, err := f.Serve(); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return 4
	}
	os.Stdout.WriteString("held\n")
	bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}

func TestOneBrokerServes(t *testing.T) {
	f := newTestFolder(t)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holderVariable+"="+f.Path())
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := f.Serve(); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", holder.Process.Pid)) {
		t.Fatalf("while another serves: %v", err)
	}
	// Commands work meanwhile.
	db, err := OpenDatabase(t.Context(), f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	holder.Wait() // "signal: killed", as asked
	release, err := f.Serve()
	if err != nil {
		t.Fatalf("after kill -9: %v", err)
	}
	if _, err := f.Serve(); !errors.Is(err, ErrInUse) {
		t.Fatalf("twice in one process: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = f.Serve(); err != nil {
		t.Fatalf("after it was given back: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestManyStartAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	var group sync.WaitGroup
	keys := make([]string, 10)
	authorities := make([]string, 10)
	for i := range keys {
		group.Go(func() {
			f, err := OpenFolder(path)
			if err != nil {
				t.Error(err)
				return
			}
			s, err := OpenSecrets(f)
			if err != nil {
				t.Error(err)
				return
			}
			c, err := OpenCertificates(f, DefaultConfig())
			if err != nil {
				t.Error(err)
				return
			}
			db, err := OpenDatabase(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i], authorities[i] = string(s.Derive("test")), string(c.CA())
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i := range keys {
		if keys[i] != keys[0] || authorities[i] != authorities[0] || keys[i] == "" {
			t.Fatal("two made what is made once")
		}
	}
}

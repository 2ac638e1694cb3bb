package remove

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// The program under test removes its own file, so each test runs a copy of this
// one. The copy begins, and then says what is left for each line it is sent.
const asAgent = "CONSENTO_TEST_AS_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) == "" {
		os.Exit(m.Run())
	}
	removal, err := Begin()
	report := func(err error) {
		line, _ := json.Marshal(answer{Error: fmt.Sprint(err), Left: removal.Left()})
		fmt.Println(string(line))
	}
	report(err)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		report(nil)
	}
}

type answer struct {
	Error string
	Left  []string
}

// agent is a running copy.
type agent struct {
	path string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
}

func start(t *testing.T, name string, before func(path string)) *agent {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{path: filepath.Join(t.TempDir(), name)}
	if err := os.WriteFile(a.path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if before != nil {
		before(a.path)
	}
	a.cmd = exec.Command(a.path)
	a.cmd.Env = append(os.Environ(), asAgent+"=1")
	a.cmd.Stderr = os.Stderr
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out = json.NewDecoder(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.in.Close(); _ = a.cmd.Wait() })
	return a
}

func (a *agent) says(t *testing.T) (said answer) {
	t.Helper()
	if err := a.out.Decode(&said); err != nil {
		t.Fatal(err)
	}
	return said
}

func (a *agent) gone() bool {
	_, err := os.Lstat(a.path)
	return errors.Is(err, fs.ErrNotExist)
}

func TestTheProgramIsGoneAndRunsOn(t *testing.T) {
	a := start(t, "consento-abc (1)", nil)
	if said := a.says(t); said.Error != "<nil>" || len(said.Left) != 0 || !a.gone() {
		t.Errorf("%+v, gone %t", said, a.gone())
	}
	fmt.Fprintln(a.in, "again")
	if said := a.says(t); len(said.Left) != 0 {
		t.Errorf("%+v", said)
	}
	entries, err := os.ReadDir(filepath.Dir(a.path))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
}

func TestKilledAtOnce(t *testing.T) {
	a := start(t, "consento-abc", nil)
	a.says(t)
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = a.cmd.Wait()
	if !a.gone() {
		t.Error("the program is still there")
	}
}

// TestStartedThroughALink: the program goes, not only the link.
func TestStartedThroughALink(t *testing.T) {
	var real string
	a := start(t, "link", func(path string) {
		real = path + "-real"
		if err := errors.Join(os.Rename(path, real), os.Symlink(real, path)); err != nil {
			t.Fatal(err)
		}
	})
	if said := a.says(t); len(said.Left) != 0 {
		t.Errorf("%+v", said)
	}
	if _, err := os.Lstat(real); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the program is still there")
	}
}

// TestWhatCannotBeRemovedIsNamed: a file that something is mounted on cannot be
// unlinked, not even by root.
func TestWhatCannotBeRemovedIsNamed(t *testing.T) {
	a := start(t, "consento-stuck", func(path string) {
		if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
			if os.Getenv("CONSENTO_ALL") != "" { // where everything is tested this is, too
				t.Fatal(err)
			}
			t.Skipf("nothing can be mounted here: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	})
	if said := a.says(t); said.Error == "<nil>" || !slices.Equal(said.Left, []string{"consento-stuck"}) {
		t.Errorf("%+v", said)
	}
	if err := unix.Unmount(a.path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(a.in, "again")
	if said := a.says(t); len(said.Left) != 0 || !a.gone() {
		t.Errorf("%+v, gone %t", said, a.gone())
	}
	if left := (&Removal{}).Left(); len(left) != 1 {
		t.Errorf("a program that does not know its file: %v", left)
	}
}

// TestAlso: what others have written is asked for each time, and named while it is there.
func TestAlso(t *testing.T) {
	r := &Removal{program: filepath.Join(t.TempDir(), "gone")}
	still := []string{"entry"}
	r.Also(func() []string { return still })
	if left := r.Left(); !slices.Equal(left, still) {
		t.Errorf("left: %q", left)
	}
	still = nil
	if left := r.Left(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

package store_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"consento/recordings/store"
	"consento/recordings/store/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, root string, now func() time.Time) *store.Folder {
	t.Helper()
	f, err := store.OpenFolder(filepath.Join(root, "rec"), filepath.Join(root, "bags"), now)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() }) // may be closed already
	return f
}

func TestFolder(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Subject {
		root := t.TempDir()
		var passed atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
		f := open(t, root, now)
		return storetest.Subject{Store: f, Many: 3000, Pass: func(d time.Duration) { passed.Add(int64(d)) },
			Reopen: func(t testing.TB) store.Store {
				must(t, f.Close())
				f = open(t, root, now)
				return f
			}}
	})
}

func TestFolderTwice(t *testing.T) {
	root := t.TempDir()
	open(t, root, nil)
	if _, err := store.OpenFolder(filepath.Join(root, "rec"), filepath.Join(root, "bags"), nil); !errors.Is(err, store.ErrInUse) {
		t.Errorf("%v", err)
	}
}

// TestBagsApart: who backs recordings up must not back keys up with them.
func TestBagsApart(t *testing.T) {
	root := t.TempDir()
	for _, bags := range []string{root, filepath.Join(root, "bags"), filepath.Join(root, "x", "..", "bags")} {
		if _, err := store.OpenFolder(root, bags, nil); err == nil {
			t.Errorf("bags in %s, recordings in %s", bags, root)
		}
	}
}

func TestTakeBack(t *testing.T) {
	f := open(t, t.TempDir(), nil)
	ctx := t.Context()
	must(t, f.Append(ctx, "a", 0, []byte("good torn")))
	must(t, f.TakeBack(ctx, "a", 4))
	must(t, f.Append(ctx, "a", 4, []byte(" more")))
	if b, err := os.ReadFile(f.Path("a")); err != nil || string(b) != "good more" {
		t.Errorf("%q, %v", b, err)
	}
	must(t, f.Seal(ctx, "a", time.Now()))
	if err := f.TakeBack(ctx, "a", 4); !errors.Is(err, store.ErrSealed) {
		t.Errorf("sealed: %v", err)
	}
	if err := f.Append(ctx, "lock", 0, []byte("x")); !errors.Is(err, store.ErrName) {
		t.Errorf("the folder's own name: %v", err)
	}
}

const child = "CONSENTO_TEST_STORE_DIR"

// TestKilledChild is the process that TestKilled kills.
func TestKilledChild(t *testing.T) {
	root := os.Getenv(child)
	if root == "" {
		t.Skip("runs as a child only")
	}
	f := open(t, root, nil)
	bag := []byte("bag 0")
	must(t, f.CreateBag(t.Context(), "a.key", bag))
	size := int64(0)
	for n := 0; ; n++ {
		b := bytes.Repeat([]byte{byte('a' + n%26)}, 1+n*7919%100_000)
		must(t, f.Append(t.Context(), "a", size, b))
		size += int64(len(b))
		fmt.Println("size", size)
	}
}

// TestKilled: what was acknowledged is there after kill -9, and nothing but a
// beginning of what was being written follows it.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("child processes")
	}
	for round := range 12 {
		root := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledChild$")
		cmd.Env = append(os.Environ(), child+"="+root)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var size int64
		sc := bufio.NewScanner(out)
		for n := 0; sc.Scan(); n++ {
			if n == 1+round*3 {
				must(t, cmd.Process.Kill())
			}
			if at, ok := strings.CutPrefix(sc.Text(), "size "); ok {
				_, err := fmt.Sscan(at, &size)
				must(t, err)
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it was not killed")
		}
		f := open(t, root, nil)
		var want []byte
		for n := 0; int64(len(want)) < size+100_000; n++ {
			want = append(want, bytes.Repeat([]byte{byte('a' + n%26)}, 1+n*7919%100_000)...)
		}
		got, err := os.ReadFile(f.Path("a"))
		must(t, err)
		if int64(len(got)) < size || size == 0 || !bytes.HasPrefix(want, got) {
			t.Fatalf("round %d: %d bytes, %d were acknowledged", round, len(got), size)
		}
		info, err := f.Stat(t.Context(), "a")
		must(t, err)
		must(t, f.Append(t.Context(), "a", info.Size, []byte("goes on")))
		if b, err := f.Bag(t.Context(), "a.key"); err != nil || string(b) != "bag 0" {
			t.Errorf("%q, %v", b, err)
		}
	}
}

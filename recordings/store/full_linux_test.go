package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"consento/recordings"
	"consento/recordings/disktest"
)

// TestFullDisk: an append that does not fit leaves nothing, and the next one that
// fits goes on.
func TestFullDisk(t *testing.T) {
	root := disktest.New(t, 1<<20)
	f := open(t, root, nil)
	ctx := t.Context()
	must(t, f.Append(ctx, "a", 0, []byte("first")))
	for _, name := range []string{"a", "b"} {
		at := int64(0)
		if name == "a" {
			at = 5
		}
		if err := f.Append(ctx, name, at, make([]byte, 2<<20)); !errors.Is(err, recordings.ErrNoSpace) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(f.Path("b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("b is there: %v", err)
	}
	must(t, f.Append(ctx, "a", 5, []byte(" second")))
	must(t, os.WriteFile(filepath.Join(root, "filler"), bytes.Repeat([]byte("x"), 900<<10), 0o600))
	if err := f.CreateBag(ctx, "a.key", make([]byte, 512<<10)); !errors.Is(err, recordings.ErrNoSpace) {
		t.Errorf("bag: %v", err)
	}
	if _, err := f.Bag(ctx, "a.key"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a bag: %v", err)
	}
	if b, err := os.ReadFile(f.Path("a")); err != nil || string(b) != "first second" {
		t.Errorf("%q, %v", b, err)
	}
}

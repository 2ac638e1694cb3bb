// Package disktest gives tests a disk of their own, which can be full while the
// machine is not.
package disktest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// New mounts an empty disk of so many bytes for one test and returns its folder.
func New(t testing.TB, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	At(t, dir, bytes)
	return dir
}

// At mounts one at a folder that is there, until the test is over. It takes root;
// where that is not to be had the test is skipped, but where everything is tested
// ($CONSENTO_ALL is set) it fails.
func At(t testing.TB, dir string, bytes int) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, size(bytes)); err != nil {
		if os.Getenv("CONSENTO_ALL") != "" {
			t.Fatalf("a small disk has to be mounted here: %v", err)
		}
		t.Skipf("a small disk cannot be mounted here (not root, or a container): %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// Resize gives such a disk another size.
func Resize(t testing.TB, dir string, bytes int) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, size(bytes)); err != nil {
		t.Fatal(err)
	}
}

// Filler is the file that takes the room.
const Filler = "filler"

// Fill takes the room of such a disk but for keep bytes, until Filler is removed.
func Fill(t testing.TB, dir string, keep int) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, Filler))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	taken := int64(0)
	for err == nil {
		var n int
		n, err = f.Write(make([]byte, 4096))
		taken += int64(n)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Truncate(max(0, taken-int64(keep))); err != nil {
		t.Fatal(err)
	}
}

func size(bytes int) string { return "size=" + strconv.Itoa(bytes) }

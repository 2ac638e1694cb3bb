package ops

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"consento/recordings/disktest"
)

// TestReserve: it takes its room, is given back on a full disk and on no other, and is
// made again when there is as much space as a session needs.
func TestReserve(t *testing.T) {
	dir, other := disktest.New(t, 32<<20), disktest.New(t, 32<<20)
	below := filepath.Join(dir, "below")
	mustWrite(t, filepath.Join(below, "x"), "x")
	log := slog.New(slog.DiscardHandler)
	r, err := OpenReserve(log, 16<<20, dir, below, other)
	if err != nil {
		t.Fatal(err)
	}
	file, second := filepath.Join(dir, "reserve"), filepath.Join(other, "reserve")
	expect := func(when string, want ReserveStatus, here, there bool) {
		t.Helper()
		got := r.Status()
		if got.Bytes != want.Bytes || got.Missing != want.Missing || got.Released.IsZero() == r.Released() {
			t.Errorf("%s: %+v, released %t", when, got, r.Released())
		}
		for name, is := range map[string]bool{file: here, second: there} {
			if info, err := os.Stat(name); (err == nil) != is || is && info.Size() != ReserveBytes {
				t.Errorf("%s: %s: %v", when, name, err)
			}
		}
	}
	expect("at the start", ReserveStatus{Bytes: 2 * ReserveBytes}, true, true)
	if _, err := os.Stat(filepath.Join(below, "reserve")); err == nil {
		t.Error("two on one disk")
	}
	if free, err := freeBytes(dir); err != nil || free > (32<<20)-ReserveBytes {
		t.Errorf("it takes no room: %d bytes are free, %v", free, err)
	}
	if r.Release(errors.New("busy")) || r.Released() {
		t.Error("given back, and no disk is full")
	}
	disktest.Fill(t, dir, 0)
	if !r.Release(errors.New("database or disk is full")) {
		t.Error("not given back")
	}
	expect("on a full disk", ReserveStatus{Bytes: ReserveBytes, Missing: 1}, false, true)
	mustWrite(t, filepath.Join(dir, "last words"), "the end")
	if !r.Release(unix.ENOSPC) {
		t.Error("whoever comes second has no room")
	}
	if err := r.Hold(); !errors.Is(err, ErrNoSpace) || !r.Released() {
		t.Errorf("made again below the mark: %v", err)
	}
	if again, err := OpenReserve(log, 16<<20, dir, other); err != nil || again.Released() || again.Status().Missing != 1 {
		t.Errorf("a broker that starts on a full disk: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, disktest.Filler)); err != nil {
		t.Fatal(err)
	}
	if err := r.Hold(); err != nil {
		t.Error(err)
	}
	expect("with space again", ReserveStatus{Bytes: 2 * ReserveBytes}, true, true)

	// A quota shows in the error alone.
	if !r.Release(&os.PathError{Op: "write", Path: "x", Err: unix.EDQUOT}) {
		t.Error("not given back for a quota")
	}
	expect("a quota", ReserveStatus{Missing: 2}, false, false)

	// An interrupted making of it is made anew; what is whole is taken over.
	mustWrite(t, file, "half")
	for range 2 {
		if r, err = OpenReserve(log, 16<<20, dir, other); err != nil {
			t.Fatal(err)
		}
		expect("at the next start", ReserveStatus{Bytes: 2 * ReserveBytes}, true, true)
	}
	if _, err := OpenReserve(log, 1, filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
}

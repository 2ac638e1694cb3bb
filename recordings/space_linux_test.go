package recordings

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"consento/recordings/disktest"
)

// TestFullDisk: the content is refused, the last events and the final seal fit.
func TestFullDisk(t *testing.T) {
	s := newSetup(t)
	s.conf.Dir = disktest.New(t, 6<<20)
	w := s.create(t)
	body := bytes.Repeat([]byte("v"), 60_000)
	var err error
	written := 0
	for ; err == nil && written < 200; written++ {
		at := time.Duration(written) * 100 * time.Millisecond
		if err = w.Append(TrackVideo, 0, at, 0, body); err == nil && written%10 == 0 {
			_, err = w.Seal()
		}
	}
	if !errors.Is(err, ErrNoSpace) || errors.Is(err, ErrFailed) {
		t.Fatalf("after %d records: %v", written, err)
	}
	disktest.Fill(t, s.conf.Dir, 0) // whoever else shares the disk
	if err := w.Append(TrackVideo, 0, 0, 0, body); !errors.Is(err, ErrNoSpace) {
		t.Errorf("more content: %v", err)
	}
	if err := w.Append(TrackEvents, 0, 0, 0, append([]byte(`{"a":"`), append(bytes.Repeat([]byte("x"), smallBytes), `"}`...)...)); !errors.Is(err, ErrNoSpace) {
		t.Errorf("a large event: %v", err)
	}
	// A minute of small events and seals while the session winds up.
	for n := range 60 {
		must(t, w.Append(TrackEvents, 0, time.Minute, 0, []byte(`{"code":"evidence.full","n":`+strconv.Itoa(n)+`}`)))
		must(t, w.Append(TrackControl, 0, time.Minute, 0, []byte("control")))
		_, err := w.Seal()
		must(t, err)
	}
	head, err := w.Close()
	must(t, err)
	rep, err := ScanFile(w.Path(), ScanOptions{Known: []Head{head}})
	must(t, err)
	if rep.Verdict != Unanchored || rep.Tracks[TrackEvents].Records != 60 {
		t.Errorf("%v, %v, %d events", rep.Verdict, rep.Fault, rep.Tracks[TrackEvents].Records)
	}
}

// TestFullDiskAtAnyMoment: the disk fills up at 100 random moments, and the writer
// is closed or dies there; no announced head is lost.
func TestFullDiskAtAnyMoment(t *testing.T) {
	s := newSetup(t)
	s.conf.Dir = disktest.New(t, 6<<20)
	pub, key := newLogKey(t)
	died, refused := 0, 0
	for n := range 100 {
		s.conf.Session = NewSessionID()
		w := s.create(t)
		known := []Head{w.Head()}
		filled, until := rand.IntN(12), rand.IntN(40)
		for i := range filled + until {
			if i == filled {
				disktest.Fill(t, s.conf.Dir, 0)
			}
			at := time.Duration(i) * time.Second
			err := w.Append(TrackVideo, 0, at, 0, make([]byte, 1+rand.IntN(90_000)))
			if errors.Is(err, ErrNoSpace) {
				refused++
				err = w.Append(TrackEvents, 0, at, 0, []byte(`{"code":"evidence.full"}`))
			}
			if err == nil && rand.IntN(2) == 0 {
				s.clock.t = s.conf.Started.Add(at)
				var h Head
				if h, err = w.Seal(); err == nil {
					known = append(known, h)
				}
			}
			if err != nil && !errors.Is(err, ErrNoSpace) {
				t.Fatalf("moment %d, record %d: %v", n, i, err)
			}
		}
		if rand.IntN(2) == 0 {
			head, err := w.Close()
			must(t, err)
			known = append(known, head)
		} else {
			died++
			must(t, w.f.Close())
			// The reserve beyond the end of the file takes the completer's two records.
			if _, err := Recover(w.Path(), key, "full", s.clock.t); err != nil {
				t.Fatalf("moment %d: recovery on a full disk: %v", n, err)
			}
		}
		rep, err := ScanFile(w.Path(), ScanOptions{LogKeys: []ed25519.PublicKey{pub}, Known: known})
		must(t, err)
		if rep.Verdict != Unanchored {
			t.Fatalf("moment %d: %v, %v", n, rep.Verdict, rep.Fault)
		}
		for _, name := range []string{w.Path(), DefaultBag(w.Path()), filepath.Join(s.conf.Dir, disktest.Filler)} {
			if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	t.Logf("100 full disks, %d recovered, %d records refused", died, refused)
}

// TestReserveRunsOut: even the reserve ends; its closing part takes the seal.
func TestReserveRunsOut(t *testing.T) {
	s := newSetup(t)
	s.conf.Dir = disktest.New(t, 4<<20)
	w := s.create(t)
	disktest.Fill(t, s.conf.Dir, 0)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		err = w.Append(TrackEvents, 0, 0, 0, append([]byte(`{"a":"`), append(bytes.Repeat([]byte("x"), 60_000), `"}`...)...))
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Fatalf("after %d events: %v", n, err)
	}
	if n < 10 {
		t.Errorf("the reserve took only %d events", n)
	}
	_, err = w.Close()
	must(t, err)
	rep, err := ScanFile(w.Path(), ScanOptions{})
	must(t, err)
	if rep.Verdict != Unanchored {
		t.Errorf("%v, %v", rep.Verdict, rep.Fault)
	}
}

// TestSpaceComesBack: content is taken again when there is room.
func TestSpaceComesBack(t *testing.T) {
	s := newSetup(t)
	s.conf.Dir = disktest.New(t, 8<<20)
	w := s.create(t)
	disktest.Fill(t, s.conf.Dir, 0)
	body := make([]byte, 600_000)
	var err error
	for n := 0; err == nil && n < 20; n++ {
		err = w.Append(TrackVideo, 0, 0, 0, body)
	}
	if !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	must(t, os.Remove(filepath.Join(s.conf.Dir, disktest.Filler)))
	must(t, w.Append(TrackVideo, 0, 0, 0, body))
	_, err = w.Close()
	must(t, err)
}

// TestNoRoomToBegin: a session whose evidence cannot be written does not start.
func TestNoRoomToBegin(t *testing.T) {
	s := newSetup(t)
	s.conf.Dir = disktest.New(t, 1<<20)
	disktest.Fill(t, s.conf.Dir, 0)
	if _, err := Create(s.conf); !errors.Is(err, ErrNoSpace) {
		t.Errorf("%v", err)
	}
	must(t, os.Remove(filepath.Join(s.conf.Dir, disktest.Filler)))
	if left, err := os.ReadDir(s.conf.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestWriteError: a failed write ends the writer and costs nothing that was
// sealed.
func TestWriteError(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	head := s.second(t, w, 0)
	must(t, w.f.Close())
	readOnly, err := os.Open(w.Path())
	must(t, err)
	w.f, w.space.f, w.space.off = readOnly, readOnly, true
	if err := w.Append(TrackChat, 0, 0, 0, []byte("x")); !errors.Is(err, ErrFailed) {
		t.Fatalf("%v", err)
	}
	if _, err := w.Seal(); !errors.Is(err, ErrFailed) {
		t.Errorf("a seal after a failed write: %v", err)
	}
	if _, err := w.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("Close after a failed write: %v", err)
	}
	checkRecovered(t, w.Path(), s.id, []Head{head})
}

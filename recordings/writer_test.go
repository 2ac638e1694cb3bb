package recordings

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWhatIsWrittenReads(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	for n := range 130 { // over two changes of minute
		s.second(t, w, n)
	}
	head, err := w.Close()
	must(t, err)

	rep, err := ScanFile(w.Path(), ScanOptions{})
	must(t, err)
	if rep.Verdict != Unanchored || !rep.Final || !rep.Head.Same(head) {
		t.Fatalf("verdict %v, fault %v, head %v, want %v", rep.Verdict, rep.Fault, rep.Head, head)
	}
	if rep.Seals != 132 || rep.LongestGap != time.Second || rep.Length != 130*time.Second {
		t.Errorf("seals %d, gap %v, length %v", rep.Seals, rep.LongestGap, rep.Length)
	}
	r, err := OpenSession(w.Path(), newTestIdentity(t), s.id)
	must(t, err)
	var shell, events int
	_, err = r.Read(ScanOptions{}, func(i Item) error {
		switch i.Track {
		case TrackShell:
			if !bytes.Equal(i.Body, bytes.Repeat([]byte{byte(shell)}, 120)) || i.At != time.Duration(shell)*time.Second || i.Duration != time.Second {
				t.Errorf("shell record %d is %x at %v", shell, i.Body, i.At)
			}
			shell++
		case TrackEvents:
			events++
		}
		return nil
	})
	must(t, err)
	if shell != 130 || events != 130 {
		t.Errorf("read %d shell records and %d events", shell, events)
	}
}

func TestCreateIsDurableAndNeverOverwrites(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	rep, err := ScanFile(w.Path(), ScanOptions{})
	must(t, err)
	if rep.Seals != 1 || rep.Verdict != Incomplete || rep.Fault != nil {
		t.Fatalf("a fresh segment has %d seals, is %v, %v", rep.Seals, rep.Verdict, rep.Fault)
	}
	if !rep.Head.Same(w.Head()) {
		t.Error("the first head is not the one on the disk")
	}
	before, err := os.ReadFile(DefaultBag(w.Path()))
	must(t, err)
	if _, err := Create(s.conf); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second Create: %v", err)
	}
	after, err := os.ReadFile(DefaultBag(w.Path()))
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the failed Create touched the key bag")
	}
	_, err = w.Close()
	must(t, err)
	// With the bag gone but the segment there, nothing new may appear.
	must(t, os.Remove(DefaultBag(w.Path())))
	if _, err := Create(s.conf); !errors.Is(err, os.ErrExist) {
		t.Errorf("Create over a segment: %v", err)
	}
	if _, err := os.Stat(DefaultBag(w.Path())); !errors.Is(err, os.ErrNotExist) {
		t.Error("the failed Create left a key bag")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no folder":          func(c *Config) { c.Dir = "" },
		"folder missing":     func(c *Config) { c.Dir = filepath.Join(c.Dir, "none") },
		"no session":         func(c *Config) { c.Session = SessionID{} },
		"no recipient":       func(c *Config) { c.Recipients = nil },
		"empty recipient":    func(c *Config) { c.Recipients = []Recipient{{}} },
		"no start":           func(c *Config) { c.Started = time.Time{} },
		"origin":             func(c *Config) { c.Origin = "à" },
		"retention":          func(c *Config) { c.Retention = "<b>" },
		"continues nothing":  func(c *Config) { c.Segment = 1 },
		"first that follows": func(c *Config) { c.Continues = &Head{N: 1} },
		"negative segment":   func(c *Config) { c.Segment = -1 },
	} {
		s := newSetup(t)
		dir := s.conf.Dir
		spoil(&s.conf)
		if _, err := Create(s.conf); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v behind", name, left)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	for name, err := range map[string]error{
		"no JSON":         w.Append(TrackEvents, 0, 0, 0, []byte("code")),
		"JSON, no object": w.Append(TrackEvents, 0, 0, 0, []byte(`["a"]`)),
		"two objects":     w.Append(TrackEvents, 0, 0, 0, []byte(`{}{}`)),
		"no UTF-8":        w.Append(TrackEvents, 0, 0, 0, []byte("{\"a\":\"\xff\"}")),
		"too long":        w.Append(TrackVideo, 0, 0, 0, make([]byte, MaxBody)),
		"before start":    w.Append(TrackVideo, 0, -1*time.Second, 0, nil),
		"too late":        w.Append(TrackVideo, 0, 50*24*time.Hour, 0, nil),
		"final flag":      w.Append(TrackVideo, FlagFinal, 0, 0, nil),
	} {
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	first := w.Head()
	h, err := w.Seal()
	must(t, err)
	if h != first {
		t.Error("a refused append is not nothing: the next seal was written")
	}
	_, err = w.Close()
	must(t, err)
	if err := w.Append(TrackChat, 0, 0, 0, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if _, err := w.Seal(); !errors.Is(err, ErrClosed) {
		t.Errorf("seal after close: %v", err)
	}
	if _, err := w.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}

func TestClockThatStepsBack(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	s.second(t, w, 5)
	for _, now := range []time.Duration{2 * time.Second, -time.Hour, 60 * 24 * time.Hour} {
		s.clock.t = s.conf.Started.Add(now)
		must(t, w.Append(TrackChat, 0, 6*time.Second, 0, []byte("x")))
		_, err := w.Seal()
		must(t, err)
	}
	_, err := w.Close()
	must(t, err)
	rep, err := ScanFile(w.Path(), ScanOptions{})
	must(t, err)
	if rep.Verdict != Unanchored {
		t.Errorf("%v: %v", rep.Verdict, rep.Fault)
	}
}

func TestClosedSegmentHasNoSpareRoom(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	s.second(t, w, 1)
	_, err := w.Close()
	must(t, err)
	st, err := os.Stat(w.Path())
	must(t, err)
	if b := blocks(st); b > st.Size()+64<<10 {
		t.Errorf("a file of %d bytes takes %d", st.Size(), b)
	}
}

func TestSegmentsContinue(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	s.second(t, w, 1)
	head, err := w.Close()
	must(t, err)
	s.conf.Segment, s.conf.Continues = 1, &head
	s.clock.t = s.clock.t.Add(time.Hour)
	w2 := s.create(t)
	_, err = w2.Close()
	must(t, err)
	rep, err := ScanFile(w2.Path(), ScanOptions{})
	must(t, err)
	if rep.LongestGap != 0 {
		t.Errorf("the hour before the segment began counts as a gap of %v", rep.LongestGap)
	}
	o, err := ReadOpen(w2.Path())
	must(t, err)
	if o.Segment != 1 || !o.Continues.Same(head) || o.Session != s.conf.Session || slices.Equal(o.Key, w.Open().Key) {
		t.Errorf("%+v", o)
	}
}

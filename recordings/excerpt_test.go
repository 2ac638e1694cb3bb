package recordings

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestExcerpt: chosen records with their proofs, however large the tree.
func TestExcerpt(t *testing.T) {
	for seconds := range 9 {
		s := newSetup(t)
		b, recs, rep := s.recording(t, seconds+1)
		path := s.conf.Dir + "/" + SegmentName(s.conf.Session, 0)
		for _, r := range recs[1:rep.Head.N] {
			raw, err := MakeExcerpt(path, ScanOptions{}, Pick{Records: []uint64{r.Index}})
			must(t, err)
			e, err := ParseExcerpt(raw)
			must(t, err)
			if !e.Head.Same(rep.Head) || len(e.Records) != 2 || e.Records[1].Index != r.Index || !bytes.Equal(e.Records[1].raw, b[r.Offset:r.end()]) {
				t.Fatalf("record %d of %d: %+v", r.Index, rep.Head.N, e.Head)
			}
		}
	}
}

func TestExcerptOfARange(t *testing.T) {
	s, path := longSession(t)
	rep, err := ScanFile(path, ScanOptions{})
	must(t, err)
	_, key := newLogKey(t)
	_, stale := newLogKey(t)
	must(t, os.WriteFile(DefaultCosignatures(path), append(Cosign(key, s.conf.Session, rep.Head), Cosign(stale, s.conf.Session, Head{N: 2})...), 0o600))
	raw, err := MakeExcerpt(path, ScanOptions{}, Pick{Tracks: []Track{TrackChat, TrackShell}, From: time.Minute, To: 3 * time.Minute})
	must(t, err)
	e, err := ParseExcerpt(append(raw, '\n'))
	must(t, err)
	if len(e.Cosignatures) != 1 || !e.Cosignatures[0].Key.Equal(key.Public()) {
		t.Errorf("%d countersignatures", len(e.Cosignatures))
	}
	bag, err := ReadBag(DefaultBag(path))
	must(t, err)
	want := "[chat 1 shell 1 chat 2 shell 2]"
	opened, err := OpenExcerpt(e, bag, s.id)
	must(t, err)
	if got := fmt.Sprint(readAll(t, opened)); got != want {
		t.Errorf("opens %s, want %s", got, want)
	}
	if _, err := OpenExcerpt(e, bag, newTestIdentity(t)); !errors.Is(err, ErrNotForYou) {
		t.Errorf("a stranger: %v", err)
	}
	full, err := OpenSession(path, s.id)
	must(t, err)
	secret := NewShareSecret()
	share, err := full.ShareLink(terms(TrackShell), secret)
	must(t, err)
	sh, err := ParseShare(share)
	must(t, err)
	part, err := OpenSharedExcerpt(e, sh, shareNow, BySecret(secret))
	must(t, err)
	if got := fmt.Sprint(readAll(t, part)); got != "[shell 1 shell 2]" {
		t.Errorf("with a share it opens %s", got)
	}
	exp, err := Export(t.TempDir(), []*Session{opened}, ScanOptions{Known: []Head{rep.Head}})
	must(t, err)
	if exp.Events != 2 || exp.Sources[0].Unsealed != 0 || exp.Sources[0].Verdict != Unanchored.String() {
		t.Errorf("%+v", exp)
	}
	other := rep.Head
	other.Root[0] ^= 1
	if got, err := opened.Read(ScanOptions{Known: []Head{other}}, func(Item) error { return nil }); err != nil || got.Verdict != Tampered {
		t.Errorf("against another head: %v, %v", got.Verdict, err)
	}
}

// TestExcerptOfVideo takes what a picture needs along.
func TestExcerptOfVideo(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	must(t, w.Append(TrackVideo, FlagInit, 0, 0, []byte("init")))
	for n := range 6 {
		flags := Flags(0)
		if n%3 == 0 {
			flags = FlagKeyframe
		}
		must(t, w.Append(TrackVideo, flags, time.Duration(n)*time.Second, time.Second, []byte("picture")))
	}
	_, err := w.Close()
	must(t, err)
	raw, err := MakeExcerpt(w.Path(), ScanOptions{}, Pick{Tracks: []Track{TrackVideo}, From: 4500 * time.Millisecond, To: 5 * time.Second})
	must(t, err)
	e, err := ParseExcerpt(raw)
	must(t, err)
	var got []uint64
	for _, r := range e.Records {
		got = append(got, r.Index)
	}
	if fmt.Sprint(got) != "[0 2 6 7]" { // OPEN, init, key frame at 3 s, picture at 4 s
		t.Errorf("%v", got)
	}
}

func TestExcerptIsRefused(t *testing.T) {
	s := newSetup(t)
	b, recs, rep := s.recording(t, 3)
	path := s.conf.Dir + "/" + SegmentName(s.conf.Session, 0)
	if _, err := MakeExcerpt(path, ScanOptions{}, Pick{From: time.Hour, To: 2 * time.Hour}); !errors.Is(err, ErrNothing) {
		t.Errorf("nothing there: %v", err)
	}
	raw, err := MakeExcerpt(path, ScanOptions{}, Pick{Tracks: []Track{TrackShell}, From: time.Second, To: 2 * time.Second})
	must(t, err)
	// Every bit of it counts, or makes another head, which the reader compares.
	for n := range raw {
		c := bytes.Clone(raw)
		c[n] ^= 1 << (n % 8)
		if e, err := ParseExcerpt(c); err == nil && e.Head.Same(rep.Head) {
			t.Fatalf("bit %d of byte %d (%q): not noticed", n%8, n, raw[max(0, n-10):n+1])
		}
	}
	other, err := MakeExcerpt(path, ScanOptions{}, Pick{Records: []uint64{3}})
	must(t, err)
	if _, err := ParseExcerpt([]byte(strings.Replace(string(raw), `"cosigs":[]`, `"cosigs":["`+strings.Repeat("A", 184)+`"]`, 1))); !errors.Is(err, ErrMalformed) {
		t.Errorf("a wrong countersignature: %v", err)
	}
	if bytes.Equal(raw, other) {
		t.Error("two picks, one excerpt")
	}
	b[recs[3].Offset+HeaderSize] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
	if _, err := MakeExcerpt(path, ScanOptions{}, Pick{Records: []uint64{3}}); !errors.Is(err, ErrTampered) {
		t.Errorf("of a recording that was tampered with: %v", err)
	}
}

// FuzzExcerpt: whatever passes stands under its root, with one spelling.
func FuzzExcerpt(f *testing.F) {
	s := newSetup(f)
	_, _, rep := s.recording(f, 3)
	path := s.conf.Dir + "/" + SegmentName(s.conf.Session, 0)
	for _, p := range []Pick{{Records: []uint64{1, 4}}, {From: 0, To: time.Hour}} {
		b, err := MakeExcerpt(path, ScanOptions{}, p)
		must(f, err)
		f.Add(b)
	}
	file, err := os.ReadFile(path)
	must(f, err)
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := ParseExcerpt(in)
		if err != nil || !e.Head.Same(rep.Head) {
			return
		}
		for _, r := range e.Records {
			if !bytes.Contains(file, r.raw) {
				t.Fatal("a record that is not in the file")
			}
		}
	})
}

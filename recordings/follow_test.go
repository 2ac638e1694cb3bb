package recordings

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
)

// feed gives a follower the bytes in pieces of at most size, random when size is 0.
func feed(t testing.TB, b []byte, size int, o ScanOptions) (*Follower, error) {
	t.Helper()
	f := NewFollower(o)
	for len(b) > 0 {
		n := size
		if n == 0 {
			n = 1 + rand.IntN(700)
		}
		n = min(n, len(b))
		if _, err := f.Write(b[:n]); err != nil {
			return f, err
		}
		b = b[n:]
	}
	return f, nil
}

// TestFollowerSeesWhatScanSees: however the bytes come.
func TestFollowerSeesWhatScanSees(t *testing.T) {
	s := newSetup(t)
	b, recs, rep := s.recording(t, 4)
	for _, size := range []int{1, 31, 0, 0, 1 << 20} {
		f, err := feed(t, b, size, ScanOptions{})
		must(t, err)
		got := f.Report()
		if got.Verdict != Unanchored || !got.Final || !got.Head.Same(rep.Head) || got.GoodBytes != int64(len(b)) || f.Pending() != 0 {
			t.Errorf("pieces of %d: %v, %d good bytes, %d pending", size, got.Verdict, got.GoodBytes, f.Pending())
		}
	}
	// At each byte it knows what is whole so far, and calls what is not yet whole no fault.
	f := NewFollower(ScanOptions{})
	good, next := 0, 0
	for n := range b {
		_, err := f.Write(b[n : n+1])
		must(t, err)
		for next < len(recs) && recs[next].end() <= n+1 {
			good = recs[next].end()
			next++
		}
		got := f.Report()
		if got.GoodBytes != int64(good) || f.Pending() != n+1-good || got.Fault != nil || (got.Verdict == Unanchored) != (n == len(b)-1) {
			t.Fatalf("after %d bytes: %d good, %d pending, %v", n+1, got.GoodBytes, f.Pending(), got.Verdict)
		}
	}
}

// TestFollowerRefuses: a changed byte is refused when its record or the seal over
// it is whole, and nothing is taken after that.
func TestFollowerRefuses(t *testing.T) {
	s := newSetup(t)
	b, recs, _ := s.recording(t, 3)
	for _, r := range recs {
		for _, repaired := range []bool{false, true} {
			c := bytes.Clone(b)
			c[int(r.Offset)+HeaderSize+int(r.Length)/2] ^= 4
			if repaired {
				repair(c, r)
			}
			f, err := feed(t, c, 0, ScanOptions{})
			var fault *Fault
			if !errors.Is(err, ErrTampered) || !errors.As(err, &fault) || fault.Index < r.Index || (!repaired && fault.Index != r.Index) {
				t.Fatalf("%v, repaired %v: %v", r.Kind, repaired, err)
			}
			rep := f.Report()
			if rep.Verdict != Tampered || rep.GoodBytes != fault.Offset || rep.GoodBytes < r.Offset {
				t.Errorf("%v, repaired %v: %v, %d good bytes", r.Kind, repaired, rep.Verdict, rep.GoodBytes)
			}
			if _, again := f.Write(b[rep.GoodBytes:]); !errors.Is(again, ErrTampered) {
				t.Errorf("goes on after a fault: %v", again)
			}
		}
	}
	f, err := feed(t, b, 0, ScanOptions{})
	must(t, err)
	if _, err := f.Write([]byte("RrV1")); err != nil {
		t.Fatal("four bytes are no record yet:", err)
	}
	if _, err := f.Write(make([]byte, HeaderSize)); !errors.Is(err, ErrTampered) {
		t.Errorf("bytes behind the final seal: %v", err)
	}
}

// TestFollowerGrowsWithWhatCame: a header that claims 16 MiB costs nothing until
// they come.
func TestFollowerGrowsWithWhatCame(t *testing.T) {
	s := newSetup(t)
	b, _, _ := s.recording(t, 1)
	claim := make([]byte, HeaderSize)
	Header{Kind: KindData, Index: 2, Length: MaxBody}.put(claim)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	followers := make([]*Follower, 200)
	for i := range followers {
		f := NewFollower(ScanOptions{})
		_, err := f.Write(b[:bytes.Index(b[4:], recordMagic[:])+4])
		must(t, err)
		_, err = f.Write(claim)
		must(t, err)
		followers[i] = f
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("200 claims of 16 MiB took %d kB", grown>>10)
	}
	runtime.KeepAlive(followers)
}

// FuzzFollower: in whatever pieces, it finds what Scan finds.
func FuzzFollower(f *testing.F) {
	s := newSetup(f)
	b, recs, _ := s.recording(f, 2)
	for _, r := range recs {
		f.Add(b[:r.end()-1], uint16(r.Index))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint16) {
		want := scanBytes(t, in)
		got, err := feed(t, in, 1+int(size), ScanOptions{})
		rep := got.Report()
		if rep.GoodBytes != want.GoodBytes || !rep.Head.Same(want.Head) || rep.Records != want.Records || rep.Final != want.Final {
			t.Fatalf("%d good bytes, Scan %d", rep.GoodBytes, want.GoodBytes)
		}
		if errors.Is(err, ErrTampered) != (rep.Fault != nil) {
			t.Fatalf("%v, %v", err, rep.Fault)
		}
		if err == nil && got.Pending() == 0 && want.Verdict == Tampered {
			t.Fatalf("took what Scan calls tampered: %v", want.Fault)
		}
	})
}

package recordings

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// BenchmarkSeal is one second of a session without its content: a small event,
// the seal, and the wait for the disk.
func BenchmarkSeal(b *testing.B) {
	s := newSetup(b)
	w := s.create(b)
	at := time.Duration(0)
	for b.Loop() {
		at += time.Second
		must(b, w.Append(TrackEvents, 0, at%time.Hour, 0, []byte(`{"code":"test.tick"}`)))
		_, err := w.Seal()
		must(b, err)
	}
	_, err := w.Close()
	must(b, err)
}

// BenchmarkAppendVideo is a fragment of 60 kB: encryption, hash and write.
func BenchmarkAppendVideo(b *testing.B) {
	s := newSetup(b)
	w := s.create(b)
	body := bytes.Repeat([]byte{7}, 60_000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	at := time.Duration(0)
	for b.Loop() {
		at += time.Second
		must(b, w.Append(TrackVideo, 0, at%time.Hour, time.Second, body))
	}
	_, err := w.Close()
	must(b, err)
}

// BenchmarkScan verifies ten minutes of a session at 60 kB a second.
func BenchmarkScan(b *testing.B) {
	s := newSetup(b)
	w := s.create(b)
	body := bytes.Repeat([]byte{7}, 60_000)
	for n := range 600 {
		must(b, w.Append(TrackVideo, 0, time.Duration(n)*time.Second, time.Second, body))
		_, err := w.Seal()
		must(b, err)
	}
	_, err := w.Close()
	must(b, err)
	file, err := os.ReadFile(w.Path())
	must(b, err)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		rep, err := Scan(bytes.NewReader(file), ScanOptions{})
		must(b, err)
		if rep.Verdict != Unanchored {
			b.Fatal(rep.Fault)
		}
	}
}

package recordings

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// clock is a clock that tests move by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newTestIdentity(t testing.TB) Identity {
	t.Helper()
	id, err := NewIdentity()
	must(t, err)
	return id
}

// setup is a session to be recorded.
type setup struct {
	clock *clock
	id    Identity
	conf  Config
}

func newSetup(t testing.TB) *setup {
	t.Helper()
	s := &setup{clock: &clock{time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}, id: newTestIdentity(t)}
	s.conf = Config{
		Dir: t.TempDir(), Session: NewSessionID(), Origin: "test.example", Started: s.clock.t,
		Recipients: []Recipient{s.id.Recipient()}, Retention: "standard", Now: s.clock.now,
	}
	return s
}

func (s *setup) create(t testing.TB) *Writer {
	t.Helper()
	w, err := Create(s.conf)
	must(t, err)
	return w
}

// second appends a second's worth of content and seals it.
func (s *setup) second(t testing.TB, w *Writer, n int) Head {
	t.Helper()
	at := time.Duration(n) * time.Second
	must(t, w.Append(TrackShell, 0, at, time.Second, bytes.Repeat([]byte{byte(n)}, 120)))
	must(t, w.Append(TrackEvents, 0, at, 0, fmt.Appendf(nil, `{"code":"test.tick","at_ms":%d,"data":{"n":%d}}`, at.Milliseconds(), n)))
	s.clock.t = s.conf.Started.Add(at + time.Second)
	h, err := w.Seal()
	must(t, err)
	return h
}

// recording makes a closed recording of some seconds and returns its bytes, the
// offsets of its records, and its report.
func (s *setup) recording(t testing.TB, seconds int) ([]byte, []Record, Report) {
	t.Helper()
	w := s.create(t)
	for n := range seconds {
		s.second(t, w, n)
	}
	_, err := w.Close()
	must(t, err)
	b, err := os.ReadFile(w.Path())
	must(t, err)
	recs, rep := records(t, b, ScanOptions{})
	if rep.Verdict != Unanchored || rep.Fault != nil {
		t.Fatalf("fresh recording: %v, %v", rep.Verdict, rep.Fault)
	}
	return b, recs, rep
}

// records scans and keeps the headers and offsets.
func records(t testing.TB, b []byte, o ScanOptions) ([]Record, Report) {
	t.Helper()
	var recs []Record
	o.Each = func(r Record) error {
		r.Body = bytes.Clone(r.Body)
		recs = append(recs, r)
		return nil
	}
	rep, err := Scan(bytes.NewReader(b), o)
	must(t, err)
	return recs, rep
}

func scanBytes(t testing.TB, b []byte, known ...Head) Report {
	t.Helper()
	rep, err := Scan(bytes.NewReader(b), ScanOptions{Known: known})
	must(t, err)
	return rep
}

// end is the offset behind a record.
func (r Record) end() int { return int(r.Offset) + HeaderSize + int(r.Length) }

// leaf is the tree's leaf of a record that stands in b.
func leaf(b []byte, r Record) tlog.Hash { return tlog.RecordHash(b[r.Offset:r.end()]) }

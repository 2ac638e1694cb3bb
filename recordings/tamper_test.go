package recordings

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// repair sets the checksum of the record at a place right, as an attacker would.
func repair(b []byte, r Record) {
	n := binary.BigEndian.Uint32(b[r.Offset+24:])
	if end := int64(r.Offset) + HeaderSize + int64(n); n <= MaxBody && end <= int64(len(b)) {
		finish(b[r.Offset:end])
	}
}

// undetected tells whether a changed file would pass for the one whose last
// head is known.
func undetected(rep Report, known Head) bool {
	return rep.Verdict == Unanchored && rep.Fault == nil && rep.Head.Same(known)
}

// TestEveryBitFlipped: in a fresh recording and the golden ones, of which one has a
// countersignature and one was recovered.
func TestEveryBitFlipped(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of recordings, one after the other")
	}
	fresh, _, _ := newSetup(t).recording(t, 2)
	keys := ScanOptions{LogKeys: []ed25519.PublicKey{goldenLogKey(t).Public().(ed25519.PublicKey)}}
	flipEveryBit(t, "fresh", fresh, keys, true, false)
	for _, path := range []string{"testdata/v2/golden-0.rec", "testdata/golden-1.rec"} {
		b, err := os.ReadFile(path)
		must(t, err)
		flipEveryBit(t, path, b, keys, true) // a wrong checksum is found like any other
	}
}

func flipEveryBit(t *testing.T, name string, b []byte, o ScanOptions, checksums ...bool) {
	recs, rep := records(t, b, o)
	if rep.Verdict != Unanchored {
		t.Fatalf("%s: %v", name, rep.Verdict)
	}
	// A recovery is two records that no seal of the recorder covers.
	end := rep.Records - 1
	if rep.Recovered != nil {
		end = rep.Recovered.Sealed - 1
	}
	flips, missed, notTampered := 0, 0, 0
	for _, r := range recs {
		for at := int(r.Offset); at < r.end(); at++ {
			for bit := range 8 {
				for _, repaired := range checksums {
					c := bytes.Clone(b)
					c[at] ^= 1 << bit
					if repaired {
						if in := at - int(r.Offset); in >= boundHeader && in < HeaderSize {
							continue // repairing would undo it
						}
						repair(c, r)
					}
					flips++
					got, err := Scan(bytes.NewReader(c), o)
					must(t, err)
					if undetected(got, rep.Head) {
						missed++
						t.Errorf("%s: byte %d (%v, %d of the record) bit %d, repaired %v: not detected", name, at, r.Kind, at-int(r.Offset), bit, repaired)
					}
					// Without any known head, whatever lies before the final seal must be
					// told from a crash. (A repaired length can swallow all that follows,
					// which is as good as cutting the file there.)
					swallows := repaired && at-int(r.Offset) >= 24 && at-int(r.Offset) < 28
					if r.Index < end && !swallows && got.Verdict != Tampered {
						notTampered++
						t.Errorf("%s: byte %d (%v, %d of the record) bit %d, repaired %v: %v, %v", name, at, r.Kind, at-int(r.Offset), bit, repaired, got.Verdict, got.Fault)
					}
				}
			}
		}
	}
	t.Logf("%s: %d flips in %d bytes: %d not detected, %d not told from a crash", name, flips, len(b), missed, notTampered)
}

// TestHeadersAndSealsFlipped: every bit of every header and seal of a recording
// with video, the checksum repaired.
func TestHeadersAndSealsFlipped(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of recordings, one after the other")
	}
	b, err := os.ReadFile("testdata/golden-0.rec")
	must(t, err)
	recs, rep := records(t, b, ScanOptions{})
	if rep.Verdict != Unanchored {
		t.Fatalf("untouched: %v, %v", rep.Verdict, rep.Fault)
	}
	flips := 0
	for _, r := range recs {
		end := int(r.Offset) + boundHeader
		if r.Kind == KindSeal {
			end = r.end()
		}
		for at := int(r.Offset); at < end; at++ {
			if in := at - int(r.Offset); in >= boundHeader && in < HeaderSize {
				continue // repairing would undo it
			}
			for bit := range 8 {
				b[at] ^= 1 << bit
				var sum [4]byte
				copy(sum[:], b[r.Offset+boundHeader:])
				whole := binary.BigEndian.Uint32(b[r.Offset+24:]) == r.Length
				if whole { // else the checksum is over other bytes, and wrong
					finish(b[r.Offset:r.end()])
				}
				flips++
				if got := scanBytes(t, b); undetected(got, rep.Head) {
					t.Errorf("byte %d (%v, %d of the record) bit %d: not detected", at, r.Kind, at-int(r.Offset), bit)
				}
				copy(b[r.Offset+boundHeader:], sum[:])
				b[at] ^= 1 << bit
			}
		}
	}
	t.Logf("%d flips of headers and seals", flips)
}

func TestStructure(t *testing.T) {
	s := newSetup(t)
	b, recs, rep := s.recording(t, 4)
	other, otherRecs, _ := newSetup(t).recording(t, 4)
	cut := func(from, to int) []byte { return b[recs[from].Offset:recs[to].end()] }
	all := len(recs) - 1
	// A record of another session in place of ours, numbered as ours.
	foreign := bytes.Clone(other[otherRecs[5].Offset:otherRecs[5].end()])

	for name, c := range map[string]struct {
		file []byte
		want Verdict
	}{
		"dropped":               {slices.Concat(cut(0, 4), cut(6, all)), Tampered},
		"dropped with its seal": {slices.Concat(cut(0, 1), cut(5, all)), Tampered},
		"repeated":              {slices.Concat(cut(0, 5), cut(5, 5), cut(6, all)), Tampered},
		"swapped":               {slices.Concat(cut(0, 4), cut(6, 6), cut(5, 5), cut(7, all)), Tampered},
		"spliced":               {slices.Concat(cut(0, 4), foreign, cut(6, all)), Tampered},
		"appended":              {slices.Concat(b, cut(5, 5)), Tampered},
		"appended, numbered on": {slices.Concat(b, renumbered(cut(5, 5), uint64(len(recs)))), Tampered},
		"appended garbage":      {slices.Concat(b, []byte("more")), Tampered},
		"appended zeros":        {slices.Concat(b, make([]byte, 4096)), Tampered},
		"begins late":           {b[recs[1].Offset:], Tampered},
		"second OPEN":           {slices.Concat(cut(0, 1), renumbered(cut(0, 0), 2), cut(2, all)), Tampered},
		"other session":         {other, Unanchored},
		"cut at a seal":         {b[:recs[4].end()], Incomplete},
		"cut in a record":       {b[:recs[5].end()-7], Incomplete},
		"cut before the end":    {b[:recs[all].Offset], Incomplete},
		"empty":                 {nil, Incomplete},
		"no recording":          {[]byte("PK\x03\x04 something else entirely, quite long"), Incomplete},
	} {
		got := scanBytes(t, c.file)
		if undetected(got, rep.Head) {
			t.Errorf("%s: not detected", name)
		}
		if got.Verdict != c.want {
			t.Errorf("%s: %v (%v), want %v", name, got.Verdict, got.Fault, c.want)
		}
		// Whoever kept the last head sees through all of them.
		if known := scanBytes(t, c.file, rep.Head); known.Verdict != Tampered {
			t.Errorf("%s: with the head known %v", name, known.Verdict)
		}
	}
	if known := scanBytes(t, b, rep.Head); known.Verdict != Unanchored {
		t.Errorf("untouched, with the head known: %v, %v", known.Verdict, known.Fault)
	}
}

func renumbered(rec []byte, n uint64) []byte {
	c := bytes.Clone(rec)
	binary.BigEndian.PutUint64(c[8:], n)
	finish(c)
	return c
}

// TestFaultIsLocated: the report names the record and the time range.
func TestFaultIsLocated(t *testing.T) {
	s := newSetup(t)
	b, recs, _ := s.recording(t, 10)
	// Records: OPEN, SEAL, then shell, event, seal for each second.
	r := recs[2+3*4] // shell of second 4
	b[r.Offset+HeaderSize+3] ^= 1
	for _, repaired := range []bool{false, true} {
		if repaired {
			repair(b, r)
		}
		rep := scanBytes(t, b)
		f := rep.Fault
		if rep.Verdict != Tampered || f == nil {
			t.Fatalf("%v %v", rep.Verdict, f)
		}
		if f.From != 4*time.Second || f.To != 5*time.Second {
			t.Errorf("repaired %v: between %v and %v, want 4s and 5s", repaired, f.From, f.To)
		}
		if !repaired && (f.Index != r.Index || f.Offset != r.Offset) {
			t.Errorf("record %d at %d, want %d at %d", f.Index, f.Offset, r.Index, r.Offset)
		}
	}
}

// TestStolenKey: who takes the machine over at second 4 holds the current signing
// key and the content key. He rewrites second 2 and signs all that follows.
func TestStolenKey(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	for n := range 4 {
		s.second(t, w, n)
	}
	stolen, keys := slices.Clone(w.sign), w.keys
	last := w.Head()
	b, err := os.ReadFile(w.Path())
	must(t, err)
	recs, _ := records(t, b, ScanOptions{})
	must(t, w.f.Close())

	from := recs[2+3*2]
	f, err := os.Create(w.Path() + ".forged")
	must(t, err)
	_, err = f.Write(b[:from.Offset])
	must(t, err)
	forger := &Writer{open: w.open, now: s.clock.now, f: f, space: space{off: true}, off: from.Offset, keys: keys, sign: stolen}
	for _, r := range recs[:from.Index] {
		forger.tree.add(leaf(b, r))
	}
	must(t, forger.Append(TrackShell, 0, 2*time.Second, time.Second, []byte("forged")))
	_, err = forger.Close()
	must(t, err)
	rep, err := ScanFile(f.Name(), ScanOptions{})
	must(t, err)
	if rep.Verdict != Tampered {
		t.Errorf("a past rewritten with a stolen key is %v", rep.Verdict)
	}

	// From now on he can write what he likes: that is the limit. It joins on to
	// every head before.
	f2, err := os.Create(w.Path() + ".onward")
	must(t, err)
	_, err = f2.Write(b)
	must(t, err)
	onward := &Writer{open: w.open, now: s.clock.now, f: f2, space: space{off: true}, off: int64(len(b)), keys: keys, sign: stolen}
	for _, r := range recs {
		onward.tree.add(leaf(b, r))
	}
	stolen2 := append(ed25519.PrivateKey(nil), w.sign...)
	onward.sign = stolen2
	must(t, onward.Append(TrackShell, 0, 9*time.Second, 0, []byte("from here on")))
	_, err = onward.Close()
	must(t, err)
	rep, err = ScanFile(f2.Name(), ScanOptions{Known: []Head{last}})
	must(t, err)
	if rep.Verdict != Unanchored {
		t.Errorf("the honest continuation is %v, %v: the test above proves nothing", rep.Verdict, rep.Fault)
	}
}

// TestRatchetErases: the key that signed a seal is gone from memory.
func TestRatchetErases(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	old := w.sign
	s.second(t, w, 0)
	if !bytes.Equal(old, make([]byte, len(old))) {
		t.Error("the signing key outlived its seal")
	}
	if bytes.Equal(old, w.sign) {
		t.Error("the same key signs again")
	}
	_, err := w.Close()
	must(t, err)
	if len(w.sign) != 0 || w.keys.key != (contentKey{}) {
		t.Error("keys outlive Close")
	}
}

// TestCosignature: the format's room for other signers.
func TestCosignature(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	head := s.second(t, w, 0)
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	sign := func(h Head) []byte { return Cosign(key, w.open.Session, h) }
	put := func(body []byte) Report {
		must(t, w.record(Header{Kind: KindCosig, Index: w.tree.n, Length: uint32(len(body))}, body, small))
		rep, err := ScanFile(w.Path(), ScanOptions{})
		must(t, err)
		return rep
	}
	s.second(t, w, 1)
	if rep := put(sign(head)); rep.Fault != nil || len(rep.Cosignatures) != 1 || !rep.Cosignatures[0].Head.Same(head) || !rep.Cosignatures[0].Key.Equal(pub) {
		t.Errorf("%v, %v", rep.Fault, rep.Cosignatures)
	}
	forged := sign(head)
	forged[80] ^= 1
	if rep := put(forged); rep.Verdict != Tampered {
		t.Errorf("a wrong countersignature is %v", rep.Verdict)
	}
	head.Root[0] ^= 1
	s2 := newSetup(t)
	w = s2.create(t)
	if rep := put(sign(head)); rep.Verdict != Tampered {
		t.Errorf("a countersignature over an unknown head is %v", rep.Verdict)
	}
}

// TestCosigned: the writer takes a countersignature over one of its heads, and
// nothing that would spoil the recording.
func TestCosigned(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	_, key := newLogKey(t)
	head := s.second(t, w, 0)
	other := head
	other.Root[3] ^= 1
	forged := Cosign(key, s.conf.Session, head)
	forged[100] ^= 1
	for name, body := range map[string][]byte{"another root": Cosign(key, s.conf.Session, other), "another session": Cosign(key, NewSessionID(), head),
		"a wrong signature": forged, "cut": forged[:50], "a head to come": Cosign(key, s.conf.Session, Head{N: 99})} {
		if err := w.Cosigned(body); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.second(t, w, 1)
	must(t, w.Cosigned(Cosign(key, s.conf.Session, head)))
	_, err := w.Close()
	must(t, err)
	rep, err := ScanFile(w.Path(), ScanOptions{})
	must(t, err)
	if rep.Verdict != Unanchored || len(rep.Cosignatures) != 1 || !rep.Cosignatures[0].Head.Same(head) {
		t.Errorf("%v, %v, %d countersignatures", rep.Verdict, rep.Fault, len(rep.Cosignatures))
	}
	if err := w.Cosigned(Cosign(key, s.conf.Session, head)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestRulesOfSeals: what only a recorder that breaks the rules could sign.
func TestRulesOfSeals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *Writer, h *Header, next *ed25519.PublicKey)
		want   Verdict
	}{
		"right":               {func(*Writer, *Header, *ed25519.PublicKey) {}, Incomplete},
		"older than before":   {func(_ *Writer, h *Header, _ *ed25519.PublicKey) { h.AtMs = 999 }, Tampered},
		"no next key":         {func(_ *Writer, _ *Header, next *ed25519.PublicKey) { *next = nil }, Tampered},
		"final with next key": {func(_ *Writer, h *Header, _ *ed25519.PublicKey) { h.Flags = FlagFinal }, Tampered},
		"other flags":         {func(_ *Writer, h *Header, _ *ed25519.PublicKey) { h.Flags = FlagInit }, Tampered},
		"on a track":          {func(_ *Writer, h *Header, _ *ed25519.PublicKey) { h.Track = TrackChat }, Tampered},
		"lasting":             {func(_ *Writer, h *Header, _ *ed25519.PublicKey) { h.DurMs = 1 }, Tampered},
		"for another session": {func(w *Writer, _ *Header, _ *ed25519.PublicKey) { w.open.Session[0] ^= 1 }, Tampered},
	} {
		s := newSetup(t)
		w := s.create(t)
		s.second(t, w, 0)
		next, _, err := ed25519.GenerateKey(nil)
		must(t, err)
		h := Header{Kind: KindSeal, Index: w.tree.n, AtMs: 1000, Length: sealSize}
		c.change(w, &h, &next)
		body := signSeal(w.sign, w.open.Session, h, Head{N: w.tree.n, Root: w.tree.root(), Time: s.clock.t}, next)
		must(t, w.record(h, body, last))
		rep, err := ScanFile(w.Path(), ScanOptions{})
		must(t, err)
		if rep.Verdict != c.want {
			t.Errorf("%s: %v, %v", name, rep.Verdict, rep.Fault)
		}
	}
}

// TestKnownHeads: every head that somebody kept must have been passed.
func TestKnownHeads(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	heads := []Head{w.Head()}
	for n := range 3 {
		heads = append(heads, s.second(t, w, n))
	}
	last, err := w.Close()
	must(t, err)
	b, err := os.ReadFile(w.Path())
	must(t, err)
	if rep := scanBytes(t, b, append(heads, last)...); rep.Verdict != Unanchored {
		t.Errorf("all heads: %v, %v", rep.Verdict, rep.Fault)
	}
	other, between, beyond := heads[1], heads[1], last
	other.Root[31] ^= 1
	between.N--
	beyond.N += 3
	for name, h := range map[string]Head{"another root": other, "no seal there": between, "beyond the end": beyond} {
		if rep := scanBytes(t, b, h); rep.Verdict != Tampered {
			t.Errorf("%s: %v", name, rep.Verdict)
		}
	}
}

// hostile is an endless row of records that claim to be as long as can be.
type hostile struct {
	record []byte
	at     int
	left   int
}

func (h *hostile) Read(b []byte) (int, error) {
	n := copy(b[:min(len(b), h.left)], h.record[h.at:])
	h.at = (h.at + n) % len(h.record)
	if h.left -= n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestMemoryIsBounded: 40 MB of the worst input take no more than a few records'
// worth of memory.
func TestMemoryIsBounded(t *testing.T) {
	s := newSetup(t)
	b, _, _ := s.recording(t, 1)
	large := make([]byte, HeaderSize+MaxBody)
	Header{Kind: KindData, Index: 2, Length: MaxBody}.put(large)
	finish(large)
	false32 := make([]byte, HeaderSize)
	Header{Kind: KindSeal, Length: sealSize}.put(false32)
	for name, row := range map[string][]byte{"large records": large, "headers of seals": false32, "magic alone": recordMagic[:], "zeros": make([]byte, 4096)} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		open := bytes.NewReader(b[:bytes.Index(b[4:], recordMagic[:])+4])
		rep, err := Scan(io.MultiReader(open, &hostile{record: row, left: 40 << 20}), ScanOptions{})
		must(t, err)
		runtime.ReadMemStats(&after)
		if grown := after.Sys - before.Sys; grown > 64<<20 {
			t.Errorf("%s: took %d MB", name, grown>>20)
		}
		if rep.Verdict == Unanchored || rep.Bytes < 40<<20 {
			t.Errorf("%s: %v after %d bytes", name, rep.Verdict, rep.Bytes)
		}
	}
}

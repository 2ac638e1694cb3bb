package recordings

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func newLogKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	return pub, key
}

// checkRecovered closes a crashed segment and checks that it then verifies, holds
// every head that was announced, and opens.
func checkRecovered(t *testing.T, path string, id Identity, known []Head) (Recovered, Report) {
	t.Helper()
	pub, key := newLogKey(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	before, err := os.ReadFile(path)
	must(t, err)
	rc, err := Recover(path, key, "test", now)
	must(t, err)
	rep, err := ScanFile(path, ScanOptions{LogKeys: []ed25519.PublicKey{pub}, Known: known})
	must(t, err)
	if rep.Verdict != Unanchored || !rep.Final || !rep.RecoveryChecked || rep.Recovered == nil {
		t.Fatalf("recovered: %v, %v", rep.Verdict, rep.Fault)
	}
	if !rep.Head.Same(rc.Head) {
		t.Error("Recover reports another head than the file has")
	}
	after, err := os.ReadFile(path)
	must(t, err)
	kept := int64(len(before)) - rc.TornBytes
	if kept < 0 || !bytes.Equal(before[:kept], after[:kept]) {
		t.Error("recovery changed what was there")
	}
	if _, foreign := newLogKey(t); true {
		bad, err := ScanFile(path, ScanOptions{LogKeys: []ed25519.PublicKey{foreign.Public().(ed25519.PublicKey)}})
		must(t, err)
		if bad.Verdict != Tampered {
			t.Errorf("closed by a foreign log key: %v", bad.Verdict)
		}
	}
	if none, err := ScanFile(path, ScanOptions{}); err != nil || none.RecoveryChecked || none.Verdict != Unanchored {
		t.Errorf("without a log key: %v, %v", none.Verdict, err)
	}
	again, err := Recover(path, key, "again", now.Add(time.Hour))
	must(t, err)
	twice, err := os.ReadFile(path)
	must(t, err)
	if !again.Already || !bytes.Equal(after, twice) {
		t.Error("the second recovery did something")
	}
	r, err := OpenSession(path, id)
	must(t, err)
	_, err = r.Read(ScanOptions{LogKeys: []ed25519.PublicKey{pub}}, func(Item) error { return nil })
	must(t, err)
	return rc, rep
}

const crashDir = "CONSENTO_TEST_CRASH_DIR"

// TestCrashChild is the process that TestKill kills: it records for ever and
// announces each head.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("runs as a child only")
	}
	to, err := ReadRecipient(dir)
	must(t, err)
	start := time.Now()
	w, err := Create(Config{Dir: dir, Session: NewSessionID(), Origin: "child", Started: start, Recipients: []Recipient{to}})
	must(t, err)
	fmt.Printf("path %s\n", w.Path())
	announce := func(h Head) { fmt.Printf("head %d %x\n", h.N, h.Root) }
	announce(w.Head())
	for n := 0; ; n++ {
		at := time.Since(start)
		must(t, w.Append(TrackVideo, 0, at, 0, bytes.Repeat([]byte{byte(n)}, 1+n*7919%200_000)))
		must(t, w.Append(TrackEvents, 0, at, 0, fmt.Appendf(nil, `{"n":%d}`, n)))
		fmt.Printf("event %d\n", n)
		if n%3 == 0 {
			h, err := w.Seal()
			must(t, err)
			announce(h)
		}
	}
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("100 child processes")
	}
	const kills = 100
	torn := 0
	for n := range kills {
		rc := killAt(t, 1+rand.IntN(60))
		if rc.TornBytes > 0 {
			torn++
		}
		if t.Failed() {
			t.Fatalf("kill %d: %+v", n, rc)
		}
	}
	t.Logf("%d kills, %d left a torn record", kills, torn)
}

// killAt kills a child -9 at a random moment after it printed some lines.
func killAt(t *testing.T, lines int) Recovered {
	t.Helper()
	dir := t.TempDir()
	id := newTestIdentity(t)
	must(t, WriteKeyPair(dir, id))
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var path string
	var known []Head
	var lastEvent = -1
	sc := bufio.NewScanner(out)
	for n := 0; sc.Scan(); n++ {
		if n == lines {
			must(t, cmd.Process.Kill())
		}
		f := strings.Fields(sc.Text())
		switch {
		case len(f) == 2 && f[0] == "path":
			path = f[1]
		case len(f) == 2 && f[0] == "event":
			lastEvent, err = strconv.Atoi(f[1])
			must(t, err)
		case len(f) == 3 && f[0] == "head":
			n, err := strconv.ParseUint(f[1], 10, 64)
			must(t, err)
			root, err := hex.DecodeString(f[2])
			must(t, err)
			known = append(known, Head{N: n, Root: [32]byte(root)})
		}
	}
	_ = cmd.Wait() // it was killed
	if path == "" || len(known) == 0 {
		t.Fatal("the child announced nothing")
	}
	rc, rep := checkRecovered(t, path, id, known)
	// What Append took is there, sealed or not: the process died, not the machine.
	if got := int(rep.Tracks[TrackEvents].Records) - 1; got < lastEvent {
		t.Errorf("the last event that was appended is %d, the last there is %d", lastEvent, got)
	}
	return rc
}

func TestTruncatedAnywhere(t *testing.T) {
	s := newSetup(t)
	b, recs, rep := s.recording(t, 6)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.rec")
	bag, err := os.ReadFile(filepath.Join(s.conf.Dir, BagName(s.conf.Session, 0)))
	must(t, err)
	must(t, os.WriteFile(DefaultBag(path), bag, 0o600))
	for n := range 80 {
		size := rand.IntN(len(b))
		if n < len(recs) {
			size = recs[n].end() // at each border as well
		}
		if size >= len(b) {
			continue
		}
		must(t, os.WriteFile(path, b[:size], 0o600))
		var known []Head
		var records uint64
		for _, r := range recs {
			if r.end() > size {
				break
			}
			records++
			if r.Kind == KindSeal {
				h, _, err := parseSeal(r.Body)
				must(t, err)
				known = append(known, h)
			}
		}
		if len(known) == 0 {
			if _, err := Recover(path, mustKey(t), "test", time.Now()); !errors.Is(err, ErrNothing) {
				t.Errorf("cut at %d: %v", size, err)
			}
			continue
		}
		rc, after := checkRecovered(t, path, s.id, known)
		if after.Records != records+2 || rc.Sealed+rc.Unsealed != records {
			t.Errorf("cut at %d: %d records kept of %d; %+v", size, after.Records-2, records, rc)
		}
		torn := int64(size)
		if records > 0 {
			torn -= int64(recs[records-1].end())
		}
		if rc.TornBytes != torn || (torn > 0) != (rc.TornSHA256 != [32]byte{}) {
			t.Errorf("cut at %d: %d torn bytes accounted of %d", size, rc.TornBytes, torn)
		}
	}
	if rep.Seals != 8 {
		t.Error(rep.Seals)
	}
}

func mustKey(t testing.TB) ed25519.PrivateKey {
	_, k := newLogKey(t)
	return k
}

// open makes a recording that nobody closed.
func (s *setup) unclosed(t testing.TB, seconds int) (path string, b []byte, recs []Record, heads []Head) {
	t.Helper()
	w := s.create(t)
	heads = append(heads, w.Head())
	for n := range seconds {
		heads = append(heads, s.second(t, w, n))
	}
	must(t, w.Append(TrackShell, 0, time.Duration(seconds)*time.Second, 0, []byte("not sealed")))
	must(t, w.f.Close())
	b, err := os.ReadFile(w.Path())
	must(t, err)
	recs, rep := records(t, b, ScanOptions{Known: heads})
	if rep.Verdict != Incomplete || rep.Fault != nil || rep.UnsealedRecords() != 1 {
		t.Fatalf("a file that is being written: %v, %v, %d unsealed", rep.Verdict, rep.Fault, rep.UnsealedRecords())
	}
	return w.Path(), b, recs, heads
}

// TestPowerCut: pages that did not reach the disk read as zeros, in any order, up
// to the last sync.
func TestPowerCut(t *testing.T) {
	for name, lose := range map[string]func(b []byte, recs []Record) []byte{
		"the tail is zeros": func(b []byte, recs []Record) []byte {
			clear(b[recs[len(recs)-1].Offset:])
			return b
		},
		"the content is lost, the seal being written is there": func(b []byte, recs []Record) []byte {
			last := recs[len(recs)-2]
			b = b[:last.end()]
			clear(b[recs[len(recs)-4].Offset+40 : recs[len(recs)-4].end()])
			return b
		},
		"garbage of another file": func(b []byte, recs []Record) []byte {
			return append(b, bytes.Repeat([]byte("RrV1\x02\x00"), 1000)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			path, b, recs, heads := s.unclosed(t, 5)
			b = lose(b, recs)
			must(t, os.WriteFile(path, b, 0o600))
			rep := scanBytes(t, b)
			if rep.Verdict != Incomplete {
				t.Fatalf("%v, %v", rep.Verdict, rep.Fault)
			}
			rc, _ := checkRecovered(t, path, s.id, heads[:len(heads)-1])
			if rc.TornBytes == 0 {
				t.Error("no torn bytes accounted")
			}
		})
	}
}

func TestTamperedIsNotRecovered(t *testing.T) {
	for name, spoil := range map[string]func(b []byte, recs []Record) []byte{
		"sealed content changed": func(b []byte, recs []Record) []byte {
			b[recs[5].Offset+HeaderSize] ^= 1
			return b
		},
		"sealed content changed, checksum repaired": func(b []byte, recs []Record) []byte {
			b[recs[5].Offset+HeaderSize] ^= 1
			repair(b, recs[5])
			return b
		},
		"changed two seals before the end": func(b []byte, recs []Record) []byte {
			last := recs[len(recs)-2]
			b[recs[len(recs)-6].Offset+HeaderSize] ^= 1
			return b[:last.end()]
		},
		"record removed": func(b []byte, recs []Record) []byte {
			return slices.Concat(b[:recs[5].Offset], b[recs[5].end():])
		},
		"numbers wrong in the tail": func(b []byte, recs []Record) []byte {
			last := recs[len(recs)-1]
			return slices.Concat(b, b[last.Offset:last.end()])
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t)
			path, b, recs, _ := s.unclosed(t, 5)
			b = spoil(b, recs)
			must(t, os.WriteFile(path, b, 0o600))
			if _, err := Recover(path, mustKey(t), "test", time.Now()); !errors.Is(err, ErrTampered) {
				t.Errorf("%v", err)
			}
			after, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(b, after) {
				t.Error("the refused recovery changed the file")
			}
		})
	}
	t.Run("closed, then changed in its last second", func(t *testing.T) {
		s := newSetup(t)
		b, recs, _ := s.recording(t, 3)
		b[recs[len(recs)-3].Offset+HeaderSize] ^= 1
		path := filepath.Join(s.conf.Dir, SegmentName(s.conf.Session, 0))
		must(t, os.WriteFile(path, b, 0o600))
		if _, err := Recover(path, mustKey(t), "test", time.Now()); !errors.Is(err, ErrTampered) {
			t.Errorf("%v", err)
		}
	})
}

// TestRecoveryInterrupted: the completer itself is killed between its writes.
func TestRecoveryInterrupted(t *testing.T) {
	s := newSetup(t)
	path, _, _, heads := s.unclosed(t, 3)
	_, err := Recover(path, mustKey(t), "first", time.Now())
	must(t, err)
	b, err := os.ReadFile(path)
	must(t, err)
	recs, _ := records(t, b, ScanOptions{})
	seal, recovered := recs[len(recs)-1], recs[len(recs)-2]
	for _, size := range []int{seal.end() - 1, int(seal.Offset) + 5, int(seal.Offset), recovered.end() - 1, int(recovered.Offset) + 1} {
		must(t, os.WriteFile(path, b[:size], 0o600))
		rc, rep := checkRecovered(t, path, s.id, heads)
		if rep.Recovered.Reason != "test" || rc.Unsealed != 1 || rc.TornBytes != int64(size)-recovered.Offset {
			t.Errorf("cut at %d: %+v", size, rc)
		}
	}
}

func TestRecoverLeavesClosedAlone(t *testing.T) {
	s := newSetup(t)
	b, _, rep := s.recording(t, 3)
	path := filepath.Join(s.conf.Dir, SegmentName(s.conf.Session, 0))
	rc, err := Recover(path, mustKey(t), "test", time.Now())
	must(t, err)
	after, err := os.ReadFile(path)
	must(t, err)
	if !rc.Already || !rc.Head.Same(rep.Head) || !bytes.Equal(b, after) {
		t.Errorf("%+v", rc)
	}
	if _, err := Recover(filepath.Join(s.conf.Dir, "none.rec"), mustKey(t), "test", time.Now()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Recover(path, nil, "test", time.Now()); err == nil {
		t.Error("recovered without a key")
	}
}

// TestRecoveredCounts: a recovery that counts wrongly, though rightly signed.
func TestRecoveredCounts(t *testing.T) {
	for name, c := range map[string]struct {
		sealed, unsealed int
		want             Verdict
	}{
		"right":             {0, 0, Unanchored},
		"one sealed less":   {-1, 0, Tampered},
		"one unsealed more": {0, 1, Tampered},
	} {
		s := newSetup(t)
		path, b, _, _ := s.unclosed(t, 2)
		rep := scanBytes(t, b)
		pub, key := newLogKey(t)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		w := &Writer{open: rep.Open, f: f, space: space{off: true}, off: int64(len(b)), tree: rep.edge, sign: key, now: s.clock.now, lastM: rep.sealAt}
		body, err := Recovered{Time: s.clock.t, Sealed: rep.Sealed + uint64(c.sealed), Unsealed: rep.UnsealedRecords() + uint64(c.unsealed), Reason: "test"}.marshal()
		must(t, err)
		must(t, w.record(Header{Kind: KindRecovered, Index: w.tree.n, Length: uint32(len(body))}, body, last))
		_, err = w.Close()
		must(t, err)
		after, err := ScanFile(path, ScanOptions{LogKeys: []ed25519.PublicKey{pub}})
		must(t, err)
		if after.Verdict != c.want {
			t.Errorf("%s: %v, %v", name, after.Verdict, after.Fault)
		}
	}
}

// TestRecoverWithAWrongClock: a clock that was set back, or far ahead, closes the
// segment all the same.
func TestRecoverWithAWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, 0, time.Second, 100 * 24 * time.Hour} {
		s := newSetup(t)
		path, _, _, heads := s.unclosed(t, 3)
		pub, key := newLogKey(t)
		_, err := Recover(path, key, "test", s.conf.Started.Add(off))
		must(t, err)
		rep, err := ScanFile(path, ScanOptions{LogKeys: []ed25519.PublicKey{pub}, Known: heads})
		must(t, err)
		if rep.Verdict != Unanchored {
			t.Errorf("%v: %v, %v", off, rep.Verdict, rep.Fault)
		}
	}
}

// TestRecoveredMustBeLast: nothing but the final seal follows RECOVERED.
func TestRecoveredMustBeLast(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	s.second(t, w, 0)
	body, err := Recovered{Time: time.Now(), Sealed: w.tree.n, Reason: "forged"}.marshal()
	must(t, err)
	must(t, w.record(Header{Kind: KindRecovered, Index: w.tree.n, Length: uint32(len(body))}, body, small))
	must(t, w.Append(TrackChat, 0, 0, 0, nil))
	rep, err := ScanFile(w.Path(), ScanOptions{})
	must(t, err)
	if rep.Verdict != Tampered {
		t.Errorf("%v", rep.Verdict)
	}
}

// TestVerifyWhileRecording: a file that is being written is incomplete, at every
// moment, and never tampered.
func TestVerifyWhileRecording(t *testing.T) {
	s := newSetup(t)
	w := s.create(t)
	done := make(chan error)
	go func() {
		body := bytes.Repeat([]byte("v"), 150_000)
		for n := range 300 {
			err := w.Append(TrackVideo, 0, time.Duration(n)*time.Second, 0, body[:n*7919%len(body)])
			if err == nil && n%2 == 0 {
				_, err = w.Seal()
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for scans := 0; ; scans++ {
		rep, err := ScanFile(w.Path(), ScanOptions{})
		must(t, err)
		if rep.Verdict != Incomplete {
			t.Fatalf("scan %d: %v, %v", scans, rep.Verdict, rep.Fault)
		}
		select {
		case err := <-done:
			must(t, err)
			t.Logf("%d scans", scans)
			_, err = w.Close()
			must(t, err)
			return
		default:
		}
	}
}

package recordings

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The golden recording was made by the first release of version 1 and is never
// made anew: whatever reads version 1 must read it. Segment 0 was closed, segment
// 1 was interrupted and recovered. The identity in testdata opens it and nothing
// else.
const (
	goldenLogSeed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60" // RFC 8032, test 1
)

func goldenLogKey(t *testing.T) ed25519.PrivateKey {
	seed, err := hex.DecodeString(goldenLogSeed)
	must(t, err)
	return ed25519.NewKeyFromSeed(seed)
}

func TestGolden(t *testing.T) {
	if os.Getenv("CONSENTO_MAKE_GOLDEN") != "" {
		makeGolden(t)
	}
	var want struct{ Head0, Head1 string }
	b, err := os.ReadFile("testdata/golden.json")
	must(t, err)
	must(t, json.Unmarshal(b, &want))

	id, err := ReadIdentity("testdata/golden.identity")
	must(t, err)
	paths, err := Segments("testdata/golden-0.rec")
	must(t, err)
	opts := ScanOptions{LogKeys: []ed25519.PublicKey{goldenLogKey(t).Public().(ed25519.PublicKey)}}
	var sessions []*Session
	var reps []Report
	for _, p := range paths {
		rep, err := ScanFile(p, opts)
		must(t, err)
		reps = append(reps, rep)
		s, err := OpenSession(p, id)
		must(t, err)
		sessions = append(sessions, s)
	}
	if len(reps) != 2 || reps[0].Verdict != Unanchored || reps[1].Verdict != Unanchored || !reps[1].RecoveryChecked {
		t.Fatalf("%+v", reps)
	}
	if got := reps[0].Head.String(); got != want.Head0 {
		t.Errorf("head of segment 0 %s, want %s", got, want.Head0)
	}
	if got := reps[1].Head.String(); got != want.Head1 {
		t.Errorf("head of segment 1 %s, want %s", got, want.Head1)
	}
	must(t, Continues(reps[0], reps[1]))
	dir := t.TempDir()
	exp, err := Export(dir, sessions, opts)
	must(t, err)
	if exp.Events != 5 || len(exp.Videos) != 1 || exp.Videos[0].LengthMs != 2000 {
		t.Errorf("%+v", exp)
	}
	if rc := reps[1].Recovered; rc.TornBytes != 7 || rc.Unsealed != 1 || rc.Reason != "golden" {
		t.Errorf("%+v", rc)
	}
}

func makeGolden(t *testing.T) {
	s := newSetup(t)
	s.conf.Dir = "testdata"
	w := s.create(t)
	v := NewVideo(w, 0)
	for n, f := range ivf(t, "testdata/larger.ivf") {
		must(t, v.WriteFrame(time.Duration(n)*200*time.Millisecond, f, n == 0))
	}
	must(t, v.Flush(2*time.Second))
	for n := range 3 {
		s.second(t, w, n)
	}
	h0, err := w.Close()
	must(t, err)
	s.conf.Segment, s.conf.Continues = 1, &h0
	w1 := s.create(t)
	s.second(t, w1, 10)
	must(t, w1.Append(TrackEvents, 0, 11*time.Second, 0, []byte(`{"code":"test.unsealed"}`)))
	must(t, w1.f.Close())
	f, err := os.OpenFile(w1.Path(), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("RrV1\x01\x01\x00")
	must(t, err)
	must(t, f.Close())
	rc, err := Recover(w1.Path(), goldenLogKey(t), "golden", s.conf.Started.Add(time.Hour))
	must(t, err)
	for n, path := range []string{w.Path(), w1.Path()} {
		to := filepath.Join("testdata", "golden-"+string(rune('0'+n))+".rec")
		must(t, os.Rename(path, to))
		must(t, os.Rename(DefaultBag(path), DefaultBag(to)))
	}
	secret, err := s.id.Secret()
	must(t, err)
	must(t, os.WriteFile("testdata/golden.identity", []byte("# opens the golden recording beside it, and nothing else\n"+secret+"\n"), 0o644))
	b, err := json.Marshal(map[string]string{"Head0": h0.String(), "Head1": rc.Head.String()})
	must(t, err)
	must(t, os.WriteFile("testdata/golden.json", append(b, '\n'), 0o644))
}

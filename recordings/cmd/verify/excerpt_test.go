package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

// TestExcerptAgainstTheLog: with a proof an excerpt is all right, or is not what
// the log holds.
func TestExcerptAgainstTheLog(t *testing.T) {
	b := newBench(t)
	w := b.segment(t, 0, nil)
	opened := w.Open()
	first := w.Head()
	_, err := w.Close()
	must(t, err)
	rep, err := recordings.ScanFile(b.file, recordings.ScanOptions{})
	must(t, err)
	ex := b.dir + "/ex"
	if _, errs, code := verify(t, "excerpt", "make", b.file, "--track", "chat", "--out", ex); code != exitOK {
		t.Fatal(errs)
	}
	public, witnessKey, err := ed25519.GenerateKey(nil)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	must(t, os.WriteFile(b.policy+"/witness-w.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	// proof writes one from a log that has these leaves.
	proof := func(name string, change func(*translog.Opened, *translog.Closed)) string {
		t.Helper()
		sid := translog.ID(b.conf.Session)
		o := translog.Opened{SID: sid, Key: translog.Hash(opened.Key), Commit: opened.Commit, Bag: translog.Hash{1}, N: first.N, Root: first.Root, Retention: "standard"}
		c := translog.Closed{SID: sid, N: rep.Head.N, Root: rep.Head.Root, Bytes: uint64(rep.Bytes), SHA256: translog.Hash{1}}
		change(&o, &c)
		l, err := translog.Create(t.TempDir(), translog.Config{Origin: "office.example/evidence", Key: b.log, Now: func() time.Time { return b.conf.Started }})
		must(t, err)
		at, err := l.Add(t.Context(), o, c)
		must(t, err)
		point := l.Checkpoint()
		witness, err := translog.CreateCosigner(translog.CosignerConfig{Name: "w", Key: witnessKey, Origin: point.Origin,
			Log: []ed25519.PublicKey{b.log.Public().(ed25519.PublicKey)}, State: t.TempDir() + "/state", Now: func() time.Time { return b.conf.Started }})
		must(t, err)
		lines, err := witness.AddCheckpoint(translog.Request{Checkpoint: point})
		must(t, err)
		must(t, witness.Close())
		point, err = point.Add(lines)
		must(t, err)
		p, err := l.Proof(t.Context(), sid, point, at, at+1)
		must(t, err)
		raw, err := p.Marshal()
		must(t, err)
		must(t, l.Close())
		path := b.dir + "/" + name
		must(t, os.WriteFile(path, raw, 0o600))
		return path
	}
	for name, c := range map[string]struct {
		change func(*translog.Opened, *translog.Closed)
		code   int
		says   string
	}{
		"good":         {func(*translog.Opened, *translog.Closed) {}, exitOK, "OK: these records stand"},
		"anew":         {func(o *translog.Opened, _ *translog.Closed) { o.Commit[0] ^= 1 }, exitTampered, "recorded anew"},
		"other root":   {func(_ *translog.Opened, c *translog.Closed) { c.Root[0] ^= 1 }, exitTampered, "another head"},
		"other length": {func(_ *translog.Opened, c *translog.Closed) { c.N++ }, exitUnverifiable, "no head of this length"},
		"other session": {func(o *translog.Opened, c *translog.Closed) {
			o.SID[0] ^= 1
			c.SID[0] ^= 1
		}, exitTampered, ""},
	} {
		out, errs, code := verify(t, "excerpt", ex, "--proof", proof(name, c.change), "--policy", b.policy)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, c.code, out, errs)
		}
	}
	must(t, os.Remove(b.policy+"/witness-w.pub"))
	if out, _, code := verify(t, "excerpt", ex, "--proof", b.dir+"/good", "--policy", b.policy); code != exitUnverifiable || !strings.Contains(out, "witness") {
		t.Errorf("without the witness's key: %d, %s", code, out)
	}
}

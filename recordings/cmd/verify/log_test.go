package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings"
	"consento/recordings/translog"
)

const testOrigin = "office.example/evidence"

// anchoredBench is a closed recording whose session stands in a witnessed log.
type anchoredBench struct {
	*bench
	log             *translog.Log
	dir, proof, old string
	witness         *translog.Cosigner
}

func newAnchored(t *testing.T) *anchoredBench {
	t.Helper()
	b := &anchoredBench{bench: newBench(t)}
	w := b.segment(t, 0, nil)
	first := w.Head()
	last, err := w.Close()
	must(t, err)
	o, err := recordings.ReadOpen(b.file)
	must(t, err)
	content, err := os.ReadFile(b.file)
	must(t, err)
	bag, err := os.ReadFile(recordings.DefaultBag(b.file))
	must(t, err)

	b.dir = filepath.Join(b.bench.dir, "log")
	b.log, err = translog.Create(b.dir, translog.Config{Origin: testOrigin, Key: b.bench.log, Now: func() time.Time { return b.conf.Started }})
	must(t, err)
	t.Cleanup(func() { must(t, b.log.Close()) })
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	text, err := translog.MarshalKey(pub)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(b.policy, "witness-mirror.pub"), text, 0o644))
	b.witness, err = translog.CreateCosigner(translog.CosignerConfig{Name: "mirror.example/w", Key: key, Origin: testOrigin,
		Log: []ed25519.PublicKey{b.bench.log.Public().(ed25519.PublicKey)}, State: filepath.Join(b.bench.dir, "state"), Now: func() time.Time { return b.conf.Started }})
	must(t, err)
	t.Cleanup(func() { must(t, b.witness.Close()) })

	sid := translog.ID(b.conf.Session)
	_, err = b.log.Add(t.Context(),
		translog.Opened{SID: sid, Key: translog.Hash(o.Key), Commit: translog.Hash(o.Commit), Bag: sha256.Sum256(bag), N: first.N, Root: first.Root},
		translog.Closed{SID: sid, N: last.N, Root: last.Root, Bytes: uint64(len(content)), SHA256: sha256.Sum256(content)})
	must(t, err)
	b.proof = b.prove(t, b.cosigned(t), 1, 2)
	b.old = filepath.Join(b.bench.dir, "old")
	must(t, os.WriteFile(b.old, b.log.Checkpoint().Text, 0o644))
	return b
}

func (b *anchoredBench) cosigned(t *testing.T) translog.Checkpoint {
	t.Helper()
	last, _ := b.witness.Last()
	c := b.log.Checkpoint()
	p, err := b.log.Consistency(t.Context(), last.Size, c.Size)
	must(t, err)
	line, err := b.witness.AddCheckpoint(translog.Request{Old: last.Size, Proof: p, Checkpoint: c})
	must(t, err)
	full, err := c.Add(line)
	must(t, err)
	must(t, b.log.SetCosigned(t.Context(), full))
	return full
}

// prove writes a proof with some leaves.
func (b *anchoredBench) prove(t *testing.T, c translog.Checkpoint, leaves ...uint64) string {
	t.Helper()
	p, err := b.log.Proof(t.Context(), translog.ID(b.conf.Session), c, leaves...)
	must(t, err)
	text, err := p.Marshal()
	must(t, err)
	name := filepath.Join(t.TempDir(), "proof.json")
	must(t, os.WriteFile(name, text, 0o644))
	return name
}

func TestAnchoredSession(t *testing.T) {
	b := newAnchored(t)
	content, err := os.ReadFile(b.file)
	must(t, err)
	noWitness := filepath.Join(t.TempDir(), "keys")
	must(t, os.CopyFS(noWitness, os.DirFS(b.policy)))
	must(t, os.Remove(filepath.Join(noWitness, "witness-mirror.pub")))
	noKeys := t.TempDir()
	plain := b.prove(t, b.log.Checkpoint(), 1, 2)
	other := newAnchored(t)
	for name, c := range map[string]struct {
		file  []byte
		proof string
		keys  string
		code  int
		says  string
	}{
		"all agrees":          {content, b.proof, b.policy, exitOK, "OK: closed"},
		"no proof":            {content, "", b.policy, exitUnverifiable, "UNVERIFIABLE"},
		"no witness's key":    {content, b.proof, noWitness, exitUnverifiable, "witness-NAME.pub"},
		"no cosignature":      {content, plain, b.policy, exitUnverifiable, "0 of 1 needed witnesses"},
		"no log key":          {content, b.proof, noKeys, exitUnverifiable, "log.pub"},
		"no opened leaf":      {content, b.prove(t, b.cosigned(t), 2), b.policy, exitUnverifiable, "how it was opened"},
		"no closed leaf":      {content, b.prove(t, b.cosigned(t), 1), b.policy, exitUnverifiable, "how it was closed"},
		"file changed":        {append(bytes.Clone(content[:300]), append([]byte{content[300] ^ 1}, content[301:]...)...), b.proof, b.policy, exitTampered, "TAMPERED"},
		"file cut":            {content[:len(content)-200], b.proof, b.policy, exitTampered, "TAMPERED"},
		"another session":     {content, other.proof, other.policy, exitTampered, "another session"},
		"another office keys": {content, b.proof, other.policy, exitUnverifiable, "not signed by any"},
		"no proof at all":     {content, b.file, b.policy, exitUsage, "not a proof"},
	} {
		must(t, os.WriteFile(b.file, c.file, 0o600))
		args := []string{"session", b.file, "--policy", c.keys}
		if c.proof != "" {
			args = append(args, "--proof", c.proof)
		}
		if out, errs, code := verify(t, args...); code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", name, code, c.code, c.says, out, errs)
		}
	}
	must(t, os.WriteFile(b.file, content, 0o600))

	// The same session recorded once more, all in order by itself.
	again := b.conf
	again.Dir = t.TempDir()
	w, err := recordings.Create(again)
	must(t, err)
	_, err = w.Close()
	must(t, err)
	if out, _, code := verify(t, "session", w.Path(), "--policy", b.policy, "--proof", b.proof); code != exitTampered || !strings.Contains(out, "recorded anew") {
		t.Error(code, out)
	}
	// A segment that the log knows, and whose file was left out.
	sid := translog.ID(b.conf.Session)
	at, err := b.log.Add(t.Context(), translog.Opened{SID: sid, Segment: 1, Key: translog.Hash{1}, Commit: translog.Hash{2}, Bag: translog.Hash{3}, N: 1, Root: translog.Hash{4}})
	must(t, err)
	if out, _, code := verify(t, "session", b.file, "--policy", b.policy, "--proof", b.prove(t, b.cosigned(t), 1, 2, at)); code != exitIncomplete || !strings.Contains(out, "knows segment 1") {
		t.Error(code, out)
	}
}

func TestLogCommand(t *testing.T) {
	b := newAnchored(t)
	backup := filepath.Join(t.TempDir(), "log")
	must(t, os.CopyFS(backup, os.DirFS(b.dir)))
	_, err := b.log.Add(t.Context(), translog.Admin{What: "signin", By: "a"})
	must(t, err)
	newer := b.prove(t, b.cosigned(t), 1)
	changed := filepath.Join(t.TempDir(), "log")
	must(t, os.CopyFS(changed, os.DirFS(b.dir)))
	name := filepath.Join(changed, "tile", "entries", "000.p", "4")
	entries, err := os.ReadFile(name)
	must(t, err)
	entries[150] ^= 1
	must(t, os.Chmod(name, 0o600))
	must(t, os.WriteFile(name, entries, 0o600))
	for what, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"whole":             {[]string{b.dir, "--policy", b.policy}, exitOK, "OK: the log is whole"},
		"with old ones":     {[]string{b.dir, "--policy", b.policy, "--old", b.old, "--old", newer}, exitOK, "2, of which 2"},
		"no keys":           {[]string{b.dir}, exitUnverifiable, "log.pub"},
		"set back":          {[]string{backup, "--policy", b.policy, "--old", newer}, exitTampered, "set back"},
		"changed":           {[]string{changed, "--policy", b.policy}, exitTampered, "leaf "},
		"no folder":         {[]string{b.dir + "x", "--policy", b.policy}, exitUsage, "no such file"},
		"old is none":       {[]string{b.dir, "--old", b.file}, exitUsage, "not a checkpoint"},
		"a folder, no log":  {[]string{b.policy, "--policy", b.policy}, exitTampered, "no checkpoint"},
		"policy is no keys": {[]string{b.dir, "--policy", b.old}, exitUsage, "public key"},
	} {
		if out, errs, code := verify(t, append([]string{"log"}, c.args...)...); code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", what, code, c.code, c.says, out, errs)
		}
	}
}

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings"
)

// verify runs the program and returns what it printed and its exit code.
func verify(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return o.String(), e.String(), code
}

// bench is a folder with an auditor's keys and a recording.
type bench struct {
	dir, keys, policy, file string
	conf                    recordings.Config
	log                     ed25519.PrivateKey
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir()}
	b.keys = filepath.Join(b.dir, "auditor")
	if out, errs, code := verify(t, "keygen", "--out", b.keys); code != exitOK || !strings.Contains(out, "recipient add") {
		t.Fatal(code, out, errs)
	}
	to, err := recordings.ReadRecipient(b.keys)
	must(t, err)
	b.conf = recordings.Config{
		Dir: b.dir, Session: recordings.NewSessionID(), Origin: "office.example",
		Started: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Recipients: []recordings.Recipient{to},
	}
	b.conf.Now = func() time.Time { return b.conf.Started.Add(3 * time.Second) }
	b.policy = filepath.Join(b.dir, "keys")
	must(t, os.Mkdir(b.policy, 0o755))
	pub, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	b.log = key
	der, err := x509.MarshalPKIXPublicKey(pub)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(b.policy, "log.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644))
	// Other public keys in the folder are none of the log's.
	must(t, os.WriteFile(filepath.Join(b.policy, "auditor.pub"), []byte(to.String()), 0o644))
	return b
}

// segment records one segment with an event, a chat line, a shell and a file.
func (b *bench) segment(t *testing.T, n int, after *recordings.Head) *recordings.Writer {
	t.Helper()
	c := b.conf
	c.Segment, c.Continues = n, after
	w, err := recordings.Create(c)
	must(t, err)
	at := time.Duration(n) * 10 * time.Second
	must(t, w.Append(recordings.TrackEvents, 0, at+time.Second, 0, fmt.Appendf(nil, `{"code":"session.opened","at_ms":%d,"data":{"n":%d}}`, (at+time.Second).Milliseconds(), n)))
	must(t, w.Append(recordings.TrackChat, 0, at+2*time.Second, 0, []byte(`{"code":"chat.line","at_ms":7,"data":{"text":"<buon giorno>"}}`)))
	must(t, w.Append(recordings.TrackShell, 0, at+2*time.Second, 0, []byte(`{"version":3,"term":{"cols":80,"rows":24}}`)))
	must(t, w.Append(recordings.TrackShell, 0, at+2*time.Second, 0, []byte("[0.1, \"o\", \"$ \"]\n")))
	must(t, w.Append(recordings.TrackFiles, 0, at+2*time.Second, 0, []byte(`{"code":"file.whole","data":{"size":3}}`)))
	must(t, w.Append(recordings.Track(77), 0, at+2*time.Second, 0, []byte("later")))
	_, err = w.Seal()
	must(t, err)
	b.file = filepath.Join(b.dir, recordings.SegmentName(b.conf.Session, 0))
	return w
}

func (b *bench) closed(t *testing.T, n int, after *recordings.Head) recordings.Head {
	t.Helper()
	h, err := b.segment(t, n, after).Close()
	must(t, err)
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClosedRecording(t *testing.T) {
	b := newBench(t)
	b.closed(t, 0, nil)
	out, errs, code := verify(t, "session", b.file)
	if code != exitUnverifiable || errs != "" {
		t.Fatal(code, out, errs)
	}
	first, _, _ := strings.Cut(out, "\n")
	if !strings.HasPrefix(first, "UNVERIFIABLE: closed and untouched") {
		t.Error(first)
	}
	for _, want := range []string{b.conf.Session.String(), "office.example", "first bad record   none", "0 whole records, 0 further bytes", "yes, by its final seal", "readable by        1: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}

	dir := filepath.Join(b.dir, "out")
	out, errs, code = verify(t, "open", b.file, "--identity", filepath.Join(b.keys, "identity"), "--out", dir)
	if code != exitUnverifiable || errs != "" {
		t.Fatal(code, out, errs)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.json"))
	must(t, err)
	var events []map[string]any
	must(t, json.Unmarshal(raw, &events))
	want := []string{
		"map[at_ms:1000 code:session.opened data:map[n:0] index:2 segment:0 track:events]",
		"map[at_ms:2000 code:chat.line data:map[text:<buon giorno>] index:3 recorded_at_ms:7 segment:0 track:chat]",
		"map[at_ms:2000 code:file.whole data:map[size:3] index:6 segment:0 track:files]",
		"map[at_ms:2000 file:other/0-000007-track-77.bin index:7 segment:0 track:track-77]",
	}
	for n, w := range want {
		if n >= len(events) || fmt.Sprint(events[n]) != w {
			t.Errorf("event %d: %v, want %s", n, events, w)
		}
	}
	cast, err := os.ReadFile(filepath.Join(dir, "shell.cast"))
	must(t, err)
	if string(cast) != "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24}}\n[0.1, \"o\", \"$ \"]\n" {
		t.Errorf("%q", cast)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "other", "0-000007-track-77.bin")); err != nil || string(got) != "later" {
		t.Error(err, got)
	}
	if _, _, code = verify(t, "open", b.file, "--identity", b.keys, "--out", dir); code != exitUsage {
		t.Errorf("a second export to the same folder: %d", code)
	}
}

func TestRenamedWithBag(t *testing.T) {
	b := newBench(t)
	b.closed(t, 0, nil)
	renamed := filepath.Join(b.dir, "session.rec")
	must(t, os.Rename(b.file, renamed))
	bag := filepath.Join(b.dir, "elsewhere.key")
	must(t, os.Rename(recordings.DefaultBag(b.file), bag))
	if out, _, code := verify(t, "session", renamed); code != exitUnverifiable || !strings.Contains(out, "readable by        nobody") {
		t.Error(code, out)
	}
	if _, errs, code := verify(t, "open", renamed, "--identity", b.keys, "--out", filepath.Join(b.dir, "o1")); code != exitUnverifiable || !strings.Contains(errs, "key bag") {
		t.Error(code, errs)
	}
	if _, errs, code := verify(t, "open", renamed, "--bag", bag, "--identity", b.keys, "--out", filepath.Join(b.dir, "o2")); code != exitUnverifiable || errs != "" {
		t.Error(code, errs)
	}
	must(t, os.Rename(bag, filepath.Join(b.dir, "session.key")))
	if _, errs, code := verify(t, "open", renamed, "--identity", b.keys, "--out", filepath.Join(b.dir, "o3")); code != exitUnverifiable || errs != "" {
		t.Error(code, errs)
	}
}

// TestBagsApart: a witness keeps recordings and key bags in two folders. They are
// found wherever one stands, for every segment; a bag beside the recording goes
// before, and a foreign one in the other folder opens nothing.
func TestBagsApart(t *testing.T) {
	b := newBench(t)
	root := b.dir
	rec, bags := filepath.Join(root, "rec"), filepath.Join(root, "bags")
	must(t, os.Mkdir(rec, 0o700))
	must(t, os.Mkdir(bags, 0o700))
	b.conf.Dir, b.conf.BagDir = rec, bags
	head := b.closed(t, 0, nil)
	b.closed(t, 1, &head)
	name := recordings.SegmentName(b.conf.Session, 0)
	keys, err := filepath.Abs(b.keys)
	must(t, err)
	for at, file := range map[string]string{root: filepath.Join("rec", name), rec: name, bags: filepath.Join("..", "rec", name), "": filepath.Join(rec, name)} {
		if at != "" {
			t.Chdir(at)
		}
		if out, errs, code := verify(t, "session", file); code != exitUnverifiable || strings.Count(out, "readable by        1: ") != 2 {
			t.Error(at, code, out, errs)
		}
		out := t.TempDir()
		must(t, os.Remove(out))
		if _, errs, code := verify(t, "open", file, "--identity", keys, "--out", out); code != exitUnverifiable || errs != "" {
			t.Error(at, code, errs)
		}
	}
	second := recordings.BagName(b.conf.Session, 1)
	foreign, err := os.ReadFile(filepath.Join(bags, second))
	must(t, err)
	beside := filepath.Join(rec, recordings.BagName(b.conf.Session, 0))
	must(t, os.WriteFile(beside, foreign, 0o600))
	if out, _, _ := verify(t, "session", filepath.Join(rec, name)); !strings.Contains(out, "readable by        nobody") {
		t.Error(out)
	}
	must(t, os.Remove(beside))
	must(t, os.WriteFile(filepath.Join(bags, filepath.Base(beside)), foreign, 0o600))
	if _, errs, code := verify(t, "open", filepath.Join(rec, name), "--identity", keys, "--out", filepath.Join(root, "none")); code == exitOK || errs == "" {
		t.Error(code, errs)
	}
}

func TestExitCodes(t *testing.T) {
	b := newBench(t)
	b.closed(t, 0, nil)
	whole, err := os.ReadFile(b.file)
	must(t, err)
	other := newBench(t)
	out := filepath.Join(b.dir, "none")
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		args  []string
		code  int
		says  string
	}{
		"untouched":          {nil, []string{"session", b.file}, exitUnverifiable, "UNVERIFIABLE"},
		"changed":            {func(c []byte) []byte { c[len(c)/2] ^= 1; return c }, []string{"session", b.file}, exitTampered, "TAMPERED"},
		"changed, open":      {func(c []byte) []byte { c[len(c)/2] ^= 1; return c }, []string{"open", b.file, "--identity", b.keys, "--out", filepath.Join(b.dir, "t")}, exitTampered, "TAMPERED"},
		"OPEN changed, open": {func(c []byte) []byte { c[40] ^= 1; return c }, []string{"open", b.file, "--identity", b.keys, "--out", out}, exitTampered, "tampered"},
		"OPEN changed":       {func(c []byte) []byte { c[40] ^= 1; return c }, []string{"session", b.file}, exitTampered, "TAMPERED"},
		"out is a file":      {nil, []string{"open", b.file, "--identity", b.keys, "--out", b.file}, exitUsage, ""},
		"no key bag":         {nil, []string{"open", b.file, "--bag", b.file + "x", "--identity", b.keys, "--out", out}, exitUnverifiable, "key bag"},
		"bag is none":        {nil, []string{"open", b.file, "--bag", b.file, "--identity", b.keys, "--out", out}, exitUnverifiable, "key bag"},
		"cut":                {func(c []byte) []byte { return c[:len(c)-9] }, []string{"session", b.file}, exitIncomplete, "INCOMPLETE"},
		"cut, open":          {func(c []byte) []byte { return c[:len(c)-9] }, []string{"open", b.file, "--identity", b.keys, "--out", filepath.Join(b.dir, "u")}, exitIncomplete, "INCOMPLETE"},
		"empty":              {func(c []byte) []byte { return nil }, []string{"session", b.file}, exitIncomplete, "INCOMPLETE"},
		"empty, open":        {func(c []byte) []byte { return nil }, []string{"open", b.file, "--identity", b.keys, "--out", out}, exitIncomplete, "never began"},
		"appended":           {func(c []byte) []byte { return append(c, 'x') }, []string{"session", b.file}, exitTampered, "TAMPERED"},
		"wrong identity":     {nil, []string{"open", b.file, "--identity", other.keys, "--out", out}, exitUnverifiable, "not made for this identity"},
		"no file":            {nil, []string{"session", b.file + "x"}, exitUsage, "no such file"},
		"no file, open":      {nil, []string{"open", b.file + "x", "--identity", b.keys, "--out", out}, exitUsage, "no such file"},
		"no identity":        {nil, []string{"open", b.file, "--identity", b.file, "--out", out}, exitUsage, "identity"},
		"no policy":          {nil, []string{"session", b.file, "--policy", b.file + "x"}, exitUsage, "no such file"},
		"bad policy":         {nil, []string{"session", b.file, "--policy", b.file}, exitUsage, "public key"},
		"no command":         {nil, nil, exitUsage, "--help"},
		"wrong flag":         {nil, []string{"session", b.file, "--force"}, exitUsage, "--force"},
		"second keygen":      {nil, []string{"keygen", "--out", b.keys}, exitUsage, "not replaced"},
		"help":               {nil, []string{"--help"}, exitOK, "Exit codes"},
	} {
		file := bytes.Clone(whole)
		if c.spoil != nil {
			file = c.spoil(file)
		}
		must(t, os.WriteFile(b.file, file, 0o600))
		stdout, stderr, code := verify(t, c.args...)
		if code != c.code || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", name, code, c.code, c.says, stdout, stderr)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused export left a folder")
	}
}

// TestTamperedExport: what was sealed before the fault is exported, the rest not.
func TestTamperedExport(t *testing.T) {
	b := newBench(t)
	w := b.segment(t, 0, nil)
	must(t, w.Append(recordings.TrackEvents, 0, 5*time.Second, 0, []byte(`{"code":"changed.later"}`)))
	_, err := w.Close()
	must(t, err)
	file, err := os.ReadFile(b.file)
	must(t, err)
	file[len(file)-176-3] ^= 1 // the last byte of the record before the final seal is at -177
	must(t, os.WriteFile(b.file, file, 0o600))
	dir := filepath.Join(b.dir, "out")
	if out, _, code := verify(t, "open", b.file, "--identity", b.keys, "--out", dir); code != exitTampered || !strings.Contains(out, "first bad record   number 9") {
		t.Fatal(code, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.json"))
	must(t, err)
	if !strings.Contains(string(raw), "session.opened") || strings.Contains(string(raw), "changed.later") {
		t.Errorf("%s", raw)
	}
}

func TestRecovered(t *testing.T) {
	b := newBench(t)
	w := b.segment(t, 0, nil)
	must(t, w.Append(recordings.TrackEvents, 0, 5*time.Second, 0, []byte(`{"code":"not.sealed"}`)))
	out, _, code := verify(t, "session", w.Path())
	if code != exitIncomplete || !strings.Contains(out, "1 whole records, 0 further bytes") {
		t.Error(code, out)
	}
	dir := filepath.Join(b.dir, "live")
	if out, _, code := verify(t, "open", w.Path(), "--identity", b.keys, "--out", dir); code != exitIncomplete {
		t.Error(code, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.json"))
	must(t, err)
	if !strings.Contains(string(raw), `"track": "events", "unsealed": true, "code": "not.sealed"`) {
		t.Errorf("%s", raw)
	}
	_, err = recordings.Recover(w.Path(), b.log, "broker restarted", b.conf.Now())
	must(t, err)
	out, _, code = verify(t, "session", w.Path())
	if code != exitUnverifiable || !strings.Contains(out, "--policy") || !strings.Contains(out, "was not checked") {
		t.Error(code, out)
	}
	late := filepath.Join(b.dir, "late")
	if _, errs, _ := verify(t, "open", w.Path(), "--identity", b.keys, "--out", late); errs != "" {
		t.Error(errs)
	}
	raw, err = os.ReadFile(filepath.Join(late, "events.json"))
	must(t, err)
	if strings.Count(string(raw), `"unsealed": true`) != 1 || !strings.Contains(string(raw), `"unsealed": true, "code": "not.sealed"`) {
		t.Errorf("%s", raw)
	}
	for _, keys := range []string{b.policy, filepath.Join(b.policy, "log.pub")} {
		out, _, code = verify(t, "session", w.Path(), "--policy", keys)
		if code != exitUnverifiable || !strings.Contains(out, "by the log key") || !strings.Contains(out, "broker restarted") {
			t.Error(code, out)
		}
	}
	if out, _, code = verify(t, "session", w.Path(), "--policy", newBench(t).policy); code != exitTampered || !strings.Contains(out, "none of the log keys") {
		t.Error(code, out)
	}
}

func TestSeveralSegments(t *testing.T) {
	b := newBench(t)
	h0 := b.closed(t, 0, nil)
	h1 := b.closed(t, 1, &h0)
	b.closed(t, 2, &h1)
	out, _, code := verify(t, "session", b.file)
	if code != exitUnverifiable || strings.Count(out, "closed ") < 3 || !strings.Contains(out, "segment 2") {
		t.Error(code, out)
	}
	dir := filepath.Join(b.dir, "out")
	if out, errs, code := verify(t, "open", b.file, "--identity", b.keys, "--out", dir); code != exitUnverifiable {
		t.Error(code, out, errs)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.json"))
	must(t, err)
	if n := strings.Count(string(raw), "session.opened"); n != 3 || !strings.Contains(string(raw), `"at_ms": 21000`) {
		t.Errorf("%d\n%s", n, raw)
	}
	second := filepath.Join(b.dir, recordings.SegmentName(b.conf.Session, 1))
	if out, _, code := verify(t, "session", second); code != exitUnverifiable || !strings.Contains(out, "begins with segment 1") {
		t.Error(code, out)
	}
	must(t, os.Rename(second, filepath.Join(b.dir, "hidden")))
	if out, _, code := verify(t, "session", b.file); code != exitIncomplete || !strings.Contains(out, "a segment is missing: number 1") {
		t.Error(code, out)
	}
	// A segment that goes on from another head.
	h0.Root[0] ^= 1
	must(t, os.Remove(recordings.DefaultBag(second)))
	b.closed(t, 1, &h0)
	if out, _, code := verify(t, "session", b.file); code != exitTampered || !strings.Contains(out, "another head") {
		t.Error(code, out)
	}
}

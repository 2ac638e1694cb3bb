package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"consento/recordings/stamp"
	"consento/recordings/stamp/stamptest"
	"consento/recordings/translog"
)

// clocked is a log that a real authority has stamped, and the session in it.
type clocked struct {
	*anchoredBench
	clock *stamptest.Authority
	ca    string              // its certificate
	point translog.Checkpoint // that was stamped
	token []byte
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	c := &clocked{anchoredBench: newAnchored(t), clock: stamptest.New(t)}
	c.ca = filepath.Join(t.TempDir(), "clock.pem")
	must(t, os.WriteFile(c.ca, c.clock.CA, 0o644))
	c.point, _ = c.log.Cosigned()
	leaf := translog.Timestamp{N: c.point.Size, Root: translog.Hash(c.point.Root)}
	c.token = c.clock.Token(leaf.Message(testOrigin))
	c.name(t, leaf, c.token)
	return c
}

// name puts a timestamp on the log.
func (c *clocked) name(t *testing.T, leaf translog.Timestamp, token []byte) {
	t.Helper()
	var err error
	leaf.Token, err = c.log.PutSealed(token)
	must(t, err)
	_, err = c.log.Add(t.Context(), leaf)
	must(t, err)
	c.cosigned(t)
}

// session is the file of a timestamp of the session.
func (c *clocked) session(t *testing.T, point translog.Checkpoint, token []byte) string {
	t.Helper()
	p, err := c.log.Proof(t.Context(), translog.ID(c.conf.Session), point, 1, 2)
	must(t, err)
	text, err := stamp.Session{Proof: p, Token: token}.Marshal()
	must(t, err)
	name := filepath.Join(t.TempDir(), "stamp")
	must(t, os.WriteFile(name, text, 0o644))
	return name
}

// TestTimestampsOfLog: with the certificate of the authority an outside clock says
// when the log was there; without, that is said.
func TestTimestampsOfLog(t *testing.T) {
	c := newClocked(t)
	other := filepath.Join(t.TempDir(), "other.pem")
	must(t, os.WriteFile(other, stamptest.New(t).CA, 0o644))
	keys := filepath.Join(t.TempDir(), "keys")
	must(t, os.CopyFS(keys, os.DirFS(c.policy)))
	must(t, os.WriteFile(filepath.Join(keys, "timestamp.pem"), c.clock.CA, 0o644))
	none := newAnchored(t)
	lost := filepath.Join(t.TempDir(), "log")
	must(t, os.CopyFS(lost, os.DirFS(c.dir)))
	must(t, os.RemoveAll(filepath.Join(lost, "sealed")))
	lying := newClocked(t)
	lying.name(t, translog.Timestamp{N: lying.point.Size, Root: translog.Hash(lying.point.Root)}, lying.clock.Token([]byte("something else")))
	broken := newClocked(t)
	broken.name(t, translog.Timestamp{N: broken.point.Size, Root: translog.Hash(broken.point.Root)}, []byte("no token"))
	forged := newClocked(t)
	wrong := bytes.Clone(forged.token)
	wrong[len(wrong)-1] ^= 1
	forged.name(t, translog.Timestamp{N: forged.point.Size, Root: translog.Hash(forged.point.Root)}, wrong)
	old := newClocked(t)
	old.conf.Started = old.conf.Started.Add(48 * time.Hour)
	_, err := old.log.Add(t.Context(), translog.Admin{What: "signin", By: "a"})
	must(t, err)
	old.cosigned(t)
	for what, v := range map[string]struct {
		args []string
		code int
		says string
	}{
		"none for days":            {[]string{"log", old.dir, "--policy", old.policy, "--timestamp-ca", old.ca}, exitOK, "the log went on for 48h0m0s since the last one"},
		"checked":                  {[]string{"log", c.dir, "--policy", c.policy, "--timestamp-ca", c.ca}, exitOK, `1 of 1 are good; the first 3 leaves were there before`},
		"by whom":                  {[]string{"log", c.dir, "--policy", c.policy, "--timestamp-ca", c.ca}, exitOK, `says "CN=Test Clock"`},
		"another clock":            {[]string{"log", c.dir, "--policy", c.policy, "--timestamp-ca", c.ca}, exitOK, "the clock of the log differs by"},
		"by the folder":            {[]string{"log", c.dir, "--policy", keys}, exitOK, "1 of 1 are good"},
		"the store too":            {[]string{"store", c.dir, c.bench.dir, "--policy", c.policy, "--timestamp-ca", c.ca}, exitOK, "1 of 1 are good"},
		"no certificate":           {[]string{"log", c.dir, "--policy", c.policy}, exitOK, "1, not checked: give the certificate"},
		"no timestamp":             {[]string{"log", none.dir, "--policy", none.policy, "--timestamp-ca", c.ca}, exitOK, "no outside clock"},
		"another's certificate":    {[]string{"log", c.dir, "--policy", c.policy, "--timestamp-ca", other}, exitUnverifiable, "by no authority"},
		"token lost":               {[]string{"log", lost, "--policy", c.policy, "--timestamp-ca", c.ca}, exitUnverifiable, "not in the folder"},
		"token lost, none asked":   {[]string{"log", lost, "--policy", c.policy}, exitOK, "1 sealed bodies"},
		"over something else":      {[]string{"log", lying.dir, "--policy", lying.policy, "--timestamp-ca", lying.ca}, exitTampered, "something else"},
		"seen without certificate": {[]string{"log", lying.dir, "--policy", lying.policy}, exitTampered, "something else"},
		"no token":                 {[]string{"log", broken.dir, "--policy", broken.policy, "--timestamp-ca", broken.ca}, exitTampered, "not an RFC 3161"},
		"a forged one":             {[]string{"log", forged.dir, "--policy", forged.policy, "--timestamp-ca", forged.ca}, exitTampered, "timestamp: "},
		"certificate is none":      {[]string{"log", c.dir, "--timestamp-ca", c.proof}, exitUsage, "no certificate"},
		"certificate is not there": {[]string{"log", c.dir, "--timestamp-ca", c.ca + "x"}, exitUsage, "no such file"},
	} {
		if out, errs, code := verify(t, v.args...); code != v.code || !strings.Contains(out+errs, v.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", what, code, v.code, v.says, out, errs)
		}
	}
}

// TestTimestampOfSession: the file beside a recording shows when it was closed.
func TestTimestampOfSession(t *testing.T) {
	c := newClocked(t)
	good := c.session(t, c.point, c.token)
	other := filepath.Join(t.TempDir(), "other.pem")
	must(t, os.WriteFile(other, stamptest.New(t).CA, 0o644))
	wrong := bytes.Clone(c.token)
	wrong[len(wrong)-1] ^= 1
	later, _ := c.log.Cosigned()
	stranger := newClocked(t)
	spaced := filepath.Join(t.TempDir(), "spaced")
	text, err := os.ReadFile(good)
	must(t, err)
	must(t, os.WriteFile(spaced, append([]byte(" "), text...), 0o644))
	for what, v := range map[string]struct {
		file, ca string
		code     int
		says     string
	}{
		"checked":               {good, c.ca, exitOK, `segment 0 closed before`},
		"no certificate":        {good, "", exitOK, "not checked: give the certificate"},
		"another's certificate": {good, other, exitUnverifiable, "by no authority"},
		"another checkpoint":    {c.session(t, later, c.token), c.ca, exitTampered, "something else"},
		"without certificate":   {c.session(t, later, c.token), "", exitTampered, "something else"},
		"forged":                {c.session(t, c.point, wrong), c.ca, exitTampered, "timestamp: "},
		"another session's":     {stranger.session(t, stranger.point, stranger.token), stranger.ca, exitTampered, "another session"},
		"another spelling":      {spaced, c.ca, exitUsage, "another spelling"},
		"none at all":           {c.proof, c.ca, exitUsage, "not the timestamp"},
	} {
		args := []string{"session", c.file, "--policy", c.policy, "--proof", c.proof, "--timestamp", v.file}
		if v.ca != "" {
			args = append(args, "--timestamp-ca", v.ca)
		}
		if out, errs, code := verify(t, args...); code != v.code || !strings.Contains(out+errs, v.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", what, code, v.code, v.says, out, errs)
		}
	}
	must(t, os.WriteFile(strings.TrimSuffix(c.file, "-0.rec")+".stamp", text, 0o644))
	if out, errs, code := verify(t, "session", c.file, "--policy", c.policy, "--proof", c.proof, "--timestamp-ca", c.ca); code != exitOK || !strings.Contains(out, "segment 0 closed before") {
		t.Errorf("beside it: %d\n%s%s", code, out, errs)
	}
}

// TestTimestampInView: the page and what is written say of the timestamp what the
// command session says, and end with the same code.
func TestTimestampInView(t *testing.T) {
	needsPlayer(t)
	c := newClocked(t)
	later, _ := c.log.Cosigned()
	for what, v := range map[string]struct {
		file, ca string
		code     int
		says     string
		page     []string
	}{
		"checked":            {c.session(t, c.point, c.token), c.ca, exitOK, "segment 0 closed before", []string{`data-state="intact"`, "An outside clock (a timestamp authority) shows that it was closed before "}},
		"no certificate":     {c.session(t, c.point, c.token), "", exitOK, "not checked: give the certificate", []string{`data-state="intact"`}},
		"another checkpoint": {c.session(t, later, c.token), c.ca, exitTampered, "something else", []string{`data-state="tampered"`, "The timestamp by an outside clock is wrong"}},
	} {
		args := []string{"--identity", c.keys, "--policy", c.policy, "--proof", c.proof, "--timestamp", v.file}
		if v.ca != "" {
			args = append(args, "--timestamp-ca", v.ca)
		}
		w := c.watch(t, args...)
		_, page := get(t, w.url, nil)
		w.stop()
		code := <-w.ended
		<-w.said
		if code != v.code || !strings.Contains(w.out.String(), v.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s", what, code, v.code, v.says, w.out)
		}
		for _, want := range v.page {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page does not say %q", what, want)
			}
		}
		if clock := strings.Contains(page, `data-testid="clock"`); clock != (what == "checked") {
			t.Errorf("%s: an outside clock is on the page: %t", what, clock)
		}
	}
}

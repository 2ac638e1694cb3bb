package main

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"consento/recordings/stamp/stamptest"
	"consento/recordings/translog"
)

// TestCheckTimestamps: the witness's own check says of timestamps what consento-verify
// says of a log.
func TestCheckTimestamps(t *testing.T) {
	clock := stamptest.New(t)
	other := filepath.Join(t.TempDir(), "other.pem")
	must(t, os.WriteFile(other, stamptest.New(t).CA, 0o644))
	site := func(over func(text []byte) []byte) string {
		t.Helper()
		dir := t.TempDir()
		for _, name := range []string{"keys", "rec", "bags"} {
			must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		}
		log, err := translog.Create(filepath.Join(dir, "log"), translog.Config{Origin: "office.example/evidence", Key: logKey()})
		must(t, err)
		point := log.Checkpoint()
		leaf := translog.Timestamp{N: point.Size, Root: translog.Hash(point.Root)}
		leaf.Token, err = log.PutSealed(clock.Token(over(leaf.Message(point.Origin))))
		must(t, err)
		_, err = log.Add(t.Context(), leaf)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "state"), log.Checkpoint().Text, 0o600))
		must(t, log.Close())
		key, err := translog.MarshalKey(logKey().Public().(ed25519.PublicKey))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "keys", "log.pub"), key, 0o600))
		return dir
	}
	good := site(func(text []byte) []byte { return text })
	lying := site(func([]byte) []byte { return []byte("something else") })
	known := site(func(text []byte) []byte { return text })
	must(t, os.WriteFile(filepath.Join(known, "keys", "timestamp.pem"), clock.CA, 0o600))
	for what, c := range map[string]struct {
		dir, ca string
		code    int
		says    string
	}{
		// Without a witness's signature on it such a log is 3 at best.
		"by the folder":         {known, "", exitUnverifiable, `timestamps: 1 of 1 are good; the first 1 leaves were there before`},
		"no certificate":        {good, "", exitUnverifiable, "timestamps: 1, not checked: give the certificate"},
		"another's certificate": {good, other, exitUnverifiable, "by no authority"},
		"over something else":   {lying, "", exitTampered, "something else"},
		"no certificate there":  {good, other + "x", exitUsage, "no such file"},
	} {
		args := []string{"check", "--dir", c.dir}
		if c.ca != "" {
			args = append(args, "--timestamp-ca", c.ca)
		}
		if out, errs, code := witnessed(t, args...); code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", what, code, c.code, c.says, out, errs)
		}
	}
}

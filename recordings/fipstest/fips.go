// Package fipstest runs the tests of a package once more with nothing but approved
// algorithms allowed (FIPS 140-3, GODEBUG=fips140=only).
package fipstest

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const child = "CONSENTO_TEST_FIPS"

// Run is the whole of a test named TestFIPS: it runs every other test of the package
// that calls it, but for those named, which take long and add nothing here.
func Run(t *testing.T, but ...string) {
	t.Helper()
	if os.Getenv(child) != "" {
		if !fips140.Enabled() {
			t.Fatal("FIPS mode is off")
		}
		return
	}
	if testing.Short() {
		t.Skip("runs everything again")
	}
	cmd := exec.Command(os.Args[0], "-test.run=.", "-test.v=false")
	if len(but) > 0 {
		cmd.Args = append(cmd.Args, "-test.skip=^("+strings.Join(but, "|")+")$")
	}
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", child+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "PASS") {
		t.Fatalf("%s", out)
	}
}

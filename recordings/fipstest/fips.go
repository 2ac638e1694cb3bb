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
	if len(but) > 0 {
		again(t, "-test.skip=^("+strings.Join(but, "|")+")$")
		return
	}
	again(t)
}

// Only is Run for the named tests alone, where all would take long.
func Only(t *testing.T, names ...string) {
	t.Helper()
	again(t, "-test.run=^("+strings.Join(names, "|")+")$")
}

func again(t *testing.T, which ...string) {
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
	cmd := exec.Command(os.Args[0], append([]string{"-test.run=.", "-test.v=false"}, which...)...)
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", child+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "PASS") {
		t.Fatalf("%s", out)
	}
}

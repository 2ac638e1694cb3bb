package main

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"testing"
)

const fipsChild = "CONSENTO_TEST_FIPS"

// TestFIPS runs every other test of the program once more with nothing but
// approved algorithms allowed.
func TestFIPS(t *testing.T) {
	if os.Getenv(fipsChild) != "" {
		if !fips140.Enabled() {
			t.Fatal("FIPS mode is off")
		}
		return
	}
	if testing.Short() {
		t.Skip("runs everything again")
	}
	cmd := exec.Command(os.Args[0], "-test.run=.")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", fipsChild+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

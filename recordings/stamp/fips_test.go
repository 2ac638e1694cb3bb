package stamp

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const fipsChild = "CONSENTO_TEST_FIPS"

// TestFIPS runs every other test of the package once more with nothing but
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
	cmd := exec.Command(os.Args[0], "-test.run=.", "-test.skip=^TestEveryByte$", "-test.v=false")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", fipsChild+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "PASS") {
		t.Fatalf("%s", out)
	}
}

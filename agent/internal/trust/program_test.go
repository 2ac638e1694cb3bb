package trust

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"consento/protocol"
)

// TestBuiltProgramHoldsOneSection builds the agent as an office gets it,
// prepares it and starts it: one section, and the program reads what was put
// into it.
func TestBuiltProgramHoldsOneSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "consento-agent")
	// The same flags as the build's, so that its cache serves.
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "consento/agent")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program := must(os.ReadFile(path))(t)
	marker := protocol.OfficeSectionMarker()
	if n := bytes.Count(program, marker[:]); n != 1 {
		t.Fatalf("the program holds %d office sections", n)
	}
	version := func() string {
		t.Helper()
		out, err := exec.Command(path, "--version").CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if _, err := os.Stat(path); err != nil {
			t.Fatal("--version removed the program")
		}
		return string(out)
	}
	if v := version(); !strings.Contains(v, "not prepared") {
		t.Errorf("unprepared: %s", v)
	}
	root, _, err := ed25519.GenerateKey(nil)
	must(0, err)(t)
	prepared := must(protocol.PrepareAgent(program, protocol.OfficeSection{V: 1, Office: "Comune di Città", Brokers: []string{"https://aiuto.example"}, Root: root}))(t)
	must(0, os.WriteFile(path, prepared, 0o700))(t)
	if v := version(); !strings.Contains(v, "for Comune di Città") {
		t.Errorf("prepared: %s", v)
	}
}

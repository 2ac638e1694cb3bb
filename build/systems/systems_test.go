package systems

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the folder of the sources, from here.
const root = "../.."

// toolLine is how the Makefile says with what the auditor's tool is built.
var toolLine = regexp.MustCompile(`(?m)^(TOOLS|TOOL_ENV|TOOL_FLAGS) *:= (.*)$`)

// toolSettings are those lines of the Makefile, by name.
func toolSettings(t *testing.T) map[string]string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range toolLine.FindAllStringSubmatch(string(makefile), -1) {
		found[m[1]] = m[2]
	}
	if len(found) != 3 || !strings.Contains(found["TOOL_FLAGS"], "-trimpath") {
		t.Fatalf("the Makefile says %q", found)
	}
	return found
}

// buildTool builds the auditor's tool as make tools does, in a folder of sources.
func buildTool(t *testing.T, source, system, arch string) []byte {
	t.Helper()
	set := toolSettings(t)
	out := filepath.Join(t.TempDir(), "tool")
	// A shell reads the flags, as it does for make.
	cmd := exec.CommandContext(t.Context(), "bash", "-c", "exec go build "+set["TOOL_FLAGS"]+" -o \"$0\" ./recordings/cmd/verify", out)
	cmd.Dir = source
	cmd.Env = append(append(os.Environ(), strings.Fields(set["TOOL_ENV"])...), "GOOS="+system, "GOARCH="+arch, "PWD="+source)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s/%s: %v\n%s", system, arch, err, said)
	}
	program, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestToolOnEverySystem: the auditor's tool compiles for each system that make
// tools names, and is a program of that system.
func TestToolOnEverySystem(t *testing.T) {
	magic := map[string]string{"linux": "\x7fELF", "windows": "MZ", "darwin": "\xcf\xfa\xed\xfe"}
	seen := map[string]bool{}
	for _, target := range strings.Fields(toolSettings(t)["TOOLS"]) {
		system, arch, _ := strings.Cut(target, "/")
		seen[system] = true
		program := buildTool(t, root, system, arch)
		if want := magic[system]; want == "" || !bytes.HasPrefix(program, []byte(want)) {
			t.Errorf("%s begins with %q", target, program[:4])
		}
	}
	if len(seen) != len(magic) {
		t.Errorf("make tools builds for %v only", seen)
	}
}

// TestToolIsReproducible: the same sources in another folder give the same bytes,
// and nothing of either folder is in them.
func TestToolIsReproducible(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "another", "place")
	for _, folder := range []string{"recordings", "protocol", "console"} {
		copySources(t, folder, elsewhere)
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		copyFile(t, filepath.Join(root, file), filepath.Join(elsewhere, file))
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	one, two := buildTool(t, here, "linux", "amd64"), buildTool(t, elsewhere, "linux", "amd64")
	if !bytes.Equal(one, two) {
		t.Errorf("two builds differ: %d and %d bytes", len(one), len(two))
	}
	if bytes.Contains(one, []byte(here)) {
		t.Errorf("the tool names %s", here)
	}
}

// copySources copies a folder without the packages of others.
func copySources(t *testing.T, folder, to string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "node_modules":
			return filepath.SkipDir
		case d.Type().IsRegular():
			name, err := filepath.Rel(root, path)
			copyFile(t, path, filepath.Join(to, name))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

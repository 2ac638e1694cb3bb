package house

import (
	"bytes"
	"image/png"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxFileBytes    = 200 << 10
	maxTextsBytes   = 400 << 10 // of a language file: one catalogue, however many texts it holds
	maxPictureBytes = 500 << 10 // of a picture in build/readme
	maxLines        = 800
)

// pictures is the one folder for pictures.
const pictures = "build/readme/"

// generated are names of folders and files that are built or fetched, never kept.
var generated = []string{"node_modules", "bin", "data", "demo"}

func TestCommittedFiles(t *testing.T) {
	for _, file := range committed(t) {
		for _, complaint := range complaints(t, file) {
			t.Errorf("%s: %s", file, complaint)
		}
	}
}

// complaints says what is wrong with a committed file.
func complaints(t *testing.T, file string) []string {
	t.Helper()
	info, err := os.Lstat(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	if !info.Mode().IsRegular() {
		return []string{"is no plain file: a link leads elsewhere on another machine"}
	}
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return judge(file, data)
}

func judge(file string, data []byte) []string {
	var wrong []string
	top, _, _ := strings.Cut(file, "/")
	for _, name := range generated {
		if name == top || name == "node_modules" && strings.Contains(file, "node_modules/") {
			wrong = append(wrong, "lies in "+name+": built and fetched things are not committed")
		}
	}
	if strings.HasPrefix(file, "console/dist/") && path.Base(file) != ".placeholder" {
		wrong = append(wrong, "is a bundle: make front makes it")
	}
	if strings.HasPrefix(file, pictures) {
		if _, err := png.DecodeConfig(bytes.NewReader(data)); err != nil || path.Ext(file) != ".png" {
			wrong = append(wrong, "is no PNG: "+pictures+" holds pictures only")
		}
		if len(data) > maxPictureBytes {
			wrong = append(wrong, "is a picture of more than 500 kB: make it smaller")
		}
		return wrong
	}
	catalogue := path.Dir(file) == "protocol/lang" && path.Ext(file) == ".json"
	if len(data) > maxFileBytes && !(catalogue && len(data) <= maxTextsBytes) {
		wrong = append(wrong, "is larger than 200 kB: what is so large is generated, fetched, or two things")
	}
	// Golden recordings and test pictures have to be bytes.
	if bytes.IndexByte(data, 0) >= 0 && !strings.Contains(file, "/testdata/") {
		wrong = append(wrong, "is binary: nobody can review it")
	}
	if lines := bytes.Count(data, []byte("\n")); lines > maxLines && !catalogue && file != "protocol/PROTOCOL.md" { // the wire is one list, and a test reads it as one
		wrong = append(wrong, "has more than 800 lines: it is more than one thing")
	}
	for _, host := range registries {
		if bytes.Contains(data, []byte(host)) && file != "build/house/files_test.go" {
			wrong = append(wrong, "names "+host+": where packages come from is a setting of the machine, not of the project")
		}
	}
	return wrong
}

// registries are hosts that lock files like to keep. Some are cut in two: this
// file must not hold them either.
var registries = []string{"registry.npm" + "js.org", "registry.yarn" + "pkg.com", "proxy.gol" + "ang.org", "gosum" + ".io", "/npm/-/", "artifactory", "verdaccio", "codeartifact",
	"\"resolved\":"}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		data []byte
		want int
	}{
		"source":        {"broker/main.go", []byte("package main\n"), 0},
		"golden file":   {"recordings/testdata/golden-0.rec", []byte{1, 0, 2}, 0},
		"bundle":        {"console/dist/console.js", []byte("x"), 1},
		"placeholder":   {"console/dist/.placeholder", nil, 0},
		"fetched":       {"console/node_modules/preact/index.js", []byte("x"), 1},
		"program":       {"bin/consento-agent", []byte{0x7f, 'E', 'L', 'F', 0}, 2},
		"no picture":    {"build/readme/session.png", []byte("x"), 1},
		"large":         {"protocol/big.go", bytes.Repeat([]byte("x"), maxFileBytes+1), 1},
		"catalogue":     {"protocol/lang/en.json", bytes.Repeat([]byte("\n"), maxLines+1), 0},
		"long":          {"protocol/long.go", bytes.Repeat([]byte("\n"), maxLines+1), 1},
		"registry host": {"console/package-lock.json", []byte(`"resolved": "https://registry.npm` + `js.org/x"`), 2},
	} {
		if got := judge(c.file, c.data); len(got) != c.want {
			t.Errorf("%s: %q, want %d complaints", name, got, c.want)
		}
	}
}

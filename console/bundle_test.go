package console_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"consento/console"
)

// maxStyle bounds each style sheet, in bytes: a page loads them before it shows anything.
const maxStyle = 15_000

var (
	inline = regexp.MustCompile(`<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]`)
	asked  = regexp.MustCompile(`(?:/assets/|url\("\./)([^"]+)`)
)

// TestBundle: flat, complete, small, nothing from elsewhere, and nothing inline that the policy would block.
func TestBundle(t *testing.T) {
	if !console.Built() {
		t.Fatal("the console is not bundled: go run ./build/tsgen && go run ./build/bundle")
	}
	files := console.Files()
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(files, e.Name())
		if err != nil {
			t.Fatalf("the bundle is not flat: %v", err)
		}
		text := string(data)
		ext := path.Ext(e.Name())
		if ext == ".css" && len(data) > maxStyle {
			t.Errorf("%s has %d bytes, more than %d", e.Name(), len(data), maxStyle)
		}
		if ext != ".css" && ext != ".html" {
			continue
		}
		if ext == ".html" && inline.MatchString(text) {
			t.Errorf("%s has something inline: %s", e.Name(), inline.FindString(text))
		}
		if i := strings.Index(text, "https://"); i >= 0 {
			t.Errorf("%s asks elsewhere: %.80s", e.Name(), text[i:])
		}
		for _, m := range asked.FindAllStringSubmatch(text, -1) {
			if _, err := fs.Stat(files, m[1]); err != nil {
				t.Errorf("%s asks for what is not there: %v", e.Name(), err)
			}
		}
	}
	notices, err := fs.ReadFile(files, "THIRD-PARTY.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"preact ", "@preact/signals ", "@fontsource/titillium-web ", "SIL OPEN FONT LICENSE", "MIT"} {
		if !strings.Contains(string(notices), name) {
			t.Errorf("THIRD-PARTY.txt lacks %q", name)
		}
	}
}

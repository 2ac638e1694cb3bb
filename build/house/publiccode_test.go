package house

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPublicCode checks what publiccode.yml 0.4 asks for, as far as it can be
// wrong by what we change: its keys, its lengths, and the languages that exist.
func TestPublicCode(t *testing.T) {
	page := read(t, "publiccode.yml")
	for _, line := range []string{`publiccodeYmlVersion: "0.4"`, "name: ", "url: ", "releaseDate: ", "platforms:", "categories:",
		"developmentStatus: ", "softwareType: ", "description:", "  license: Apache-2.0", "  type: community", "  contacts:", "  localisationReady: true"} {
		if !strings.Contains("\n"+page, "\n"+line) {
			t.Errorf("publiccode.yml lacks %q", line)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+shortDescription: (.*)$`).FindAllStringSubmatch(page, -1) {
		if n := utf8.RuneCountInString(m[1]); n > 150 {
			t.Errorf("a short description has %d characters, at most 150 are allowed", n)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+genericName: (.*)$`).FindAllStringSubmatch(page, -1) {
		if n := utf8.RuneCountInString(m[1]); n > 35 {
			t.Errorf("a generic name has %d characters, at most 35 are allowed", n)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+longDescription: >\n((?:      .*\n)+)`).FindAllStringSubmatch(page, -1) {
		if n := utf8.RuneCountInString(m[1]); n < 150 {
			t.Errorf("a long description has %d characters, at least 150 are asked for", n)
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "protocol", "lang", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no language files", err)
	}
	var have []string
	for _, f := range files {
		have = append(have, strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	_, list, _ := strings.Cut(page, "availableLanguages:\n")
	var said []string
	for _, m := range regexp.MustCompile(`(?m)\A((?:    - .*\n)+)`).FindAllString(list, 1) {
		for line := range strings.Lines(m) {
			said = append(said, strings.TrimSpace(strings.TrimPrefix(line, "    - ")))
		}
	}
	slices.Sort(said)
	if !slices.Equal(said, have) {
		t.Errorf("publiccode.yml names the languages %v, there are %v", said, have)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotices: each shipped package brings its licence, and an allowed one.
func TestNotices(t *testing.T) {
	for name, c := range map[string]struct {
		licence, text, dev string
		want               string // part of the error, "" for none
	}{
		"allowed":             {licence: "MIT", text: "Permission is granted"},
		"not allowed":         {licence: "GPL-3.0", text: "This is free software", want: "may not be shipped"},
		"without one":         {text: "?", want: "may not be shipped"},
		"without text":        {licence: "MIT", want: "without the text"},
		"for developers only": {licence: "GPL-3.0", dev: `"dev": true,`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("package-lock.json", `{"packages": {"": {"license": "Apache-2.0"}, "node_modules/a": {`+c.dev+`"version": "1.2.3", "license": "`+c.licence+`"}}}`)
			write("dist/.placeholder", "")
			if c.text != "" {
				write("node_modules/a/LICENSE", c.text)
			}
			err := writeNotices(dir)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("error %v, want one with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, "dist", "THIRD-PARTY.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if named := strings.Contains(string(data), "a 1.2.3 (MIT)\n\n"+c.text); named != (c.dev == "") {
				t.Errorf("named: %v in\n%s", named, data)
			}
		})
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// notices is the name of the file with the licences.
const notices = "THIRD-PARTY.txt"

// shipped lists the licences under which a package may be part of the bundle.
var shipped = []string{"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "OFL-1.1"}

// writeNotices puts the licences of all packages that are part of the bundle
// into that file. It fails for a package whose licence is not allowed.
func writeNotices(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return err
	}
	var lock struct {
		Packages map[string]struct {
			Version, License string
			Dev              bool
		}
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return fmt.Errorf("package-lock.json: %w", err)
	}
	var folders []string
	for folder, p := range lock.Packages {
		if folder != "" && !p.Dev {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	var b strings.Builder
	b.WriteString("Parts of the console that others made, each with its licence.\n")
	for _, folder := range folders {
		p := lock.Packages[folder]
		if !slices.Contains(shipped, p.License) {
			return fmt.Errorf("%s has the licence %q, which may not be shipped", folder, p.License)
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(folder), "LICENSE"))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s comes without the text of its licence", folder)
		} else if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n\n%s\n", strings.Repeat("-", 72), strings.TrimPrefix(folder, "node_modules/"), p.Version, p.License, strings.TrimSpace(string(text)))
	}
	return os.WriteFile(filepath.Join(dir, "dist", notices), []byte(b.String()), 0o644)
}

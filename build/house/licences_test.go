package house

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write build/THIRD-PARTY.md anew")

// shipped are the programs that go to offices, customers and auditors.
var shipped = map[string]string{"broker": "./broker", "agent": "./agent", "verify": "./recordings/cmd/verify", "witness": "./recordings/cmd/witness"}

// allowedLicences is what may ship, by SPDX identifier. No GPL, no AGPL; LGPL only
// loaded at run time, so never in here.
var allowedLicences = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "MPL-2.0", "CC0-1.0", "public-domain"}

// staticLibraries are the C libraries that are linked in, as the linker is told
// of them. What they are under stands in Debian's copyright file, and beside
// the library where build/libaom.sh or build/libvpx.sh made one.
var staticLibraries = map[string]struct{ name, pkg, licence string }{
	"libaom.a": {"libaom", "libaom-dev", "BSD-2-Clause, AOM Patent License 1.0; parts MIT, ISC, BSD-3-Clause, public domain"},
	"libvpx.a": {"libvpx", "libvpx-dev", "BSD-3-Clause, patent grant by Google"},
	"libyuv.a": {"libyuv", "libyuv-dev", "BSD-3-Clause, patent grant by Google"},
}

// systemLibraries come with every Linux and are not in our files.
var systemLibraries = []string{"m", "pthread"}

// part is one foreign thing that ships.
type part struct {
	name, version, licence string
	programs               []string
}

func TestThirdParty(t *testing.T) {
	page := thirdParty(t)
	const file = "build/THIRD-PARTY.md"
	old, err := os.ReadFile(filepath.Join(root, file))
	if *update {
		if err := os.WriteFile(filepath.Join(root, file), []byte(replaceTables(string(old), page)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if replaceTables(string(old), page) != string(old) {
		t.Errorf("%s does not say what ships now: look at what changed, then go test ./build/house -run TestThirdParty -update", file)
	}
	for _, text := range []string{"Alliance for Open Media Patent License 1.0", "1.3. Defensive Termination", "Redistributions in binary form must reproduce"} {
		if !strings.Contains(string(old), text) {
			t.Errorf("%s lacks %q, which has to come with the programs", file, text)
		}
	}
}

const tablesBegin, tablesEnd = "<!-- tables: made by go test -->\n", "<!-- end of tables -->\n"

func replaceTables(page, tables string) string {
	before, rest, ok := strings.Cut(page, tablesBegin)
	_, after, end := strings.Cut(rest, tablesEnd)
	if !ok || !end {
		return tablesBegin + tables + tablesEnd
	}
	return before + tablesBegin + tables + tablesEnd + after
}

// thirdParty makes the tables, and fails for what may not ship.
func thirdParty(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n## Go modules\n\n| module | version | licence | in |\n|---|---|---|---|\n")
	for _, p := range goModules(t) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.name, p.version, p.licence, strings.Join(p.programs, ", "))
	}
	b.WriteString("\n## C libraries, linked into the agent\n\n| library | in Debian | licence |\n|---|---|---|\n")
	for _, name := range linkedLibraries(t) {
		l := staticLibraries[name]
		fmt.Fprintf(&b, "| %s | %s | %s |\n", l.name, l.pkg, l.licence)
	}
	b.WriteString("\n## npm packages, bundled into the console\n\n| package | version | licence |\n|---|---|---|\n")
	for _, p := range npmPackages(t) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.name, p.version, p.licence)
	}
	return b.String() + "\n"
}

func goModules(t *testing.T) []part {
	t.Helper()
	found := map[string]*part{}
	for _, program := range slices.Sorted(maps.Keys(shipped)) {
		g, err := list(shipped[program])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range g {
			if p.Module == nil || p.Module.Path == module {
				continue
			}
			m := found[p.Module.Path]
			if m == nil {
				licence, err := licenceOf(p.Module.Dir)
				if err != nil {
					t.Errorf("%s: %v", p.Module.Path, err)
				}
				m = &part{name: p.Module.Path, version: p.Module.Version, licence: licence}
				found[p.Module.Path] = m
			}
			if !slices.Contains(m.programs, program) {
				m.programs = append(m.programs, program)
			}
		}
	}
	if len(found) < 20 {
		t.Fatalf("%d modules ship, says go list; this test would prove nothing", len(found))
	}
	var parts []part
	for _, p := range found {
		slices.Sort(p.programs)
		parts = append(parts, *p)
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	return parts
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense)([-.].*)?$`)

// licenceOf reads every licence file at the top of a module.
func licenceOf(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, e := range entries {
		// -LOGO is about a picture that is not compiled in.
		if !licenceFile.MatchString(e.Name()) || e.IsDir() || strings.Contains(e.Name(), "LOGO") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		licence := classify(string(text))
		if !slices.Contains(allowedLicences, licence) {
			return licence, fmt.Errorf("%s is %s, which may not ship", e.Name(), cmp.Or(licence, "under terms that this test does not know"))
		}
		found = append(found, licence)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("has no licence: nobody may copy it")
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ", "), nil
}

// secondaryLicences is where MPL-2.0 speaks of the GPL without being it (its section 1.12).
const secondaryLicences = "means either the gnu general public license, version 2.0, the gnu lesser general public license, " +
	"version 2.1, the gnu affero general public license, version 3.0, or any later versions of those licenses"

var blanks = regexp.MustCompile(`[\s/*#>]+`)

// classify names the licence by the words that grant it, "" for none that is
// known. A text with several is what the strictest of them is.
func classify(text string) string {
	text = strings.ToLower(blanks.ReplaceAllString(text, " "))
	text = strings.ReplaceAll(text, secondaryLicences, "")
	has := func(words string) bool { return strings.Contains(text, words) }
	switch {
	case has("gnu affero general public license"):
		return "AGPL"
	case has("gnu lesser general public license"), has("gnu library general public license"):
		return "LGPL"
	case has("gnu general public license"):
		return "GPL"
	case has("mozilla public license version 2.0"), has("mozilla public license, version 2.0"):
		return "MPL-2.0"
	case has("business source license"), has("server side public license"), has("commons clause"):
		return "not free"
	case has("apache license version 2.0"), has("apache license, version 2.0"):
		return "Apache-2.0"
	case has("redistribution and use in source and binary forms"):
		if has("neither the name") || has("may be used to endorse") || has("used to endorse or promote") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	case has("permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("permission to use, copy, modify, and distribute this software for any purpose"),
		has("permission to use, copy, modify, and or distribute this software for any purpose"):
		return "ISC"
	case has("cc0 1.0 universal"):
		return "CC0-1.0"
	case has("public domain"):
		return "public-domain"
	}
	return ""
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]string{
		"Permission is hereby granted, free of charge, to any person obtaining\na copy of": "MIT",
		"// Redistribution and use in source and binary\n// forms, with or without":        "BSD-2-Clause",
		"Redistribution and use in source and binary forms\nNeither the name of X":         "BSD-3-Clause",
		"                 Apache License\n           Version 2.0, January 2004":            "Apache-2.0",
		"Mozilla Public License Version 2.0\n GNU General Public License":                  "GPL",
		"Mozilla Public License Version 2.0 \"Secondary License\" means either the GNU General Public License, Version 2.0, the GNU Lesser\nGeneral Public License, Version 2.1, the GNU Affero General Public License, Version 3.0, or any later versions of those licenses.": "MPL-2.0",
		"GNU GENERAL PUBLIC LICENSE\n Version 3":                "GPL",
		"GNU LESSER GENERAL PUBLIC LICENSE and the MIT License": "LGPL",
		"GNU AFFERO GENERAL PUBLIC LICENSE":                     "AGPL",
		"All rights reserved.":                                  "",
	} {
		if got := classify(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	empty := t.TempDir()
	if _, err := licenceOf(empty); err == nil {
		t.Error("a module without a licence passed")
	}
	if err := os.WriteFile(filepath.Join(empty, "COPYING"), []byte("GNU General Public License"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := licenceOf(empty); err == nil {
		t.Error("a module under the GPL passed")
	}
}

var linked = regexp.MustCompile(`(?m)^#cgo\s+(?:\S+\s+)?LDFLAGS:\s*(.*)$`)

// linkedLibraries reads what the linker is told, and fails for what it does not know.
func linkedLibraries(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, file := range committed(t) {
		if filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range linked.FindAllStringSubmatch(read(t, file), -1) {
			for flag := range strings.FieldsSeq(m[1]) {
				if strings.HasPrefix(flag, "-L") {
					continue // where to look, not what for
				}
				name, ok := strings.CutPrefix(flag, "-l")
				name = strings.TrimPrefix(name, ":")
				if _, known := staticLibraries[name]; ok && known {
					found = append(found, name)
				} else if !ok || !slices.Contains(systemLibraries, name) {
					t.Errorf("%s links with %s: say in this test and in build/THIRD-PARTY.md what that is and under which licence", file, flag)
				}
			}
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	for name, l := range staticLibraries {
		if !slices.Contains(found, name) {
			t.Errorf("%s is not linked any more: take it out", name)
		}
		text, err := os.ReadFile(filepath.Join("/usr/share/doc", l.pkg, "copyright"))
		if err != nil {
			t.Errorf("what %s is under stands nowhere: %v", name, err)
			continue
		}
		if licence := classify(string(text)); !slices.Contains(allowedLicences, licence) {
			t.Errorf("%s is under %s now", name, licence)
		}
	}
	for _, name := range []string{".libaom", ".libvpx"} {
		built := filepath.Join(root, "build", name)
		if _, err := os.Stat(built); err == nil {
			if licence, err := licenceOf(built); err != nil {
				t.Errorf("%s that was built: %s: %v", name, licence, err)
			}
		}
	}
	return found
}

// npmPackages reads the lock file: what is not for development is bundled.
func npmPackages(t *testing.T) []part {
	t.Helper()
	var lock struct {
		Packages map[string]struct {
			Version, License string
			Dev              bool
		}
	}
	if err := json.Unmarshal([]byte(read(t, "console/package-lock.json")), &lock); err != nil {
		t.Fatal(err)
	}
	var parts []part
	for path, p := range lock.Packages {
		if path == "" || p.Dev {
			continue
		}
		name := path[strings.LastIndex(path, "node_modules/")+len("node_modules/"):]
		font := p.License == "OFL-1.1" && strings.HasPrefix(name, "@fontsource/") // fonts may be served, not sold by themselves
		if !font && !slices.Contains(allowedLicences, p.License) {
			t.Errorf("%s is under %s, which may not ship", name, cmp.Or(p.License, "no licence"))
		}
		parts = append(parts, part{name: name, version: p.Version, licence: p.License})
	}
	if len(parts) == 0 {
		t.Fatal("the lock file names nothing that ships")
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	return parts
}

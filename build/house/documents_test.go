package house

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// documents are what a stranger reads first.
var documents = []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}

// built are our programs, each built once for all tests here.
var built = map[string]func() (string, error){}

func init() {
	for name, source := range map[string]string{"consento-broker": "./broker", "consento-agent": "./agent", "consento-verify": "./recordings/cmd/verify",
		"consento-witness": "./recordings/cmd/witness"} {
		built[name] = sync.OnceValues(func() (string, error) { return build(name, source) })
	}
}

var programs string // folder of the built programs

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if programs, err = os.MkdirTemp("", "consento-house-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(programs)
		return m.Run()
	}())
}

func build(name, source string) (string, error) {
	out := filepath.Join(programs, name)
	cmd := exec.Command("go", "build", "-trimpath", "-o", out, source) // as make build does, so that little is compiled anew
	cmd.Dir = root
	if name == "consento-verify" || name == "consento-witness" {
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", source, err, said)
	}
	return out, nil
}

// help is what a program says to --help after some words. It is found by the
// exit code when a program does not know them.
func help(name string, words ...string) (string, error) {
	program, err := built[name]()
	if err != nil {
		return "", err
	}
	said, err := exec.Command(program, append(slices.Clone(words), "--help")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s --help: %w\n%s", name, strings.Join(words, " "), err, said)
	}
	return string(said), nil
}

var (
	fence  = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	inline = regexp.MustCompile("`([^`\n]+)`")
	target = regexp.MustCompile(`(?:^|\s)make ([a-z][a-z-]*)`)
	ours   = regexp.MustCompile(`^(?:bin/)?(consento-[a-z]+)$`)
	link   = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	goPath = regexp.MustCompile(`\bgo (?:run|test|vet|build) [^;|&]*?(\./[A-Za-z0-9_./-]+)`)
	envVar = regexp.MustCompile(`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`)
	inTree = regexp.MustCompile(`^(?:\./)?((?:agent|broker|build|console|protocol|recordings|\.ci)/[A-Za-z0-9_./-]*|[A-Z]+\.md|LICENSE|Makefile|\.golangci\.yml)$`)
)

// snippets returns the lines of code in a document.
func snippets(page string) []string {
	var found []string
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		found = append(found, strings.Split(block[1], "\n")...)
	}
	for _, m := range inline.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		found = append(found, m[1])
	}
	return found
}

// TestDocuments: what README and its sisters tell people to type, and the files
// they send them to, exist.
func TestDocuments(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, document := range documents {
		page := read(t, document)
		commands := 0
		for _, line := range snippets(page) {
			for _, m := range target.FindAllStringSubmatch(line, -1) {
				commands++
				if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
					t.Errorf("%s: there is no make %s", document, m[1])
				}
			}
			for _, command := range strings.Split(line, "|") {
				if err := checkCommand(command); err != nil {
					t.Errorf("%s: `%s`: %v", document, strings.TrimSpace(line), err)
				}
			}
			for _, m := range goPath.FindAllStringSubmatch(line, -1) {
				if err := exists(strings.TrimSuffix(m[1], "...")); err != nil {
					t.Errorf("%s: `%s`: %v", document, line, err)
				}
			}
			if m := inTree.FindStringSubmatch(line); m != nil {
				if err := exists(m[1]); err != nil {
					t.Errorf("%s: %v", document, err)
				}
			}
			for _, name := range envVar.FindAllString(line, -1) {
				if !someFileReads(t, name) {
					t.Errorf("%s: nothing reads %s", document, name)
				}
			}
		}
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			if err := exists(m[1]); err != nil {
				t.Errorf("%s: %v", document, err)
			}
		}
		if commands == 0 && document != "SECURITY.md" {
			t.Errorf("%s: no command was found; this test would prove nothing", document)
		}
	}
}

// checkCommand checks one of our programs as it is called in a document: its
// command, and each flag.
func checkCommand(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil
	}
	m := ours.FindStringSubmatch(words[0])
	if m == nil {
		return nil
	}
	name := m[1]
	if built[name] == nil {
		return fmt.Errorf("there is no program %s", name)
	}
	var command, flags []string
	for _, word := range words[1:] {
		switch {
		case strings.HasPrefix(word, "--"):
			flag, _, _ := strings.Cut(word, "=")
			flags = append(flags, strings.Trim(flag, ".,;:[]"))
		case len(flags) == 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(word):
			command = append(command, word)
		}
	}
	said, err := help(name, command...)
	if err != nil {
		return err
	}
	for _, flag := range flags {
		if !regexp.MustCompile(regexp.QuoteMeta(flag) + `[=\s]`).MatchString(said + "\n") {
			return fmt.Errorf("there is no %s", flag)
		}
	}
	return nil
}

func TestCheckCommand(t *testing.T) {
	for line, want := range map[string]bool{
		"bin/consento-broker account add --data D --email E": true,
		"consento-verify keygen --out auditor":               true,
		"consento-agent --broker URL":                        true,
		"ls -l":                                              true,
		"bin/consento-broker account remove":                 false,
		"bin/consento-broker serve --port 8443":              false,
		"consento-verify watch FILE":                         false,
		"consento-witness run":                               false,
		"consento-agent --answer yes":                        false,
		"consento-broker token add --data=D --no-one":        false,
	} {
		if err := checkCommand(line); (err == nil) != want {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func exists(name string) error {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s", path.Clean(name))
	}
	return err
}

// someFileReads reports whether a variable of the environment stands in code.
func someFileReads(t *testing.T, name string) bool {
	t.Helper()
	for _, file := range committed(t) {
		switch {
		case strings.HasPrefix(file, "build/house/"):
		case path.Ext(file) == ".go", path.Ext(file) == ".sh", path.Ext(file) == ".toml", file == "Makefile":
			if strings.Contains(read(t, file), name) {
				return true
			}
		}
	}
	return false
}

// TestPictureOfTheHouse compares the list of imports in the README with the
// real one.
func TestPictureOfTheHouse(t *testing.T) {
	short := func(p string) string { return path.Base(p) }
	real := map[string][]string{}
	g := loadGraph(t)
	for _, p := range g.ours() {
		var needs []string
		for _, imported := range g[p].Imports {
			if ourPackage(imported) {
				needs = append(needs, short(imported))
			}
		}
		if len(needs) == 0 {
			continue
		}
		slices.Sort(needs)
		if real[short(p)] != nil {
			t.Fatalf("two packages are named %s: name them apart in the picture", short(p))
		}
		real[short(p)] = needs
	}
	for _, line := range snippets(read(t, "README.md")) {
		name, list, ok := strings.Cut(line, " ► ")
		if name = strings.TrimSpace(name); !ok || !regexp.MustCompile(`^[a-z0-9]+$`).MatchString(name) {
			continue
		}
		said := strings.Split(strings.TrimSpace(list), ", ")
		slices.Sort(said)
		if !slices.Equal(said, real[name]) {
			t.Errorf("README: %s imports %s, not %s", name, cmp.Or(strings.Join(real[name], ", "), "nothing of ours"), strings.Join(said, ", "))
		}
		delete(real, name)
	}
	for name, needs := range real {
		t.Errorf("README: the picture lacks %s ► %s", name, strings.Join(needs, ", "))
	}
}

// TestExitCodes compares the table in the README with the code.
func TestExitCodes(t *testing.T) {
	_, table, ok := strings.Cut(read(t, "README.md"), "## Exit codes")
	if !ok {
		t.Fatal("README has no exit codes")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	said := [2][]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d) \| ([^|]*)\| ([^|]*)\|$`).FindAllStringSubmatch(table, -1) {
		for i := range said {
			if strings.TrimSpace(m[2+i]) != "" {
				said[i] = append(said[i], m[1])
			}
		}
	}
	for i, source := range []string{"agent/internal/run/run.go", "recordings/cmd/verify/main.go"} {
		var codes []string
		for _, m := range regexp.MustCompile(`(?mi)^\s*exit\w+\s+= (\d)\b`).FindAllStringSubmatch(read(t, source), -1) {
			codes = append(codes, m[1])
		}
		slices.Sort(codes)
		if len(codes) < 3 || !slices.Equal(codes, said[i]) {
			t.Errorf("README tells of the exit codes %v, %s has %v", said[i], source, codes)
		}
	}
}

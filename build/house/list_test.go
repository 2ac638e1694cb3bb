package house

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the module, two above this package.
var root = filepath.Join("..", "..")

// module is the path of the module that we are.
const module = "consento"

// pkg is what `go list -json` says of a package, as far as it is asked.
type pkg struct {
	ImportPath   string
	Name         string
	Standard     bool
	DepOnly      bool // of a dependency
	Imports      []string
	TestImports  []string
	XTestImports []string
	Module       *struct{ Path, Version, Dir string }
}

// graph is the import graph: every package of ours, and all they need.
type graph map[string]pkg

// houseGraph lists the module once for all tests.
var houseGraph = sync.OnceValues(func() (graph, error) {
	return list("./...")
})

func list(patterns ...string) (graph, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Name,Standard,DepOnly,Imports,TestImports,XTestImports,Module"}, patterns...)
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(problems.String()))
	}
	g := graph{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, err
		}
		g[p.ImportPath] = p
	}
}

func loadGraph(t *testing.T) graph {
	t.Helper()
	g, err := houseGraph()
	if err != nil {
		t.Fatal(err)
	}
	if len(g.ours()) < 20 {
		t.Fatalf("go list found %d packages of ours; the tests here would prove nothing", len(g.ours()))
	}
	return g
}

// ours lists our own packages, in order.
func (g graph) ours() []string {
	var names []string
	for name, p := range g {
		if !p.DepOnly && ourPackage(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func ourPackage(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// match reports whether an import path fits a pattern: the path itself, or with
// "/..." at its end everything below as well.
func match(pattern, path string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == below || strings.HasPrefix(path, below+"/")
	}
	return path == pattern
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

// chain returns the shortest way of imports from a package to one that fits, or
// nil when there is none.
func (g graph) chain(from string, fits func(path string) bool) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]].Imports {
			if _, seen := came[next]; seen {
				continue
			}
			came[next] = queue[0]
			if !fits(next) {
				queue = append(queue, next)
				continue
			}
			var way []string
			for at := next; at != ""; at = came[at] {
				way = append([]string{at}, way...)
			}
			return way
		}
	}
	return nil
}

// committed lists the files under version control, as paths from root.
func committed(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, ".git")); errors.Is(err, fs.ErrNotExist) {
		t.Skip("this is an export without its history: nothing says what is committed")
	}
	cmd := exec.Command("git", "ls-files", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A file that was deleted and not yet committed is somebody's work going on.
		if _, err := os.Lstat(filepath.Join(root, name)); err == nil {
			files = append(files, name)
		}
	}
	if len(files) < 100 {
		t.Fatalf("git lists %d files; the tests here would prove nothing", len(files))
	}
	return files
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// TestTestsDoNotSleep: a test that lets time pass is slow on a quick machine
// and fails on a slow one. Benchmarks may: time is what they measure.
func TestTestsDoNotSleep(t *testing.T) {
	looked := 0
	for _, file := range committed(t) {
		if !strings.HasSuffix(file, "_test.go") || strings.HasPrefix(path.Base(file), "bench_") {
			continue
		}
		looked++
		for _, complaint := range sleeps(t, file, read(t, file)) {
			t.Errorf("%s: wait for a condition, or in a bubble of testing/synctest", complaint)
		}
	}
	if looked < 50 {
		t.Fatalf("%d test files; this proves nothing", looked)
	}
}

// sleeps lists where a test file lets real time pass: time.Sleep, and a wait for
// nothing but a timer. A select that fails when a timer runs out is a limit, and
// time inside synctest.Test is not real.
func sleeps(t *testing.T, name, source string) (found []string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, filepath.Base(name), source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	c := clock{time: importedAs(file, "time"), synctest: importedAs(file, "testing/synctest")}
	complain := func(n ast.Node, what string) {
		found = append(found, fmt.Sprintf("%s:%d: %s", name, fset.Position(n.Pos()).Line, what))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		var steps []ast.Stmt
		switch n := n.(type) {
		case *ast.CallExpr:
			if called(n, c.synctest, "Test") {
				return false
			}
			if called(n, c.time, "Sleep") {
				complain(n, "time.Sleep")
			}
		case *ast.SelectStmt:
			for _, clause := range n.Body.List {
				one := clause.(*ast.CommClause)
				if c.onlyTime(one.Comm) && (len(one.Body) == 0 || len(n.Body.List) == 1) {
					complain(one, "a select that goes on when a timer runs out")
				}
			}
		case *ast.BlockStmt:
			steps = n.List
		case *ast.CaseClause:
			steps = n.Body
		case *ast.CommClause:
			steps = n.Body
		}
		for _, s := range steps {
			if c.onlyTime(s) {
				complain(s, "a wait for a timer alone")
			}
		}
		return true
	})
	return found
}

// clock holds the names under which a file knows the packages of time.
type clock struct{ time, synctest string }

// onlyTime: the statement receives from a timer made on the spot.
func (c clock) onlyTime(s ast.Stmt) bool {
	var x ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.AssignStmt:
		x = s.Rhs[0]
	}
	receive, ok := x.(*ast.UnaryExpr)
	if !ok || receive.Op != token.ARROW {
		return false
	}
	from := receive.X
	if field, ok := from.(*ast.SelectorExpr); ok { // time.NewTimer(d).C
		from = field.X
	}
	for _, name := range []string{"After", "Tick", "NewTimer", "NewTicker"} {
		if called(from, c.time, name) {
			return true
		}
	}
	return false
}

// called: the expression calls that function of a package of that name.
func called(x ast.Expr, pkg, name string) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok || pkg == "" {
		return false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != name {
		return false
	}
	of, ok := f.X.(*ast.Ident)
	return ok && of.Name == pkg
}

// importedAs returns the name of an imported package in a file, "" if there is none.
func importedAs(file *ast.File, imported string) string {
	for _, i := range file.Imports {
		if i.Path.Value != `"`+imported+`"` {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

func TestSleepsBite(t *testing.T) {
	const head = "package x\nimport (\"time\"; \"testing\"; \"testing/synctest\")\nfunc TestX(t *testing.T) {\n"
	for name, c := range map[string]struct {
		source string
		want   int
	}{
		"sleep":               {head + "time.Sleep(1)\n}", 1},
		"sleep in a helper":   {head + "func() { for { time.Sleep(1) } }()\n}", 1},
		"renamed":             {"package x\nimport clock \"time\"\nfunc f() { clock.Sleep(1); <-clock.After(1) }", 2},
		"after":               {head + "<-time.After(1)\n}", 1},
		"after, kept":         {head + "_ = <-time.After(1)\n}", 1},
		"timer":               {head + "<-time.NewTimer(1).C\n}", 1},
		"tick":                {head + "if t != nil { <-time.Tick(1) }\n}", 1},
		"in a case":           {head + "switch { case true: <-time.After(1) }\n}", 1},
		"in a case of select": {head + "select { case <-done: <-time.After(1) }\n}", 1},
		"select alone":        {head + "select { case <-time.After(1): t.Fatal() }\n}", 1},
		"select goes on":      {head + "select { case <-news: t.Fatal()\ncase <-time.After(1): }\n}", 1},
		"limit":               {head + "select { case <-news:\ncase <-time.After(1): t.Fatal() }\n}", 0},
		"limit of a loop":     {head + "limit := time.After(1); for { select { case <-news: return\ncase <-limit: t.Fatal() } }\n}", 0},
		"bubble":              {head + "synctest.Test(t, func(t *testing.T) { time.Sleep(1); <-time.After(1) })\n}", 0},
		"beside the bubble":   {head + "synctest.Test(t, func(t *testing.T) {}); time.Sleep(1)\n}", 1},
		"another's Sleep":     {"package x\nfunc f(bed Bed) { bed.Sleep(1) }", 0},
	} {
		if got := sleeps(t, name+"_test.go", c.source); len(got) != c.want {
			t.Errorf("%s: %q, want %d", name, got, c.want)
		}
	}
}

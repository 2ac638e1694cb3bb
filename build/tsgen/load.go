package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// source is one type-checked package with its syntax.
type source struct {
	pkg   *types.Package
	info  *types.Info
	files []*ast.File
}

// load reads the one package that pattern names. Its imports come as export
// data from the build cache, by `go list -export`.
func load(pattern string) (*source, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", "--", pattern)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w", pattern, err)
	}
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
		DepOnly                 bool
	}
	export := map[string]string{}
	var roots []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		export[l.ImportPath] = l.Export
		if !l.DepOnly {
			roots = append(roots, l)
		}
	}
	if len(roots) != 1 {
		return nil, fmt.Errorf("%s names %d packages instead of one", pattern, len(roots))
	}

	fset := token.NewFileSet()
	s := &source{info: &types.Info{Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}}
	for _, name := range roots[0].GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(roots[0].Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
	}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if export[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(export[path])
	})}
	s.pkg, err = config.Check(roots[0].ImportPath, fset, s.files, s.info)
	return s, err
}

// wireNames maps each type that implements Message to what its MessageType
// method returns, in the order of the source.
func (s *source) wireNames() (names []wireName, err error) {
	obj := s.pkg.Scope().Lookup("Message")
	if obj == nil {
		return nil, errors.New("the package has no interface Message")
	}
	iface, ok := obj.Type().Underlying().(*types.Interface)
	if !ok {
		return nil, errors.New("the package's Message is no interface")
	}
	for _, f := range s.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "MessageType" {
				continue
			}
			recv := s.info.Defs[fn.Name].(*types.Func).Signature().Recv().Type()
			if !types.Implements(recv, iface) {
				continue
			}
			if p, ok := recv.(*types.Pointer); ok {
				recv = p.Elem()
			}
			named := recv.(*types.Named)
			value := s.returned(fn)
			if value == "" {
				return nil, fmt.Errorf("%s.MessageType does more than return a constant", named.Obj().Name())
			}
			names = append(names, wireName{value, named})
		}
	}
	return names, nil
}

type wireName struct {
	name string
	typ  *types.Named
}

// returned is the constant string that is all fn returns, or "".
func (s *source) returned(fn *ast.FuncDecl) string {
	if fn.Body == nil || len(fn.Body.List) != 1 {
		return ""
	}
	ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return ""
	}
	v := s.info.Types[ret.Results[0]].Value
	if v == nil || v.Kind() != constant.String {
		return ""
	}
	return constant.StringVal(v)
}

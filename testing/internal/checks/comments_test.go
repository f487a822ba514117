package checks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportedNamesAreDocumented, in every package of the root module that somebody can import.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, name := range withExt(tracked(t), ".go") {
		if !public(t, name) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top(t), name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if file.Name.Name == "main" {
			continue
		}
		for _, undocumented := range undocumented(file) {
			t.Errorf("%s: %s has no comment", name, undocumented)
		}
	}
}

// public reports whether a file belongs to a package that users import: of the root module, adopt or testing/containers.
func public(t *testing.T, name string) bool {
	if strings.HasSuffix(name, "_test.go") || strings.Contains("/"+name, "/internal/") {
		return false
	}
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		if exists(filepath.Join(top(t), dir, "go.mod")) {
			return dir == "testing/containers" || dir == "adopt" || dir == "adopt/gorilla"
		}
	}
	return true
}

func undocumented(file *ast.File) []string {
	var names []string
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(d, spec)...)
			}
		}
	}
	return names
}

// exportedReceiver reports whether the function is none of an unexported type's methods.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}

// undocumentedSpec accepts the comment of a group of constants or variables for each of them, and a trailing comment.
func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
			return []string{s.Names[0].Name}
		}
	}
	return nil
}

// TestPackagesAreDocumented: every package says in its comment what it is for.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, name := range withExt(tracked(t), ".go") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top(t), name), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(name)
		documented[dir] = documented[dir] || file.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("the package in %s has no comment", dir)
		}
	}
}

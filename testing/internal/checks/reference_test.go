package checks

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// TestErrorsAreListed: docs/reference/errors.md has a row for every error of package session, with its true status
// and outcome.
func TestErrorsAreListed(t *testing.T) {
	page := readFile(t, filepath.Join(top(t), "docs/reference/errors.md"))
	for name, err := range sentinels {
		status, outcome := session.StatusCode(err), session.OutcomeOf(err)
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| `%s` \\|.*\\| %d \\| %v \\|$", name, status, outcome))
		if !row.MatchString(page) {
			t.Errorf("docs/reference/errors.md has no row for %s with status %d and outcome %v", name, status, outcome)
		}
	}
	for _, file := range []string{"session/errors.go", "session/device.go", "session/store/errors.go"} {
		for _, name := range exported(t, file) {
			if sentinels[name] == nil {
				t.Errorf("%s is not in this test", name)
			}
		}
	}
	if code := session.StatusCode(errors.New("another")); code != 503 {
		t.Errorf("any other error has status %d", code)
	}
}

var sentinels = map[string]error{
	"ErrGone": session.ErrGone, "ErrExpired": session.ErrExpired, "ErrRotated": session.ErrRotated,
	"ErrDestroyed": session.ErrDestroyed, "ErrRevoked": session.ErrRevoked, "ErrTooLarge": session.ErrTooLarge,
	"ErrOwnerLimit": session.ErrOwnerLimit, "ErrAmbiguous": session.ErrAmbiguous, "ErrOrigin": session.ErrOrigin,
	"ErrValue": session.ErrValue, "ErrNoCookie": session.ErrNoCookie, "ErrClosed": session.ErrClosed,
	"ErrCorrupt": session.ErrCorrupt, "ErrShutdown": session.ErrShutdown, "ErrConflict": store.ErrConflict,
	"ErrExists": store.ErrExists, "ErrSealed": session.ErrSealed, "ErrUnproven": session.ErrUnproven, "ErrReused": store.ErrReused,
	"ErrImportRefused": session.ErrImportRefused,
}

// exported returns the names that a file's var declarations export.
func exported(t *testing.T, name string) []string {
	t.Helper()
	var names []string
	for _, decl := range parse(t, name).Decls {
		d, ok := decl.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			if n := spec.(*ast.ValueSpec).Names[0]; n.IsExported() {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top(t), name), nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestConfigIsListed: docs/reference/config.md has a row for every field of the configuration.
func TestConfigIsListed(t *testing.T) {
	page := readFile(t, filepath.Join(top(t), "docs/reference/config.md"))
	for file, structs := range map[string]map[string]string{
		"session/config.go":       {"Config": "", "WebSocket": "WebSocket."},
		"session/device.go":       {"DeviceBound": "DeviceBound."},
		"session/cookie.go":       {"Cookie": "Cookie."},
		"session/store/finder.go": {"OwnerLimit": "Owner."},
		"session/importer.go":     {"Import": "Import."},
		"session/sealing.go":      {"Sealing": "Sealing."},
	} {
		ast.Inspect(parse(t, file), func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			prefix, listed := structs[s.Name.Name]
			for _, field := range fields(s) {
				nested := slices.Contains([]string{"Cookie", "WebSocket", "Owner", "Import", "Sealing", "DeviceBound"}, field)
				if listed && !nested && !strings.Contains(page, "| `"+prefix+field+"` |") {
					t.Errorf("docs/reference/config.md has no row for %s%s", prefix, field)
				}
			}
			return true
		})
	}
}

func fields(s *ast.TypeSpec) []string {
	var names []string
	if of, ok := s.Type.(*ast.StructType); ok {
		for _, field := range of.Fields.List {
			for _, name := range field.Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

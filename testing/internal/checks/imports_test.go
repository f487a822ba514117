package checks

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
)

const (
	pgx            = "github.com/jackc/pgx/v5"
	sqlite         = "modernc.org/sqlite"
	goose          = "github.com/pressly/goose/v3"
	testcontainers = "github.com/testcontainers/testcontainers-go"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath   string
	Name         string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	args = append([]string{"list", "-json=ImportPath,Name,Standard,Imports,TestImports,XTestImports"}, args...)
	decoder := json.NewDecoder(strings.NewReader(run(t, top(t), nil, "go", args...)))
	var packages []listed
	for {
		var p listed
		switch err := decoder.Decode(&p); err {
		case nil:
			packages = append(packages, p)
		case io.EOF:
			return packages
		default:
			t.Fatal(err)
		}
	}
}

// inModule reports whether the package stands in the module.
func inModule(importPath, module string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// TestSessionIsStandardLibraryOnly: whoever imports the core gets nothing else with it.
func TestSessionIsStandardLibraryOnly(t *testing.T) {
	own := []string{modulePath + "/session", modulePath + "/internal"}
	for _, p := range list(t, "-deps", "./session") {
		if p.Standard || slices.ContainsFunc(own, func(m string) bool { return inModule(p.ImportPath, m) }) {
			continue
		}
		t.Errorf("session imports %s, directly or not", p.ImportPath)
	}
}

// TestMigrationsImportNothing: the table's definition can be taken without the code that applies it.
func TestMigrationsImportNothing(t *testing.T) {
	for _, p := range list(t, "-deps", "./migrations") {
		if !p.Standard && p.ImportPath != modulePath+"/migrations" {
			t.Errorf("migrations imports %s, directly or not", p.ImportPath)
		}
	}
}

// TestStoresKnowTheContractOnly: a store imports session/store, and nothing that applications call.
func TestStoresKnowTheContractOnly(t *testing.T) {
	for _, dir := range []string{"./sqlstore/postgres", "./sqlstore/sqlite", "./sqlstore/sqlitedb", "./session/memstore"} {
		for _, p := range list(t, "-deps", dir) {
			if p.ImportPath == modulePath+"/session" {
				t.Errorf("%s imports session, directly or not", dir)
			}
		}
	}
}

// TestDriversStayApart: the store of one database brings neither the other's driver nor goose.
func TestDriversStayApart(t *testing.T) {
	apart := map[string][]string{
		"./sqlstore/postgres":    {sqlite, goose, testcontainers},
		"./sqlstore/sqlite":      {pgx, goose, testcontainers},
		"./sqlstore/sqlitedb":    {pgx, sqlite, goose, testcontainers},
		"./testing/storetest":    {pgx, sqlite, goose, testcontainers},
		"./testing/sessiontest":  {pgx, sqlite, goose, testcontainers},
		"./migrations/migrate":   {testcontainers},
		"./cmd/sessions-gc":      {goose, testcontainers},
		"./cmd/sessions-admin":   {goose, testcontainers},
		"./cmd/sessions-migrate": {testcontainers},
	}
	for pattern, modules := range apart {
		for _, p := range list(t, "-deps", pattern) {
			for _, module := range modules {
				if inModule(p.ImportPath, module) {
					t.Errorf("%s imports %s, directly or not", pattern, p.ImportPath)
				}
			}
		}
	}
}

// TestOnlyMigrateImportsGoose, tests included.
func TestOnlyMigrateImportsGoose(t *testing.T) {
	for _, p := range list(t, "./...") {
		if inModule(p.ImportPath, modulePath+"/migrations/migrate") {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if inModule(imported, goose) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// TestTestsImportNothingHeavy: `go mod tidy` in a user's module follows the tests of the packages that it imports, so
// they may import what their package's own folder imports, and no more.
func TestTestsImportNothingHeavy(t *testing.T) {
	for _, p := range list(t, "./...") {
		if p.Name == "main" || strings.Contains(p.ImportPath, "/internal/") {
			continue
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if !standard(imported) && !inModule(imported, modulePath) && !needs(p.Imports, imported) {
				t.Errorf("a test of %s imports %s, which the package itself does not need", p.ImportPath, imported)
			}
		}
	}
}

// needs reports whether one of imports stands in the same module as the imported package.
func needs(imports []string, imported string) bool {
	for _, module := range []string{pgx, sqlite, goose} {
		if inModule(imported, module) {
			return slices.ContainsFunc(imports, func(i string) bool { return inModule(i, module) })
		}
	}
	return false
}

// TestRequirements: the root module requires three modules itself. docs/decisions/dependencies.md says what each is for.
func TestRequirements(t *testing.T) {
	var module struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal([]byte(run(t, top(t), nil, "go", "mod", "edit", "-json")), &module); err != nil {
		t.Fatal(err)
	}
	reasons := readFile(t, top(t)+"/docs/decisions/dependencies.md")
	for _, r := range module.Require {
		if r.Indirect {
			continue
		}
		if !slices.Contains([]string{pgx, sqlite, goose}, r.Path) {
			t.Errorf("go.mod requires %s", r.Path)
		}
		if !strings.Contains(reasons, "`"+r.Path+"`") {
			t.Errorf("docs/decisions/dependencies.md does not say what %s is for", r.Path)
		}
	}
}

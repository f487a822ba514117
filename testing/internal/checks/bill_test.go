package checks

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// bill is what a service pays that imports session and one store: lines of go.sum after `go mod tidy`, and modules in its
// graph, its own among them.
type bill struct {
	store          string
	lines, modules int
}

// The bounds are what was measured when they were written. README.md quotes them.
var bills = []bill{
	{store: "sqlstore/postgres", lines: 28, modules: 31},
	{store: "sqlstore/sqlite", lines: 52, modules: 36},
	{store: "", lines: 2, modules: 22},
}

func TestImportersBill(t *testing.T) {
	p := newProxy(t)
	for _, b := range bills {
		t.Run(filepath.Base("session/"+b.store), func(t *testing.T) {
			dir := service(t, p, b.store)
			sums := len(lines(readFile(t, filepath.Join(dir, "go.sum"))))
			modules := len(lines(run(t, dir, p.env(t), "go", "list", "-m", "all")))
			t.Logf("%d lines of go.sum, %d modules", sums, modules)
			if sums > b.lines || modules > b.modules {
				t.Errorf("a service pays %d lines of go.sum and %d modules, bounds are %d and %d",
					sums, modules, b.lines, b.modules)
			}
			said := fmt.Sprintf("| `session`%s | %d | %d |", also(b.store), sums, modules)
			if !strings.Contains(readFile(t, filepath.Join(top(t), "README.md")), said) {
				t.Errorf("README.md does not say so: %s", said)
			}
		})
	}
}

func also(store string) string {
	if store == "" {
		return ""
	}
	return " + `" + store + "`"
}

// service returns the folder of a tidy module that imports session and the store.
func service(t *testing.T, p proxy, store string) string {
	t.Helper()
	dir := t.TempDir()
	program := fmt.Sprintf("package main\n\nimport _ %q\n", modulePath+"/session")
	if store != "" {
		program += fmt.Sprintf("import _ %q\n", modulePath+"/"+store)
	}
	writeFile(t, filepath.Join(dir, "main.go"), program+"\nfunc main() {}\n")
	writeFile(t, filepath.Join(dir, "go.mod"), fmt.Sprintf(
		"module example.org/service\n\ngo 1.26.0\n\nrequire %s %s\n", modulePath, p.version))
	run(t, dir, p.env(t), "go", "mod", "tidy")
	return dir
}

package checks

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRecipesAreTheirPrograms: a block of a recipe that a program's test runs stands in that program, word for word.
func TestRecipesAreTheirPrograms(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			by := runBy.FindStringSubmatch(b.note)
			if b.lang != "go" || by == nil || !strings.HasPrefix(by[2], "examples/recipes/") {
				continue
			}
			found++
			program := program(t, by[2])
			for part := range strings.SplitSeq(b.text, "\n\n") {
				if !strings.Contains(program, "\n"+strings.TrimSuffix(part, "\n")+"\n") {
					t.Errorf("%s:%d: not in %s:\n%s", page, b.line, by[2], part)
				}
			}
		}
	}
	if found == 0 {
		t.Error("there are no recipes")
	}
}

// program returns the Go files of a folder, tests aside.
func program(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(top(t), folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			text.WriteString(readFile(t, file))
		}
	}
	return text.String()
}

// TestSchemaOfSQLC: the schema that sqlc has read is the one that the migrations make.
func TestSchemaOfSQLC(t *testing.T) {
	got := readFile(t, filepath.Join(top(t), "examples/recipes/onepool/queries/sessions.sql"))
	want := run(t, top(t), nil, "go", "run", "./cmd/sessions-migrate", "sql", "--dialect", "postgres")
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("make it, and sqlc's code, anew: it is\n%s\nand not\n%s", got, want)
	}
}

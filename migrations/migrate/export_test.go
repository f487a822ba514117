package migrate

import (
	"strings"
	"testing"

	"github.com/simples-go/sessions/migrations"
)

func TestExportRefuses(t *testing.T) {
	ok := Options{Dialect: migrations.SQLite}
	for name, c := range map[string]struct {
		opts    Options
		format  Format
		version int64
		first   string
	}{
		"dialect":  {Options{}, Goose, Latest, "1"},
		"table":    {Options{Dialect: migrations.SQLite, Table: "a b"}, Goose, Latest, "1"},
		"form":     {ok, "", Latest, "1"},
		"version":  {ok, Goose, 99, "1"},
		"number":   {ok, Goose, Latest, "v1"},
		"negative": {ok, Goose, Latest, "-1"},
		"huge":     {ok, Goose, Latest, strings.Repeat("9", 30)},
	} {
		if files, err := Export(c.opts, c.format, c.version, c.first); err == nil {
			t.Errorf("%s: %d files", name, len(files))
		}
	}
}

// Every form has a mark in its first line, and names that begin with a number or, for Flyway, a letter and one.
func TestExport(t *testing.T) {
	for _, format := range Formats() {
		for _, version := range []int64{0, Latest} {
			files, err := Export(Options{Dialect: migrations.Postgres, Table: "web"}, format, version, "007")
			if err != nil || (len(files) == 0) != (version == 0) {
				t.Fatalf("%s to %d: %d files, %v", format, version, len(files), err)
			}
			marks := map[string]bool{}
			for _, f := range files {
				if !strings.HasPrefix(f.Text, f.Mark+"\n") || !strings.HasPrefix(strings.TrimLeft(f.Name, "VU"), "007_") {
					t.Errorf("%s: %q begins with %.80q", format, f.Name, f.Text)
				}
				marks[f.Mark] = true
			}
			if len(marks) != len(files) {
				t.Errorf("%s: %d marks of %d files", format, len(marks), len(files))
			}
		}
	}
}

func TestStrangersAreNamed(t *testing.T) {
	m, err := New(nil, Options{Dialect: migrations.Postgres})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range strangers {
		problems, foreign := m.diagnose(found{columns: append([]string{"more"}, s.columns...)}, m.status(nil))
		if !foreign || len(problems) != 1 || !strings.Contains(problems[0], s.name+" has made") {
			t.Errorf("%s: %v %q", s.name, foreign, problems)
		}
	}
	if problems, foreign := m.diagnose(found{columns: []string{"token"}}, m.status(nil)); !foreign ||
		!strings.Contains(problems[0], "has no column") {
		t.Errorf("somebody's: %v %q", foreign, problems)
	}
}

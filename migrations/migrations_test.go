package migrations_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/simples-go/sessions/migrations"
)

func TestRenderIsAFileSystem(t *testing.T) {
	for _, d := range []migrations.Dialect{migrations.Postgres, migrations.SQLite} {
		fsys, err := migrations.Render(d, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(fsys, "00001_sessions.sql"); err != nil {
			t.Errorf("%s: %v", d, err)
		}
	}
}

func TestRenderQuotesAndQualifies(t *testing.T) {
	fsys, err := migrations.Render(migrations.Postgres, "web", "Order")
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(fsys, "00001_sessions.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`create table "web"."Order" (`, `create index "Order_owner_idx" on "web"."Order"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("rendered file lacks %q", want)
		}
	}
	if strings.Contains(string(text), "{{") {
		t.Errorf("a placeholder was left in:\n%s", text)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"sessions", "_s", "UserSessions2", strings.Repeat("x", 48)} {
		if err := migrations.ValidateName(name); err != nil {
			t.Errorf("ValidateName(%q) = %v", name, err)
		}
	}
	for _, name := range []string{
		"", "1x", "a b", "a-b", "a.b", `x"; drop table y; --`, "séance", "a\x00b", "a\n", "sqlite_master", "PG_temp",
		strings.Repeat("x", 49),
	} {
		if err := migrations.ValidateName(name); err == nil {
			t.Errorf("ValidateName(%q) accepted it", name)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, c := range []struct {
		d             migrations.Dialect
		schema, table string
	}{
		{"", "", ""}, {"mysql", "", ""}, {migrations.SQLite, "main", ""},
		{migrations.Postgres, `a"`, ""}, {migrations.Postgres, "", `a"`},
	} {
		if _, err := migrations.Render(c.d, c.schema, c.table); err == nil {
			t.Errorf("Render(%q, %q, %q) accepted it", c.d, c.schema, c.table)
		}
	}
}

package cmd

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	atlaspostgres "ariga.io/atlas/sql/postgres"
	atlassqlite "ariga.io/atlas/sql/sqlite"
	golangmigrate "github.com/golang-migrate/migrate/v4"
	golangdatabase "github.com/golang-migrate/migrate/v4/database"
	golangpgx "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	golangsqlite "github.com/golang-migrate/migrate/v4/database/sqlite"
	_ "github.com/golang-migrate/migrate/v4/source/file"
	"github.com/pressly/goose/v3"
)

// tool applies the files of a folder to a database as a migration tool does, and takes them back.
type tool struct {
	up, down func(t *testing.T, d target, dir string)
}

// tools are the forms of sessions-migrate sql. Goose, golang-migrate and Atlas are the real ones. Of dbmate and Flyway, whose
// libraries cannot be had here, the files are taken apart as their documentation says.
var tools = map[string]tool{
	"goose": {
		func(t *testing.T, d target, dir string) {
			_, err := gooseProvider(t, d, dir).Up(t.Context())
			must(t, err)
		},
		func(t *testing.T, d target, dir string) {
			_, err := gooseProvider(t, d, dir).DownTo(t.Context(), 0)
			must(t, err)
		},
	},
	"golang-migrate": {
		func(t *testing.T, d target, dir string) { must(t, golangMigrate(t, d, dir).Up()) },
		func(t *testing.T, d target, dir string) { must(t, golangMigrate(t, d, dir).Down()) },
	},
	"atlas": {atlasUp, nil},
	"dbmate": {
		func(t *testing.T, d target, dir string) { transaction(t, d, dbmateParts(t, dir)[1]) },
		func(t *testing.T, d target, dir string) { transaction(t, d, dbmateParts(t, dir)[2]) },
	},
	"flyway": {
		func(t *testing.T, d target, dir string) { transaction(t, d, only(t, dir, `^V\d+__\w+\.sql$`)) },
		func(t *testing.T, d target, dir string) { transaction(t, d, only(t, dir, `^U\d+__\w+\.sql$`)) },
	},
}

// TestFilesForOtherTools: what another tool applies is what up applies, and check and up agree with it.
func TestFilesForOtherTools(t *testing.T) {
	for name, tool := range tools {
		for _, dialect := range []string{"sqlite", "postgres"} {
			t.Run(name+"/"+dialect, func(t *testing.T) {
				d, dir := emptyTarget(t, dialect), t.TempDir()
				export := []string{"sql", "--dialect", dialect, "--format", name, "--dir", dir}
				if said := succeed(t, "", "sessions-migrate", export...); !strings.Contains(said, "written") {
					t.Fatalf("it says %q", said)
				}
				if said := succeed(t, "", "sessions-migrate", export...); strings.Contains(said, "written") {
					t.Fatalf("a second time it says %q", said)
				}
				tool.up(t, d, dir)
				succeed(t, d.url, "sessions-migrate", "check")
				if said := succeed(t, d.url, "sessions-migrate", "up"); !strings.Contains(said, "nothing to do") {
					t.Errorf("up says %q", said)
				}
				if tool.down == nil {
					return
				}
				tool.down(t, d, dir)
				fails(t, 3, d.url, "sessions-migrate", "check")
			})
		}
	}
}

// TestFilesAfterUp: where sessions-migrate was first, the tool's file fails and changes nothing, and what the
// documentation says marks it as applied.
func TestFilesAfterUp(t *testing.T) {
	run := map[string]func(*testing.T, target, string) error{
		"goose": func(t *testing.T, d target, dir string) error {
			_, err := gooseProvider(t, d, dir).Up(t.Context())
			return err
		},
		"golang-migrate": func(t *testing.T, d target, dir string) error { return golangMigrate(t, d, dir).Up() },
	}
	mark := map[string]func(*testing.T, target, string){
		"goose": func(t *testing.T, d target, _ string) {
			statements(t, openTarget(t, d), "insert into goose_db_version (version_id, is_applied) values (42, true)")
		},
		"golang-migrate": func(t *testing.T, d target, dir string) { must(t, golangMigrate(t, d, dir).Force(42)) },
	}
	for name, up := range run {
		for _, dialect := range []string{"sqlite", "postgres"} {
			t.Run(name+"/"+dialect, func(t *testing.T) {
				d, dir := emptyTarget(t, dialect), t.TempDir()
				export := []string{"sql", "--dialect", dialect, "--format", name, "--dir", dir, "--first", "42"}
				succeed(t, "", "sessions-migrate", export...)
				succeed(t, d.url, "sessions-migrate", "up")
				if err := up(t, d, dir); err == nil {
					t.Error("the file is applied a second time")
				}
				succeed(t, d.url, "sessions-migrate", "check")
				mark[name](t, d, dir)
				if err := up(t, d, dir); err != nil && !errors.Is(err, golangmigrate.ErrNoChange) {
					t.Errorf("once it is marked: %v", err)
				}
				succeed(t, d.url, "sessions-migrate", "check")
			})
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// emptyTarget returns a database without tables.
func emptyTarget(t *testing.T, dialect string) target {
	t.Helper()
	if dialect == "postgres" {
		url := database(t)
		return target{url, "pgx", url}
	}
	file := filepath.Join(t.TempDir(), "app.db")
	return target{"sqlite:" + file, "sqlite", "file:" + file}
}

func openTarget(t *testing.T, d target) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.source)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func gooseProvider(t *testing.T, d target, dir string) *goose.Provider {
	t.Helper()
	dialect := goose.DialectSQLite3
	if d.driver == "pgx" {
		dialect = goose.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, openTarget(t, d), os.DirFS(dir))
	must(t, err)
	return p
}

func golangMigrate(t *testing.T, d target, dir string) *golangmigrate.Migrate {
	t.Helper()
	var driver golangdatabase.Driver
	var err error
	if db := openTarget(t, d); d.driver == "pgx" {
		driver, err = golangpgx.WithInstance(db, &golangpgx.Config{})
	} else {
		driver, err = golangsqlite.WithInstance(db, &golangsqlite.Config{})
	}
	must(t, err)
	m, err := golangmigrate.NewWithDatabaseInstance("file://"+dir, "app", driver)
	must(t, err)
	return m
}

// atlasUp runs the folder's files after their sum has been written, as "atlas migrate hash" does.
func atlasUp(t *testing.T, d target, path string) {
	t.Helper()
	dir, err := migrate.NewLocalDir(path)
	must(t, err)
	sum, err := dir.Checksum()
	must(t, err)
	must(t, migrate.WriteSumFile(dir, sum))
	var driver migrate.Driver
	if db := openTarget(t, d); d.driver == "pgx" {
		driver, err = atlaspostgres.Open(db)
	} else {
		driver, err = atlassqlite.Open(db)
	}
	must(t, err)
	executor, err := migrate.NewExecutor(driver, dir, &revisions{})
	must(t, err)
	must(t, executor.ExecuteN(t.Context(), 0))
}

// revisions is what Atlas remembers of the files that it has run.
type revisions struct{ all []*migrate.Revision }

func (r *revisions) Ident() *migrate.TableIdent {
	return &migrate.TableIdent{Name: "atlas_schema_revisions"}
}

func (r *revisions) ReadRevisions(context.Context) ([]*migrate.Revision, error) { return r.all, nil }

func (r *revisions) ReadRevision(_ context.Context, version string) (*migrate.Revision, error) {
	for _, one := range r.all {
		if one.Version == version {
			return one, nil
		}
	}
	return nil, migrate.ErrRevisionNotExist
}

func (r *revisions) WriteRevision(_ context.Context, one *migrate.Revision) error {
	r.all = append(r.all, one)
	return nil
}

func (r *revisions) DeleteRevision(context.Context, string) error { return nil }

// dbmateParts returns a file's part before the way up, which may hold comments only, the way up and the way down.
func dbmateParts(t *testing.T, dir string) []string {
	t.Helper()
	text := only(t, dir, `^\d+_\w+\.sql$`)
	parts := regexp.MustCompile(`(?m)^-- migrate:(?:up|down)$`).Split(text, -1)
	if len(parts) != 3 || !regexp.MustCompile(`^(--.*\n|\n)*$`).MatchString(parts[0]) {
		t.Fatalf("not a file for dbmate:\n%s", text)
	}
	return parts
}

// only returns the text of the one file of a folder whose name matches.
func only(t *testing.T, dir, name string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var found []string
	for _, e := range entries {
		if regexp.MustCompile(name).MatchString(e.Name()) {
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			found = append(found, string(text))
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d files are called %s", len(found), name)
	}
	return found[0]
}

func transaction(t *testing.T, d target, text string) {
	t.Helper()
	statements(t, openTarget(t, d), "begin; "+text+"; commit")
}

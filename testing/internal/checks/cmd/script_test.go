package cmd

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)

// TestAny runs the transcripts of what needs no database.
func TestAny(t *testing.T) { transcripts(t, "any", nil) }

// TestSQLite runs the transcripts on SQLite, with SESSIONS_DATABASE_URL=sqlite:live.db in an empty folder.
func TestSQLite(t *testing.T) {
	transcripts(t, "sqlite", func(e *testscript.Env) { e.Setenv("SESSIONS_DATABASE_URL", "sqlite:live.db") })
}

// TestPostgres runs the transcripts on Postgres, with SESSIONS_DATABASE_URL naming an empty database.
func TestPostgres(t *testing.T) {
	transcripts(t, "postgres", func(e *testscript.Env) { e.Setenv("SESSIONS_DATABASE_URL", database(t)) })
}

func transcripts(t *testing.T, dir string, setup func(*testscript.Env)) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", dir),
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "sqlite": sqlite, "postgres": query, "filemode": filemode,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			if setup != nil {
				setup(e)
			}
			return nil
		},
	})
}

// code N PROGRAM ARGS...: the program exits with N. Its output is that of exec.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// sqlite FILE SQL|@FILE [WANT]: runs statements on a file; with WANT, the one text that the last of them returns.
func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	runSQL(ts, neg, "sqlite", ts.MkAbs(args[0]), args[1:])
}

// postgres SQL|@FILE [WANT]: the same on the database of SESSIONS_DATABASE_URL.
func query(ts *testscript.TestScript, neg bool, args []string) {
	runSQL(ts, neg, "pgx", ts.Getenv("SESSIONS_DATABASE_URL"), args)
}

func runSQL(ts *testscript.TestScript, neg bool, driver, source string, args []string) {
	db, err := sql.Open(driver, source)
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	text := args[0]
	if file, ok := strings.CutPrefix(text, "@"); ok {
		text = ts.ReadFile(file)
	}
	if len(args) == 1 {
		_, err = db.Exec(text)
	} else {
		err = expect(db, text, args[1])
	}
	switch {
	case neg && err == nil:
		ts.Fatalf("it succeeded")
	case !neg && err != nil:
		ts.Fatalf("%v", err)
	}
}

func expect(db *sql.DB, query, want string) error {
	var got string
	if err := db.QueryRow(query).Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%s: %q, want %q", query, got, want)
	}
	return nil
}

// filemode FILE MODE: the file's permissions are those.
func filemode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); (got == args[1]) == neg {
		ts.Fatalf("%s has mode %s", args[0], got)
	}
}

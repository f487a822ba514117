package cmd

import (
	"database/sql"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestShellLocked: the scripts for SQLite's shell change nothing of a file that somebody else keeps writing to, also
// if that one ends while they run, and wait for one that is done soon.
func TestShellLocked(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		absent(t, "no sqlite3 (Debian's package sqlite3)")
	}
	for _, mode := range []string{"wal", "delete"} {
		t.Run(mode, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "live.db")
			writer := lockable(t, file, mode)
			up := succeed(t, "sqlite:"+file, "sessions-migrate", "sql")
			lockedOut(t, writer, file, up)
			if n := number(t, "sqlite", file, "select count(*) from sqlite_schema"); n != 1 {
				t.Errorf("there are %d tables and indexes, want the one of before", n)
			}
			if out, err := sqliteShell(file, up); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			succeed(t, "sqlite:"+file, "sessions-migrate", "check")

			down := succeed(t, "sqlite:"+file, "sessions-migrate", "sql", "--to", "0")
			lockedOut(t, writer, file, down)
			succeed(t, "sqlite:"+file, "sessions-migrate", "check")
			waits(t, writer, file, down)
			fails(t, 3, "sqlite:"+file, "sessions-migrate", "check")
		})
	}
}

// lockable makes a file with a table of its own, and a connection that can lock it.
func lockable(t *testing.T, file, mode string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	statements(t, db, "pragma journal_mode="+mode+"; create table notes (a)")
	return db
}

func statements(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.Exec(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// lockedOut runs a script that meets a writer in its first statements, and none after them: a pause of the shell stands
// for what happens between two statements.
func lockedOut(t *testing.T, writer *sql.DB, file, script string) {
	t.Helper()
	const patience, begin = ".timeout 10000\n", "begin immediate;\n"
	if !strings.Contains(script, patience) || strings.Count(script, begin) != 1 {
		t.Fatalf("the script is\n%s", script)
	}
	script = strings.Replace(script, patience, ".timeout 10\n", 1)
	script = strings.Replace(script, begin, begin+".shell sleep 1\n", 1)
	statements(t, writer, "begin immediate; insert into notes values (1)")
	unlock := time.AfterFunc(500*time.Millisecond, func() { _, _ = writer.Exec("commit") })
	out, err := sqliteShell(file, script)
	if err == nil {
		t.Errorf("the script succeeded beside a writer: %s", out)
	}
	if unlock.Stop() {
		statements(t, writer, "commit")
	}
}

// waits runs a script that meets a writer who is done soon.
func waits(t *testing.T, writer *sql.DB, file, script string) {
	t.Helper()
	statements(t, writer, "begin immediate; insert into notes values (1)")
	time.AfterFunc(100*time.Millisecond, func() { _, _ = writer.Exec("commit") })
	if out, err := sqliteShell(file, script); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func sqliteShell(file, script string) (string, error) {
	cmd := exec.Command("sqlite3", file)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

package cmd

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSQLiteBackup: a copy that is made beside a running collector is a whole database.
func TestSQLiteBackup(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		absent(t, "no sqlite3 (Debian's package sqlite3)")
	}
	d := filled(t)["sqlite"](t)
	slowly(t, d)
	file := filepath.Join(t.TempDir(), "backup.db")
	cmd := exec.Command("sqlite3", "-cmd", ".timeout 10000", d.url[len("sqlite:"):], "vacuum into '"+file+"'")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	succeed(t, "sqlite:"+file, "sessions-migrate", "check")
	if n := number(t, "sqlite", file, "select count(*) from sessions"); n == 0 {
		t.Error("it is empty")
	}
}

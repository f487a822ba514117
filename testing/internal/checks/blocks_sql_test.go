package checks

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// TestSQLBlocks runs the SQL of the documentation on migrated databases, each block in one of its own state, and leaves
// a table that sessions-migrate takes for its own.
func TestSQLBlocks(t *testing.T) {
	bin := commands(t)
	var forPostgres []block
	for _, b := range blocks(t, "sql") {
		switch b.args {
		case "sqlite":
			runSQLite(t, bin, b)
		case "", "postgres":
			forPostgres = append(forPostgres, b)
		default:
			t.Errorf("%s:%d: SQL for %q", b.page, b.line, b.args)
		}
	}
	if len(forPostgres) == 0 {
		return
	}
	cluster := startPostgres(t)
	for i, b := range forPostgres {
		cluster.run(t, bin, b, fmt.Sprintf("block%d", i))
	}
}

func runSQLite(t *testing.T, bin string, b block) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blocks.db")
	migrate := filepath.Join(bin, "sessions-migrate")
	run(t, top(t), nil, migrate, "up", "--database-url", "sqlite:"+path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), b.text); err != nil {
		t.Errorf("%s:%d: %v\n%s", b.page, b.line, err, b.text)
	}
	b.checked(t, migrate, "sqlite:"+path)
}

// checked: what a page makes of the table is what the stores need.
func (b block) checked(t *testing.T, migrate, url string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), migrate, "check", "--database-url", url).CombinedOutput()
	if err != nil {
		t.Errorf("%s:%d: sessions-migrate check: %v\n%s", b.page, b.line, err, out)
	}
}

// cluster is a Postgres of the system's packages, for the length of a test.
type cluster struct {
	bin, socket string
}

// startPostgres starts a cluster that listens on a socket alone. It refuses to run as root, so it is run as postgres then.
func startPostgres(t *testing.T) cluster {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		absent(t, "no Postgres server to be found: install Debian's package postgresql")
	}
	dir, err := os.MkdirTemp("", "sessions-checks-") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{bin: found[len(found)-1], socket: dir}
	t.Cleanup(func() { removeAll(t, dir) })
	if os.Geteuid() == 0 {
		run(t, dir, nil, "chown", "postgres", dir)
	}
	data := filepath.Join(dir, "data")
	c.as(t, "initdb", "--auth=trust", "--username=postgres", "--no-sync", "--pgdata="+data)
	c.as(t, "pg_ctl", "start", "--wait", "--pgdata="+data, "--log="+filepath.Join(dir, "log"),
		"--options=-c listen_addresses='' -c fsync=off -c unix_socket_directories="+dir)
	t.Cleanup(func() {
		if out, err := c.command("pg_ctl", "stop", "--mode=immediate", "--pgdata="+data).CombinedOutput(); err != nil {
			t.Errorf("stopping Postgres: %v\n%s", err, out)
		}
	})
	return c
}

func (c cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	if os.Geteuid() == 0 {
		prefix := []string{"--reuid=postgres", "--regid=postgres", "--init-groups", cmd.Path}
		cmd = exec.Command("setpriv", append(prefix, args...)...)
	}
	cmd.Dir = c.socket
	cmd.WaitDelay = time.Second // the server keeps pg_ctl's output open
	return cmd
}

func (c cluster) as(t *testing.T, name string, args ...string) {
	t.Helper()
	log, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := c.command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, readFile(t, log.Name()))
	}
}

// run makes a database with the table sessions and runs the block in it.
func (c cluster) run(t *testing.T, bin string, b block, database string) {
	t.Helper()
	c.as(t, "createdb", "--host="+c.socket, "--username=postgres", database)
	url := "postgres://postgres@/" + database + "?host=" + c.socket
	migrate := filepath.Join(bin, "sessions-migrate")
	run(t, top(t), nil, migrate, "up", "--database-url", url)
	psql := exec.CommandContext(t.Context(), "psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", url)
	psql.Stdin = strings.NewReader(b.text)
	if out, err := psql.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s\n%s", b.page, b.line, err, b.text, out)
	}
	b.checked(t, migrate, url)
}

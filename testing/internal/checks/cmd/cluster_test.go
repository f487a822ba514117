package cmd

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// cluster is a Postgres server of this process.
type cluster struct {
	programs string // folder of initdb and the like
	data     string
	port     string
	as       *syscall.Credential // initdb refuses to run as root
}

// postgres starts the one server of the process when a test first asks for it.
var postgres struct {
	once   sync.Once
	own    *cluster
	url    string
	err    error
	absent bool
}

// database returns the URL of a new, empty database.
func database(t testing.TB) string {
	t.Helper()
	postgres.once.Do(findPostgres)
	switch {
	case postgres.absent:
		absent(t, "no Postgres: set SESSIONS_TEST_POSTGRES_URL or install Debian's package postgresql")
	case postgres.err != nil:
		t.Fatal(postgres.err)
	}
	name := "t" + strings.ToLower(rand.Text())
	admin(t, "create database "+name)
	t.Cleanup(func() { admin(t, "drop database "+name+" with (force)") })
	return withDatabase(t, name)
}

func withDatabase(t testing.TB, name string) string {
	t.Helper()
	u, err := url.Parse(postgres.url)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func admin(t testing.TB, statement string) {
	t.Helper()
	execSQL(t, postgres.url, statement)
}

// execSQL runs one statement on a Postgres database.
func execSQL(t testing.TB, url, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func findPostgres() {
	if postgres.url = os.Getenv("SESSIONS_TEST_POSTGRES_URL"); postgres.url != "" {
		return
	}
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(programs) == 0 {
		postgres.absent = true
		return
	}
	postgres.own, postgres.err = startCluster(programs[len(programs)-1])
	if postgres.err == nil {
		postgres.url = postgres.own.url()
	}
}

func stopCluster() {
	if postgres.own != nil {
		_ = postgres.own.stop()
	}
}

func (c *cluster) url() string {
	return "postgres://postgres@127.0.0.1:" + c.port + "/postgres?sslmode=disable"
}

func startCluster(programs string) (*cluster, error) {
	c, err := newCluster(programs)
	if err != nil {
		return nil, err
	}
	if err := c.run("initdb", "-A", "trust", "-U", "postgres", "-D", c.data, "--no-sync"); err != nil {
		return nil, err
	}
	return c, c.start()
}

// newCluster makes an empty folder for a server's data, and finds a port.
func newCluster(programs string) (*cluster, error) {
	data, err := os.MkdirTemp("", "sessions-pg-")
	if err != nil {
		return nil, err
	}
	c := &cluster{programs: programs, data: data}
	if c.port, err = freePort(); err != nil {
		return nil, err
	}
	if os.Getuid() != 0 {
		return c, nil
	}
	c.as, err = credential("postgres")
	if err != nil {
		return nil, err
	}
	return c, os.Chown(data, int(c.as.Uid), int(c.as.Gid))
}

func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}

// run runs a program of Postgres, in the data's folder: the server's user may be unable to enter the present one.
func (c *cluster) run(program string, args ...string) error {
	cmd := exec.Command(filepath.Join(c.programs, program), args...)
	cmd.Dir = c.data
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

func (c *cluster) start() error {
	options := "-p " + c.port + " -k " + c.data + " -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
	return c.run("pg_ctl", "-D", c.data, "-w", "-l", filepath.Join(c.data, "log"), "-o", options, "start")
}

func (c *cluster) stop() error {
	if err := c.run("pg_ctl", "-D", c.data, "-w", "-m", "immediate", "stop"); err != nil {
		return err
	}
	return os.RemoveAll(c.data)
}

// standby returns the URL of a read-only copy of the cluster's database, which follows it.
func (c *cluster) standby(t testing.TB, name string) string {
	t.Helper()
	s, err := newCluster(c.programs)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.run("pg_basebackup", "-R", "-c", "fast", "-D", s.data, "--no-sync", "-d", c.url()); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(s.url())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

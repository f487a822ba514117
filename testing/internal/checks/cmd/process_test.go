package cmd

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// process is a started command.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// start starts a command of ours on a database. It ends with the test.
func start(t *testing.T, url, program string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	p := &process{Cmd: exec.CommandContext(ctx, filepath.Join(bin, program), args...)}
	p.Env = append(os.Environ(), "SESSIONS_DATABASE_URL="+url)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// code waits for the process and returns its exit code, -1 for one that a signal has ended.
func (p *process) code(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// succeed runs a command and returns what it prints.
func succeed(t *testing.T, url, program string, args ...string) string {
	t.Helper()
	p := start(t, url, program, args...)
	if code := p.code(t); code != 0 {
		t.Fatalf("%s %v: exit code %d\n%s", program, args, code, p.stderr.String())
	}
	return p.stdout.String()
}

// fails runs a command, which must exit with the code, and returns what it complains about.
func fails(t *testing.T, code int, url, program string, args ...string) string {
	t.Helper()
	p := start(t, url, program, args...)
	if got := p.code(t); got != code {
		t.Fatalf("%s %v: exit code %d, want %d\n%s", program, args, got, code, p.stderr.String())
	}
	return p.stderr.String()
}

// number returns the one number that a query returns.
func number(t *testing.T, driver, source, query string) (n int) {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

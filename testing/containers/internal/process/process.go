// Package process runs parts of a test in processes of their own, which can be started many at once and killed.
package process

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	roleVariable = "SESSIONS_TEST_ROLE"
	argVariable  = "SESSIONS_TEST_ARG"
)

// Roles are what the test binary can be started as. Each gets the argument of Start; its error is printed.
type Roles map[string]func(arg string) error

// Play runs the role that this process was started for and exits; it returns if the process is an ordinary test run.
// Call it from TestMain.
func Play(roles Roles) {
	name, set := os.LookupEnv(roleVariable)
	if !set {
		return
	}
	role, known := roles[name]
	if !known {
		fmt.Fprintf(os.Stderr, "no role %q among %q\n", name, slices.Sorted(maps.Keys(roles)))
		os.Exit(2)
	}
	if err := role(os.Getenv(argVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Process is a started role. It is killed at the end of the test at the latest.
type Process struct {
	Stdout io.Reader
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr strings.Builder
}

// Start starts this test binary again in a role.
func Start(tb testing.TB, role, arg string) *Process {
	tb.Helper()
	p := &Process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, argVariable+"="+arg)
	p.cmd.Stderr = &p.stderr
	var err error
	if p.Stdout, err = p.cmd.StdoutPipe(); err != nil {
		tb.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("starting a process as %s: %v", role, err)
	}
	tb.Cleanup(p.Kill)
	return p
}

// Go closes the process's standard input, which a role may wait for.
func (p *Process) Go() { _ = p.stdin.Close() }

// Kill sends SIGKILL. What the process has printed can still be read.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

// Wait returns when the process has ended. If it failed, the error has what the process wrote to its standard error.
// Read Stdout before.
func (p *Process) Wait() error {
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, p.stderr.String())
	}
	return nil
}

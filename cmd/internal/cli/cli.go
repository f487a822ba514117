// Package cli holds what the commands share: flags, the database URL, exit codes, and care about what is printed.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes that the commands have in common.
const (
	OK     = 0
	Failed = 1
	Usage  = 2
)

// Env is what a command gets from the process that runs it. Tests make their own.
type Env struct {
	Getenv   func(string) string
	Stdin    io.Reader
	Terminal func(any) bool // whether a stream is a terminal
}

// Run is a command: it returns the exit code. It writes results to stdout and everything else to stderr.
type Run func(ctx context.Context, args []string, env Env, stdout, stderr io.Writer) int

// Main runs a command in its process and exits. An interrupt or SIGTERM ends the context, a second one the process.
func Main(run Run) {
	// A reader that went away is an error of the write, not the end of the process in the middle of its work.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], Env{os.Getenv, os.Stdin, isTerminal}, os.Stdout, os.Stderr))
}

// isTerminal takes every character device but the null device for a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// Fail prints an error and returns code. The error's text is printed as it is: see Safe for what must not be in it.
func Fail(stderr io.Writer, program string, code int, err error) int {
	_, _ = fmt.Fprintf(stderr, "%s: %v\n", program, err)
	return code
}

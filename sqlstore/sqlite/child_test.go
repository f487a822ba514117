package sqlite

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Some tests need another process: they start the test binary again with this variable set to what it has to do.
const childVariable = "SESSIONS_SQLITE_CHILD"

func TestMain(m *testing.M) {
	what := os.Getenv(childVariable)
	if what == "" {
		os.Exit(m.Run())
	}
	if err := children[what](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var children = map[string]func(args []string) error{
	"save":    childSaves,
	"count":   childCounts,
	"delete":  childDeletes,
	"collect": childCollects,
}

// child is a running process and the lines that it writes.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t *testing.T, what string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			c.kill()
		}
	})
	return c
}

// line returns the next line, "" at the end.
func (c *child) line() string {
	if c.lines.Scan() {
		return c.lines.Text()
	}
	return ""
}

// kill ends the process with SIGKILL.
func (c *child) kill() {
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Error(err)
	}
	_ = c.cmd.Wait()
}

// wait lets the process end by itself.
func (c *child) wait() {
	c.t.Helper()
	for c.line() != "" {
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("another process: %v", err)
	}
}

func name(ref store.Ref) string { return hex.EncodeToString(append(ref.Key[:], ref.Hash[:]...)) }

func parseName(s string) store.Ref {
	ref := newRef()
	raw, _ := hex.DecodeString(s)
	copy(ref.Hash[:], raw[copy(ref.Key[:], raw):])
	return ref
}

// childSaves saves counters into the sessions that are named, each from a goroutine of its own, and writes "i n" when a
// save was acknowledged. It does not end.
func childSaves(args []string) error {
	s, err := Open(context.Background(), args[0])
	if err != nil {
		return err
	}
	out := &syncWriter{w: bufio.NewWriter(os.Stdout)}
	var wg sync.WaitGroup
	for i, arg := range args[1:] {
		wg.Go(func() {
			ref := parseName(arg)
			r, err := s.Load(context.Background(), ref)
			for n := r.Version; err == nil; n++ {
				if _, err = s.Save(context.Background(), ref, set("n", fmt.Sprint(n))); err == nil {
					err = out.print(i, n)
				}
			}
			fmt.Fprintln(os.Stderr, err)
		})
	}
	wg.Wait()
	return nil
}

type syncWriter struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (s *syncWriter) print(args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.w, args...)
	return s.w.Flush()
}

// childCounts raises the counter in a session by conditional saves, until it has done so as often as it was told.
func childCounts(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, args[0])
	if err != nil {
		return err
	}
	for range 200 {
		if err := raise(ctx, s, parseName(args[1])); err != nil {
			return err
		}
	}
	return s.Close()
}

func raise(ctx context.Context, s *Store, ref store.Ref) error {
	for {
		r, err := s.Load(ctx, ref)
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscanf(string(r.Data), `{"n":%d}`, &n); err != nil {
			return err
		}
		change := set("n", fmt.Sprint(n+1))
		change.IfVersion = r.Version
		if _, err = s.Save(ctx, ref, change); err != store.ErrConflict {
			return err
		}
	}
}

func childDeletes(args []string) error {
	s, err := Open(context.Background(), args[0])
	if err != nil {
		return err
	}
	if err := s.Delete(context.Background(), parseName(args[1])); err != nil {
		return err
	}
	return s.Close()
}

// childCollects collects for ever, and writes a line once it is at it.
func childCollects(args []string) error {
	s, err := Open(context.Background(), args[0])
	if err != nil {
		return err
	}
	_, err = s.Collect(context.Background(), store.CollectOptions{Batch: 1, Progress: func(store.CollectReport) {
		fmt.Println(strings.Repeat("-", 10))
		select {}
	}})
	return err
}

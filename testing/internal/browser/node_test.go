package browser

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/simples-go/sessions/testing/containers"
)

// patience bounds every wait in these tests: it is long, since a machine may be busy.
const patience = 60 * time.Second

// program builds examples/live once for all tests, where .gitignore expects programs.
var program = sync.OnceValues(func() (string, error) {
	path, err := filepath.Abs(filepath.Join("..", "..", "..", "bin", "live"+raceFlag))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", raceFlag, "-o", path, ".")
	build.Dir = filepath.Join("..", "..", "..", "examples", "live")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building examples/live: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) { containers.Main(m) }

// node is a process of examples/live.
type node struct {
	t        *testing.T
	addr     string
	database string
	cmd      *exec.Cmd
	stderr   *lockedBuffer
	done     chan struct{} // closed when the process has ended
	err      error         // how it ended
}

// start starts a node on a free port. It is ended with the test, and must then end cleanly.
func start(t *testing.T, database string) *node {
	t.Helper()
	n := &node{t: t, addr: freeAddr(t), database: database}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (n *node) start() {
	n.t.Helper()
	path, err := program()
	if err != nil {
		n.t.Fatal(err)
	}
	n.stderr, n.done = &lockedBuffer{}, make(chan struct{})
	n.cmd = exec.Command(path, "-addr", n.addr, "-database-url", n.database)
	n.cmd.Stderr = n.stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.awaitStart(out)
}

// awaitStart waits for the line that says that the node serves.
func (n *node) awaitStart(out io.Reader) {
	n.t.Helper()
	started := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		started <- line
		_, _ = io.Copy(io.Discard, out)
		n.err = n.cmd.Wait()
		close(n.done)
	}()
	select {
	case line := <-started:
		if !strings.Contains(line, "http://"+n.addr) {
			<-n.done
			n.t.Fatalf("live said %q\n%s", line, n.stderr)
		}
	case <-time.After(patience):
		n.t.Fatalf("live did not start\n%s", n.stderr)
	}
}

// kill ends the node as a crash does.
func (n *node) kill() {
	n.t.Helper()
	if err := n.cmd.Process.Kill(); err != nil {
		n.t.Fatal(err)
	}
	<-n.done
}

// stop ends the node as an operator does, and checks that nothing went wrong in it.
func (n *node) stop() {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		n.t.Errorf("the node has ended before it was told to: %v\n%s", n.err, n.stderr)
		return
	}
	select {
	case <-n.done:
	case <-time.After(patience):
		_ = n.cmd.Process.Kill()
		n.t.Errorf("the node does not end\n%s", n.stderr)
		return
	}
	if n.err != nil {
		n.t.Errorf("the node did not end cleanly: %v\n%s", n.err, n.stderr)
	}
	for _, trouble := range []string{"DATA RACE", "panic", "ERROR"} {
		if strings.Contains(n.stderr.String(), trouble) {
			n.t.Errorf("the node has trouble")
		}
	}
	if n.t.Failed() {
		n.t.Logf("the node says:\n%s", n.stderr)
	}
}

func (n *node) url(path string) string { return "http://" + n.addr + path }

// sqliteURL names a database of the test's own.
func sqliteURL(t *testing.T) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "live.db")
}

// eventually waits until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// lockedBuffer is a buffer that is written while it is read.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

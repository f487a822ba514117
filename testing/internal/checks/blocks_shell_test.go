package checks

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// port is the one that the documentation's programs listen on; each page gets a free one in its place.
const port = "8080"

// TestShellBlocks runs the shell blocks of each page, in order, in an empty folder of its own.
func TestShellBlocks(t *testing.T) {
	p := newProxy(t)
	bin := commands(t)
	for _, page := range pages(t) {
		blocks := blocksOf(t, page)
		if !hasShell(blocks) {
			continue
		}
		t.Run(page, func(t *testing.T) {
			box := newSandbox(t, p, bin)
			for _, b := range blocks {
				box.do(t, b)
			}
			if box.goFiles {
				box.run(t, block{page: page, text: "go vet ./..."})
			}
		})
	}
}

func hasShell(blocks []block) bool {
	for _, b := range blocks {
		if b.lang == "sh" && !b.elsewhere() {
			return true
		}
	}
	return false
}

// elsewhere reports whether a note says that the block is not run here.
func (b block) elsewhere() bool {
	return strings.HasPrefix(b.note, "run by") || strings.HasPrefix(b.note, "not run")
}

// commands builds sessions-migrate and sessions-gc and returns their folder.
func commands(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	run(t, top(t), nil, "go", append(raced("build"), "-o", bin+"/", "./cmd/...")...)
	return bin
}

// sandbox is where the blocks of one page are run.
type sandbox struct {
	dir    string
	env    []string
	port   string
	output string // of the block before

	goFiles bool // the page has written some
}

func newSandbox(t *testing.T, p proxy, bin string) *sandbox {
	t.Helper()
	dir := t.TempDir()
	env := append(os.Environ(), p.env(t)...)
	flags := strings.TrimSpace(os.Getenv("GOFLAGS") + " -modcacherw")
	if race {
		flags += " -race"
	}
	env = append(env, "GOFLAGS="+flags, "GOBIN="+filepath.Join(dir, "bin"), "HOME="+dir,
		"GOCACHE="+output(t, "go", "env", "GOCACHE"), "GOMODCACHE="+output(t, "go", "env", "GOMODCACHE"),
		"PATH="+filepath.Join(dir, "bin")+":"+bin+":"+os.Getenv("PATH"))
	return &sandbox{dir: dir, env: env, port: freePort(t)}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// do does what the block asks for.
func (s *sandbox) do(t *testing.T, b block) {
	t.Helper()
	b.text = strings.ReplaceAll(b.text, port, s.port)
	file, isFile := strings.CutPrefix(b.args, "file=")
	switch {
	case b.elsewhere():
	case isFile:
		writeFile(t, filepath.Join(s.dir, file), b.text)
		s.goFiles = s.goFiles || b.lang == "go"
	case b.lang == "sh" && b.args == "background":
		s.start(t, b)
	case b.lang == "sh":
		s.run(t, b)
	case b.lang == "text" && b.args == "output":
		checkOutput(t, b, s.output)
	}
}

func (s *sandbox) command(ctx context.Context, b block) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", b.text)
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func (s *sandbox) run(t *testing.T, b block) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := s.command(ctx, b).CombinedOutput()
	if err != nil {
		t.Fatalf("%s:%d: %v\n%s\n%s", b.page, b.line, err, b.text, out)
	}
	s.output = string(out)
}

// start runs the block until the test ends and returns when something listens on the page's port.
func (s *sandbox) start(t *testing.T, b block) {
	t.Helper()
	cmd := s.command(t.Context(), b)
	var printed lockedBuffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Cancel()
		<-ended
	})
	if err := s.listens(t.Context(), ended); err != nil {
		t.Fatalf("%s:%d: %v\n%s\n%s", b.page, b.line, err, b.text, printed.String())
	}
}

func (s *sandbox) listens(ctx context.Context, ended chan error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			return fmt.Errorf("it ended before it listened: %v", err)
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on the port: %w", ctx.Err())
		}
	}
}

// checkOutput holds the lines of the block against the output; … stands for anything within a line or, on a line of its
// own, for any number of lines.
func checkOutput(t *testing.T, b block, output string) {
	t.Helper()
	pattern := regexp.QuoteMeta(strings.TrimSpace(b.text))
	pattern = regexp.MustCompile(`(?m)^…$`).ReplaceAllString(pattern, `(?s:.*?)`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	output = strings.ReplaceAll(strings.TrimSpace(output), "\r", "")
	if !regexp.MustCompile(`^` + pattern + `$`).MatchString(output) {
		t.Errorf("%s:%d shows\n%s\nthe command printed\n%s", b.page, b.line, b.text, output)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

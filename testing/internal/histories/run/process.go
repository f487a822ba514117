package run

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/testing/internal/histories/drive"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

const (
	roleVariable = "SESSIONS_HISTORIES_ROLE"
	argVariable  = "SESSIONS_HISTORIES_ARG"
)

// Play does the part for which this process was started, and exits; it returns if it was started for none. Call it first
// of all.
func Play() {
	role, set := os.LookupEnv(roleVariable)
	if !set {
		return
	}
	err := fmt.Errorf("no part is called %q", role)
	switch arg := os.Getenv(argVariable); role {
	case "serve":
		err = serve.Main(arg, os.Stdin, os.Stdout)
	case "drive":
		err = drive.Main(arg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process is this program in a part of its own.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser // ends when this process does, however it ends
	stdout *bufio.Reader
	stderr lines
}

func start(role string, config any) (*process, error) {
	arg, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, argVariable+"="+string(arg))
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(out)
	return p, p.cmd.Start()
}

// signal is for processes that may have ended.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// kill ends the process with SIGKILL.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// wait waits for the process's own end.
func (p *process) wait() error {
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(p.stderr.String()))
	}
	return nil
}

// Node is a server under trial. Its address stays when it is killed and started again.
type Node struct {
	Config serve.Config
	*process
}

// starting is for how long a node is started again and again.
const starting = time.Minute

// Supervise starts it, as a supervisor does again and again while Postgres refuses it. A node that ends in another way is
// an error at once: a panic or a race at the start must not go unseen.
func (n *Node) Supervise() error {
	return retry.While(context.Background(), starting, retry.Backoff{First: 20 * time.Millisecond}, isRefused, n.Start)
}

func isRefused(err error) bool {
	text := err.Error()
	return strings.Contains(text, "postgres: ") && !strings.Contains(text, "goroutine ")
}

// Start starts it, and returns once it serves.
func (n *Node) Start() (err error) {
	if n.process, err = start("serve", n.Config); err != nil {
		return err
	}
	if line, err := n.stdout.ReadString('\n'); err != nil {
		_ = n.cmd.Wait()
		return fmt.Errorf("the server said %q: %w: %s", line, err, strings.TrimSpace(n.stderr.String()))
	}
	return nil
}

// Stop has it end as an operator does, and waits for that.
func (n *Node) Stop() error {
	n.signal(syscall.SIGTERM)
	return n.wait()
}

// Kill ends it with SIGKILL.
func (n *Node) Kill() { n.kill() }

// PID is its process's.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Trouble returns what the server said of a panic or a race that is not part of the trial.
func (n *Node) Trouble() string {
	text := n.stderr.String()
	for _, sign := range []string{"DATA RACE", "fatal error:", "concurrent map"} {
		if strings.Contains(text, sign) {
			return text
		}
	}
	return ""
}

// lines is what a process has written, while it may go on writing.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was written so far.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

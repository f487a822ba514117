// Package pg runs a Postgres out of the system's packages, with fsync on, that a trial has for itself and may kill.
package pg

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a Postgres with its data.
type Server struct {
	Dir  string
	Port int
	Env  []string // beside the process's own
	Log  string   // the file of its messages; default log in Dir
	bin  string
	cmd  *exec.Cmd
	done chan struct{}
}

// ErrMissing is returned if no Postgres is installed.
var ErrMissing = errors.New("no Postgres is installed under /usr/lib/postgresql")

// Bin returns the folder with the programs of the newest Postgres that is installed.
func Bin() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.Join(ErrMissing, err)
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// New makes a cluster in a folder of its own below dir.
func New(dir, name string) (*Server, error) {
	s := &Server{Dir: filepath.Join(dir, name)}
	var err error
	if s.bin, err = Bin(); err != nil {
		return nil, err
	}
	if s.Port, err = FreePort(); err != nil {
		return nil, err
	}
	if err := own(s.Dir); err != nil {
		return nil, err
	}
	return s, nil
}

// Init makes the data, with more arguments of initdb.
func (s *Server) Init(ctx context.Context, more ...string) error {
	args := append([]string{"-D", s.Data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"}, more...)
	if err := s.Run(ctx, "initdb", args...); err != nil {
		return err
	}
	return s.Configure(settings)
}

const settings = `
listen_addresses = '127.0.0.1'
fsync = on
synchronous_commit = on
max_connections = 100
shared_buffers = 32MB
logging_collector = off
`

// Configure adds settings, which hold from the next start on.
func (s *Server) Configure(text string) error {
	file, err := os.OpenFile(filepath.Join(s.Data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// Data is the folder with the data.
func (s *Server) Data() string { return filepath.Join(s.Dir, "data") }

// Run runs one of Postgres's programs as the user that owns the data.
func (s *Server) Run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	if err := asOwner(cmd); err != nil {
		return err
	}
	cmd.Dir = s.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// Start starts the server, and again after Kill, and waits until it accepts queries.
func (s *Server) Start(ctx context.Context) error {
	for {
		err := s.start(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond) // processes of the one that was killed may hold its memory still
	}
}

func (s *Server) start(ctx context.Context) error {
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.Data(), "-p", strconv.Itoa(s.Port), "-k", s.Dir)
	if err := asOwner(cmd); err != nil {
		return err
	}
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env = log, log, s.Dir, append(os.Environ(), s.Env...)
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	s.cmd, s.done = cmd, done
	return s.ready(ctx)
}

// ready waits until the server answers, or has ended.
func (s *Server) ready(ctx context.Context) error {
	for {
		err := s.Exec(ctx, "select 1")
		if err == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("postgres has ended; see %s: %w", s.log(), err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) log() string { return cmp.Or(s.Log, filepath.Join(s.Dir, "log")) }

// Revive waits until the server answers, and starts it if it has ended by itself.
func (s *Server) Revive(ctx context.Context) error {
	err := s.ready(ctx)
	if err != nil && ctx.Err() == nil {
		return s.Start(ctx)
	}
	return err
}

// URL is that of the server's database, or of the same behind another address.
func (s *Server) URL(addr ...string) string {
	host := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	if len(addr) > 0 {
		host = strings.Join(addr, ",")
	}
	return "postgres://postgres@" + host + "/postgres?sslmode=disable"
}

// Exec runs a statement on a connection of its own.
func (s *Server) Exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// asOwner has a command run as the user postgres where this process is root, which Postgres refuses.
func asOwner(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		return nil
	}
	uid, gid, err := postgres()
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	return err
}

func postgres() (uid, gid uint32, err error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return 0, 0, err
	}
	id, err1 := strconv.ParseUint(u.Uid, 10, 32)
	group, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(id), uint32(group), errors.Join(err1, err2)
}

// own makes a folder that the user postgres can use.
func own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil || os.Geteuid() != 0 {
		return err
	}
	uid, gid, err := postgres()
	if err != nil {
		return err
	}
	for parent := filepath.Dir(dir); parent != "/" && parent != os.TempDir(); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o711); err != nil {
			break
		}
	}
	return os.Chown(dir, int(uid), int(gid))
}

// FreePort returns a port of this host that nobody uses now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

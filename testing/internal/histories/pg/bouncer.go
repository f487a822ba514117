package pg

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Bouncer is a PgBouncer in transaction mode.
type Bouncer struct {
	port int
	cmd  *exec.Cmd
}

// Pool starts a PgBouncer before a server that it reaches under addr.
func Pool(ctx context.Context, s *Server, addr string) (*Bouncer, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	host, to, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.Dir, "pooler")
	if err := own(dir); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(config, fmt.Appendf(nil, bouncerConfig, host, to, port, dir), 0o644); err != nil {
		return nil, err
	}
	b := &Bouncer{port: port, cmd: exec.Command("pgbouncer", "-q", config)}
	if err := asOwner(b.cmd); err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	return b, b.ready(ctx)
}

const bouncerConfig = `[databases]
postgres = host=%s port=%s dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 200
default_pool_size = 20
server_connect_timeout = 2
server_login_retry = 1
query_wait_timeout = 3
logfile = %s/log
ignore_startup_parameters = extra_float_digits
`

func (b *Bouncer) ready(ctx context.Context) error {
	for {
		conn, err := net.Dial("tcp", b.Addr())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Addr is where it listens.
func (b *Bouncer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// Close ends it.
func (b *Bouncer) Close() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
}

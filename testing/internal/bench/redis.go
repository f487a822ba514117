package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/redis/go-redis/v9"
)

// redisSides are scs on Redis, by when Redis brings its log to the disk. With everysec a crash takes up to a second of saves
// that were acknowledged; always is what the databases do.
var redisSides = map[string]string{"redis": "everysec", "redis always": "always"}

// errNoRedis is returned if this machine has no redis-server.
var errNoRedis = errors.New("no redis-server on this machine")

// openRedis starts a server for each side that is measured. Without redis-server it says so, and fails if the sides were
// named.
func (o *options) openRedis(ctx context.Context, log io.Writer) (sides []*side, done func(), err error) {
	var servers []*redisServer
	done = func() {
		for _, s := range servers {
			s.close()
		}
	}
	for _, name := range o.redisNames(log) {
		s, err := startRedis(ctx, redisSides[name], o.pool)
		if err != nil {
			return nil, done, err
		}
		servers = append(servers, s)
		fmt.Fprintf(log, "%s: filling a server with %d sessions of %d bytes\n", name, o.rows, o.bytes)
		if err := o.fillRedis(ctx, s.client); err != nil {
			return nil, done, err
		}
		made := scsSide(contextless{goredisstore.New(s.client)}, o.bytes)
		made.name, made.server = name, func() time.Duration { return ranFor(s.cmd.Process.Pid) }
		sides = append(sides, made)
	}
	return sides, done, nil
}

// redisNames are the sides to be measured on Redis. Nothing is left of them, with a word, if there is no Redis and nobody
// has named them.
func (o *options) redisNames(log io.Writer) (names []string) {
	for _, name := range sideNames {
		if redisSides[name] != "" && o.measures(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	if _, err := exec.LookPath("redis-server"); err != nil && len(o.sides) == 0 {
		fmt.Fprintf(log, "redis: %v: not measured\n", errNoRedis)
		return nil
	}
	return names
}

// redisServer is a server of its own, on a free port and in a directory of its own.
type redisServer struct {
	cmd    *exec.Cmd
	dir    string
	client *redis.Client
	exited chan error
}

func startRedis(ctx context.Context, fsync string, pool int) (*redisServer, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errNoRedis
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-redis")
	if err != nil {
		return nil, err
	}
	s := &redisServer{dir: dir, exited: make(chan error, 1)}
	s.cmd = exec.CommandContext(ctx, program, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", fsync, "--logfile", "redis.log")
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() { s.exited <- s.cmd.Wait() }()
	s.client = redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, PoolSize: pool, MaxIdleConns: pool})
	if err := s.ready(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// ready waits until the server answers, or has ended.
func (s *redisServer) ready(ctx context.Context) error {
	for s.client.Ping(ctx).Err() != nil {
		select {
		case err := <-s.exited:
			s.exited <- err
			text, _ := os.ReadFile(s.dir + "/redis.log")
			return fmt.Errorf("redis-server has ended: %v\n%s", err, text)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (s *redisServer) close() {
	_ = s.client.Close()
	_ = s.cmd.Process.Kill()
	<-s.exited
	_ = os.RemoveAll(s.dir)
}

// fillRedis writes what the store would.
func (o *options) fillRedis(ctx context.Context, client *redis.Client) error {
	const batch = 1000
	blob := string(scsBlob(o.bytes))
	for first := 0; first < o.rows; first += batch {
		_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range min(batch, o.rows-first) {
				p.Set(ctx, "scs:session:"+token(first+i), blob, lifetime)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// contextless gives a store that has only methods with a context the others, of which this one's panic.
type contextless struct{ scs.CtxStore }

func (c contextless) Find(token string) ([]byte, bool, error) {
	return c.FindCtx(context.Background(), token)
}

func (c contextless) Commit(token string, b []byte, expiry time.Time) error {
	return c.CommitCtx(context.Background(), token, b, expiry)
}

func (c contextless) Delete(token string) error { return c.DeleteCtx(context.Background(), token) }

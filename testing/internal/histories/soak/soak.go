package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/pg"
	"github.com/simples-go/sessions/testing/internal/histories/run"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

// config says what a soak is made of; see the flags.
type config struct {
	Duration, Sample, Collect, Restart, Failover time.Duration
	Alone, Idle, Say, Tell, Reconnect            time.Duration
	Nodes, Rate, Sockets, Browsers               int
	Pooler                                       bool
	Seed                                         uint64
	Collector, Dir                               string
	Log                                          io.Writer
}

// soak is one under way.
type soak struct {
	config
	pair    *run.Pair
	primary atomic.Pointer[pg.Server]
	nodes   []*node
	load    *load
	report  *report
}

// soak does it all, and returns the report as far as it went.
func (c config) soak(ctx context.Context) (*report, error) {
	s := &soak{config: c}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	s.report = newReport(s.config)
	s.load = newLoad(s.config, s.nodes, s.report)
	if err := s.load.fill(ctx); err != nil {
		return nil, err
	}
	errs := s.run(ctx)
	s.load.compare()
	return s.report, errors.Join(errs, s.troubles(), s.report.write(s.Dir))
}

// prepare builds and starts what the load needs.
func (s *soak) prepare(ctx context.Context) (err error) {
	if s.Browsers < s.Sockets || s.Nodes < 1 || s.Rate < 1 {
		return errors.New("at least one node, one request per second, and as many browsers as sockets are needed")
	}
	if s.Dir, err = filepath.Abs(s.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	if s.Collector == "" {
		s.Collector = filepath.Join(s.Dir, "sessions-gc")
		build := exec.CommandContext(ctx, "go", "build", "-o", s.Collector, "github.com/simples-go/sessions/cmd/sessions-gc")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building sessions-gc: %w\n%s", err, out)
		}
	}
	if s.pair, err = run.NewPair(ctx, s.Dir, s.Pooler); err != nil {
		return err
	}
	s.primary.Store(s.pair.Primary())
	if err := s.start(); err != nil {
		s.end()
		return err
	}
	return nil
}

func (s *soak) start() error {
	for i := range s.Nodes {
		port, err := pg.FreePort()
		if err != nil {
			return err
		}
		n := &node{Node: run.Node{Config: serve.Config{
			Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Grace: 30 * time.Second, Poll: 2 * time.Second,
			Seed: s.Seed + uint64(i),
		}}}
		s.pair.Configure(&n.Config, s.Pooler)
		if err := n.begin(); err != nil {
			return err
		}
		s.nodes = append(s.nodes, n)
	}
	return nil
}

// run has the load, the events and the samples go on beside each other until the time is over.
func (s *soak) run(ctx context.Context) error {
	s.report.start = time.Now()
	ctx, cancel := context.WithTimeout(ctx, s.Duration)
	defer cancel()
	var tasks tasks
	tasks.every(ctx, s.Sample, s.Sample, s.sample)
	tasks.every(ctx, s.Collect, s.Collect, s.collect)
	tasks.every(ctx, s.Restart/2, s.Restart, s.restart)
	tasks.every(ctx, s.Failover*2/3, s.Failover, s.failover)
	s.load.run(ctx)
	return tasks.wait()
}

// troubles returns what the nodes have said of races and the like.
func (s *soak) troubles() (err error) {
	for _, n := range s.nodes {
		if text := n.Trouble(); text != "" {
			err = errors.Join(err, fmt.Errorf("a server says: %s", text))
		}
	}
	return err
}

// end ends all processes, and removes the databases.
func (s *soak) end() {
	for _, n := range s.nodes {
		n.Kill()
	}
	s.pair.Close()
	for i := range 2 {
		_ = os.RemoveAll(filepath.Join(s.Dir, fmt.Sprint("postgres", i)))
	}
}

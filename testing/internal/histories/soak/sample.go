package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// sample is what was in use at one time, and what requests took since the one before.
type sample struct {
	At                     time.Duration
	Nodes                  []usage
	Connections            int64 // to the primary
	TableBytes, Rows, Dead int64
	Open                   int64 // sockets, as the clients count them
	Requests, Failed       int
	P50, P99, Max          time.Duration
}

// usage is what a node has in use. One that is being restarted has nothing.
type usage struct {
	wire.State
	Life   int64
	Memory int64 // resident, in bytes
}

// sample takes one.
func (s *soak) sample(ctx context.Context) error {
	took, failed := s.report.requests.take()
	one := sample{At: time.Since(s.report.start), Open: s.load.open.Load(), Requests: len(took), Failed: failed,
		P50: quantile(took, 500), P99: quantile(took, 990), Max: quantile(took, 1000)}
	for _, n := range s.nodes {
		one.Nodes = append(one.Nodes, n.usage(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, s.Sample/2)
	defer cancel()
	if err := s.table(ctx, &one); err != nil {
		one.Connections = 0 // there is no primary now
	}
	s.report.sampled(one)
	_, _ = fmt.Fprintln(s.Log, one.line())
	return s.report.write(s.Dir)
}

// table asks the primary.
func (s *soak) table(ctx context.Context, into *sample) error {
	return s.primary.Load().Ask(ctx, `select
		(select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
		pg_total_relation_size('sessions'), count(*), count(*) filter (where expires_at <= now()) from sessions`,
		&into.Connections, &into.TableBytes, &into.Rows, &into.Dead)
}

// usage asks the node and its process.
func (n *node) usage(ctx context.Context) (u usage) {
	pid := n.pid.Load()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Config.Addr+"/state", nil)
	if err != nil || pid == 0 {
		return usage{}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return usage{}
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&u.State); err != nil {
		return usage{}
	}
	if u.Memory, err = resident(pid); err != nil {
		return usage{}
	}
	u.Life = n.life.Load()
	return u
}

// resident returns the memory that a process has in use.
func resident(pid int64) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("not a line of /proc/PID/statm: %q", text)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// sum adds up one value of all nodes, and reports whether all of them have it.
func (s *sample) sum(of func(*usage) int64) (n int64, all bool) {
	all = true
	for i := range s.Nodes {
		all = all && s.Nodes[i].Life > 0
		n += of(&s.Nodes[i])
	}
	return n, all
}

func memoryOf(u *usage) int64     { return u.Memory }
func goroutinesOf(u *usage) int64 { return int64(u.Goroutines) }
func socketsOf(u *usage) int64    { return int64(u.Sockets) }

// line is the sample for somebody who watches.
func (s *sample) line() string {
	memory, _ := s.sum(memoryOf)
	goroutines, _ := s.sum(goroutinesOf)
	return fmt.Sprintf("%6.0f s: %d requests, %d failed, p50 %.1f ms, p99 %.1f ms; ", s.At.Seconds(), s.Requests, s.Failed,
		milliseconds(s.P50), milliseconds(s.P99)) +
		fmt.Sprintf("%d sockets, %d MB, %d goroutines, %d connections, %d rows (%d expired)", s.Open, memory>>20, goroutines,
			s.Connections, s.Rows, s.Dead)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

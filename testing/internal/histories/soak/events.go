package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/run"
)

// The kinds of events.
const (
	restarted = "rolling restart"
	failedOn  = "failover"
	collected = "collection"
)

// event is something that was done to the service, and what came of it.
type event struct {
	Kind   string
	At     time.Duration // since the start
	Took   time.Duration
	Detail string
	Count  int64 // of a collection: the rows deleted
	Failed bool
}

// restart restarts one node after the other.
func (s *soak) restart(context.Context) error {
	start := time.Now()
	for i, n := range s.nodes {
		if err := n.restart(); err != nil {
			return fmt.Errorf("restarting node %d: %w", i, err)
		}
	}
	s.report.happened(event{Kind: restarted, Detail: fmt.Sprintf("%d nodes", len(s.nodes))}, start)
	return nil
}

// ways are how the primary is lost, in turn.
var ways = run.FaultsOf("failover")

// failover loses the primary, looks how soon each node writes on the new one, and makes the old one a standby again.
func (s *soak) failover(ctx context.Context) error {
	how, start := ways[s.report.count(failedOn)%len(ways)], time.Now()
	if err := s.pair.Lose(ctx, how); err != nil {
		return err
	}
	ready := time.Now()
	s.primary.Store(s.pair.Primary())
	e := event{Kind: failedOn, Detail: how + "; " + s.writesAgain(ready)}
	s.report.happened(e, start)
	time.Sleep(time.Until(ready.Add(s.Alone)))
	return s.pair.Restore(ctx)
}

// again is how long a node is waited for.
const again = 30 * time.Second

// writesAgain waits until each node has acknowledged a write after the new primary was ready, and says when it had.
func (s *soak) writesAgain(ready time.Time) string {
	took := make([]time.Duration, len(s.nodes))
	for left := len(s.nodes); left > 0 && time.Since(ready) < again; time.Sleep(5 * time.Millisecond) {
		for i, n := range s.nodes {
			if took[i] == 0 && n.wrote.Load() > ready.UnixNano() {
				took[i] = time.Since(ready).Round(time.Millisecond)
				left--
			}
		}
	}
	var all []string
	for i, d := range took {
		if d == 0 {
			s.report.broken.add("node %d wrote nothing for %v after a new primary was ready", i, again)
		}
		all = append(all, fmt.Sprintf("node %d wrote %v after readiness", i, d))
	}
	return strings.Join(all, ", ")
}

// collect runs sessions-gc, which stops some time before the next run. One that finds no database fails, and the next one
// goes on.
func (s *soak) collect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	most := "--max-duration=" + (s.Collect * 5 / 6).String()
	start, cmd := time.Now(), exec.CommandContext(ctx, s.Collector, "--json", "--quiet", most)
	cmd.Env = append(os.Environ(), "SESSIONS_DATABASE_URL="+s.pair.URL())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var said struct {
		Deleted int64
		Stopped string
	}
	if err == nil {
		err = json.Unmarshal(stdout.Bytes(), &said)
	}
	e := event{Kind: collected, Count: said.Deleted, Detail: fmt.Sprintf("%d deleted, %s", said.Deleted, said.Stopped)}
	if err != nil {
		e.Failed, e.Detail = true, fmt.Sprintf("%v: %s", err, strings.TrimSpace(stderr.String()))
	}
	s.report.happened(e, start)
	return nil
}

// Program soak runs a small service for an hour as a company would: two nodes on two replicated Postgres, five hundred
// requests a second, two thousand open sockets, sessions-gc each minute, a rolling restart of the nodes every five
// minutes, and a failover every fifteen. It counts what was acknowledged and looks whether it is there, and that what
// was destroyed stays so. It records what the nodes and the database use, and says whether that grows.
//
//	go run ./testing/internal/histories/soak
//
// Flags set the times and rates. The folder of -dir gets samples.csv, events.csv, soak.svg and report.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/run"
)

func main() {
	run.Play()
	os.Exit(command())
}

func command() int {
	c := config{Log: os.Stderr}
	c.flags(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r, err := c.soak(ctx)
	if r != nil {
		fmt.Println(r.markdown())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || r.broken.n() > 0 {
		return 1
	}
	return 0
}

func (c *config) flags(f *flag.FlagSet) {
	f.DurationVar(&c.Duration, "duration", time.Hour, "for how long the load lasts")
	f.DurationVar(&c.Sample, "sample", 10*time.Second, "between two samples")
	f.DurationVar(&c.Collect, "collect", time.Minute, "between two runs of sessions-gc")
	f.DurationVar(&c.Restart, "restart", 5*time.Minute, "between two rolling restarts; 0: none")
	f.DurationVar(&c.Failover, "failover", 15*time.Minute, "between two failovers; 0: none")
	f.DurationVar(&c.Alone, "alone", 15*time.Second, "how long a new primary has no standby")
	f.DurationVar(&c.Idle, "idle", time.Minute, "after which visitors who do not come back have expired")
	f.DurationVar(&c.Say, "say", 30*time.Second, "between two messages of a socket, on average")
	f.DurationVar(&c.Reconnect, "reconnect", 5*time.Second, "within which a socket that was lost is opened again")
	f.DurationVar(&c.Tell, "tell", time.Minute, "within which a socket has to hear of its session's end")
	f.IntVar(&c.Nodes, "nodes", 2, "server processes")
	f.IntVar(&c.Rate, "rate", 500, "requests per second")
	f.IntVar(&c.Sockets, "sockets", 2000, "open sockets")
	f.IntVar(&c.Browsers, "browsers", 4000, "that have a session at each time; at least as many as sockets")
	f.BoolVar(&c.Pooler, "pooler", false, "PgBouncer before each database")
	f.Uint64Var(&c.Seed, "seed", rand.Uint64()%1e6, "decides what the browsers do")
	f.StringVar(&c.Collector, "collector", "", "the program sessions-gc; default: it is built")
	f.StringVar(&c.Dir, "dir", filepath.Join(os.TempDir(), "soak"), "for the databases and the report")
}

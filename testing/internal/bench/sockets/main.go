// Command sockets measures what open sockets cost, and how soon they end with their sessions.
//
//	go run ./testing/internal/bench/sockets -database-url sqlite:bench.db
//
// Two stores with connections of their own stand for two nodes. The sockets are real WebSockets, of coder/websocket, over
// pipes within the process, so that 10,000 of them need no file descriptors; what the process spends on a socket without
// sessions is measured in the same way and taken off.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/internal/bench/internal/database"
)

func main() {
	url := flag.String("database-url", "memory", "memory, sqlite:`path` or postgres://…; its sessions are dropped")
	trials := flag.Int("trials", 1000, "sessions that end under a socket")
	open := flag.Int("open", 10_000, "sockets that are open at a time")
	idle := flag.Duration("idle", 10*time.Second, "how long the processor time of open sockets is measured, and saves beside them")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *url, *trials, *open, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "sockets:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, url string, trials, open int, idle time.Duration) error {
	if url != "memory" {
		if err := database.Fresh(ctx, url); err != nil {
			return err
		}
	}
	here, done, err := node(ctx, url)
	if err != nil {
		return err
	}
	defer done()
	there, done, err := node(ctx, url)
	if err != nil {
		return err
	}
	defer done()
	if err := latency(ctx, w, "within one process", here, here, trials); err != nil {
		return err
	}
	if url != "memory" {
		if err := latency(ctx, w, "across two nodes", here, there, trials); err != nil {
			return err
		}
	}
	return cost(ctx, w, here, open, idle)
}

func node(ctx context.Context, url string) (*session.Manager, func(), error) {
	store, done, err := database.Open(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	m, err := session.New(store, session.Config{CollectInterval: -1, WebSocket: session.WebSocket{AllowMissingOrigin: true}})
	return m, done, err
}

// percentiles prints what a sorted list of durations says.
func percentiles(w io.Writer, what string, taken []time.Duration) {
	slices.Sort(taken)
	at := func(p int) time.Duration { return taken[min(len(taken)-1, len(taken)*p/100)].Round(time.Microsecond) }
	fmt.Fprintf(w, "%s: %d trials, median %v, p99 %v, most %v\n", what, len(taken), at(50), at(99), at(100))
}

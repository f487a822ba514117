package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/simples-go/sessions/testing/internal/histories/run"
)

func main() {
	run.Play()
	if len(os.Args) == 3 && os.Args[1] == "check" {
		os.Exit(check(os.Args[2]))
	}
	os.Exit(command())
}

// command runs a trial as the flags say.
func command() int {
	t := &run.Trial{Log: os.Stderr}
	flag.StringVar(&t.Backend, "backend", "sqlite", "memory, sqlite, postgres or failover")
	flag.StringVar(&t.Pooler, "pooler", "", "failover: PgBouncer before each database: always, or half of the rounds")
	flag.IntVar(&t.Rounds, "rounds", 0, "starts of the servers, instead of -ops; goes on after a broken promise")
	flag.Uint64Var(&t.Seed, "seed", rand.Uint64()%1e6, "decides the faults and what the clients do")
	flag.IntVar(&t.Ops, "ops", 10_000, "how many operations")
	flag.IntVar(&t.Round, "round", 2500, "operations between two starts of the servers")
	flag.IntVar(&t.Browsers, "browsers", 10, "of each of the two processes of clients, with three tabs each")
	flag.IntVar(&t.Nodes, "nodes", 2, "server processes on one database, 1 to 3")
	flag.StringVar(&t.Mistake, "mistake", "", "a deliberate fault of the store")
	flag.DurationVar(&t.Grace, "grace", 0, "for how long a former token hears of its rotation; default 30s, in some rounds 150ms")
	flag.StringVar(&t.Dir, "dir", "", "where histories that break a promise are kept; default a temporary folder")
	list := flag.String("faults", "all", "all, none, or a list with commas")
	flag.Parse()
	if err := choose(t, *list); err != nil {
		fmt.Fprintln(os.Stderr, "histories:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	res, err := t.Run(ctx)
	if res != nil {
		fmt.Println(res)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "histories:", err)
	}
	if err != nil || len(res.Violations) > 0 {
		fmt.Fprintln(os.Stderr, "again: histories"+again(t.Seed))
		return 1
	}
	return 0
}

// again are the flags that were given, and the seed.
func again(seed uint64) string {
	flags := fmt.Sprintf(" -seed %d", seed)
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "seed" {
			flags += fmt.Sprintf(" -%s %q", f.Name, f.Value)
		}
	})
	return flags
}

func choose(t *run.Trial, list string) (err error) {
	switch list {
	case "all":
		t.Faults = run.FaultsOf(t.Backend)
	case "none", "":
	default:
		t.Faults = strings.Split(list, ",")
	}
	if t.Pooler != "" && t.Pooler != run.PoolerAlways && t.Pooler != run.PoolerHalf {
		return fmt.Errorf("-pooler is %s or %s, not %q", run.PoolerAlways, run.PoolerHalf, t.Pooler)
	}
	for _, fault := range t.Faults {
		if !run.Known(fault) {
			return fmt.Errorf("no fault is called %q; there are: %s", fault, strings.Join(run.FaultsOf("postgres"), ", "))
		}
	}
	if t.Dir == "" {
		t.Dir, err = os.MkdirTemp("", "histories")
	} else {
		t.Dir, err = filepath.Abs(t.Dir)
	}
	return err
}

// check checks a history that was kept.
func check(dir string) int {
	v, err := run.Check(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "histories:", err)
		return 2
	}
	fmt.Printf("%d operations on %d sessions: %d violations\n", v.Ops, v.Sessions, len(v.Violations))
	for i := range v.Violations {
		fmt.Println(run.Report(&v.Violations[i]))
	}
	if len(v.Violations) > 0 {
		return 1
	}
	return 0
}

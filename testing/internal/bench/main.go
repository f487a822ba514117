// Command bench measures this library beside its peers: interleaved rounds in one run, so that what else the machine does
// falls on all sides alike. What it prints are ratios and medians; docs/performance.md has the method.
//
//	go run ./testing/internal/bench                          # memory and SQLite
//	go run ./testing/internal/bench -database-url postgres://postgres@127.0.0.1:5432/bench
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	databaseURL string
	databases   []string
	work        []string
	sides       []string
	callers     []int
	rows, bytes int // of the sessions now
	sizes       []int
	large       int
	rounds      int
	each        time.Duration
	pool        int
	mapped      int64
	out         string
	before      string
	profile     string
	schemas     string   // how the names of those on Postgres begin
	args        []string // as given
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if text := os.Getenv(childVariable); text != "" {
		return o.serve(ctx, text, os.Stdin, stdout, stderr)
	}
	var results []result
	log := &shared{w: stderr}
	for _, name := range o.databases {
		for _, size := range o.sizes {
			found, err := o.sized(size).database(ctx, name, log)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			results = append(results, found...)
		}
	}
	return o.report(results, stdout)
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{args: args, schemas: "bench_"}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.databaseURL, "database-url", os.Getenv("SESSIONS_BENCH_POSTGRES_URL"), "an empty `database` on Postgres; its tables are dropped")
	databases := flags.String("databases", "", "`list` of memory, sqlite, postgres; by default all that can be had")
	work := flags.String("work", "", "`list` of workloads; by default all: "+strings.Join(workNames(), ", "))
	sides := flags.String("sides", "", "`list` of "+strings.Join(sideNames, ", ")+"; by default all that can be had")
	callers := flags.String("callers", "1,4,16,64,256", "`list` of how many work at a time")
	flags.IntVar(&o.rows, "rows", 100_000, "sessions in the table")
	flags.IntVar(&o.large, "large", 0, "sessions in a second table on Postgres, of the sides that are large; 0: none")
	sizes := flags.String("bytes", "400,20000", "`list` of sizes of a session; of those after the first there are fewer, and they are only loaded and saved")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds, each of which measures every side once")
	flags.DurationVar(&o.each, "each", time.Second, "how long a side is measured in a round")
	flags.IntVar(&o.pool, "pool", 16, "connections of each side's pool")
	flags.Int64Var(&o.mapped, "map", 0, "bytes of the SQLite file that this library maps; see sqlite.WithMemoryMap")
	flags.StringVar(&o.out, "out", "", "`directory` for plots (SVG) and raw results (for benchstat)")
	flags.StringVar(&o.before, "before", "", "another build of this command, whose `program` measures this library as it was, beside it as it is")
	flags.StringVar(&o.profile, "cpuprofile", "", "`file` for where the process spends its time; a side in a process of its own has its name appended")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	o.databases = split(*databases)
	if len(o.databases) == 0 {
		o.databases = []string{"memory", "sqlite"}
		if o.databaseURL != "" {
			o.databases = append(o.databases, "postgres")
		}
	}
	o.work = split(*work)
	for _, name := range o.work {
		if !slices.Contains(workNames(), name) {
			return nil, fmt.Errorf("no workload %q; there are %s", name, strings.Join(workNames(), ", "))
		}
	}
	o.sides = split(*sides)
	for _, name := range o.sides {
		if !slices.Contains(sideNames, name) {
			return nil, fmt.Errorf("no side %q; there are %s", name, strings.Join(sideNames, ", "))
		}
	}
	var err error
	if o.callers, err = numbers(*callers); err != nil {
		return nil, fmt.Errorf("-callers: %w", err)
	}
	if o.sizes, err = numbers(*sizes); err != nil {
		return nil, fmt.Errorf("-bytes: %w", err)
	}
	if o.rows < 1000 || o.large < 0 || o.rounds < 1 || o.each <= 0 || o.pool < 1 || slices.Min(o.sizes) < 100 {
		return nil, fmt.Errorf("at least 1000 rows of 100 bytes, one round, one connection and some time")
	}
	return o, nil
}

func numbers(list string) (numbers []int, err error) {
	for _, s := range split(list) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a positive number", s)
		}
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return nil, errors.New("the list is empty")
	}
	return numbers, nil
}

// sized returns the options for sessions of one of the sizes. Tables of larger ones take no more room than of the first, if
// that leaves a thousand sessions.
func (o *options) sized(bytes int) *options {
	one := *o
	one.bytes = bytes
	one.rows = max(1000, min(o.rows, o.rows*o.sizes[0]/bytes))
	return &one
}

// does reports whether work is done with sessions of this size.
func (o *options) does(w workload) bool {
	if o.bytes != o.sizes[0] && w.name != "load" && w.name != "save" {
		return false
	}
	return len(o.work) == 0 || slices.Contains(o.work, w.name)
}

func split(list string) (parts []string) {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// database measures all workloads on one database.
func (o *options) database(ctx context.Context, name string, log io.Writer) ([]result, error) {
	sides, done, err := o.open(ctx, name, log)
	if err != nil {
		return nil, err
	}
	defer done()
	stop, err := startProfile(o.profile)
	if err != nil {
		return nil, err
	}
	defer stop()
	var results []result
	for _, w := range workloads {
		if !o.does(w) {
			continue
		}
		for _, callers := range o.callers {
			r, err := o.measure(ctx, w, sides, callers)
			if err != nil {
				return nil, fmt.Errorf("%s, %d callers: %w", w.name, callers, err)
			}
			if len(r.sides) == 0 {
				continue // nobody does that on this database
			}
			r.database = name
			if o.bytes != o.sizes[0] {
				r.work += fmt.Sprintf(" %g kB", float64(o.bytes)/1000)
			}
			results = append(results, r)
			fmt.Fprintln(log, r.String())
		}
	}
	return results, nil
}

// Package run puts servers, databases, clients and faults together, and has their history checked.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/drive"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/model"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

// Trial is one run: its seed decides all that is decided here.
type Trial struct {
	Backend string // memory, sqlite or postgres
	Seed    uint64
	Ops     int // in all
	Rounds  int // instead of Ops; a broken promise does not end the trial then
	Round   int // operations between two starts of the servers; default 2,500

	Browsers int // of each of the two processes of clients; default 10
	Nodes    int // server processes; default 2, of memory 1
	Faults   []string
	Soon     time.Duration // see model.Meta
	Pooler   string        // of a failover: PoolerAlways, PoolerHalf or none
	Mistake  string        // see serve.Mistakes
	Grace    time.Duration // of rotations; default 30 s, in some rounds 150 ms
	Dir      string        // for histories and databases
	Log      io.Writer
	untried  []string
}

// Result is what a trial has come to.
type Result struct {
	model.Verdict
	Seed   uint64
	Rounds int
	Took   time.Duration
	Files  []string // of histories that break a promise

	Untried []string // faults that cannot be made here
}

func (t *Trial) defaults() {
	if t.Round == 0 {
		t.Round = 2500
	}
	if t.Browsers == 0 {
		t.Browsers = 10
	}
	if t.Nodes == 0 {
		t.Nodes = 2
	}
	if t.Backend == "memory" {
		t.Nodes = 1
	}
	if t.Log == nil {
		t.Log = io.Discard
	}
}

// Run runs the trial until it has its operations, or a promise is broken.
func (t *Trial) Run(ctx context.Context) (*Result, error) {
	t.defaults()
	if err := os.MkdirAll(t.Dir, 0o755); err != nil {
		return nil, err
	}
	db, err := t.database(ctx)
	if err != nil {
		return nil, err
	}
	defer db.close()
	res, start := &Result{Seed: t.Seed, Untried: t.untried}, time.Now()
	for t.goesOn(res) {
		v, err := t.round(ctx, db, res)
		res.Took = time.Since(start)
		if err != nil {
			return res, fmt.Errorf("seed %d, round %d: %w", t.Seed, res.Rounds, err)
		}
		res.Rounds++
		res.add(v)
	}
	return res, nil
}

func (t *Trial) goesOn(res *Result) bool {
	if t.Rounds > 0 {
		return res.Rounds < t.Rounds
	}
	return res.Ops < t.Ops && len(res.Violations) == 0
}

func (r *Result) add(v *model.Verdict) {
	r.Ops += v.Ops
	r.Sessions += v.Sessions
	r.Unknown += v.Unknown
	r.Undecided += v.Undecided
	r.Failovers = append(r.Failovers, v.Failovers...)
	r.Full.Add(v.Full)
	r.Violations = append(r.Violations, v.Violations...)
}

// round is one start of the servers with clients and a choice of faults.
type round struct {
	*Trial
	number  int
	db      *database
	rnd     *rand.Rand
	meta    model.Meta
	nodes   []*Node
	clients []*process
	events  []history.Op // that the clients do not know
	dir     string
}

func (t *Trial) round(ctx context.Context, db *database, res *Result) (*model.Verdict, error) {
	n := res.Rounds
	r := &round{Trial: t, number: n, db: db, rnd: rand.New(rand.NewPCG(t.Seed, uint64(n))), dir: filepath.Join(t.Dir, fmt.Sprint("round", n))}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, err
	}
	r.choose()
	_, _ = fmt.Fprintf(t.Log, "%s, seed %d, round %d: faults %s\n", t.Backend, t.Seed, n, strings.Join(r.meta.Faults, ", "))
	defer r.stop()
	if err := r.serve(); err != nil {
		return nil, err
	}
	ops, err := r.drive(ctx)
	if err != nil {
		return nil, err
	}
	v := model.Check(r.meta, ops)
	if len(v.Violations) > 0 {
		return v, r.keep(v, ops, res)
	}
	return v, os.RemoveAll(r.dir)
}

// choose draws the round's configuration. The faults come in turn, so that a few rounds have all of them.
func (r *round) choose() {
	r.meta = model.Meta{Backend: r.Backend, Seed: r.Seed, Grace: 30 * time.Second, Tell: 2 * time.Second, Soon: r.Trial.Soon,
		OwnerMax: r.rnd.IntN(4), EndOldest: r.rnd.IntN(2) == 0}
	if r.rnd.IntN(4) == 0 {
		r.meta.Grace = 150 * time.Millisecond
	}
	if r.Trial.Grace > 0 {
		r.meta.Grace = r.Trial.Grace
	}
	atOnce := 2
	if r.Backend == "failover" {
		atOnce = len(r.Faults)
	}
	for i := range min(atOnce, len(r.Faults)) {
		n := 2*r.number + i
		r.meta.Faults = append(r.meta.Faults, r.Faults[(n+n/len(r.Faults))%len(r.Faults)]) // other pairs each time around
	}
	if len(r.Faults) > 0 {
		r.meta.Tell = 12 * time.Second
	}
	if r.has("short deadlines") {
		r.meta.Tell = 0 // a node that may take no time may find none to look
	}
	for _, f := range r.meta.Faults {
		r.meta.Steps = r.meta.Steps || f == "clock steps"
	}
}

func (r *round) serve() error {
	for i := range r.Nodes {
		addr, err := r.db.address(i)
		if err != nil {
			return err
		}
		n := &Node{Config: serve.Config{
			Addr: addr, Store: r.db.url, Grace: r.meta.Grace, OwnerMax: r.meta.OwnerMax, EndOldest: r.meta.EndOldest,
			Mistake: r.Mistake, Seed: r.Seed + uint64(i),
		}}
		if r.db.pair != nil {
			r.db.pair.Configure(&n.Config, r.pooled())
		}
		if i == r.Nodes-1 && r.has("short deadlines") {
			n.Config.StoreTimeout = 5 * time.Millisecond
		}
		if err := n.Supervise(); err != nil {
			return err
		}
		r.nodes = append(r.nodes, n)
	}
	return nil
}

func (r *round) has(fault string) bool {
	for _, f := range r.meta.Faults {
		if f == fault {
			return true
		}
	}
	return false
}

func (r *round) stop() {
	for _, n := range r.nodes {
		n.kill()
	}
}

const drivers = 2

func (r *round) drivers(i int, servers []string, file string) drive.Config {
	c := drive.Config{
		Name: fmt.Sprint("s", i), Seed: r.rnd.Uint64(), Servers: servers, Ops: r.Round / drivers, Browsers: r.Browsers, Tabs: 3,
		Owner: fmt.Sprintf("owner%d-", r.number), Owners: 8, Timeout: 8 * time.Second,
		Cancel: r.has("cancelled requests"), Tell: r.meta.Tell, Out: file, Faults: len(r.Faults) > 0,
	}
	if r.Backend == "failover" { // as long as it takes
		c.Ops, c.Browsers, c.Think = math.MaxInt, 4, 60*time.Millisecond
	}
	return c
}

// drive runs the clients, and the faults beside them, and returns the history.
func (r *round) drive(ctx context.Context) ([]history.Op, error) {
	var servers, files []string
	for _, n := range r.nodes {
		servers = append(servers, n.Config.Addr)
	}
	for i := range drivers {
		files = append(files, filepath.Join(r.dir, fmt.Sprintf("clients%d.jsonl", i)))
		p, err := start("drive", r.drivers(i, servers, files[i]))
		if err != nil {
			return nil, err
		}
		defer p.kill()
		r.clients = append(r.clients, p)
	}
	healed := r.trouble(ctx)
	var errs error
	for _, p := range r.clients {
		errs = errors.Join(errs, p.wait())
	}
	errs = errors.Join(errs, healed())
	return r.read(files, errs)
}

func (r *round) read(files []string, errs error) ([]history.Op, error) {
	for _, n := range r.nodes {
		if text := n.process.stderr.String(); n.Trouble() != "" {
			errs = errors.Join(errs, fmt.Errorf("a server says: %s", text))
		}
	}
	if errs != nil {
		return nil, errs
	}
	all := r.events
	for _, file := range files {
		ops, err := history.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(all, ops...)
	}
	return all, nil
}

package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/pg"
	"github.com/simples-go/sessions/testing/internal/histories/proxy"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

// Pair is two Postgres, of which one is the primary and the other its synchronous standby, each behind a network of its
// own, and perhaps a pooler.
type Pair struct {
	servers  [2]*pg.Server
	networks [2]*proxy.Proxy
	poolers  [2]*pg.Bouncer
	primary  int

	direct string // the URL of both
	pooled string // likewise, by way of the poolers if there are any
}

// patience bounds everything that a failover waits for.
const patience = 90 * time.Second

func (t *Trial) pair(ctx context.Context) (*database, error) {
	p, err := NewPair(ctx, t.Dir, t.Pooler != "")
	if err != nil {
		return nil, err
	}
	return &database{pair: p}, nil
}

// PgBouncer is in front of the databases in all rounds of a trial, or in every other one.
const (
	PoolerAlways = "always"
	PoolerHalf   = "half"
)

// pooled reports whether the servers of a round reach the databases by way of PgBouncer.
func (r *round) pooled() bool {
	return r.Pooler == PoolerAlways || r.Pooler == PoolerHalf && r.number%2 == 1
}

// NewPair makes and starts both in folders below dir, with the table, and a PgBouncer for each if asked for.
func NewPair(ctx context.Context, dir string, pooler bool) (*Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := &Pair{}
	if err := p.begin(ctx, dir, pooler); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Pair) begin(ctx context.Context, dir string, pooler bool) error {
	for i := range p.servers {
		if err := p.make(dir, i); err != nil {
			return err
		}
	}
	first := p.servers[0]
	err := errors.Join(first.Init(ctx), first.Start(ctx))
	if err == nil {
		err = Migrate(ctx, first.URL())
	}
	if err == nil {
		err = p.follow(ctx, 1)
	}
	if err == nil {
		err = p.reach(ctx, pooler)
	}
	return err
}

func (p *Pair) make(dir string, i int) (err error) {
	if p.servers[i], err = pg.New(dir, fmt.Sprint("postgres", i)); err != nil {
		return err
	}
	p.networks[i], err = proxy.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(p.servers[i].Port)))
	return err
}

// reach sets how the servers find the database: both hosts in one URL, and both poolers in another one.
func (p *Pair) reach(ctx context.Context, pooler bool) (err error) {
	p.direct = p.servers[0].URL(p.networks[0].Addr(), p.networks[1].Addr())
	if !pooler {
		return nil
	}
	for i, s := range p.servers {
		if p.poolers[i], err = pg.Pool(ctx, s, p.networks[i].Addr()); err != nil {
			return err
		}
	}
	p.pooled = p.servers[0].URL(p.poolers[0].Addr(), p.poolers[1].Addr())
	return nil
}

// follow makes server i the standby of the other, and commits wait for it from then on.
func (p *Pair) follow(ctx context.Context, i int) error {
	primary := p.servers[p.primary]
	if err := p.servers[i].Follow(ctx, p.networks[p.primary].Addr()); err != nil {
		return err
	}
	return errors.Join(primary.Followed(ctx), primary.Synchronous(ctx, true))
}

// URL is where a command finds the primary.
func (p *Pair) URL() string { return p.direct + "&target_session_attrs=read-write" }

// Primary is the one that takes writes.
func (p *Pair) Primary() *pg.Server { return p.servers[p.primary] }

// Configure has a server keep its sessions in the pair, by way of the poolers or not.
func (p *Pair) Configure(c *serve.Config, pooled bool) {
	if c.Store = p.direct; pooled {
		c.Store, c.Listen, c.NoPrepare = p.pooled, p.URL(), true
	}
}

// Close ends all of it.
func (p *Pair) Close() {
	for i := range p.servers {
		if p.poolers[i] != nil {
			p.poolers[i].Close()
		}
		if p.networks[i] != nil {
			p.networks[i].Close()
		}
		if p.servers[i] != nil {
			p.servers[i].Kill()
		}
	}
}

// failovers are how a primary may be lost. Each leaves it unable to answer anybody when the standby takes over.
var failovers = map[string]func(*Pair, context.Context) error{
	"primary killed":  func(p *Pair, _ context.Context) error { p.servers[p.primary].Kill(); return nil },
	"primary hanging": func(p *Pair, _ context.Context) error { p.servers[p.primary].Signal(syscall.SIGSTOP); return nil },
	"primary silent":  func(p *Pair, _ context.Context) error { p.networks[p.primary].Silence(); return nil },
	"switchover":      func(p *Pair, _ context.Context) error { p.servers[p.primary].Stop(); return nil },
}

// failover loses the primary, promotes the standby, and makes the old one a standby again.
func (r *round) failover(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	p, start := r.db.pair, history.Now()
	if err := p.Lose(ctx, name); err != nil {
		return err
	}
	if r.pooled() {
		name += ", PgBouncer"
	}
	r.events = append(r.events, history.Op{Kind: history.Failover, Call: start, Return: history.Now(), Outcome: history.OK,
		Why: name})
	time.Sleep(recovery)
	return p.Restore(ctx)
}

// Lose loses the primary in one of the ways that FaultsOf names, promotes the standby, and returns once that takes writes.
func (p *Pair) Lose(ctx context.Context, how string) error {
	if err := failovers[how](p, ctx); err != nil {
		return err
	}
	next := 1 - p.primary
	if err := errors.Join(p.servers[next].Synchronous(ctx, false), p.servers[next].Promote(ctx)); err != nil {
		return fmt.Errorf("%s: promoting: %w", how, err)
	}
	p.primary = next
	return nil
}

// Restore makes the one that was lost a standby of the other. It must never come back as a primary.
func (p *Pair) Restore(ctx context.Context) error {
	old := 1 - p.primary
	p.servers[old].Kill()
	p.networks[old].Cut()
	p.networks[old].Heal()
	return p.follow(ctx, old)
}

// recovery is how long a failover has to itself before the next: longer than nodes may take to write again.
const recovery = 12 * time.Second

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
)

// pair is two Postgres, of which one is the primary and the other its synchronous standby, each behind a network of its
// own, and perhaps a pooler.
type pair struct {
	servers  [2]*pg.Server
	networks [2]*proxy.Proxy
	poolers  [2]*pg.Bouncer
	primary  int
}

// patience bounds everything that a failover waits for.
const patience = 90 * time.Second

func (t *Trial) pair(ctx context.Context) (*database, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := &pair{}
	db := &database{pair: p}
	for i := range p.servers {
		if err := p.make(t.Dir, i); err != nil {
			return nil, err
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
		err = db.reach(ctx, t.Pooler)
	}
	if err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

func (p *pair) make(dir string, i int) (err error) {
	if p.servers[i], err = pg.New(dir, fmt.Sprint("postgres", i)); err != nil {
		return err
	}
	p.networks[i], err = proxy.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(p.servers[i].Port)))
	return err
}

// reach sets how the servers find the database: both hosts in one URL, or a pooler before each.
func (db *database) reach(ctx context.Context, pooler bool) (err error) {
	p := db.pair
	direct := p.servers[0].URL(p.networks[0].Addr(), p.networks[1].Addr())
	if !pooler {
		db.url = direct
		return nil
	}
	for i, s := range p.servers {
		if p.poolers[i], err = pg.Pool(ctx, s, p.networks[i].Addr()); err != nil {
			return err
		}
	}
	db.url = p.servers[0].URL(p.poolers[0].Addr(), p.poolers[1].Addr())
	db.listen, db.noPrepare = direct+"&target_session_attrs=read-write", true
	return nil
}

// follow makes server i the standby of the other, and commits wait for it from then on.
func (p *pair) follow(ctx context.Context, i int) error {
	primary := p.servers[p.primary]
	if err := p.servers[i].Follow(ctx, p.networks[p.primary].Addr()); err != nil {
		return err
	}
	return errors.Join(primary.Followed(ctx), primary.Synchronous(ctx, true))
}

func (p *pair) close() {
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
var failovers = map[string]func(*pair, context.Context) error{
	"primary killed":  func(p *pair, _ context.Context) error { p.servers[p.primary].Kill(); return nil },
	"primary hanging": func(p *pair, _ context.Context) error { p.servers[p.primary].Signal(syscall.SIGSTOP); return nil },
	"primary silent":  func(p *pair, _ context.Context) error { p.networks[p.primary].Silence(); return nil },
	"switchover":      func(p *pair, _ context.Context) error { p.servers[p.primary].Stop(); return nil },
}

// failover loses the primary, promotes the standby, and makes the old one a standby again.
func (r *round) failover(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	p, start := r.db.pair, history.Now()
	if err := failovers[name](p, ctx); err != nil {
		return err
	}
	old, next := p.primary, 1-p.primary
	if err := errors.Join(p.servers[next].Synchronous(ctx, false), p.servers[next].Promote(ctx)); err != nil {
		return fmt.Errorf("%s: promoting: %w", name, err)
	}
	p.primary = next
	r.events = append(r.events, history.Op{Kind: history.Failover, Call: start, Return: history.Now(), Outcome: history.OK, Why: name})
	time.Sleep(recovery)
	p.servers[old].Kill() // it must never come back as a primary
	p.networks[old].Cut()
	p.networks[old].Heal()
	return p.follow(ctx, old)
}

// recovery is how long a failover has to itself before the next: longer than nodes may take to write again.
const recovery = 12 * time.Second

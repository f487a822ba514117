package run

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/model"
)

// faults are what a round may suffer. Each is made and healed again by one call.
var faults = map[string]func(*round, context.Context) error{
	"servers killed":     (*round).killServer,
	"servers stopped":    (*round).stopServer,
	"store failures":     (*round).failStore,
	"cancelled requests": nil, // by the clients
	"short deadlines":    nil, // of one server
	"database killed":    (*round).killDatabase,
	"database stopped":   (*round).stopDatabase,
	"connections cut":    (*round).cut,
	"network delays":     (*round).delay,
	"network silence":    (*round).silence,
	"clock steps":        (*round).stepClock,
	diskFull:             (*round).fillDisk,
	"primary killed":     lost("primary killed"),
	"primary hanging":    lost("primary hanging"),
	"primary silent":     lost("primary silent"),
	"switchover":         lost("switchover"),
}

const diskFull = model.DiskFull

// lost is the fault that a pair of databases suffers.
func lost(name string) func(*round, context.Context) error {
	return func(r *round, ctx context.Context) error { return r.failover(ctx, name) }
}

// FaultsOf returns the faults that a backend may suffer.
func FaultsOf(backend string) []string {
	always := []string{"store failures", "cancelled requests", "servers stopped", "short deadlines"}
	switch backend {
	case "sqlite":
		return append([]string{"servers killed", diskFull}, always...)
	case "postgres":
		return append([]string{"database killed", "connections cut", "servers killed", "network delays", "database stopped",
			"clock steps", "network silence", diskFull}, always...)
	case "failover":
		return []string{"primary killed", "primary hanging", "primary silent", "switchover"}
	}
	return always
}

// trouble makes the round's faults, one after the other, until the function that it returns is called, which returns once
// all is healed.
func (r *round) trouble(ctx context.Context) func() error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	var active []func(*round, context.Context) error
	for _, name := range r.meta.Faults {
		if f := faults[name]; f != nil {
			active = append(active, f)
		}
	}
	if r.Backend == "failover" {
		return r.failovers(ctx, cancel, active)
	}
	go func() {
		var errs error
		for len(active) > 0 && r.pause(ctx, 1200) && errs == nil {
			if err := active[r.rnd.IntN(len(active))](r, ctx); err != nil {
				errs = errors.Join(errs, fmt.Errorf("making a fault: %w", err))
			}
		}
		done <- errs
	}()
	return func() error {
		cancel()
		return <-done
	}
}

// failovers makes each fault once, in an order that the seed chooses. The clients work for as long as that takes.
func (r *round) failovers(ctx context.Context, cancel func(), all []func(*round, context.Context) error) func() error {
	defer cancel()
	var errs error
	r.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, f := range all {
		if r.pause(ctx, 1000) && errs == nil {
			errs = f(r, ctx)
		}
	}
	for _, p := range r.clients {
		_ = p.stdin.Close()
	}
	return func() error { return errs }
}

// pause waits for up to so many milliseconds, and reports whether the round goes on.
func (r *round) pause(ctx context.Context, most int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(50+r.rnd.IntN(most)) * time.Millisecond):
		return true
	}
}

func (r *round) node() *Node { return r.nodes[r.rnd.IntN(len(r.nodes))] }

func (r *round) killServer(ctx context.Context) error {
	n := r.node()
	n.kill()
	r.pause(ctx, 300)
	return n.Supervise()
}

func (r *round) stopServer(ctx context.Context) error {
	n := r.node()
	n.signal(syscall.SIGSTOP)
	r.pause(ctx, 1000)
	n.signal(syscall.SIGCONT)
	return nil
}

// failStore has the store of one server fail before or after it does what it is asked, and take its time.
func (r *round) failStore(ctx context.Context) error {
	n := r.node()
	if err := fail(n, r.rnd.IntN(100), r.rnd.IntN(100), r.rnd.IntN(8)); err != nil {
		return err
	}
	r.pause(ctx, 1500)
	return fail(n, 0, 0, 0)
}

func fail(n *Node, before, after, delay int) error {
	url := fmt.Sprintf("http://%s/fail?before=%d&after=%d&delay=%dms", n.Config.Addr, before, after, delay)
	resp, err := http.Post(url, "", nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// away notes that the database did not work since a time.
func (r *round) away(why string, since int64) {
	op := history.Op{Kind: history.Away, Call: since, Return: history.Now(), Outcome: history.OK, Why: why}
	r.events = append(r.events, op)
	_, _ = fmt.Fprintf(r.Log, "  the database was away for %v: %s\n", time.Duration(op.Return-op.Call).Round(time.Millisecond), why)
}

func (r *round) killDatabase(ctx context.Context) error {
	defer r.away("killed", history.Now())
	r.db.server.Kill()
	r.pause(ctx, 300)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return r.db.server.Start(ctx)
}

func (r *round) stopDatabase(ctx context.Context) error {
	defer r.away("stopped", history.Now())
	r.db.server.Signal(syscall.SIGSTOP)
	r.pause(ctx, 1000)
	r.db.server.Signal(syscall.SIGCONT)
	return nil
}

func (r *round) cut(ctx context.Context) error {
	defer r.away("connections cut again and again", history.Now())
	for range 1 + r.rnd.IntN(10) {
		r.db.proxy.Cut()
		r.pause(ctx, 100)
	}
	return nil
}

func (r *round) delay(ctx context.Context) error {
	r.db.proxy.Delay(time.Duration(1+r.rnd.IntN(25)) * time.Millisecond)
	r.pause(ctx, 1000)
	r.db.proxy.Heal()
	return nil
}

func (r *round) silence(ctx context.Context) error {
	defer r.away("silent", history.Now())
	r.db.proxy.Silence()
	r.pause(ctx, 1500)
	if r.rnd.IntN(2) == 0 {
		r.db.proxy.Cut()
	}
	r.db.proxy.Heal()
	return nil
}

// stepClock steps the database's clock by up to ten minutes, forth and back.
func (r *round) stepClock(ctx context.Context) error {
	if r.db.clock == "" {
		return errors.New("libfaketime is not installed")
	}
	if err := r.db.step(time.Duration(r.rnd.IntN(1200)-600) * time.Second); err != nil {
		return err
	}
	r.pause(ctx, 1000)
	return r.db.step(0)
}

// Known reports whether a fault has that name.
func Known(fault string) bool {
	return slices.Contains(FaultsOf("postgres"), fault) || slices.Contains(FaultsOf("failover"), fault)
}

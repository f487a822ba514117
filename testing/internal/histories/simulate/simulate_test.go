package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/testing/internal/histories/drive"
	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/model"
	"github.com/simples-go/sessions/testing/internal/histories/run"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

// number is that of an environment variable, or def.
func number(t *testing.T, variable string, def uint64) uint64 {
	text := os.Getenv(variable)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSimulation runs one simulation for each seed: SESSIONS_SIMULATIONS of them, from SESSIONS_SIMULATION_SEED on.
func TestSimulation(t *testing.T) {
	steps, ops, start := 0, 0, time.Now()
	first := number(t, "SESSIONS_SIMULATION_SEED", 0)
	for seed := first; seed < first+number(t, "SESSIONS_SIMULATIONS", 40); seed++ {
		m, s, all := simulate(t, seed)
		steps, ops = steps+s.steps, ops+len(all)
		if v := model.Check(m, all); len(v.Violations) > 0 {
			explain(t, m, v, all)
		}
	}
	t.Logf("%d steps, %d operations in %v", steps, ops, time.Since(start))
}

// explain ends the test, and keeps the history as the command does.
func explain(t *testing.T, m model.Meta, v *model.Verdict, all []history.Op) {
	t.Helper()
	dir, err := os.MkdirTemp("", "simulation")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Keep(dir, m, v, all); err != nil {
		t.Error(err)
	}
	t.Fatalf("%s\nhistory and drawing: %s\nagain: SESSIONS_SIMULATION_SEED=%d SESSIONS_SIMULATIONS=1",
		run.Report(&v.Violations[0]), dir, m.Seed)
}

// simulate has some browsers live through a few sessions on two nodes.
func simulate(t *testing.T, seed uint64) (model.Meta, *scheduler, []history.Op) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := &scheduler{rnd: rnd, faults: rnd.IntN(2) * rnd.IntN(60)}
	m := model.Meta{
		Backend: "simulation", Seed: seed, Grace: 30 * time.Second, OwnerMax: rnd.IntN(3), EndOldest: rnd.IntN(2) == 0,
		Tell: time.Minute, Faults: []string{"store failures"},
	}
	if rnd.IntN(3) == 0 {
		m.Grace = 100 * time.Millisecond
	}
	log := &history.Log{}
	synctest.Test(t, func(t *testing.T) { bubble(t, s, m, log) })
	return m, s, log.Ops()
}

func bubble(t *testing.T, s *scheduler, m model.Meta, log *history.Log) {
	history.Now = clock()
	net := &network{nodes: map[string]http.Handler{}}
	shared := memstore.New()
	var managers []*session.Manager
	var names []string
	for i := range 2 {
		name := fmt.Sprint("node", i)
		handler, manager, err := serve.New(&serve.Config{
			Grace: m.Grace, OwnerMax: m.OwnerMax, EndOldest: m.EndOldest,
		}, gate{shared, s})
		if err != nil {
			t.Fatal(err)
		}
		net.nodes[name], names, managers = handler, append(names, name), append(managers, manager)
	}
	done := make(chan struct{})
	go func() {
		s.run()
		close(done)
	}()
	drive.Run(drive.Config{
		Name: "s", Seed: m.Seed, Servers: names, Ops: 250, Browsers: 2, Tabs: 3, Owner: "owner", Owners: 3,
		Timeout: 20 * time.Second, Cancel: true, Tell: m.Tell, Faults: true,
	}, log, net, nil)
	s.stop()
	<-done
	for _, manager := range managers {
		if err := manager.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	net.work.Wait()
}

// clock is the bubble's, by which no two moments are the same.
func clock() func() int64 {
	var n atomic.Int64
	return func() int64 { return time.Now().UnixNano() + n.Add(1) }
}

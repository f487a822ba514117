package main

import (
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/run"
)

// node is a server behind a balancer, which knows when it is taken out.
type node struct {
	run.Node
	out   atomic.Bool
	busy  atomic.Int64 // requests that were given to it
	life  atomic.Int64 // how often it was started
	pid   atomic.Int64
	wrote atomic.Int64 // when it last acknowledged a write, in nanoseconds since 1970
}

func (n *node) begin() error {
	err := n.Supervise()
	if err == nil {
		n.pid.Store(int64(n.PID()))
		n.life.Add(1)
	}
	return err
}

// drain is how long a node that is left out by the balancer has for the requests that it still has.
const drain = 10 * time.Second

// moment is how long it takes until something may have changed.
const moment = 20 * time.Millisecond

// restart takes the node out, ends it in peace, starts it again and takes it in.
func (n *node) restart() error {
	n.out.Store(true)
	for end := time.Now().Add(drain); n.busy.Load() > 0 && time.Now().Before(end); {
		time.Sleep(moment)
	}
	n.pid.Store(0)
	if err := n.Stop(); err != nil {
		return err
	}
	if err := n.begin(); err != nil {
		return err
	}
	n.out.Store(false)
	return nil
}

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
	life  atomic.Int64 // how often it was started
	pid   atomic.Int64
	wrote atomic.Int64 // when it last acknowledged a write, in nanoseconds since 1970
}

func (n *node) begin() error {
	err := n.Start()
	if err == nil {
		n.pid.Store(int64(n.PID()))
		n.life.Add(1)
	}
	return err
}

// drain is how long a node is left out by the balancer before it is asked to end: what was sent to it has arrived then.
const drain = 500 * time.Millisecond

// starting is for how long a node is started again and again, as a supervisor does: there may be no primary now.
const starting = time.Minute

// restart takes the node out, ends it in peace, starts it again and takes it in.
func (n *node) restart() error {
	n.out.Store(true)
	time.Sleep(drain)
	n.pid.Store(0)
	if err := n.Stop(); err != nil {
		return err
	}
	for start := time.Now(); ; {
		err := n.begin()
		if err == nil {
			break
		}
		if time.Since(start) > starting {
			return err
		}
		time.Sleep(drain)
	}
	n.out.Store(false)
	return nil
}

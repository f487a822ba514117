package model

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// Failover is what came of one.
type Failover struct {
	Kind   string
	Writes time.Duration // from the new primary's readiness until the last node has written; Never if one has not
	Broken int           // promises, from its beginning until the next one's
	begun  int64
}

// Never is for a node that has not written before the history's end.
const Never = time.Duration(math.MaxInt64)

// failovers checks that after each every node has written soon, and finds out with which of them the promises were broken.
func (v *Verdict) failovers(m *Meta, failovers, ops []history.Op) {
	nodes := map[int]bool{}
	for i := range ops {
		nodes[ops[i].Server] = true
	}
	for i := range failovers {
		f := Failover{Kind: failovers[i].Why, begun: failovers[i].Call}
		for node := range nodes {
			f.Writes = max(f.Writes, v.wroteAgain(m, &failovers[i], node, ops))
		}
		v.Failovers = append(v.Failovers, f)
	}
	for i := range v.Violations {
		if f := v.during(v.Violations[i].Ops); f != nil {
			f.Broken++
		}
	}
}

// during returns the last failover that had begun when the last of some operations was asked for.
func (v *Verdict) during(ops []history.Op) (last *Failover) {
	asked := int64(0)
	for i := range ops {
		asked = max(asked, ops[i].Call)
	}
	for i := range v.Failovers {
		if f := &v.Failovers[i]; f.begun <= asked && (last == nil || f.begun > last.begun) {
			last = f
		}
	}
	return last
}

// wroteAgain returns how long a node took to write.
func (v *Verdict) wroteAgain(m *Meta, f *history.Op, node int, ops []history.Op) time.Duration {
	first := history.Open
	for i := range ops {
		op := &ops[i]
		wrote := op.Outcome == history.OK && (op.Kind == history.Write || op.Kind == history.Create)
		if wrote && op.Server == node && op.Return > f.Return {
			first = min(first, op.Return)
		}
	}
	took := time.Duration(first - f.Return)
	switch {
	case first == history.Open:
		took = Never
		v.violated(Writes, f, fmt.Sprintf("node %d has not written after: %s", node, f.Why))
	case took > cmp.Or(m.Soon, 5*time.Second):
		v.violated(Writes, f, fmt.Sprintf("node %d wrote %v after: %s", node, took, f.Why))
	}
	return took
}

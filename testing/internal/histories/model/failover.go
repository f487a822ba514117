package model

import (
	"cmp"
	"fmt"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// failovers checks that after each every node has written soon.
func (v *Verdict) failovers(m *Meta, failovers, ops []history.Op) {
	nodes := map[int]bool{}
	for i := range ops {
		nodes[ops[i].Server] = true
	}
	for i := range failovers {
		v.Failovers++
		for node := range nodes {
			v.wroteAgain(m, &failovers[i], node, ops)
		}
	}
}

func (v *Verdict) wroteAgain(m *Meta, f *history.Op, node int, ops []history.Op) {
	first := history.Open
	for i := range ops {
		op := &ops[i]
		wrote := op.Outcome == history.OK && (op.Kind == history.Write || op.Kind == history.Create)
		if wrote && op.Server == node && op.Return > f.Return {
			first = min(first, op.Return)
		}
	}
	took := time.Duration(first - f.Return)
	if took > cmp.Or(m.Soon, 5*time.Second) {
		v.violated(Writes, f, fmt.Sprintf("node %d wrote %v after: %s", node, took, f.Why))
		return
	}
	v.Slowest = max(v.Slowest, took)
}

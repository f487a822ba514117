package model

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// Shrink takes away from a history that has no order what does not matter. Each step keeps this sound: if what is left has
// no order, what was there before had none.
func Shrink(m Meta, ops []history.Op) []history.Op {
	s := &shrinker{m: &m, left: time.Now().Add(time.Minute)}
	ops = s.prefix(ops)
	ops = s.keys(ops)
	for before := -1; before != len(ops); {
		before = len(ops)
		ops = s.drop(ops)
		ops = s.weaken(ops)
	}
	return ops
}

type shrinker struct {
	m    *Meta
	left time.Time
}

// fails reports whether a history has certainly no order.
func (s *shrinker) fails(ops []history.Op) bool {
	return time.Now().Before(s.left) && s.m.linear(ops, 2*time.Second) == porcupine.Illegal
}

// prefix finds the earliest moment up to which there is no order. What had no answer by then is open.
func (s *shrinker) prefix(ops []history.Op) []history.Op {
	ends := make([]int64, len(ops))
	for i := range ops {
		ends[i] = ops[i].Return
	}
	slices.Sort(ends)
	lo, hi := 0, len(ends)-1 // at ends[hi] it fails
	for lo < hi {
		if mid := (lo + hi) / 2; s.fails(until(ops, ends[mid])) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if len(ends) == 0 || !s.fails(until(ops, ends[hi])) {
		return ops
	}
	return until(ops, ends[hi])
}

// until returns the history as it was known at a moment.
func until(ops []history.Op, end int64) []history.Op {
	var out []history.Op
	for _, op := range ops {
		if op.Call > end {
			continue
		}
		if op.Return > end {
			if !changes(&op) {
				continue
			}
			op.Return, op.Outcome, op.View = history.Open, history.Unknown, nil
		}
		out = append(out, op)
	}
	return out
}

// changes reports whether an operation may change the session.
func changes(op *history.Op) bool {
	return op.Kind != history.Load && op.Kind != history.Touch && op.Outcome != history.Gone && op.Outcome != history.Rotated
}

// keys looks for the fewest keys that show it.
func (s *shrinker) keys(ops []history.Op) []history.Op {
	keep := keysOf(ops)
	for _, key := range keysOf(ops) {
		fewer := slices.DeleteFunc(slices.Clone(keep), func(k string) bool { return k == key })
		if s.fails(project(ops, fewer...)) {
			keep = fewer
		}
	}
	return project(ops, keep...)
}

// drop takes away what may always be taken away: observations, and what need not have taken effect and nobody has seen.
func (s *shrinker) drop(ops []history.Op) []history.Op {
	for i := len(ops) - 1; i >= 0; i-- {
		if changes(&ops[i]) && (ops[i].Outcome != history.Unknown || seen(&ops[i], ops)) {
			continue
		}
		if fewer := slices.Delete(slices.Clone(ops), i, i+1); s.fails(fewer) {
			ops = fewer
		}
	}
	return ops
}

// mostWeak bounds the operations that are made such of unknown outcome: with each, the orders to look through double.
const mostWeak = 8

// weaken turns operations of which it does not matter into such of unknown outcome, or takes them away.
func (s *shrinker) weaken(ops []history.Op) []history.Op {
	weak := 0
	for i := len(ops) - 1; i >= 0 && weak < mostWeak; i-- {
		if !changes(&ops[i]) || ops[i].Kind == history.Create {
			continue
		}
		if ops[i].Outcome == history.Unknown {
			weak++
			continue
		}
		weaker := slices.Clone(ops)
		weaker[i].Outcome, weaker[i].Return, weaker[i].View = history.Unknown, history.Open, nil
		if !seen(&weaker[i], weaker) {
			weaker = slices.Delete(weaker, i, i+1)
		}
		if s.fails(weaker) {
			weak += len(weaker) - len(ops) + 1
			ops = weaker
		}
	}
	return ops
}

// seen reports whether an answer may be due to an operation: only plain sets of values that nobody was shown are not.
func seen(op *history.Op, ops []history.Op) bool {
	c := &op.Change
	if op.Kind != history.Write || c.Clear || c.NewToken != "" || c.Owner != nil || len(c.Delete) > 0 || len(c.Add) > 0 {
		return true
	}
	for i := range ops {
		for key, n := range c.Set {
			if v, ok := ops[i].View[key]; ok && v == n {
				return true
			}
		}
	}
	return false
}

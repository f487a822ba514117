package model

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// counts compares the counter's last value with the increments, in sessions that were never cleared.
func (v *Verdict) counts(ops []history.Op) {
	var sure, maybe int64
	var last *history.Op
	for i := range ops {
		op := &ops[i]
		switch {
		case op.Change.Clear || op.Change.Any:
			return
		case op.Kind == history.Write && op.Outcome == history.OK:
			sure += op.Change.Add["n"]
		case op.Kind == history.Write && op.Outcome == history.Unknown:
			maybe += op.Change.Add["n"]
		case op.Kind == history.Load && op.Outcome == history.OK:
			last = op
		}
	}
	if last == nil || !after(last, ops) {
		return
	}
	if n := last.View["n"]; n < sure || n > sure+maybe {
		v.violated(Count, last, fmt.Sprintf("%d, of %d increments and %d of unknown outcome", n, sure, maybe), ops...)
	}
}

// after reports whether an operation was asked for when all others that have an answer had it.
func after(last *history.Op, ops []history.Op) bool {
	for i := range ops {
		if op := &ops[i]; op != last && op.Kind == history.Write && op.Return != history.Open && op.Return > last.Call {
			return false
		}
	}
	return true
}

// told checks that sockets do not stay open after their session's end.
func (v *Verdict) told(m *Meta, ops []history.Op) {
	if m.Tell == 0 {
		return
	}
	for i := range ops {
		socket := &ops[i]
		if socket.Kind != history.Socket || socket.Outcome == history.OK {
			continue
		}
		for j := range ops {
			if end := &ops[j]; ends(end, socket.Token) && socket.Return > end.Return+int64(m.Tell) {
				v.violated(Told, socket, "after "+Describe(end)+v.awayIn(end.Return, socket.Return), *end, *socket)
				break
			}
		}
	}
}

// awayIn says for how long of a time, and why, the database did not work: what a socket has to hear, and the polls that tell
// it, come from there.
func (v *Verdict) awayIn(from, to int64) (text string) {
	var sum time.Duration
	for i := range v.away {
		op := &v.away[i]
		if both := min(op.Return, to) - max(op.Call, from); both > 0 {
			sum += time.Duration(both)
			text += fmt.Sprintf(", %s for %v", op.Why, time.Duration(both).Round(time.Millisecond))
		}
	}
	return fmt.Sprintf("; of %v since then the database was away for %v", time.Duration(to-from), sum) + text
}

// ends reports whether a session had ended for those who have the token when the operation was answered.
func ends(op *history.Op, token string) bool {
	if op.Outcome != history.OK || op.Token != token {
		return op.Outcome == history.Gone && op.Token == token
	}
	return op.Kind == history.Destroy || op.Kind == history.Write && op.Change.NewToken != ""
}

func (v *Verdict) lists(m *Meta, lists []history.Op) {
	for i := range lists {
		if m.OwnerMax > 0 && lists[i].Count > m.OwnerMax {
			v.violated(Limit, &lists[i], fmt.Sprintf("%s has %d", lists[i].Owner, lists[i].Count))
		}
	}
}

// tokens checks that no token is issued for two sessions.
func (v *Verdict) tokens(ops []history.Op) {
	of := map[string]string{}
	for i := range ops {
		token := ops[i].Change.NewToken
		if token == "" || ops[i].Kind == history.Cookie {
			continue
		}
		if other, known := of[token]; known && other != ops[i].Session {
			v.violated(Tokens, &ops[i], "it is also that of "+other)
		}
		of[token] = ops[i].Session
	}
}

// keysOf returns all keys that a history speaks of.
func keysOf(ops []history.Op) []string {
	all := map[string]bool{}
	for i := range ops {
		for _, m := range []map[string]int64{ops[i].View, ops[i].Change.Set, ops[i].Change.Add} {
			for key := range m {
				all[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// project returns the history as it looks to who sees one key alone. If a history has an order, so has every projection.
func project(ops []history.Op, keys ...string) []history.Op {
	out := slices.Clone(ops)
	only := func(m map[string]int64) map[string]int64 {
		m = maps.Clone(m)
		maps.DeleteFunc(m, func(key string, _ int64) bool { return !slices.Contains(keys, key) })
		return m
	}
	for i := range out {
		op := &out[i]
		op.View, op.Change.Set, op.Change.Add = only(op.View), only(op.Change.Set), only(op.Change.Add)
		op.Change.Delete = slices.DeleteFunc(slices.Clone(op.Change.Delete), func(key string) bool {
			return !slices.Contains(keys, key)
		})
	}
	return needed(out)
}

// needed takes away what may have taken effect, and explains nothing: each order with it is one without it.
func needed(ops []history.Op) []history.Op {
	return slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool {
		return op.Outcome == history.Unknown && op.Kind == history.Write && !seen(&op, ops)
	})
}

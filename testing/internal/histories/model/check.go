package model

import (
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// Verdict is what a history has come to.
type Verdict struct {
	Ops, Sessions int
	Unknown       int // operations whose outcome is not known
	Failovers     []Failover
	Full          Full
	Undecided     int // sessions whose history was too long to decide as a whole; it was decided key by key
	Violations    []Violation

	away []history.Op
}

// Violation is a promise that was not kept.
type Violation struct {
	Promise string
	Session string
	Detail  string
	Ops     []history.Op // the session's, or what matters of them
}

// The promises, as violations name them.
const (
	Order   = "one order of the operations explains all answers"
	Sum     = "what leaves one key arrives at the other"
	Count   = "increments are neither lost nor made twice"
	Expiry  = "no session outlives its timeouts"
	Told    = "open sockets hear of their session's end"
	Limit   = "an owner has no more sessions than the limit"
	Tokens  = "a token is issued once"
	Writes  = "every node writes soon after the new primary is ready"
	Cookies = "a response brings its session's token"
)

// Check checks a whole history.
func Check(m Meta, ops []history.Op) *Verdict {
	v := &Verdict{Ops: len(ops)}
	s := sort(&m, ops)
	v.Sessions, v.away = len(s.names), s.away
	for _, name := range s.names {
		v.session(&m, name, s.sessions[name])
	}
	v.lists(&m, s.lists)
	v.tokens(ops)
	v.Full.count(s.away, ops)
	v.failovers(&m, s.failovers, ops)
	return v
}

func (v *Verdict) violated(promise string, op *history.Op, detail string, ops ...history.Op) {
	if len(ops) == 0 {
		ops = []history.Op{*op}
	}
	v.Violations = append(v.Violations, Violation{promise, op.Session, detail, ops})
}

func (v *Verdict) session(m *Meta, name string, ops []history.Op) {
	t := m.times(ops)
	for i := range ops {
		op := &ops[i]
		if op.Outcome == history.Unknown {
			v.Unknown++
		}
		if why := t.overdue(op); why != "" && !m.Steps {
			v.violated(Expiry, op, why, ops...)
		}
		if op.Kind == history.Cookie && op.Outcome == history.OK && op.Token != op.Change.NewToken &&
			(op.Token != "" || !m.stepped(t) && !t.mayHaveExpired(op)) {
			v.violated(Cookies, op, fmt.Sprintf("the session has %s, the client %s", op.Change.NewToken, op.Token), ops...)
		}
		if op.Kind == history.Load && op.Outcome == history.OK && op.View["x"]+op.View["y"] != 0 {
			v.violated(Sum, op, Describe(op))
		}
	}
	v.counts(ops)
	v.told(m, ops)
	v.order(m, name, ops)
}

// order asks porcupine. What it cannot decide in time it decides key by key.
func (v *Verdict) order(m *Meta, name string, ops []history.Op) {
	effort := m.Effort
	if effort == 0 {
		effort = 5 * time.Second
	}
	ops = slices.DeleteFunc(slices.Clone(ops), func(op history.Op) bool { return !ordered(&op) })
	ops = needed(ops)
	result := m.linear(ops, effort)
	if result == porcupine.Unknown {
		v.Undecided++
		for _, key := range keysOf(ops) {
			if part := project(ops, key); m.linear(part, effort) == porcupine.Illegal {
				ops, result = part, porcupine.Illegal
				break
			}
		}
	}
	if result == porcupine.Illegal {
		v.Violations = append(v.Violations, Violation{Promise: Order, Session: name, Ops: ops})
	}
}

// ordered reports whether an operation takes part in the order.
func ordered(op *history.Op) bool {
	switch op.Kind {
	case history.Socket, history.Cookie, history.List:
		return false
	}
	return op.Outcome != history.Refused && (op.Outcome != history.Unknown || op.Kind != history.Load)
}

func (m *Meta) linear(ops []history.Op, effort time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(session, m.operations(ops), effort)
}

func (m *Meta) operations(ops []history.Op) []porcupine.Operation {
	out := make([]porcupine.Operation, len(ops))
	for i, in := range m.inputs(ops) {
		out[i] = porcupine.Operation{ClientId: in.Client, Input: in, Call: in.Call, Return: in.Return}
	}
	return out
}

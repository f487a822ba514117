package model

import (
	"fmt"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// The library's defaults, which hold where a session has no timeouts of its own.
const (
	defaultIdle     = time.Hour
	defaultAbsolute = 24 * time.Hour
)

// largestStep is more than the database's clock is ever stepped by.
const largestStep = 30 * time.Minute

// times is what is known of when a session had to live and had to be dead.
type times struct {
	idle, absolute int64 // nanoseconds
	made           span  // of the creation, or of the last renewal that may have been
	renewed        int64 // until when the absolute timeout may have started again
	accesses       []span
	sockets        bool
	replaced       map[string]int64 // when the first rotation that may have replaced a token was asked for
	rotations      []int64          // when each was asked for
}

type span struct{ call, end int64 }

func (m *Meta) times(ops []history.Op) *times {
	t := &times{idle: int64(defaultIdle), absolute: int64(defaultAbsolute), replaced: map[string]int64{}}
	for i := range ops {
		t.note(&ops[i])
	}
	return t
}

func (t *times) note(op *history.Op) {
	ms := int64(time.Millisecond)
	if op.Change.Absolute > 0 {
		t.idle, t.absolute = op.Change.Idle*ms, op.Change.Absolute*ms
	}
	t.sockets = t.sockets || op.Socket
	switch {
	case op.Kind == history.Create:
		t.made = span{op.Call, op.Return}
	case op.Change.Renew && op.Outcome != history.Refused:
		t.renewed = max(t.renewed, op.Return)
	}
	if next := op.Change.NewToken; op.Kind == history.Write && next != "" && op.Outcome != history.Refused {
		t.rotations = append(t.rotations, op.Call)
		if first, known := t.replaced[op.Token]; !known || op.Call < first {
			t.replaced[op.Token] = op.Call
		}
	}
	if op.Outcome == history.OK && ordered(op) && (op.Token != "" || op.Kind == history.Create) {
		t.accesses = append(t.accesses, span{op.Call, op.Return})
	}
}

// mayHaveExpired reports whether the session may have been dead when the operation was answered. Extensions may be lost,
// so only the creation counts as an access.
func (t *times) mayHaveExpired(op *history.Op) bool {
	return op.Return+slack >= t.made.call+min(t.idle-t.idle/10, t.absolute)
}

// tail is for how long a touch in the background may be under way after the answer to its request.
func (m *Meta) tail() int64 {
	if len(m.Faults) == 0 {
		return slack
	}
	return int64(5 * time.Second)
}

// races reports whether an access was under way when an operation found the session expired. It decides by the time at
// which it began, and is seen when it is committed.
func (t *times) races(op *history.Op, tail int64) bool {
	for _, a := range t.accesses {
		if a.call < op.Return && a.end+tail > op.Call {
			return true
		}
	}
	return false
}

// formers is how many former tokens a session remembers.
const formers = 4

// mayBeLate reports whether the grace of the operation's token may have passed when it was answered, or the token may have
// been forgotten over newer ones.
func (t *times) mayBeLate(op *history.Op, grace int64) bool {
	first, replaced := t.replaced[op.Token]
	since := 0
	for _, call := range t.rotations {
		if call >= first && call < op.Return {
			since++
		}
	}
	return replaced && (op.Return+slack >= first+grace || since > formers)
}

// slack is what a check of times allows for a clock in whole milliseconds, and the moment between the read of the
// database's clock and an answer.
const slack = int64(50 * time.Millisecond)

// overdue says what an operation does too late, if the session had to be dead when it was asked for.
func (t *times) overdue(op *history.Op) string {
	if op.Outcome != history.OK || op.Token == "" || !ordered(op) {
		return ""
	}
	call := op.Call
	if op.Began != 0 {
		call = op.Began // what began in time ends well
	}
	if end := max(t.made.end, t.renewed) + t.absolute + slack; call > end {
		return fmt.Sprintf("%v after the absolute timeout", time.Duration(call-end+slack))
	}
	if t.sockets {
		return "" // they keep it alive
	}
	last := t.made.end
	for _, a := range t.accesses {
		if a.call < call {
			last = max(last, min(a.end, call))
		}
	}
	if end := last + t.idle + slack; call > end {
		return fmt.Sprintf("%v after the idle timeout", time.Duration(call-end+slack))
	}
	return ""
}

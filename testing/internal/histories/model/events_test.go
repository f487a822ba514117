package model

import (
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// event is one that the clients do not know, from one second to another.
func event(kind history.Kind, why string, from, to int) history.Op {
	return history.Op{Kind: kind, Why: why, Outcome: history.OK, Call: seconds(from), Return: seconds(to)}
}

func seconds(n int) int64 { return int64(time.Duration(n) * time.Second) }

// at is an operation that was asked for in one second and answered half a second later.
func at(second int, op history.Op) history.Op {
	op.Session, op.Call, op.Return = "s", seconds(second), seconds(second)+int64(time.Second)/2
	return op
}

// TestFailoversByKind: each failover has the time until the last node has written, and the promises that were broken
// since then.
func TestFailoversByKind(t *testing.T) {
	write := func(second, server int) history.Op {
		return at(second, history.Op{Kind: history.Write, Server: server, Token: "t", Outcome: history.OK,
			Change: history.Change{Set: view{"a": int64(second)}}})
	}
	ops := append(made("t").ops, event(history.Failover, "killed", 10, 11), write(12, 0), write(13, 1),
		event(history.Failover, "silent", 20, 21), write(22, 0), write(40, 1),
		at(41, history.Op{Kind: history.Load, Token: "t", Outcome: history.OK, View: view{"a": 22}}))
	v := Check(Meta{Grace: time.Minute}, ops)
	if len(v.Failovers) != 2 {
		t.Fatalf("%+v", v.Failovers)
	}
	killed, silent := v.Failovers[0], v.Failovers[1]
	if killed.Kind != "killed" || killed.Writes != 2500*time.Millisecond || killed.Broken != 0 {
		t.Errorf("killed: %+v", killed)
	}
	// Node 1 has written after 5 s, and what it has written is lost.
	if silent.Kind != "silent" || silent.Writes != 19500*time.Millisecond || silent.Broken != 2 {
		t.Errorf("silent: %+v", silent)
	}
}

// TestAFailoverWithoutAWrite: a node that does not write any more is said to.
func TestAFailoverWithoutAWrite(t *testing.T) {
	ops := append(made("t").ops, event(history.Failover, "killed", 10, 11))
	v := Check(Meta{Grace: time.Minute}, ops)
	if len(v.Violations) != 1 || v.Failovers[0].Writes != Never || !strings.Contains(v.Violations[0].Detail, "has not written") {
		t.Errorf("%+v", v)
	}
}

// TestFullDisk: what fails while the disk is full is counted, and what is written before is not.
func TestFullDisk(t *testing.T) {
	write := func(second int, outcome history.Outcome, why string) history.Op {
		return at(second, history.Op{Kind: history.Write, Token: "t", Outcome: outcome, Why: why,
			Change: history.Change{Set: view{"a": int64(second)}}})
	}
	load := func(second int) history.Op {
		return at(second, history.Op{Kind: history.Load, Token: "t", Outcome: history.OK})
	}
	ops := append(made("t").ops, write(1, history.OK, ""), write(3, history.Unknown, "lost"),
		event(history.Away, "killed", 3, 4),
		event(history.Away, DiskFull, 5, 10), write(6, history.Unknown, "503: database or disk is full"),
		write(7, history.Unknown, "503: connection refused"), write(7, history.Unknown, "as told"), load(8), load(12),
		write(11, history.OK, ""))
	var f Full
	f.count(sort(&Meta{}, ops).away, ops)
	if want := (Full{Times: 1, Refused: 2, NoRoom: 1, Read: 1, Wrote: 1}); f != want {
		t.Errorf("%+v, want %+v", f, want)
	}
}

// TestAwayIsSaid: whoever reads that a socket was not told reads for how long the database could not tell it.
func TestAwayIsSaid(t *testing.T) {
	ops := append(made("t").add(open("t")).destroy("t").ops, event(history.Away, "killed", 5, 9),
		event(history.Away, "silent", 50, 70))
	v := Check(Meta{Grace: time.Minute, Tell: time.Second}, ops)
	if len(v.Violations) != 1 || !strings.Contains(v.Violations[0].Detail, "killed for 4s, silent for 10s") {
		t.Errorf("%+v", v.Violations)
	}
}

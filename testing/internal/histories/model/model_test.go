package model

import (
	"testing"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// script builds a history whose operations come one after the other, unless their times say otherwise.
type script struct {
	ops  []history.Op
	time int64
}

func (s *script) add(op history.Op) *script {
	if op.Session == "" && op.Owner == "" {
		op.Session = "s"
	}
	if op.Outcome == "" {
		op.Outcome = history.OK
	}
	if op.Call == 0 {
		s.time += int64(time.Millisecond)
		op.Call, op.Return = s.time, s.time+1000
	}
	if op.Outcome == history.Unknown {
		op.Return = history.Open
	}
	s.ops = append(s.ops, op)
	return s
}

func made(token string) *script {
	return new(script).add(history.Op{Kind: history.Create, Change: history.Change{NewToken: token}})
}

func (s *script) set(token, key string, n int64, outcome ...history.Outcome) *script {
	op := history.Op{Kind: history.Write, Token: token, Change: history.Change{Set: map[string]int64{key: n}}}
	if len(outcome) > 0 {
		op.Outcome = outcome[0]
	}
	return s.add(op)
}

func (s *script) load(token string, view map[string]int64) *script {
	return s.add(history.Op{Kind: history.Load, Token: token, View: view})
}

func (s *script) refused(token string, outcome history.Outcome) *script {
	return s.add(history.Op{Kind: history.Load, Token: token, Outcome: outcome})
}

func (s *script) rotate(token, next string) *script {
	return s.add(history.Op{Kind: history.Write, Token: token, Change: history.Change{NewToken: next}})
}

func (s *script) destroy(token string) *script {
	return s.add(history.Op{Kind: history.Destroy, Token: token})
}

type view = map[string]int64

// TestWhatMayBe: histories that keep all promises.
func TestWhatMayBe(t *testing.T) {
	for name, s := range map[string]*script{
		"set and load":                made("t").set("t", "a", 1).load("t", view{"a": 1}),
		"an unknown set took effect":  made("t").set("t", "a", 1, history.Unknown).load("t", view{"a": 1}),
		"an unknown set took none":    made("t").set("t", "a", 1, history.Unknown).load("t", view{}),
		"an unknown set came late":    made("t").set("t", "a", 1, history.Unknown).load("t", view{}).load("t", view{"a": 1}),
		"a refused set is not seen":   made("t").set("t", "a", 1, history.Refused).load("t", view{}),
		"the new token opens":         made("t").rotate("t", "u").refused("t", history.Rotated).load("u", view{}),
		"destroyed":                   made("t").destroy("t").refused("t", history.Gone),
		"destroyed twice":             made("t").destroy("t").destroy("t"),
		"revoked by an owner it has":  owned("o").add(history.Op{Kind: history.Revoke, Owner: "o"}).refused("u", history.Gone),
		"revoked by another's":        owned("o").add(history.Op{Kind: history.Revoke, Owner: "p"}).load("u", view{}),
		"an old token after so many":  made("a").rotate("a", "b").rotate("b", "c").rotate("c", "d").rotate("d", "e").rotate("e", "f").refused("a", history.Gone),
		"dead after an hour of quiet": made("t").add(late(history.Load, history.Gone, 61*time.Minute)),
	} {
		if v := check(s); len(v.Violations) > 0 {
			t.Errorf("%s: %+v", name, v.Violations)
		}
	}
}

// TestWhatMayNotBe: each of these breaks a promise.
func TestWhatMayNotBe(t *testing.T) {
	for name, s := range map[string]*script{
		Order + ": lost":                made("t").set("t", "a", 1).load("t", view{}),
		Order + ": back again":          made("t").destroy("t").load("t", view{}),
		Order + ": saved after the end": made("t").destroy("t").set("t", "a", 1),
		Order + ": two tokens":          made("t").rotate("t", "u").load("t", view{}),
		Order + ": no token":            made("t").rotate("t", "u").refused("u", history.Rotated),
		Order + ": logged out":          made("t").refused("t", history.Gone),
		Order + ": fresh in the grace":  made("t").rotate("t", "u").refused("t", history.Gone),
		Order + ": half":                made("t").add(transfer(1)).load("t", view{"x": 0, "y": 0}),
		Order + ": revoked and alive":   owned("o").add(history.Op{Kind: history.Revoke, Owner: "o"}).load("u", view{}),
		Sum + ":":                       made("t").set("t", "x", 1).load("t", view{"x": 1}),
		Count + ":":                     made("t").add(count(1)).load("t", view{"n": 2}),
		Expiry + ": absolute":           made("t").add(late(history.Load, history.OK, 25*time.Hour)),
		Expiry + ": idle":               made("t").add(late(history.Load, history.OK, 61*time.Minute)),
		Told + ":":                      made("t").add(open("t")).destroy("t"),
		Limit + ":":                     made("t").add(history.Op{Kind: history.List, Owner: "o", Count: 3}),
		Tokens + ":":                    made("t").add(history.Op{Session: "other", Kind: history.Create, Change: history.Change{NewToken: "t"}}),
		Cookies + ":":                   made("t").add(history.Op{Kind: history.Cookie, Token: "old", Change: history.Change{NewToken: "t"}}),
	} {
		found := false
		v := check(s)
		for _, violation := range v.Violations {
			found = found || len(name) > len(violation.Promise) && name[:len(violation.Promise)+1] == violation.Promise+":"
		}
		if !found {
			t.Errorf("%s goes unnoticed: %+v", name, v.Violations)
		}
	}
}

// TestSteppedClock: a response may end the cookie of a session that a step of the clock took past its timeouts, and of no
// other.
func TestSteppedClock(t *testing.T) {
	ended := history.Op{Kind: history.Cookie, Change: history.Change{NewToken: "t"}}
	for name, test := range map[string]struct {
		steps bool
		idle  time.Duration
		want  int
	}{
		"short, stepped": {true, 10 * time.Minute, 0},
		"short":          {false, 10 * time.Minute, 1},
		"long, stepped":  {true, time.Hour, 1},
	} {
		s := made("t")
		s.ops[0].Change.Idle, s.ops[0].Change.Absolute = test.idle.Milliseconds(), test.idle.Milliseconds()
		v := Check(Meta{Grace: 30 * time.Second, Steps: test.steps}, s.add(ended).ops)
		if len(v.Violations) != test.want {
			t.Errorf("%s: %+v, want %d violations", name, v.Violations, test.want)
		}
	}
}

func check(s *script) *Verdict {
	return Check(Meta{Grace: 30 * time.Second, OwnerMax: 2, Tell: time.Second}, s.ops)
}

// owned is a session of an owner, with the token u.
func owned(owner string) *script {
	return made("t").add(history.Op{Kind: history.Write, Token: "t", Change: history.Change{NewToken: "u", Owner: &owner}})
}

func late(kind history.Kind, outcome history.Outcome, d time.Duration) history.Op {
	return history.Op{Kind: kind, Outcome: outcome, Token: "t", Call: int64(d), Return: int64(d) + 1000}
}

func transfer(n int64) history.Op {
	return history.Op{Kind: history.Write, Token: "t", Change: history.Change{Add: view{"x": -n, "y": n}}, View: view{"x": -n, "y": n}}
}

func count(n int64) history.Op {
	return history.Op{Kind: history.Write, Token: "t", Change: history.Change{Add: view{"n": n}}, View: view{"n": n}}
}

func open(token string) history.Op {
	return history.Op{Kind: history.Socket, Token: token, Outcome: history.Refused, Call: 1, Return: int64(time.Minute)}
}

// TestShrink: of a long history, what is wrong with it stays.
func TestShrink(t *testing.T) {
	s := made("t")
	for i := range int64(20) {
		s.set("t", "b", i).set("t", "a", i).load("t", view{"a": i, "b": i})
	}
	s.set("t", "a", 100).load("t", view{"a": 19, "b": 19})
	for range 20 {
		s.set("t", "c", 1)
	}
	m := Meta{Grace: time.Minute}
	v := Check(m, s.ops)
	if len(v.Violations) != 1 {
		t.Fatalf("%+v", v.Violations)
	}
	short := Shrink(m, v.Violations[0].Ops)
	if len(short) > 4 {
		t.Errorf("%d operations are left", len(short))
	}
	if v := Check(m, short); len(v.Violations) == 0 {
		t.Errorf("nothing is wrong with %+v", short)
	}
}

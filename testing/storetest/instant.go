package storetest

import (
	"errors"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// An instant is looked at from margin before it until margin after it, and again, at most attempts times, until calls have
// fallen on the last millisecond before it and on its own: a busy machine may sleep through either.
const (
	margin   = 10 * time.Millisecond
	attempts = 20
)

// instant follows the store's clock over one instant. It reads that clock from a row that lives longer, so that it knows
// for each call from when to when it ran by the only clock that counts.
type instant struct {
	*env
	clock store.Ref
	lead  time.Duration // from the instant to the expiry of the clock's row; Advance leaves it as it is
}

// atInstant checks what a call does before and after an instant. begin makes a session, and returns when its instant is, by
// the store's clock, with the call to be made. A call that ended before the instant must return the error before; one that
// began at the instant or later, the error after. In between, either is right.
func (e *env) atInstant(what string, begin func() (at time.Time, call func() error), before, after error) {
	e.Helper()
	in := instant{env: e, clock: e.created(store.Change{Idle: ptr(absolute), Absolute: ptr(2 * absolute)})}
	for range attempts {
		at, call := begin()
		in.lead = e.load(in.clock).ExpiresAt.Sub(at)
		if met := in.cross(what, call, before, after); met || e.Failed() {
			return
		}
	}
	e.Logf("%s: no call fell on the very milliseconds before and after the end", what)
}

// left returns how long it is until the instant.
func (in *instant) left() time.Duration {
	r := in.load(in.clock)
	return r.ExpiresAt.Sub(r.Now) - in.lead
}

// cross goes to shortly before the instant and calls until shortly after it. It reports whether calls fell on both of its
// sides to the millisecond.
func (in *instant) cross(what string, call func() error, before, after error) bool {
	in.Helper()
	in.Advance(in.left() - margin)
	var last, first bool
	for start := in.left(); start > -margin && !in.Failed(); {
		err := call()
		end := in.left()
		last = last || (end == time.Millisecond)
		first = first || (start == 0)
		switch {
		case end > 0 && !errors.Is(err, before):
			in.Errorf("%s, %v or more before the end: got error %v, want %v", what, end, err, before)
		case start <= 0 && (!errors.Is(err, after) || errors.Is(err, store.ErrRotated)):
			in.Errorf("%s, %v or more after the end: got error %v, want %v", what, -start, err, after)
		}
		start = end
	}
	return last && first
}

package storetest

import (
	"errors"
	"time"

	"github.com/simples-go/sessions/session"
)

// margin is how long before an instant a test starts to look, and how long after it stops.
const margin = 20 * time.Millisecond

// instant follows the store's clock over one instant. It reads that clock from a row that lives longer, so that it knows
// for each call from when to when it ran by the only clock that counts.
type instant struct {
	*env
	clock session.Ref
	lead  time.Duration // from the instant to the expiry of the clock's row; Advance leaves it as it is
}

// newInstant prepares to watch the instant at, a time as the store states it now.
func (e *env) newInstant(at time.Time) *instant {
	e.Helper()
	in := &instant{env: e, clock: e.created(session.Change{Idle: ptr(absolute), Absolute: ptr(2 * absolute)})}
	in.lead = e.load(in.clock).ExpiresAt.Sub(at)
	return in
}

// left returns how long it is until the instant.
func (in *instant) left() time.Duration {
	r := in.load(in.clock)
	return r.ExpiresAt.Sub(r.Now) - in.lead
}

// cross goes to shortly before the instant and calls fn until shortly after it. A call that ended before the instant must
// succeed or fail with before; one that began at the instant or later must fail with after. Between, either is right.
func (in *instant) cross(what string, fn func() error, before, after error) {
	in.Helper()
	in.Advance(in.left() - margin)
	for start := in.left(); start > -margin && !in.Failed(); {
		err := fn()
		end := in.left()
		switch {
		case end > 0 && !errors.Is(err, before):
			in.Errorf("%s, more than %v before the end: got error %v, want %v", what, end, err, before)
		case start <= 0 && (!errors.Is(err, after) || errors.Is(after, session.ErrGone) && errors.Is(err, session.ErrRotated)):
			in.Errorf("%s, %v after the end: got error %v, want %v", what, -start, err, after)
		}
		start = end
	}
}

package storetest

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

func expiryRules() []rule {
	return []rule{
		{
			name: "an idle session dies",
			text: "A session that was not touched for its idle timeout is dead to Load, Save and Touch, collected or not.",
			test: idleDies,
		},
		{
			name: "alive a moment before the end",
			text: "A session lives for the whole of its idle timeout.",
			test: aliveBefore,
		},
		{
			name: "dead at the very instant of the expiry",
			text: "At the millisecond of its expiry a session is dead, one millisecond before it is alive: to Load, Save and Touch.",
			test: instantOfExpiry,
		},
		{
			name: "what is dead stays dead",
			text: "No save, with whatever it asks for, wakes an expired session.",
			test: expiredStaysDead,
		},
		{
			name: "a shorter absolute lifetime holds at once",
			text: "Where the configured absolute timeout has become shorter, sessions older than it are dead at once.",
			test: shorterAbsolute,
		},
	}
}

func idleDies(e *env) {
	ref := e.created(set("a", `1`))
	e.Advance(idle)
	e.refuses(ref, store.ErrGone)
}

func aliveBefore(e *env) {
	ref := e.created(set("a", `1`))
	e.Advance(idle - time.Minute)
	e.load(ref)
	e.save(ref, set("b", `2`))
	e.touch(ref)
	e.Advance(idle - time.Minute)
	e.holds(ref, `{"a":1,"b":2}`)
}

func expiredStaysDead(e *env) {
	ref := e.created(set("a", `1`))
	e.Advance(idle)
	for _, change := range []store.Change{
		{Extend: true}, {Renew: true}, {Idle: ptr(10 * idle)}, {Absolute: ptr(10 * absolute)}, {Rotate: ptr(ref.Hash)}, {IfVersion: 1},
	} {
		_, err := e.Store.Save(e.ctx, ref, change)
		e.failed(err, store.ErrGone, ref, "Save")
	}
	e.refuses(ref, store.ErrGone)
}

func shorterAbsolute(e *env) {
	ref := e.ref()
	ref.Policy.Idle = 8 * idle
	e.create(ref, set("a", `1`))
	e.Advance(2 * idle)
	e.load(ref)
	ref.Policy.Absolute = 2 * idle
	e.refuses(ref, store.ErrGone)
	ref.Policy.Absolute = 3 * idle
	e.load(ref)
}

func instantOfExpiry(e *env) {
	load := func(ref store.Ref) error { _, err := e.Store.Load(e.ctx, ref); return err }
	save := func(ref store.Ref) error { _, err := e.Store.Save(e.ctx, ref, store.Change{}); return err }
	touch := func(ref store.Ref) error { _, err := e.Store.Touch(e.ctx, ref); return err }
	for _, c := range []struct {
		what     string
		call     func(store.Ref) error
		timeouts store.Timeouts
	}{
		{"Load at the end of the idle timeout", load, store.Timeouts{Idle: time.Minute, Absolute: time.Hour}},
		{"Save at the end of the idle timeout", save, store.Timeouts{Idle: time.Minute, Absolute: time.Hour}},
		{"Load at the absolute end", load, store.Timeouts{Idle: time.Hour, Absolute: time.Minute}},
		{"Save at the absolute end", save, store.Timeouts{Idle: time.Hour, Absolute: time.Minute}},
		{"Touch at the absolute end", touch, store.Timeouts{Idle: time.Hour, Absolute: time.Minute}},
	} {
		e.atInstant(c.what, func() (time.Time, func() error) {
			ref := e.ref()
			ref.Policy.Timeouts = c.timeouts
			return e.create(ref, store.Change{}).ExpiresAt, func() error { return c.call(ref) }
		}, nil, store.ErrGone)
	}
}

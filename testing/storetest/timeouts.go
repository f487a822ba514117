package storetest

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

func timeoutRules() []rule {
	return []rule{
		{
			name: "a row's own timeouts go before the policy's",
			text: "A session's own idle and absolute timeout hold if they are set, longer or shorter than the configured ones.",
			test: ownTimeouts,
		},
		{
			name: "setting a timeout computes the expiry anew",
			text: "A Save that sets Idle or Absolute gives the expiry that they say, also an earlier one.",
			test: settingTimeouts,
		},
		{
			name: "a timeout of zero is the manager's again",
			text: "Idle or Absolute set to 0 takes the row's own value away; the policy's holds again, at once.",
			test: timeoutsBack,
		},
		{
			name: "a changed configuration holds for living sessions",
			text: "Rows without timeouts of their own follow the policy of whoever asks, from the next access on.",
			test: changedConfiguration,
		},
		{
			name: "no absolute timeout is no end",
			text: "With an absolute timeout of 0 in policy and row, only the idle timeout ends a session.",
			test: noAbsolute,
		},
		{
			name: "a renewal starts the lifetime again",
			text: "Renew makes now the time of creation and computes the expiry from it; nothing else does.",
			test: renewal,
		},
	}
}

func ownTimeouts(e *env) {
	long := e.created(store.Change{Idle: ptr(30 * idle), Absolute: ptr(3 * absolute)})
	short := e.created(store.Change{Idle: ptr(idle / 4)})
	ends := e.created(store.Change{Idle: ptr(2 * idle), Absolute: ptr(idle / 2)})
	e.Advance(idle/4 - time.Minute)
	e.expires(short, e.touch(short), idle/4)
	e.Advance(idle / 4)
	e.refuses(short, store.ErrGone)
	e.load(ends)
	e.Advance(2 * time.Minute)
	e.refuses(ends, store.ErrGone)
	e.Advance(29 * idle)
	e.expires(long, e.touch(long), 30*idle)
}

func settingTimeouts(e *env) {
	ref := e.created(store.Change{})
	e.expires(ref, e.save(ref, store.Change{Idle: ptr(3 * idle)}), 3*idle)
	e.expires(ref, e.save(ref, store.Change{Idle: ptr(idle / 4)}), idle/4)
	e.expires(ref, e.save(ref, store.Change{Idle: ptr(3 * idle), Extend: true}), 3*idle)
	saved := e.save(ref, store.Change{Absolute: ptr(2 * idle)})
	e.expires(ref, saved, saved.CreatedAt.Add(2*idle).Sub(saved.Now))
	e.expires(ref, e.save(ref, store.Change{Absolute: ptr(2 * absolute)}), 3*idle)
	if got, want := e.load(ref).Timeouts, (store.Timeouts{Idle: 3 * idle, Absolute: 2 * absolute}); got != want {
		e.Errorf("the row's timeouts are %v, want %v", got, want)
	}
}

func timeoutsBack(e *env) {
	ref := e.created(store.Change{Idle: ptr(3 * idle), Absolute: ptr(2 * idle)})
	saved := e.save(ref, store.Change{Idle: ptr(time.Duration(0))})
	e.expires(ref, saved, idle)
	if got, want := e.load(ref).Timeouts, (store.Timeouts{Absolute: 2 * idle}); got != want {
		e.Errorf("the row's timeouts are %v, want %v", got, want)
	}
	ref.Policy.Idle = 5 * idle
	e.expires(ref, e.save(ref, store.Change{Absolute: ptr(time.Duration(0))}), 5*idle)
	if got := e.load(ref).Timeouts; got != (store.Timeouts{}) {
		e.Errorf("the row's timeouts are %v, want none", got)
	}
}

func changedConfiguration(e *env) {
	ref := e.ref()
	ref.Policy.Timeouts = store.Timeouts{Idle: idle, Absolute: 2 * idle}
	e.create(ref, store.Change{})
	e.Advance(idle / 2)
	ref.Policy.Timeouts = store.Timeouts{Idle: 4 * idle, Absolute: absolute}
	e.expires(ref, e.touch(ref), 4*idle)
	e.Advance(3 * idle)
	e.expires(ref, e.save(ref, store.Change{Extend: true}), 4*idle)
}

func noAbsolute(e *env) {
	ref := e.ref()
	ref.Policy.Timeouts = store.Timeouts{Idle: 100 * absolute}
	e.create(ref, store.Change{})
	for range 3 {
		e.Advance(99 * absolute)
		e.expires(ref, e.touch(ref), 100*absolute)
	}
	e.Advance(100 * absolute)
	e.refuses(ref, store.ErrGone)
}

func renewal(e *env) {
	ref := e.ref()
	ref.Policy.Absolute = 2 * idle
	e.create(ref, store.Change{})
	e.Advance(idle / 2)
	e.touch(ref)
	e.Advance(idle * 3 / 4)
	saved := e.save(ref, store.Change{Extend: true, Rotate: ptr(ref.Hash)})
	if age := saved.Now.Sub(saved.CreatedAt); age < idle {
		e.Errorf("without a renewal the session is only %v old", age)
	}
	saved = e.save(ref, store.Change{Renew: true})
	if !saved.CreatedAt.Equal(saved.Now) {
		e.Errorf("renewed at %v, created %v", saved.Now, saved.CreatedAt)
	}
	e.expires(ref, saved, idle)
	if r := e.load(ref); !r.CreatedAt.Equal(saved.CreatedAt) {
		e.Errorf("the row was created at %v, the renewal said %v", r.CreatedAt, saved.CreatedAt)
	}
}

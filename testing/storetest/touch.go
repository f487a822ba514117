package storetest

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

func touchRules() []rule {
	return []rule{
		{
			name: "a touch extends by the idle timeout",
			text: "Touch moves the expiry to now plus the idle timeout if that gains Policy.Step or more.",
			test: touchExtends,
		},
		{
			name: "a touch follows the row's own timeout",
			text: "The step that a Touch has to gain is a share of the idle timeout, of the row's own if it has one.",
			test: touchOwnTimeout,
		},
		{
			name: "a touch never shortens",
			text: "Where the configured idle timeout has become shorter, a Touch or a Save with Extend leaves the expiry.",
			test: touchNeverShortens,
		},
		{
			name: "a touch never passes the absolute end",
			text: "However often a session is touched, it ends at its creation plus the absolute timeout.",
			test: touchWithinAbsolute,
		},
		{
			name: "a touch changes the two times alone",
			text: "But for AccessedAt and ExpiresAt all stays as it is.",
			test: touchKeepsRest,
		},
		{
			name: "only a save that extends moves the expiry",
			text: "Save leaves the expiry alone unless Extend, Renew, Idle or Absolute is set; Extend moves it as a Touch does.",
			test: saveExtends,
		},
	}
}

// expires checks when the row expires, as a write has just said and as a Load finds it.
func (e *env) expires(ref store.Ref, saved store.Saved, in time.Duration) {
	e.Helper()
	if got := saved.ExpiresAt.Sub(saved.Now); got != in {
		e.Errorf("the session expires in %v, want %v", got, in)
	}
	if r := e.load(ref); !r.ExpiresAt.Equal(saved.ExpiresAt) {
		e.Errorf("the row expires at %v, the write said %v", r.ExpiresAt, saved.ExpiresAt)
	}
}

func touchExtends(e *env) {
	ref := e.created(set("a", `1`))
	for range 3 {
		e.Advance(idle / 2)
		e.expires(ref, e.touch(ref), idle)
	}
	e.Advance(idle / 2)
	ref.Policy.Step = 0
	e.expires(ref, e.touch(ref), idle)
}

func touchOwnTimeout(e *env) {
	short := e.policy.Step / 2
	change := set("a", `1`)
	change.Idle = &short
	ref := e.created(change)
	for range 3 {
		e.Advance(short / 2)
		e.expires(ref, e.touch(ref), short)
	}
}

func touchNeverShortens(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref)
	short := ref
	short.Policy.Idle = idle / 4
	e.touch(short)
	e.unchanged(ref, before)
	if saved := e.save(short, store.Change{Extend: true}); !saved.ExpiresAt.Equal(before.ExpiresAt) {
		e.Errorf("a save that extends has moved the expiry from %v to %v", before.ExpiresAt, saved.ExpiresAt)
	}
}

func touchWithinAbsolute(e *env) {
	ref := e.ref()
	ref.Policy.Absolute = 2 * idle
	e.create(ref, set("a", `1`))
	for range 3 {
		e.Advance(idle / 2)
		if saved := e.touch(ref); saved.ExpiresAt.After(saved.CreatedAt.Add(2 * idle)) {
			e.Errorf("created %v, touched to %v", saved.CreatedAt, saved.ExpiresAt)
		}
	}
	if saved := e.save(ref, store.Change{Extend: true}); !saved.ExpiresAt.Equal(saved.CreatedAt.Add(2 * idle)) {
		e.Errorf("created %v, extended to %v, want the absolute end", saved.CreatedAt, saved.ExpiresAt)
	}
	e.Advance(idle / 2)
	e.refuses(ref, store.ErrGone)
}

func touchKeepsRest(e *env) {
	ref := e.rotate(e.created(attributed()), store.Change{})
	e.Advance(idle)
	before := e.load(ref)
	saved := e.touch(ref)
	before.AccessedAt, before.ExpiresAt = saved.AccessedAt, saved.ExpiresAt
	e.unchanged(ref, before)
}

func saveExtends(e *env) {
	ref := e.created(set("a", `1`))
	e.Advance(idle / 2)
	before := e.load(ref)
	for _, change := range []store.Change{{}, set("b", `1`), {Owner: ptr("anna")}, {Clear: true}, {Rotate: ptr(ref.Hash)}} {
		if saved := e.save(ref, change); !saved.ExpiresAt.Equal(before.ExpiresAt) {
			e.Errorf("a save that does not extend has moved the expiry from %v to %v", before.ExpiresAt, saved.ExpiresAt)
		}
	}
	e.expires(ref, e.save(ref, store.Change{Extend: true}), idle)
}

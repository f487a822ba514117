package storetest

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

func rotationRules() []rule {
	return []rule{
		{
			name: "a rotation closes the old secret and opens the new one",
			text: "After a Save with Rotate the new hash opens the row with all its data, and the old one is ErrRotated for a while.",
			test: rotates,
		},
		{
			name: "the old secret deletes nothing",
			text: "Delete with the old hash is ErrRotated within Policy.Grace and does nothing later; the row stays.",
			test: oldSecretDeletesNothing,
		},
		{
			name: "after the grace the old secret is unknown",
			text: "From Policy.Grace after the rotation on, to the millisecond, the old hash is ErrGone like any other.",
			test: graceEnds,
		},
		{
			name: "no grace is none",
			text: "With a Grace of 0 the old hash is ErrGone at once.",
			test: noGrace,
		},
		{
			name: "rotations follow one another",
			text: "Of several rotations the last secret alone opens the row, and the time counts from the last.",
			test: rotatesAgain,
		},
		{
			name: "an expired session is expired for every secret",
			text: "Where the row is dead, the old hash within the grace is ErrGone too, not ErrRotated.",
			test: rotatedAndExpired,
		},
	}
}

// rotate gives the row a new secret and returns the name that it then has.
func (e *env) rotate(ref store.Ref, change store.Change) store.Ref {
	e.Helper()
	next := ref
	next.Hash = newHash()
	change.Rotate = &next.Hash
	e.save(ref, change)
	return next
}

func rotates(e *env) {
	change := set("a", `1`)
	change.Owner = ptr("anna")
	old := e.created(change)
	before := e.load(old)
	e.Advance(time.Minute)
	next := e.rotate(old, set("b", `2`))
	r := e.load(next)
	e.sameData(r.Data, `{"a":1,"b":2}`)
	if r.Key != old.Key || r.Hash != next.Hash || r.Version != 2 || r.Owner != "anna" || r.RotatedAt.Before(r.CreatedAt.Add(time.Minute)) {
		e.Errorf("before the rotation %+v, after it %+v", before, r)
	}
	e.refuses(old, store.ErrRotated)
	e.unchanged(next, r)
}

func oldSecretDeletesNothing(e *env) {
	old := e.created(set("a", `1`))
	next := e.rotate(old, store.Change{})
	e.failed(e.Store.Delete(e.ctx, old), store.ErrRotated, old, "Delete")
	e.holds(next, `{"a":1}`)
	e.Advance(grace)
	e.delete(old)
	e.holds(next, `{"a":1}`)
	e.delete(next)
	e.refuses(next, store.ErrGone)
}

func graceEnds(e *env) {
	var old, next store.Ref
	e.atInstant("Load", func() (time.Time, func() error) {
		old = e.created(set("a", `1`))
		next = e.rotate(old, store.Change{})
		return e.load(next).RotatedAt.Add(grace), func() error { _, err := e.Store.Load(e.ctx, old); return err }
	}, store.ErrRotated, store.ErrGone)
	e.refuses(old, store.ErrGone)
	e.holds(next, `{"a":1}`)
}

func noGrace(e *env) {
	old := e.created(set("a", `1`))
	next := e.rotate(old, store.Change{})
	old.Policy.Grace = 0
	e.refuses(old, store.ErrGone)
	e.delete(old)
	e.holds(next, `{"a":1}`)
}

func rotatesAgain(e *env) {
	first := e.created(set("a", `1`))
	second := e.rotate(first, store.Change{})
	e.Advance(grace - time.Second)
	third := e.rotate(second, store.Change{})
	e.Advance(grace - time.Second)
	e.refuses(second, store.ErrRotated)
	e.holds(third, `{"a":1}`)
	e.Advance(time.Second)
	e.refuses(first, store.ErrGone)
	e.refuses(second, store.ErrGone)
	e.holds(third, `{"a":1}`)
}

func rotatedAndExpired(e *env) {
	old := e.created(store.Change{Idle: ptr(grace / 2)})
	next := e.rotate(old, store.Change{})
	e.Advance(grace / 2)
	e.refuses(old, store.ErrGone)
	e.refuses(next, store.ErrGone)
}

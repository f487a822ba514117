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
			name: "after the grace the old secret is reused",
			text: "From Policy.Grace after the rotation on, to the millisecond, Load, Save and Touch with the old hash are ErrReused.",
			test: graceEnds,
		},
		{
			name: "no grace is none",
			text: "With a Grace of 0 the old hash is ErrReused at once.",
			test: noGrace,
		},
		{
			name: "rotations follow one another",
			text: "Of several rotations within Policy.Grace of one another the last secret alone opens the row, and the time counts " +
				"from the last: each of the former ones is ErrRotated until then, and ErrReused after it.",
			test: rotatesAgain,
		},
		{
			name: "only who had a former secret hears of it",
			text: "A hash that the row never had is ErrGone, and neither ErrRotated nor ErrReused, within the grace and after it.",
			test: foreignSecret,
		},
		{
			name: "some former secrets are kept",
			text: "Of more rotations than MaxFormer within one grace the last MaxFormer former hashes are known, and the others ErrGone.",
			test: keepsFormer,
		},
		{
			name: "a rotation after the grace forgets the secrets before",
			text: "When a row rotates after the grace of its last rotation, it keeps the hash that is replaced and no other.",
			test: forgetsFormer,
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
	}, store.ErrRotated, store.ErrReused)
	e.refuses(old, store.ErrReused)
	e.holds(next, `{"a":1}`)
}

func noGrace(e *env) {
	old := e.created(set("a", `1`))
	next := e.rotate(old, store.Change{})
	old.Policy.Grace = 0
	e.refuses(old, store.ErrReused)
	e.delete(old)
	e.holds(next, `{"a":1}`)
}

func rotatesAgain(e *env) {
	first := e.created(set("a", `1`))
	second := e.rotate(first, store.Change{})
	e.Advance(grace - time.Second)
	third := e.rotate(second, store.Change{})
	for _, wait := range []time.Duration{0, grace - time.Second} {
		e.Advance(wait)
		e.refuses(first, store.ErrRotated)
		e.refuses(second, store.ErrRotated)
		e.holds(third, `{"a":1}`)
	}
	e.failed(e.Store.Delete(e.ctx, first), store.ErrRotated, first, "Delete")
	e.Advance(time.Second)
	e.refuses(first, store.ErrReused)
	e.refuses(second, store.ErrReused)
	e.holds(third, `{"a":1}`)
}

func foreignSecret(e *env) {
	old := e.created(set("a", `1`))
	next := e.rotate(old, store.Change{})
	near, far := old, old
	near.Hash[31] ^= 1
	far.Hash = newHash()
	for _, wait := range []time.Duration{0, grace} {
		e.Advance(wait)
		for _, foreign := range []store.Ref{near, far} {
			e.refuses(foreign, store.ErrGone)
			e.delete(foreign)
		}
	}
	e.holds(next, `{"a":1}`)
}

// rotations rotates the row n times and returns the names that it has had, the present one last.
func (e *env) rotations(n int, pause time.Duration) []store.Ref {
	e.Helper()
	refs := []store.Ref{e.created(set("a", `1`))}
	for range n {
		refs = append(refs, e.rotate(refs[len(refs)-1], store.Change{}))
		e.Advance(pause)
	}
	return refs
}

func keepsFormer(e *env) {
	refs := e.rotations(store.MaxFormer+2, 0)
	last := len(refs) - 1
	for i, ref := range refs[:last] {
		want := store.ErrRotated
		if i < last-store.MaxFormer {
			want = store.ErrGone
		}
		e.refuses(ref, want)
	}
	e.holds(refs[last], `{"a":1}`)
	if r := e.load(refs[last]); len(r.Former) != store.MaxFormer || r.Former[0] != refs[last-1].Hash {
		e.Errorf("the row has %d former hashes, want %d, the latest first", len(r.Former), store.MaxFormer)
	}
}

func forgetsFormer(e *env) {
	refs := e.rotations(2, grace)
	e.refuses(refs[0], store.ErrGone)
	e.refuses(refs[1], store.ErrReused)
	e.holds(refs[2], `{"a":1}`)
}

func rotatedAndExpired(e *env) {
	old := e.created(store.Change{Idle: ptr(grace / 2)})
	next := e.rotate(old, store.Change{})
	e.Advance(grace / 2)
	e.refuses(old, store.ErrGone)
	e.refuses(next, store.ErrGone)
}

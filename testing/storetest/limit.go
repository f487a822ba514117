package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func limitRules() []rule {
	return []rule{
		{
			name: "a full owner is refused", needs: Finder,
			text: "Where the owner has Max live sessions, one more is ErrOwnerLimit, for Create and Save; nothing is written.",
			test: limitRefuses,
		},
		{
			name: "the oldest make room", needs: Finder,
			text: "With EndOldest the oldest others, by creation, are ended in the same step and named in Saved.Ended.",
			test: limitEndsOldest,
		},
		{
			name: "the limit counts the living", needs: Finder,
			text: "Expired and destroyed sessions take no place.",
			test: limitCountsLiving,
		},
		{
			name: "the limit binds new owners alone", needs: Finder,
			text: "A save of a session that has that owner already, or gives none, is not limited.",
			test: limitBindsNew,
		},
		{
			name: "the limit is looked at last", needs: Finder,
			text: "With a full owner too, a session that has ended is ErrGone, a conflict ErrConflict, too much data ErrTooLarge, " +
				"and a Create of a taken key ErrExists.",
			test: limitLooksLast,
		},
		{
			name: "the limit holds under parallel logins", needs: Finder,
			text: "Of many parallel logins of one owner with a limit of 3, three live sessions are left, refused or ended.",
			test: limitParallel,
		},
	}
}

// limited returns a name for a session under a limit.
func (e *env) limited(limit store.OwnerLimit) store.Ref {
	ref := e.ref()
	ref.Policy.Owner = limit
	return ref
}

func limitRefuses(e *env) {
	limit := store.OwnerLimit{Max: 2}
	anna := store.Change{Owner: ptr("anna"), Set: set("a", `1`).Set}
	first := e.limited(limit)
	e.create(first, anna)
	e.Advance(time.Second)
	second := e.limited(limit)
	e.create(second, anna)

	third := e.limited(limit)
	_, err := e.Store.Create(e.ctx, third, anna)
	e.failed(err, store.ErrOwnerLimit, third, "Create")
	e.refuses(third, store.ErrGone)

	fourth := e.limited(limit)
	e.create(fourth, store.Change{})
	before := e.load(fourth)
	anna.Rotate = ptr(newHash())
	_, err = e.Store.Save(e.ctx, fourth, anna)
	e.failed(err, store.ErrOwnerLimit, fourth, "Save")
	e.unchanged(fourth, before)
	e.lists("anna", second, first)
	e.create(e.limited(limit), store.Change{Owner: ptr("bert")})
}

func limitEndsOldest(e *env) {
	var refs []store.Ref
	for range 5 {
		refs = append(refs, e.owned("anna"))
		e.Advance(time.Second)
	}
	e.save(refs[0], store.Change{Renew: true})
	e.Advance(time.Second)
	newest := e.limited(store.OwnerLimit{Max: 3, EndOldest: true})
	e.create(newest, store.Change{})
	saved := e.save(newest, store.Change{Owner: ptr("anna")})
	want := []store.Handle{refs[1].Key, refs[2].Key, refs[3].Key}
	if len(saved.Ended) != len(want) || !containsAll(saved.Ended, want) {
		e.Errorf("ended were %v, want %v", saved.Ended, want)
	}
	for _, ref := range refs[1:4] {
		e.refuses(ref, store.ErrGone)
		e.absent(ref)
	}
	e.lists("anna", newest, refs[0], refs[4])
}

func containsAll(keys, want []store.Handle) bool {
	for _, key := range want {
		if !slices.Contains(keys, key) {
			return false
		}
	}
	return true
}

func limitCountsLiving(e *env) {
	limit := store.OwnerLimit{Max: 1}
	e.create(e.limited(limit), store.Change{Owner: ptr("anna")})
	e.Advance(idle)
	second := e.limited(limit)
	e.create(second, store.Change{Owner: ptr("anna")})
	e.delete(second)
	third := e.limited(store.OwnerLimit{Max: 1, EndOldest: true})
	if saved := e.create(third, store.Change{Owner: ptr("anna")}); len(saved.Ended) != 0 {
		e.Errorf("dead sessions were ended once more: %v", saved.Ended)
	}
	e.lists("anna", third)
}

func limitBindsNew(e *env) {
	limit := store.OwnerLimit{Max: 1}
	first, second := e.owned("anna"), e.owned("anna")
	first.Policy.Owner, second.Policy.Owner = limit, limit
	for _, change := range []store.Change{{Owner: ptr("anna")}, set("a", `1`), {Rotate: &first.Hash, Owner: ptr("anna")}} {
		if saved := e.save(first, change); len(saved.Ended) != 0 {
			e.Errorf("a save that gives no new owner has ended %v", saved.Ended)
		}
	}
	e.save(second, store.Change{Owner: ptr("")})
	e.load(second)
	_, err := e.Store.Save(e.ctx, second, store.Change{Owner: ptr("anna")})
	e.failed(err, store.ErrOwnerLimit, second, "Save")
}

func limitLooksLast(e *env) {
	limit := store.OwnerLimit{Max: 1}
	dead := e.limited(limit)
	e.create(dead, store.Change{})
	e.Advance(idle)
	e.owned("anna")
	live := e.limited(limit)
	e.create(live, store.Change{})
	live.Policy.MaxBytes = 32
	large := store.Change{Set: set("a", `"`+strings.Repeat("x", 32)+`"`).Set}
	for _, c := range []struct {
		what   string
		call   func(context.Context, store.Ref, store.Change) (store.Saved, error)
		ref    store.Ref
		change store.Change
		want   error
	}{
		{"Save of an unknown session", e.Store.Save, e.limited(limit), store.Change{}, store.ErrGone},
		{"Save of an expired one", e.Store.Save, dead, store.Change{}, store.ErrGone},
		{"Save of another version", e.Store.Save, live, store.Change{IfVersion: 7}, store.ErrConflict},
		{"Save of too much", e.Store.Save, live, large, store.ErrTooLarge},
		{"Save of what fits", e.Store.Save, live, store.Change{}, store.ErrOwnerLimit},
		{"Create of a taken key", e.Store.Create, live, store.Change{}, store.ErrExists},
	} {
		c.change.Owner = ptr("anna")
		_, err := c.call(e.ctx, c.ref, c.change)
		e.failed(err, c.want, c.ref, c.what+" for a full owner")
	}
}

func limitParallel(e *env) {
	const logins, most = 64, 3
	for _, endOldest := range []bool{false, true} {
		owner := map[bool]string{false: "refused", true: "ended"}[endOldest]
		limit := store.OwnerLimit{Max: most, EndOldest: endOldest}
		let, ended := e.logins(logins, owner, limit)
		if n := len(e.list(owner)); n != most {
			e.Errorf("%s: %d sessions are left of %d parallel logins, want %d", owner, n, logins, most)
		}
		if let-ended != most {
			e.Errorf("%s: %d logins were let in and %d ended, want %d more", owner, let, ended, most)
		}
	}
}

// logins logs the owner in, half by a Create, half by a Save, all at once. It returns how many succeeded, and how many
// different sessions they ended.
func (e *env) logins(n int, owner string, limit store.OwnerLimit) (let, ended int) {
	var mu sync.Mutex
	out := map[store.Handle]bool{}
	refs := make([]store.Ref, n)
	for i := range refs {
		refs[i] = e.limited(limit)
		if i%2 == 0 {
			e.create(refs[i], store.Change{})
		}
	}
	e.parallel(n, func(i int) {
		call := e.Store.Create
		if i%2 == 0 {
			call = e.Store.Save
		}
		saved, err := call(e.ctx, refs[i], store.Change{Owner: &owner})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			let++
		case limit.EndOldest || !errors.Is(err, store.ErrOwnerLimit):
			e.Errorf("login: %v", err)
		}
		for _, key := range saved.Ended {
			out[key] = true
		}
	})
	return let, len(out)
}

package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func lockerRules() []rule {
	return []rule{
		{
			name: "a locked save reads, decides and writes in one step", needs: Locker,
			text: "SaveLocked passes the live record to fn and saves what fn returns.",
			test: lockedSave,
		},
		{
			name: "an error of the function is returned and nothing written", needs: Locker,
			text: "Where fn fails, SaveLocked returns that very error and the row is unchanged.",
			test: lockedError,
		},
		{
			name: "a locked save of a dead session is gone", needs: Locker,
			text: "SaveLocked of what is unknown, expired or rotated fails as Load does, and fn is not called.",
			test: lockedDead,
		},
		{
			name: "what a save refuses, a locked save refuses", needs: Locker,
			text: "ErrConflict and ErrTooLarge hold for SaveLocked too, and nothing is written.",
			test: lockedRefusals,
		},
		{
			name: "locked increments count them all", needs: Locker,
			text: "Increments by SaveLocked beside others by conditional saves add up.",
			test: lockedIncrements,
		},
		{
			name: "a function that panics leaves no lock behind", needs: Locker,
			text: "Where fn panics, nothing is written and the row can be used at once.",
			test: lockedPanic,
		},
		{
			name: "a locked save holds up no other session", needs: Locker,
			text: "While fn runs, however long it takes, other sessions are made, loaded, saved, touched, locked and deleted.",
			test: lockedAlone,
		},
		{
			name: "a session can be ended while its lock is held", needs: Locker,
			text: "A session that was destroyed beside a SaveLocked is not brought back by it, whichever of the two comes first.",
			test: lockedAndDestroyed,
		},
		{
			name: "a locked save with an ended context writes nothing", needs: Locker,
			text: "SaveLocked with a context that has ended is an error; fn's change is not written.",
			test: lockedContext,
		},
	}
}

func (e *env) locker() store.Locker { return e.Store.(store.Locker) }

func lockedSave(e *env) {
	made := attributed()
	made.Idle, made.Set = nil, set("n", `7`).Set
	ref := e.created(made)
	before := e.load(ref)
	change := set("n", `8`)
	next := newHash()
	change.Rotate = &next
	var seen store.Record
	saved, err := e.locker().SaveLocked(e.ctx, ref, func(r store.Record) (store.Change, error) {
		seen = r
		return change, nil
	})
	e.must(err, "SaveLocked")
	e.same(seen, before, "the function got another record")
	e.sameData(seen.Data, `{"n":7}`)
	if seen.Key != ref.Key || seen.Version != 1 || seen.ExpiresAt.Sub(seen.CreatedAt) != idle || saved.Version != 2 || saved.Folded {
		e.Errorf("fn got %+v, SaveLocked returned %+v", seen, saved)
	}
	ref.Hash = next
	e.holds(ref, `{"n":8}`)
}

func lockedError(e *env) {
	ref := e.created(set("n", `7`))
	before := e.load(ref)
	refusal := errors.New("no")
	_, err := e.locker().SaveLocked(e.ctx, ref, func(store.Record) (store.Change, error) {
		return set("n", `8`), refusal
	})
	if err != refusal {
		e.Errorf("got error %v, want fn's own", err)
	}
	e.unchanged(ref, before)
}

func lockedDead(e *env) {
	expired := e.created(set("a", `1`))
	e.Advance(idle)
	old := e.created(set("a", `1`))
	e.rotate(old, store.Change{})
	for what, c := range map[string]struct {
		ref  store.Ref
		want error
	}{
		"unknown": {e.ref(), store.ErrGone}, "expired": {expired, store.ErrGone}, "rotated": {old, store.ErrRotated},
	} {
		_, err := e.locker().SaveLocked(e.ctx, c.ref, func(store.Record) (store.Change, error) {
			e.Errorf("%s: fn was called", what)
			return set("b", `2`), nil
		})
		e.failed(err, c.want, c.ref, what)
	}
}

func lockedRefusals(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref)
	conflicting := set("a", `2`)
	conflicting.IfVersion = 5
	ref.Policy.MaxBytes = 20
	for want, change := range map[error]store.Change{
		store.ErrConflict: conflicting, store.ErrTooLarge: set("b", `"12345678901234567890"`),
	} {
		_, err := e.locker().SaveLocked(e.ctx, ref, func(store.Record) (store.Change, error) { return change, nil })
		e.failed(err, want, ref, "SaveLocked")
	}
	e.unchanged(ref, before)
}

func lockedIncrements(e *env) {
	const callers, each = 8, 8
	ref := e.created(set("n", `0`))
	e.parallel(callers, func(i int) {
		for range each {
			err := e.incrementOnceLocked(ref, i%4 != 0)
			if err != nil {
				e.Errorf("increment: %v", err)
				return
			}
		}
	})
	e.holds(ref, fmt.Sprintf(`{"n":%d}`, callers*each))
}

func (e *env) incrementOnceLocked(ref store.Ref, locked bool) error {
	if !locked {
		return e.incrementOnce(ref)
	}
	_, err := e.locker().SaveLocked(e.ctx, ref, func(r store.Record) (store.Change, error) { return increment(r), nil })
	return err
}

func lockedPanic(e *env) {
	ref := e.created(set("a", `1`))
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					e.Error("the panic of fn did not reach the caller")
				}
			}()
			_, _ = e.locker().SaveLocked(e.ctx, ref, func(store.Record) (store.Change, error) { panic("fn") })
		}()
	}
	e.save(ref, set("b", `2`))
	e.holds(ref, `{"a":1,"b":2}`)
}

func lockedContext(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref)
	_, err := e.locker().SaveLocked(ended(e.ctx), ref, func(store.Record) (store.Change, error) { return set("a", `2`), nil })
	if err == nil {
		e.Error("SaveLocked with an ended context succeeded")
	}
	e.unchanged(ref, before)
}

// during runs fn beside a function that holds the row's lock, which ends with it, or when it has taken too long.
func (e *env) during(ref store.Ref, fn func()) (store.Saved, error) {
	done := make(chan struct{})
	var once sync.Once
	return e.locker().SaveLocked(e.ctx, ref, func(store.Record) (store.Change, error) {
		once.Do(func() {
			go func() {
				defer close(done)
				fn()
			}()
		})
		select {
		case <-done:
		case <-time.After(e.patience):
			e.Error("other sessions have to wait for the function")
		}
		return set("locked", `true`), nil
	})
}

func lockedAlone(e *env) {
	held, other, doomed := e.created(set("a", `1`)), e.created(set("a", `1`)), e.created(set("a", `1`))
	saved, err := e.during(held, func() {
		_, created := e.Store.Create(e.ctx, e.ref(), set("a", `1`))
		_, loaded := e.Store.Load(e.ctx, other)
		_, kept := e.Store.Save(e.ctx, other, set("b", `2`))
		_, locked := e.locker().SaveLocked(e.ctx, other, func(store.Record) (store.Change, error) { return set("c", `3`), nil })
		_, touched := e.Store.Touch(e.ctx, other)
		if err := errors.Join(created, loaded, kept, locked, touched, e.Store.Delete(e.ctx, doomed)); err != nil {
			e.Errorf("beside a locked save: %v", err)
		}
	})
	e.must(err, "SaveLocked")
	if saved.Version != 2 {
		e.Errorf("the locked save made version %d, want 2", saved.Version)
	}
	e.holds(held, `{"a":1,"locked":true}`)
	e.holds(other, `{"a":1,"b":2,"c":3}`)
}

func lockedAndDestroyed(e *env) {
	for range rounds(10) {
		ref := e.created(set("a", `1`))
		deleted := make(chan error, 1)
		_, err := e.locker().SaveLocked(e.ctx, ref, func(store.Record) (store.Change, error) {
			go func() { deleted <- e.Store.Delete(e.ctx, ref) }()
			return set("b", `2`), nil
		})
		if err != nil {
			e.failed(err, store.ErrGone, ref, "SaveLocked")
		}
		e.must(<-deleted, "Delete")
		e.refuses(ref, store.ErrGone)
		e.absent(ref)
	}
}

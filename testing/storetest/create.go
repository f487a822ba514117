package storetest

import (
	"errors"
	"sync/atomic"

	"github.com/simples-go/sessions/session/store"
)

func createRules() []rule {
	return []rule{
		{
			name: "a creation only inserts",
			text: "Create of a key that is taken is ErrExists and leaves the row as it is, whoever asks.",
			test: createOnlyInserts,
		},
		{
			name: "an expired row is not created over",
			text: "Create is ErrExists also if the row has expired and was not collected yet; the row stays dead.",
			test: createOverExpired,
		},
		{
			name: "a key is taken before data is too large",
			text: "Create of a key that is taken is ErrExists also if its data exceeds Policy.MaxBytes.",
			test: createTooLargeOver,
		},
		{
			name: "one of many parallel creations wins",
			text: "Of parallel Creates of one key exactly one succeeds, and the others are ErrExists.",
			test: parallelCreate,
		},
		{
			name: "a creation says what it made",
			text: "Create returns version 1, the creation's time, an expiry of now plus the idle timeout, and the clock.",
			test: createSaved,
		},
		{
			name: "an empty session is an empty object",
			text: "A Create that sets nothing gives a row whose data is {}.",
			test: createEmpty,
		},
	}
}

func createOnlyInserts(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref)
	_, err := e.Store.Create(e.ctx, ref, set("b", `2`))
	e.failed(err, store.ErrExists, ref, "Create with the same secret")
	other := ref
	other.Hash = newHash()
	_, err = e.Store.Create(e.ctx, other, set("b", `2`))
	e.failed(err, store.ErrExists, other, "Create with another secret")
	e.unchanged(ref, before)
	e.refuses(other, store.ErrGone)
}

func createOverExpired(e *env) {
	ref := e.created(set("a", `1`))
	e.Advance(idle)
	_, err := e.Store.Create(e.ctx, ref, set("b", `2`))
	e.failed(err, store.ErrExists, ref, "Create")
	e.refuses(ref, store.ErrGone)
}

func createTooLargeOver(e *env) {
	ref := e.created(set("a", `1`))
	ref.Policy.MaxBytes = 8
	_, err := e.Store.Create(e.ctx, ref, set("a", `"0123456789"`))
	e.failed(err, store.ErrExists, ref, "Create")
	e.holds(ref, `{"a":1}`)
}

func parallelCreate(e *env) {
	ref := e.ref()
	var won atomic.Int32
	e.parallel(16, func(int) {
		_, err := e.Store.Create(e.ctx, ref, set("a", `1`))
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, store.ErrExists) {
			e.Errorf("Create: %v", err)
		}
	})
	if won.Load() != 1 {
		e.Errorf("%d creations of one key succeeded", won.Load())
	}
	e.holds(ref, `{"a":1}`)
}

func createSaved(e *env) {
	saved := e.create(e.ref(), set("a", `1`))
	if saved.Version != 1 || !saved.CreatedAt.Equal(saved.Now) || !saved.ExpiresAt.Equal(saved.Now.Add(idle)) {
		e.Errorf("got %+v", saved)
	}
	if saved.Folded || len(saved.Ended) != 0 {
		e.Errorf("a creation by itself is neither folded nor does it end sessions: %+v", saved)
	}
}

func createEmpty(e *env) { e.holds(e.created(store.Change{}), `{}`) }

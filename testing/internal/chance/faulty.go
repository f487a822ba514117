package chance

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// errMade is a failure of the store that says nothing.
var errMade = errors.New("a failure made by chance")

// faulty is a store whose calls take their time, and of which some fail: before they have done anything, or after they
// have done it all.
type faulty struct {
	Store
	seq *atomic.Int64 // numbers what happens in its order

	mu       sync.Mutex
	rand     *rand.Rand
	faults   int                  // of a hundred calls
	replaced map[store.Hash]int64 // when a rotation had replaced a secret
	rotated  map[any]bool         // requests whose statement has rotated a row
	tried    map[any]bool         // and those whose statement may have
}

func newFaulty(r *Round, faults int) *faulty {
	return &faulty{
		Store: r.Store, seq: new(atomic.Int64), faults: faults, rand: rand.New(rand.NewPCG(r.Seed, 2)),
		replaced: map[store.Hash]int64{}, rotated: map[any]bool{}, tried: map[any]bool{},
	}
}

// calm has nothing go wrong any more.
func (f *faulty) calm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = 0
}

func (f *faulty) draw() (before, after time.Duration, fails int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const longest = int64(time.Millisecond)
	before, after = time.Duration(f.rand.Int64N(longest)), time.Duration(f.rand.Int64N(longest))
	if f.rand.IntN(100) < f.faults {
		fails = 1 + f.rand.IntN(2)
	}
	return before, after, fails
}

func disturbed[T any](ctx context.Context, f *faulty, call func() (T, error)) (T, error) {
	var none T
	before, after, fails := f.draw()
	if err := retry.Sleep(ctx, before); err != nil {
		return none, err
	}
	if fails == 1 {
		return none, errMade
	}
	got, err := call()
	if err != nil {
		return none, err
	}
	if err := retry.Sleep(ctx, after); err != nil {
		return none, err
	}
	if fails == 2 {
		return none, errMade
	}
	return got, nil
}

// requestKey is for the context of a request, whose value says which it is.
type requestKey struct{}

// note is called when the store has answered a change.
func (f *faulty) note(ctx context.Context, ref store.Ref, c store.Change, err error) {
	if c.Rotate == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	by := ctx.Value(requestKey{})
	f.tried[by] = true
	if err == nil {
		f.replaced[ref.Hash], f.rotated[by] = f.seq.Add(1), true
	}
}

// replacedAt returns when a rotation had replaced the secret; 0 if none has.
func (f *faulty) replacedAt(hash store.Hash) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.replaced[hash]
}

// rotations reports whether a statement of the request has rotated a row, and whether one may have.
func (f *faulty) rotations(request any) (surely, perhaps bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rotated[request], f.tried[request]
}

func (f *faulty) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	return disturbed(ctx, f, func() (store.Record, error) { return f.Store.Load(ctx, ref) })
}

func (f *faulty) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return disturbed(ctx, f, func() (store.Saved, error) { return f.Store.Create(ctx, ref, c) })
}

func (f *faulty) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return disturbed(ctx, f, func() (store.Saved, error) {
		saved, err := f.Store.Save(ctx, ref, c)
		f.note(ctx, ref, c, err)
		return saved, err
	})
}

func (f *faulty) SaveLocked(ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error)) (
	store.Saved, error,
) {
	return disturbed(ctx, f, func() (store.Saved, error) { return f.Store.SaveLocked(ctx, ref, fn) })
}

func (f *faulty) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	return disturbed(ctx, f, func() (store.Saved, error) { return f.Store.Touch(ctx, ref) })
}

func (f *faulty) Delete(ctx context.Context, ref store.Ref) error {
	_, err := disturbed(ctx, f, func() (struct{}, error) { return struct{}{}, f.Store.Delete(ctx, ref) })
	return err
}

package serve

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// whole is a store with all that the stores of this repository can do.
type whole interface {
	store.Store
	store.Locker
	store.Inspector
	store.Toucher
	store.Watcher
	store.Finder
}

// faulty is a store that fails when told: before it does what it was asked, or after.
type faulty struct {
	whole
	mu            sync.Mutex
	rnd           *rand.Rand
	before, after int // of 1000
	delay         time.Duration
}

func newFaulty(s store.Store, mistake string, seed uint64) *faulty {
	all, ok := s.(whole)
	if !ok {
		panic("a store that cannot do all")
	}
	return &faulty{whole: mistaken(all, mistake), rnd: rand.New(rand.NewPCG(seed, 1))}
}

func (f *faulty) fail(before, after int, delay time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after, f.delay = before, after, delay
}

// errMade matches nothing that the contract knows, as a database's errors do.
var errMade = errors.New("a failure made by the trial")

// draw decides what becomes of one call.
func (f *faulty) draw() (delay time.Duration, before, after error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.delay > 0 {
		delay = time.Duration(f.rnd.Int64N(int64(f.delay)))
	}
	if f.rnd.IntN(1000) < f.before {
		before = errMade
	}
	if f.rnd.IntN(1000) < f.after {
		after = errMade
	}
	return delay, before, after
}

// around makes a call, or fails before or after it.
func around[T any](ctx context.Context, f *faulty, call func() (T, error)) (T, error) {
	delay, before, after := f.draw()
	var none T
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
	if before != nil {
		return none, before
	}
	got, err := call()
	if after != nil {
		return none, after
	}
	return got, err
}

func (f *faulty) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	return around(ctx, f, func() (store.Record, error) { return f.whole.Load(ctx, ref) })
}

func (f *faulty) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return around(ctx, f, func() (store.Saved, error) { return f.whole.Create(ctx, ref, c) })
}

func (f *faulty) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return around(ctx, f, func() (store.Saved, error) { return f.whole.Save(ctx, ref, c) })
}

func (f *faulty) SaveLocked(ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error)) (
	store.Saved, error,
) {
	return around(ctx, f, func() (store.Saved, error) { return f.whole.SaveLocked(ctx, ref, fn) })
}

func (f *faulty) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	return around(ctx, f, func() (store.Saved, error) { return f.whole.Touch(ctx, ref) })
}

func (f *faulty) Delete(ctx context.Context, ref store.Ref) error {
	_, err := around(ctx, f, func() (struct{}, error) { return struct{}{}, f.whole.Delete(ctx, ref) })
	return err
}

func (f *faulty) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	return around(ctx, f, func() ([]store.Handle, error) { return f.whole.Revoke(ctx, which) })
}

func (f *faulty) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	return around(ctx, f, func() ([]store.Record, error) { return f.whole.Inspect(ctx, keys) })
}

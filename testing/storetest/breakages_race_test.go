package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/simples-go/sessions/session/store"
)

// float64s makes values what they are to a store that decodes numbers as float64.
func float64s(_ *store.Ref, c *store.Change) {
	c.Set = maps.Clone(c.Set)
	for key, value := range c.Set {
		var v any
		if json.Unmarshal(value, &v) == nil {
			c.Set[key], _ = json.Marshal(v)
		}
	}
}

// every replaces Save by one that pretends every nth time.
func every(n int32) breakage {
	return func(b *broken) {
		var calls atomic.Int32
		b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
			if calls.Add(1)%n == 0 {
				r, err := b.Store.Load(ctx, ref)
				return store.Saved{Version: r.Version + 1}, err
			}
			return b.Store.Save(ctx, ref, c)
		}
	}
}

func brokenRaces() map[string]breakage {
	return map[string]breakage{
		"values: every value comes back equal":                 saving(float64s),
		"values: big integers and small floats are exact":      creating(float64s),
		"races: parallel saves of different keys lose nothing": every(10),
		"races: parallel increments count them all":            every(5),
		"races: a save beside a destroy brings nothing back":   saved(revive),
		"races: a rotation beside saves and loads": saving(func(_ *store.Ref, c *store.Change) {
			if c.Rotate != nil {
				c.Set = nil
			}
		}),
		"races: of two rotations one wins": func(b *broken) {
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				return b.Store.Save(ctx, b.anyHash(ref), c)
			}
		},
		"races: a clear beside a set": saving(func(_ *store.Ref, c *store.Change) { c.Clear = false }),
		"races: parallel touches and saves keep both": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			r, err := b.Store.Load(bg, ref)
			return r.Saved(r.Now), err
		}),
		"failure: an ended context is an error and writes nothing": func(b *broken) {
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				_, _ = b.Store.Save(context.WithoutCancel(ctx), ref, c)
				return store.Saved{}, ctx.Err()
			}
		},
	}
}

type lockedFunc = func(store.Record) (store.Change, error)

func locking(lock func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error)) breakage {
	return func(b *broken) {
		b.onLocked = func(ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
			return lock(b, ctx, ref, fn)
		}
	}
}

func brokenLocks() map[string]breakage {
	return map[string]breakage{
		"locker: a locked save reads, decides and writes in one step": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				return b.Store.SaveLocked(ctx, ref, func(r store.Record) (store.Change, error) {
					r.Version = 0
					return fn(r)
				})
			}),
		"locker: an error of the function is returned and nothing written": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				s, err := b.Store.SaveLocked(ctx, ref, fn)
				if err != nil {
					err = fmt.Errorf("saving: %w", err)
				}
				return s, err
			}),
		"locker: a locked save of a dead session is gone": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				change, _ := fn(store.Record{})
				return b.Store.Save(ctx, ref, change)
			}),
		"locker: what a save refuses, a locked save refuses": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				ref.Policy.MaxBytes = 0
				return b.Store.SaveLocked(ctx, ref, fn)
			}),
		"locker: locked increments count them all": func(b *broken) {
			var calls atomic.Int32
			b.onLocked = func(ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				if calls.Add(1)%5 == 0 {
					return store.Saved{}, nil
				}
				return b.Store.SaveLocked(ctx, ref, fn)
			}
		},
		"locker: a function that panics leaves no lock behind": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (s store.Saved, err error) {
				defer func() { _ = recover() }()
				return b.Store.SaveLocked(ctx, ref, fn)
			}),
		"locker: a locked save holds up no other session": func(b *broken) {
			var one sync.Mutex // as if the whole table had one lock
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				one.Lock()
				defer one.Unlock()
				return b.Store.Save(ctx, ref, c)
			}
			b.onLocked = func(ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				one.Lock()
				defer one.Unlock()
				return b.Store.SaveLocked(ctx, ref, fn)
			}
		},
		"locker: a session can be ended while its lock is held": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				s, err := b.Store.SaveLocked(ctx, ref, fn)
				for exists := error(nil); exists == nil; _, exists = b.Store.Load(ctx, ref) {
					runtime.Gosched()
				}
				_, created := b.Store.Create(ctx, ref, store.Change{})
				return s, errors.Join(err, created)
			}),
		"locker: a locked save with an ended context writes nothing": locking(
			func(b *broken, ctx context.Context, ref store.Ref, fn lockedFunc) (store.Saved, error) {
				return b.Store.SaveLocked(context.WithoutCancel(ctx), ref, fn)
			}),
	}
}

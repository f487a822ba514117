package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session"
)

type breakage = func(*broken)

// breakages has for each rule a store that breaks it.
func breakages() map[string]breakage {
	all := map[string]breakage{}
	for _, part := range []map[string]breakage{
		brokenLoads(), brokenCreates(), brokenSaves(), brokenVersions(), brokenSizes(), brokenTouches(), brokenDeletes(), brokenExpiries(),
		brokenTimeouts(), brokenRotations(), brokenRaces(), brokenLocks(), brokenInspections(), brokenWatches(), brokenOwners(),
		brokenRevocations(), brokenLimits(), brokenCollectors(),
	} {
		maps.Copy(all, part)
	}
	return all
}

// saving replaces Save by one that changes what is asked for, then what is answered.
func saving(before func(*session.Ref, *session.Change)) breakage {
	return func(b *broken) {
		b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
			before(&ref, &c)
			return b.MemoryStore.Save(ctx, ref, c)
		}
	}
}

// saved replaces Save by one that does more after it.
func saved(after func(b *broken, ref session.Ref, c session.Change, s session.Saved, err error) (session.Saved, error)) breakage {
	return func(b *broken) {
		b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
			s, err := b.MemoryStore.Save(ctx, ref, c)
			return after(b, ref, c, s, err)
		}
	}
}

func creating(before func(*session.Ref, *session.Change)) breakage {
	return func(b *broken) {
		b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
			before(&ref, &c)
			return b.MemoryStore.Create(ctx, ref, c)
		}
	}
}

func loading(load func(b *broken, ref session.Ref) (session.Record, error)) breakage {
	return func(b *broken) {
		b.onLoad = func(_ context.Context, ref session.Ref) (session.Record, error) { return load(b, ref) }
	}
}

func touching(touch func(b *broken, ref session.Ref) (session.Saved, error)) breakage {
	return func(b *broken) {
		b.onTouch = func(_ context.Context, ref session.Ref) (session.Saved, error) { return touch(b, ref) }
	}
}

func deleting(del func(b *broken, ref session.Ref) error) breakage {
	return func(b *broken) { b.onDelete = func(_ context.Context, ref session.Ref) error { return del(b, ref) } }
}

var bg = context.Background()

// revive creates the row where a save has not found it.
func revive(b *broken, ref session.Ref, c session.Change, s session.Saved, err error) (session.Saved, error) {
	if errors.Is(err, session.ErrGone) && !errors.Is(err, session.ErrRotated) {
		c.IfVersion, c.Rotate = 0, nil
		if _, created := b.MemoryStore.Create(bg, ref, c); created == nil {
			return s, nil
		}
	}
	return s, err
}

func brokenLoads() map[string]breakage {
	return map[string]breakage{
		"load: a load returns what was stored": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			r, err := b.MemoryStore.Load(bg, ref)
			r.Owner = ""
			return r, err
		}),
		"load: what is unknown is gone": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			r, err := b.MemoryStore.Load(bg, ref)
			if err == session.ErrGone {
				err = nil
			}
			return r, err
		}),
		"load: a row answers only to its own secret": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			return b.MemoryStore.Load(bg, b.anyHash(ref))
		}),
		"load: a load changes nothing": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			_, _ = b.MemoryStore.Save(bg, ref, session.Change{})
			return b.MemoryStore.Load(bg, ref)
		}),
		"load: a store keeps its own copy": func(b *broken) {
			kept := map[string]json.RawMessage{}
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				kept = c.Set
				return b.MemoryStore.Create(ctx, ref, c)
			}
			b.onLoad = func(ctx context.Context, ref session.Ref) (session.Record, error) {
				r, err := b.MemoryStore.Load(ctx, ref)
				r.Data, _ = json.Marshal(kept)
				return r, err
			}
		},
		"load: corrupt data is an error of its own": func(*broken) {}, // the row is not made corrupt
	}
}

func brokenCreates() map[string]breakage {
	over := func(only error) breakage {
		return func(b *broken) {
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				s, err := b.MemoryStore.Create(ctx, ref, c)
				if _, dead := b.MemoryStore.Load(ctx, b.anyHash(ref)); err != nil && dead == only {
					_ = b.MemoryStore.Delete(ctx, b.anyHash(ref))
					return b.MemoryStore.Create(ctx, ref, c)
				}
				return s, err
			}
		}
	}
	return map[string]breakage{
		"create: a creation only inserts":            over(nil),
		"create: an expired row is not created over": over(session.ErrExpired),
		"create: one of many parallel creations wins": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				s, _ := b.MemoryStore.Create(ctx, ref, c)
				return s, nil
			}
		},
		"create: a creation says what it made": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				s, err := b.MemoryStore.Create(ctx, ref, c)
				s.ExpiresAt = s.CreatedAt
				return s, err
			}
		},
		"create: an empty session is an empty object": creating(func(_ *session.Ref, c *session.Change) { *c = set("a", `1`) }),
	}
}

func brokenSaves() map[string]breakage {
	return map[string]breakage{
		"save: a save merges by top-level key": saving(func(_ *session.Ref, c *session.Change) { c.Clear = true }),
		"save: null is a value": saving(func(_ *session.Ref, c *session.Change) {
			c.Set = maps.Clone(c.Set)
			for key, value := range c.Set {
				if string(value) == "null" {
					delete(c.Set, key)
					c.Delete = append(c.Delete, key)
				}
			}
		}),
		"save: a clear removes every key": saving(func(_ *session.Ref, c *session.Change) { c.Clear = false }),
		"save: any key goes": saving(func(_ *session.Ref, c *session.Change) {
			c.Delete = slices.DeleteFunc(slices.Clone(c.Delete), func(key string) bool { return strings.Contains(key, `"`) })
		}),
		"save: ten thousand keys go": saving(func(_ *session.Ref, c *session.Change) { c.Delete = c.Delete[:min(len(c.Delete), 999)] }),
		"save: a save only updates":  saved(revive),
		"save: a save says what the row has become": saved(
			func(_ *broken, _ session.Ref, _ session.Change, s session.Saved, err error) (session.Saved, error) {
				s.Version--
				return s, err
			}),
		"save: an owner is set and taken away": saving(func(_ *session.Ref, c *session.Change) {
			if c.Owner != nil && *c.Owner == "" {
				c.Owner = nil
			}
		}),
		"save: all of a change takes effect at once": saving(func(_ *session.Ref, c *session.Change) { c.Renew = false }),
	}
}

func brokenVersions() map[string]breakage {
	return map[string]breakage{
		"version: each save raises the version by one": func(b *broken) {
			b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				if r, err := b.MemoryStore.Load(ctx, ref); err == nil && !c.HasData() {
					return r.Saved(r.Now), nil
				}
				return b.MemoryStore.Save(ctx, ref, c)
			}
		},
		"version: a touch never raises the version": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			return b.MemoryStore.Save(bg, ref, session.Change{Extend: true})
		}),
		"version: a conditional save finds its version or writes nothing": saving(
			func(_ *session.Ref, c *session.Change) { c.IfVersion = 0 }),
		"version: a dead session is gone, not in conflict": saved(
			func(_ *broken, _ session.Ref, c session.Change, s session.Saved, err error) (session.Saved, error) {
				if err != nil && c.IfVersion != 0 {
					err = session.ErrConflict
				}
				return s, err
			}),
	}
}

func brokenSizes() map[string]breakage {
	return map[string]breakage{
		"size: the size limit holds to the byte": saving(func(ref *session.Ref, _ *session.Change) { ref.Policy.MaxBytes++ }),
		"size: the merged data is what counts":   saving(func(ref *session.Ref, _ *session.Change) { ref.Policy.MaxBytes *= 2 }),
		"size: a save that is too large writes nothing": saved(
			func(b *broken, ref session.Ref, c session.Change, s session.Saved, err error) (session.Saved, error) {
				if errors.Is(err, session.ErrTooLarge) {
					_, _ = b.MemoryStore.Save(bg, ref, session.Change{Owner: c.Owner})
				}
				return s, err
			}),
		"size: a lowered limit binds data alone": func(b *broken) {
			b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				r, _ := b.MemoryStore.Load(ctx, ref)
				if n, _ := session.Size(r.Data); n > ref.Policy.MaxBytes {
					return session.Saved{}, session.ErrTooLarge
				}
				return b.MemoryStore.Save(ctx, ref, c)
			}
		},
		"size: no limit is no limit": saving(func(ref *session.Ref, _ *session.Change) {
			if ref.Policy.MaxBytes == 0 {
				ref.Policy.MaxBytes = 1 << 20
			}
		}),
	}
}

func brokenTouches() map[string]breakage {
	return map[string]breakage{
		"touch: a touch extends by the idle timeout": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			r, err := b.MemoryStore.Load(bg, ref)
			return r.Saved(r.Now), err
		}),
		"touch: a touch below the step may wait": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			s, err := b.MemoryStore.Touch(bg, ref)
			s.ExpiresAt = s.ExpiresAt.Add(time.Millisecond)
			return s, err
		}),
		"touch: a touch never shortens": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			return b.MemoryStore.Save(bg, ref, session.Change{Idle: ptr(time.Duration(0))})
		}),
		"touch: a touch never passes the absolute end": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			ref.Policy.Absolute = 0
			return b.MemoryStore.Touch(bg, ref)
		}),
		"touch: a touch changes the expiry alone": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			_, _ = b.MemoryStore.Save(bg, ref, session.Change{Owner: ptr("")})
			return b.MemoryStore.Touch(bg, ref)
		}),
		"touch: only a save that extends moves the expiry": saving(func(_ *session.Ref, c *session.Change) { c.Extend = true }),
		"toucher: many are touched as one is": func(b *broken) {
			b.onTouches = func(context.Context, []session.Ref) error { return nil }
		},
		"toucher: the dead are passed over": func(b *broken) {
			b.onTouches = func(ctx context.Context, refs []session.Ref) error {
				for _, ref := range refs {
					if _, err := b.MemoryStore.Touch(ctx, ref); err != nil {
						return err
					}
				}
				return nil
			}
		},
		"toucher: parallel touches in any order get by": func(b *broken) {
			b.onTouches = func(ctx context.Context, refs []session.Ref) error {
				_, _ = b.MemoryStore.Save(ctx, refs[0], session.Change{Clear: true})
				return b.MemoryStore.TouchAll(ctx, refs)
			}
		},
	}
}

func brokenDeletes() map[string]breakage {
	return map[string]breakage{
		"delete: destroyed is final": saved(revive),
		"delete: a delete may be repeated": deleting(func(b *broken, ref session.Ref) error {
			if _, err := b.MemoryStore.Load(bg, ref); err != nil {
				return err
			}
			return b.MemoryStore.Delete(bg, ref)
		}),
		"delete: a delete removes expired rows": deleting(func(b *broken, ref session.Ref) error {
			if _, err := b.MemoryStore.Load(bg, ref); err != nil {
				return nil
			}
			return b.MemoryStore.Delete(bg, ref)
		}),
		"delete: a delete removes one row": func(b *broken) {
			var all []session.Ref
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				all = append(all, ref)
				return b.MemoryStore.Create(ctx, ref, c)
			}
			b.onDelete = func(ctx context.Context, _ session.Ref) error {
				for _, ref := range all {
					_ = b.MemoryStore.Delete(ctx, ref)
				}
				return nil
			}
		},
	}
}

// loadingAt replaces Load by one whose clock is wrong by d.
func loadingAt(d time.Duration) breakage {
	return loading(func(b *broken, ref session.Ref) (r session.Record, err error) {
		b.at(d, func() { r, err = b.MemoryStore.Load(bg, ref) })
		return r, err
	})
}

func brokenExpiries() map[string]breakage {
	return map[string]breakage{
		"expiry: an idle session dies":          loadingAt(-time.Minute),
		"expiry: alive a moment before the end": loadingAt(2 * time.Minute),
		"expiry: dead at the very instant of the expiry": loading(func(b *broken, ref session.Ref) (r session.Record, err error) {
			if r, err = b.MemoryStore.Load(bg, ref); errors.Is(err, session.ErrExpired) {
				b.at(-time.Millisecond, func() { r, err = b.MemoryStore.Load(bg, ref) })
			}
			return r, err
		}),
		"expiry: what is dead stays dead": saved(
			func(b *broken, ref session.Ref, c session.Change, s session.Saved, err error) (session.Saved, error) {
				if errors.Is(err, session.ErrExpired) && c.Renew {
					b.at(-idle, func() { s, err = b.MemoryStore.Save(bg, ref, c) })
				}
				return s, err
			}),
		"expiry: a shorter absolute lifetime holds at once": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			ref.Policy.Absolute = 0
			return b.MemoryStore.Load(bg, ref)
		}),
	}
}

func brokenTimeouts() map[string]breakage {
	return map[string]breakage{
		"timeouts: a row's own timeouts go before the policy's": creating(func(_ *session.Ref, c *session.Change) { c.Idle = nil }),
		"timeouts: setting a timeout computes the expiry anew":  saving(func(_ *session.Ref, c *session.Change) { c.Absolute = nil }),
		"timeouts: a timeout of zero is the manager's again": saving(func(_ *session.Ref, c *session.Change) {
			if c.Idle != nil && *c.Idle == 0 {
				c.Idle = nil
			}
		}),
		"timeouts: a changed configuration holds for living sessions": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			ref.Policy.Timeouts = session.Timeouts{Idle: idle, Absolute: 2 * idle}
			return b.MemoryStore.Touch(bg, ref)
		}),
		"timeouts: no absolute timeout is no end": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			if ref.Policy.Absolute == 0 {
				ref.Policy.Absolute = absolute
			}
			return b.MemoryStore.Touch(bg, ref)
		}),
		"timeouts: a renewal starts the lifetime again": saving(func(_ *session.Ref, c *session.Change) { c.Renew = c.Rotate != nil }),
	}
}

func brokenRotations() map[string]breakage {
	graceOf := func(grace func(time.Duration) time.Duration) breakage {
		return loading(func(b *broken, ref session.Ref) (session.Record, error) {
			ref.Policy.Grace = grace(ref.Policy.Grace)
			return b.MemoryStore.Load(bg, ref)
		})
	}
	return map[string]breakage{
		"rotation: a rotation closes the old secret and opens the new one": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			return b.MemoryStore.Load(bg, b.anyHash(ref))
		}),
		"rotation: the old secret deletes nothing": deleting(func(b *broken, ref session.Ref) error {
			return b.MemoryStore.Delete(bg, b.anyHash(ref))
		}),
		"rotation: after the grace the old secret is unknown": graceOf(func(d time.Duration) time.Duration { return d + time.Millisecond }),
		"rotation: no grace is none":                          graceOf(func(time.Duration) time.Duration { return grace }),
		"rotation: rotations follow one another":              graceOf(func(d time.Duration) time.Duration { return d * 9 / 10 }),
		"rotation: an expired session is expired for every secret": loading(func(b *broken, ref session.Ref) (session.Record, error) {
			r, err := b.MemoryStore.Load(bg, ref)
			if errors.Is(err, session.ErrExpired) && b.anyHash(ref).Hash != ref.Hash {
				err = session.ErrRotated
			}
			return r, err
		}),
	}
}

// float64s makes values what they are to a store that decodes numbers as float64.
func float64s(_ *session.Ref, c *session.Change) {
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
		b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
			if calls.Add(1)%n == 0 {
				r, err := b.MemoryStore.Load(ctx, ref)
				return session.Saved{Version: r.Version + 1}, err
			}
			return b.MemoryStore.Save(ctx, ref, c)
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
		"races: a rotation beside saves and loads": saving(func(_ *session.Ref, c *session.Change) {
			if c.Rotate != nil {
				c.Set = nil
			}
		}),
		"races: of two rotations one wins": func(b *broken) {
			b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				return b.MemoryStore.Save(ctx, b.anyHash(ref), c)
			}
		},
		"races: a clear beside a set": saving(func(_ *session.Ref, c *session.Change) { c.Clear = false }),
		"races: parallel touches and saves keep both": touching(func(b *broken, ref session.Ref) (session.Saved, error) {
			r, err := b.MemoryStore.Load(bg, ref)
			return r.Saved(r.Now), err
		}),
		"failure: an ended context is an error and writes nothing": func(b *broken) {
			b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				_, _ = b.MemoryStore.Save(context.WithoutCancel(ctx), ref, c)
				return session.Saved{}, ctx.Err()
			}
		},
	}
}

type lockedFunc = func(session.Record) (session.Change, error)

func locking(lock func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error)) breakage {
	return func(b *broken) {
		b.onLocked = func(ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
			return lock(b, ctx, ref, fn)
		}
	}
}

func brokenLocks() map[string]breakage {
	return map[string]breakage{
		"locker: a locked save reads, decides and writes in one step": locking(
			func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
				return b.MemoryStore.SaveLocked(ctx, ref, func(r session.Record) (session.Change, error) {
					r.Version = 0
					return fn(r)
				})
			}),
		"locker: an error of the function is returned and nothing written": locking(
			func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
				s, err := b.MemoryStore.SaveLocked(ctx, ref, fn)
				if err != nil {
					err = fmt.Errorf("saving: %w", err)
				}
				return s, err
			}),
		"locker: a locked save of a dead session is gone": locking(
			func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
				change, _ := fn(session.Record{})
				return b.MemoryStore.Save(ctx, ref, change)
			}),
		"locker: what a save refuses, a locked save refuses": locking(
			func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
				ref.Policy.MaxBytes = 0
				return b.MemoryStore.SaveLocked(ctx, ref, fn)
			}),
		"locker: locked increments count them all": func(b *broken) {
			var calls atomic.Int32
			b.onLocked = func(ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
				if calls.Add(1)%5 == 0 {
					return session.Saved{}, nil
				}
				return b.MemoryStore.SaveLocked(ctx, ref, fn)
			}
		},
		"locker: a function that panics leaves no lock behind": locking(
			func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (s session.Saved, err error) {
				defer func() { _ = recover() }()
				return b.MemoryStore.SaveLocked(ctx, ref, fn)
			}),
		"locker: a locked save with an ended context writes nothing": locking(
			func(b *broken, ctx context.Context, ref session.Ref, fn lockedFunc) (session.Saved, error) {
				return b.MemoryStore.SaveLocked(context.WithoutCancel(ctx), ref, fn)
			}),
	}
}

func inspecting(keys func([]session.Handle) []session.Handle, keep func(*session.Record) bool) breakage {
	return func(b *broken) {
		b.onInspect = func(ctx context.Context, all []session.Handle) ([]session.Record, error) {
			rows, err := b.MemoryStore.Inspect(ctx, keys(all))
			var kept []session.Record
			for _, r := range rows {
				if keep(&r) {
					kept = append(kept, r)
				}
			}
			return kept, err
		}
	}
}

func brokenInspections() map[string]breakage {
	same := func(keys []session.Handle) []session.Handle { return keys }
	return map[string]breakage{
		"inspector: an inspection shows the rows that exist": inspecting(same, func(r *session.Record) bool {
			r.Hash = session.Hash{}
			return true
		}),
		"inspector: an inspection shows the dead too": inspecting(same, func(r *session.Record) bool { return r.Now.Before(r.ExpiresAt) }),
		"inspector: many rows are inspected at once": inspecting(func(keys []session.Handle) []session.Handle {
			return keys[:min(len(keys), 1000)]
		}, func(*session.Record) bool { return true }),
	}
}

// watching replaces Watch by one that passes each event to tell.
func watching(tell func(event session.Event, fn func(session.Event))) breakage {
	return func(b *broken) {
		b.onWatch = func(ctx context.Context, fn func(session.Event)) error {
			return b.MemoryStore.Watch(ctx, func(event session.Event) { tell(event, fn) })
		}
	}
}

func brokenWatches() map[string]breakage {
	as := func(kind, other session.EventKind) breakage {
		return watching(func(event session.Event, fn func(session.Event)) {
			if event.Kind == kind {
				event.Kind = other
			}
			fn(event)
		})
	}
	return map[string]breakage{
		"watcher: a watch begins with a look": watching(func(event session.Event, fn func(session.Event)) {
			fn(session.Event{Kind: session.Changed})
			fn(event)
		}),
		"watcher: a watch ends with its context": func(b *broken) {
			b.onWatch = func(ctx context.Context, fn func(session.Event)) error {
				_ = b.MemoryStore.Watch(ctx, fn)
				return nil
			}
		},
		"watcher: what ends a session is told": as(session.Rotated, session.Changed),
		"watcher: a revocation is told":        as(session.Revoked, session.Destroyed),
		"watcher: what ends nothing is not told": watching(func(event session.Event, fn func(session.Event)) {
			if fn(event); event.Kind == session.Rotated {
				fn(event)
			}
		}),
		"watcher: one call at a time": watching(func(event session.Event, fn func(session.Event)) {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { fn(event) })
			}
			wg.Wait()
		}),
	}
}

func listing(list func(b *broken, owner string, keys []string, p session.Policy) ([]session.Record, error)) breakage {
	return func(b *broken) {
		b.onList = func(_ context.Context, owner string, keys []string, p session.Policy) ([]session.Record, error) {
			return list(b, owner, keys, p)
		}
	}
}

func brokenOwners() map[string]breakage {
	return map[string]breakage{
		"owner: an owner's sessions are listed newest first": listing(
			func(b *broken, owner string, keys []string, p session.Policy) ([]session.Record, error) {
				rows, err := b.MemoryStore.ListOwner(bg, owner, keys, p)
				slices.Reverse(rows)
				return rows, err
			}),
		"owner: a list shows the chosen entries and no secret": listing(
			func(b *broken, owner string, keys []string, p session.Policy) ([]session.Record, error) {
				rows, err := b.MemoryStore.ListOwner(bg, owner, append(keys, "secret"), p)
				return rows, err
			}),
		"owner: a list shows the living": listing(
			func(b *broken, owner string, keys []string, p session.Policy) ([]session.Record, error) {
				p.Absolute = 0
				return b.MemoryStore.ListOwner(bg, owner, keys, p)
			}),
		"owner: a list follows the owner": saving(func(_ *session.Ref, c *session.Change) { c.Owner = nil }),
	}
}

func brokenRevocations() map[string]breakage {
	revoking := func(change func(*session.Which)) breakage {
		return func(b *broken) {
			b.onRevoke = func(ctx context.Context, which session.Which) ([]session.Handle, error) {
				change(&which)
				return b.MemoryStore.Revoke(ctx, which)
			}
		}
	}
	return map[string]breakage{
		"owner: a revocation ends what it names": revoking(func(w *session.Which) { w.Except = session.Handle{} }),
		"owner: a revocation that names nothing ends nothing": revoking(func(w *session.Which) {
			if w.Owner == "" && w.Key.IsZero() {
				w.Owner, w.Except = "anna", session.Handle{}
			}
		}),
		"owner: revoked is final": saved(revive),
	}
}

func brokenLimits() map[string]breakage {
	limits := func(change func(*session.OwnerLimit)) breakage {
		return func(b *broken) {
			creating(func(ref *session.Ref, _ *session.Change) { change(&ref.Policy.Owner) })(b)
			saving(func(ref *session.Ref, _ *session.Change) { change(&ref.Policy.Owner) })(b)
		}
	}
	return map[string]breakage{
		"owner: a full owner is refused":               limits(func(l *session.OwnerLimit) { l.Max = 0 }),
		"owner: the limit holds under parallel logins": limits(func(l *session.OwnerLimit) { l.Max++ }),
		"owner: the oldest make room": saved(
			func(_ *broken, _ session.Ref, _ session.Change, s session.Saved, err error) (session.Saved, error) {
				s.Ended = nil
				return s, err
			}),
		"owner: the limit counts the living": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (s session.Saved, err error) {
				b.at(-idle, func() { s, err = b.MemoryStore.Create(ctx, ref, c) })
				return s, err
			}
		},
		"owner: the limit binds new owners alone": func(b *broken) {
			b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				if c.Owner != nil && ref.Policy.Owner.Max > 0 {
					return session.Saved{}, session.ErrOwnerLimit
				}
				return b.MemoryStore.Save(ctx, ref, c)
			}
		},
	}
}

func brokenCollectors() map[string]breakage {
	collecting := func(change func(*session.CollectOptions)) breakage {
		return func(b *broken) {
			b.onCollect = func(ctx context.Context, opts session.CollectOptions) (session.CollectReport, error) {
				change(&opts)
				return b.MemoryStore.Collect(ctx, opts)
			}
		}
	}
	large := collecting(func(opts *session.CollectOptions) { opts.Batch *= 2 })
	return map[string]breakage{
		"collector: a collector deletes what has expired":            collecting(func(opts *session.CollectOptions) { opts.Keep = idle }),
		"collector: a batch is no larger than it may be":             large,
		"collector: rows of one expiry are collected in batches too": large,
		"collector: expired rows are kept for a while":               collecting(func(opts *session.CollectOptions) { opts.Keep = 0 }),
		"collector: a dry run deletes nothing":                       collecting(func(opts *session.CollectOptions) { opts.DryRun = false }),
		"collector: a collector keeps to its time":                   collecting(func(opts *session.CollectOptions) { opts.MaxDuration = 0 }),
		"collector: a collector stops between batches": func(b *broken) {
			b.onCollect = func(ctx context.Context, opts session.CollectOptions) (session.CollectReport, error) {
				return b.MemoryStore.Collect(context.WithoutCancel(ctx), opts)
			}
		},
		"collector: collectors side by side": func(b *broken) {
			b.onCollect = func(ctx context.Context, opts session.CollectOptions) (session.CollectReport, error) {
				report, err := b.MemoryStore.Collect(ctx, opts)
				report.Deleted *= 2
				return report, err
			}
		},
		"collector: no collector deletes a live session": func(b *broken) {
			b.onCollect = func(ctx context.Context, opts session.CollectOptions) (report session.CollectReport, err error) {
				b.at(idle, func() { report, err = b.MemoryStore.Collect(ctx, opts) })
				return report, err
			}
		},
	}
}

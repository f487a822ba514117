package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"github.com/simples-go/sessions/session/store"
)

type breakage = func(*broken)

// breakages has for each rule a store that breaks it.
func breakages() map[string]breakage {
	all := map[string]breakage{}
	for _, part := range []map[string]breakage{
		brokenLoads(), brokenCreates(), brokenSaves(), brokenVersions(), brokenSizes(), brokenTouches(), brokenDeletes(), brokenExpiries(),
		brokenTimeouts(), brokenRotations(), brokenRaces(), brokenLocks(), brokenInspections(), brokenWatches(), brokenOwners(),
		brokenRevocations(), brokenLimits(), brokenCollectors(), brokenAccesses(), brokenAttributes(), brokenSelectors(), brokenClocks(),
	} {
		maps.Copy(all, part)
	}
	return all
}

// saving replaces Save by one that changes what is asked for, then what is answered.
func saving(before func(*store.Ref, *store.Change)) breakage {
	return func(b *broken) {
		b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
			before(&ref, &c)
			return b.Store.Save(ctx, ref, c)
		}
	}
}

// saved replaces Save by one that does more after it.
func saved(after func(b *broken, ref store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error)) breakage {
	return func(b *broken) {
		b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
			s, err := b.Store.Save(ctx, ref, c)
			return after(b, ref, c, s, err)
		}
	}
}

func creating(before func(*store.Ref, *store.Change)) breakage {
	return func(b *broken) {
		b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
			before(&ref, &c)
			return b.Store.Create(ctx, ref, c)
		}
	}
}

func loading(load func(b *broken, ref store.Ref) (store.Record, error)) breakage {
	return func(b *broken) {
		b.onLoad = func(_ context.Context, ref store.Ref) (store.Record, error) { return load(b, ref) }
	}
}

func touching(touch func(b *broken, ref store.Ref) (store.Saved, error)) breakage {
	return func(b *broken) {
		b.onTouch = func(_ context.Context, ref store.Ref) (store.Saved, error) { return touch(b, ref) }
	}
}

func deleting(del func(b *broken, ref store.Ref) error) breakage {
	return func(b *broken) { b.onDelete = func(_ context.Context, ref store.Ref) error { return del(b, ref) } }
}

var bg = context.Background()

// revive creates the row where a save has not found it.
func revive(b *broken, ref store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error) {
	if errors.Is(err, store.ErrGone) && !errors.Is(err, store.ErrRotated) {
		c.IfVersion, c.Rotate = 0, nil
		if _, created := b.Store.Create(bg, ref, c); created == nil {
			return s, nil
		}
	}
	return s, err
}

func brokenLoads() map[string]breakage {
	return map[string]breakage{
		"load: a load returns what was stored": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			r, err := b.Store.Load(bg, ref)
			r.Owner = ""
			return r, err
		}),
		"load: what is unknown is gone": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			r, err := b.Store.Load(bg, ref)
			if err == store.ErrGone {
				err = nil
			}
			return r, err
		}),
		"load: a row answers only to its own secret": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			return b.Store.Load(bg, b.anyHash(ref))
		}),
		"load: a load changes nothing": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			_, _ = b.Store.Save(bg, ref, store.Change{})
			return b.Store.Load(bg, ref)
		}),
		"load: a store keeps its own copy": func(b *broken) {
			kept := map[string]json.RawMessage{}
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				kept = c.Set
				return b.Store.Create(ctx, ref, c)
			}
			b.onLoad = func(ctx context.Context, ref store.Ref) (store.Record, error) {
				r, err := b.Store.Load(ctx, ref)
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
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				s, err := b.Store.Create(ctx, ref, c)
				if _, dead := b.Store.Load(ctx, b.anyHash(ref)); err != nil && dead == only {
					_ = b.Store.Delete(ctx, b.anyHash(ref))
					return b.Store.Create(ctx, ref, c)
				}
				return s, err
			}
		}
	}
	return map[string]breakage{
		"create: a creation only inserts":            over(nil),
		"create: an expired row is not created over": over(store.ErrExpired),
		"create: a key is taken before data is too large": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				if _, err := store.NewRecord(ref, c, time.Now()); err != nil {
					return store.Saved{}, err
				}
				return b.Store.Create(ctx, ref, c)
			}
		},
		"create: one of many parallel creations wins": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				s, _ := b.Store.Create(ctx, ref, c)
				return s, nil
			}
		},
		"create: a creation says what it made": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				s, err := b.Store.Create(ctx, ref, c)
				s.ExpiresAt = s.CreatedAt
				return s, err
			}
		},
		"create: an empty session is an empty object": creating(func(_ *store.Ref, c *store.Change) { *c = set("a", `1`) }),
	}
}

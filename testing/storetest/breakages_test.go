package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
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
		"create: a key is taken before data is too large": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				if _, err := session.NewRecord(ref, c, time.Now()); err != nil {
					return session.Saved{}, err
				}
				return b.MemoryStore.Create(ctx, ref, c)
			}
		},
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

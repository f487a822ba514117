package storetest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/simples-go/sessions/session/store"
)

func brokenSaves() map[string]breakage {
	return map[string]breakage{
		"save: a save merges by top-level key": saving(func(_ *store.Ref, c *store.Change) { c.Clear = true }),
		"save: null is a value": saving(func(_ *store.Ref, c *store.Change) {
			c.Set = maps.Clone(c.Set)
			for key, value := range c.Set {
				if string(value) == "null" {
					delete(c.Set, key)
					c.Delete = append(c.Delete, key)
				}
			}
		}),
		"save: a clear removes every key": saving(func(_ *store.Ref, c *store.Change) { c.Clear = false }),
		"save: any key goes": saving(func(_ *store.Ref, c *store.Change) {
			c.Delete = slices.DeleteFunc(slices.Clone(c.Delete), func(key string) bool { return strings.Contains(key, `"`) })
		}),
		"save: ten thousand keys go": saving(func(_ *store.Ref, c *store.Change) { c.Delete = c.Delete[:min(len(c.Delete), 999)] }),
		"save: a save only updates":  saved(revive),
		"save: a save says what the row has become": saved(
			func(_ *broken, _ store.Ref, _ store.Change, s store.Saved, err error) (store.Saved, error) {
				s.Version--
				return s, err
			}),
		"save: an owner is set and taken away": saving(func(_ *store.Ref, c *store.Change) {
			if c.Owner != nil && *c.Owner == "" {
				c.Owner = nil
			}
		}),
		"save: all of a change takes effect at once": saving(func(_ *store.Ref, c *store.Change) { c.Renew = false }),
	}
}

func brokenAttributes() map[string]breakage {
	return map[string]breakage{
		"attributes: an attribute is set and taken away": saving(func(_ *store.Ref, c *store.Change) {
			if c.Tag != nil && *c.Tag == "" {
				c.Tag = nil
			}
		}),
		"attributes: attributes stay": saving(func(_ *store.Ref, c *store.Change) {
			if c.Rotate != nil {
				c.Device = ptr([]byte(nil))
			}
		}),
		"attributes: an authentication has its time": saving(func(_ *store.Ref, c *store.Change) {
			c.Authenticate = c.Authenticate || c.Renew
		}),
		"attributes: any device goes": creating(func(_ *store.Ref, c *store.Change) {
			c.Device = ptr([]byte(strings.ToValidUTF8(string(*c.Device), "?")))
		}),
		"attributes: attributes are set together with the data": saved(
			func(b *broken, ref store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error) {
				if errors.Is(err, store.ErrTooLarge) {
					_, _ = b.Store.Save(bg, ref, store.Change{Device: c.Device})
				}
				return s, err
			}),
	}
}

func brokenVersions() map[string]breakage {
	return map[string]breakage{
		"version: each save raises the version by one": func(b *broken) {
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				if r, err := b.Store.Load(ctx, ref); err == nil && !c.HasData() {
					return r.Saved(r.Now), nil
				}
				return b.Store.Save(ctx, ref, c)
			}
		},
		"version: a touch never raises the version": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			return b.Store.Save(bg, ref, store.Change{Extend: true})
		}),
		"version: a conditional save finds its version or writes nothing": saving(
			func(_ *store.Ref, c *store.Change) { c.IfVersion = 0 }),
		"version: a dead session is gone, not in conflict": saved(
			func(_ *broken, _ store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error) {
				if err != nil && c.IfVersion != 0 {
					err = store.ErrConflict
				}
				return s, err
			}),
	}
}

func brokenSizes() map[string]breakage {
	return map[string]breakage{
		"size: the size limit holds to the byte": saving(func(ref *store.Ref, _ *store.Change) { ref.Policy.MaxBytes++ }),
		"size: the merged data is what counts":   saving(func(ref *store.Ref, _ *store.Change) { ref.Policy.MaxBytes *= 2 }),
		"size: a save that is too large writes nothing": saved(
			func(b *broken, ref store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error) {
				if errors.Is(err, store.ErrTooLarge) {
					_, _ = b.Store.Save(bg, ref, store.Change{Owner: c.Owner})
				}
				return s, err
			}),
		"size: a lowered limit binds data alone": func(b *broken) {
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				r, _ := b.Store.Load(ctx, ref)
				if n, _ := store.Size(r.Data); n > ref.Policy.MaxBytes {
					return store.Saved{}, store.ErrTooLarge
				}
				return b.Store.Save(ctx, ref, c)
			}
		},
		"size: no limit is no limit": saving(func(ref *store.Ref, _ *store.Change) {
			if ref.Policy.MaxBytes == 0 {
				ref.Policy.MaxBytes = 1 << 20
			}
		}),
	}
}

package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

func inspecting(keys func([]store.Handle) []store.Handle, keep func(*store.Record) bool) breakage {
	return func(b *broken) {
		b.onInspect = func(ctx context.Context, all []store.Handle) ([]store.Record, error) {
			rows, err := b.Store.Inspect(ctx, keys(all))
			var kept []store.Record
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
	same := func(keys []store.Handle) []store.Handle { return keys }
	return map[string]breakage{
		"inspector: an inspection shows the rows that exist": inspecting(same, func(r *store.Record) bool {
			r.Hash = store.Hash{}
			return true
		}),
		"inspector: an inspection shows the dead too": inspecting(same, func(r *store.Record) bool { return r.Now.Before(r.ExpiresAt) }),
		"inspector: many rows are inspected at once": inspecting(func(keys []store.Handle) []store.Handle {
			return keys[:min(len(keys), 1000)]
		}, func(*store.Record) bool { return true }),
	}
}

// watching replaces Watch by one that passes each event to tell.
func watching(tell func(event store.Event, fn func(store.Event))) breakage {
	return func(b *broken) {
		b.onWatch = func(ctx context.Context, fn func(store.Event)) error {
			return b.Store.Watch(ctx, func(event store.Event) { tell(event, fn) })
		}
	}
}

func brokenWatches() map[string]breakage {
	as := func(kind, other store.EventKind) breakage {
		return watching(func(event store.Event, fn func(store.Event)) {
			if event.Kind == kind {
				event.Kind = other
			}
			fn(event)
		})
	}
	return map[string]breakage{
		"watcher: a watch begins with a look": watching(func(event store.Event, fn func(store.Event)) {
			fn(store.Event{Kind: store.Changed})
			fn(event)
		}),
		"watcher: a watch ends with its context": func(b *broken) {
			b.onWatch = func(ctx context.Context, fn func(store.Event)) error {
				_ = b.Store.Watch(ctx, fn)
				return nil
			}
		},
		"watcher: what ends a session is told": as(store.Rotated, store.Changed),
		"watcher: a revocation is told":        as(store.Revoked, store.Destroyed),
		"watcher: what ends nothing is not told": watching(func(event store.Event, fn func(store.Event)) {
			if fn(event); event.Kind == store.Rotated {
				fn(event)
			}
		}),
		"watcher: one call at a time": watching(func(event store.Event, fn func(store.Event)) {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { fn(event) })
			}
			wg.Wait()
		}),
	}
}

func listing(list func(b *broken, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error)) breakage {
	return func(b *broken) {
		b.onList = func(_ context.Context, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
			return list(b, owner, keys, p)
		}
	}
}

func brokenOwners() map[string]breakage {
	return map[string]breakage{
		"owner: an owner's sessions are listed newest first": listing(
			func(b *broken, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				rows, err := b.Store.Find(bg, owner, keys, p)
				slices.Reverse(rows)
				return rows, err
			}),
		"owner: a list shows the chosen entries and no secret": listing(
			func(b *broken, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				rows, err := b.Store.Find(bg, owner, append(keys, "secret"), p)
				return rows, err
			}),
		"owner: a list shows the living": listing(
			func(b *broken, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				p.Absolute = 0
				return b.Store.Find(bg, owner, keys, p)
			}),
		"owner: a list shows any number of entries": listing(
			func(b *broken, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				return b.Store.Find(bg, owner, keys[:min(len(keys), 1664)], p)
			}),
		"owner: who cannot be has nothing": listing(
			func(b *broken, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				if !utf8.ValidString(owner.Owner) {
					return nil, session.ErrValue
				}
				return b.Store.Find(bg, owner, keys, p)
			}),
		"owner: a list follows the owner": saving(func(_ *store.Ref, c *store.Change) { c.Owner = nil }),
	}
}

func brokenRevocations() map[string]breakage {
	revoking := func(change func(*store.Selector)) breakage {
		return func(b *broken) {
			b.onRevoke = func(ctx context.Context, which store.Selector) ([]store.Handle, error) {
				change(&which)
				return b.Store.Revoke(ctx, which)
			}
		}
	}
	return map[string]breakage{
		"owner: a revocation ends what it names": revoking(func(w *store.Selector) { w.Except = store.Handle{} }),
		"owner: a revocation that names nothing ends nothing": revoking(func(w *store.Selector) {
			if w.Owner == "" && w.Key.IsZero() {
				w.Owner, w.Except = "anna", store.Handle{}
			}
		}),
		"owner: revoked is final": saved(revive),
	}
}

func brokenSelectors() map[string]breakage {
	revoking := func(change func(*store.Selector)) breakage {
		return func(b *broken) {
			b.onRevoke = func(ctx context.Context, s store.Selector) ([]store.Handle, error) {
				change(&s)
				return b.Store.Revoke(ctx, s)
			}
		}
	}
	return map[string]breakage{
		"selector: a list has what its selector selects": listing(
			func(b *broken, s store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				if s.Owner != "" {
					s.Tag = ""
				}
				return b.Store.Find(bg, s, keys, p)
			}),
		"selector: a revocation ends what its selector selects": revoking(func(s *store.Selector) { s.Realm = "" }),
		"selector: a prefix selects owners": revoking(func(s *store.Selector) {
			s.OwnerPrefix = strings.TrimSuffix(s.OwnerPrefix, "/")
		}),
		"selector: a list follows the tag": saving(func(_ *store.Ref, c *store.Change) {
			if c.Tag != nil && *c.Tag == "" {
				c.Tag = nil
			}
		}),
		"selector: realms separate owners": creating(func(ref *store.Ref, _ *store.Change) { ref.Policy.Realm = "site" }),
		"selector: all are many": func(b *broken) {
			b.onRevoke = func(ctx context.Context, s store.Selector) ([]store.Handle, error) {
				ended, err := b.Store.Revoke(ctx, s)
				return ended[:min(len(ended), 1000)], err
			}
		},
	}
}

func brokenLimits() map[string]breakage {
	limits := func(change func(*store.OwnerLimit)) breakage {
		return func(b *broken) {
			creating(func(ref *store.Ref, _ *store.Change) { change(&ref.Policy.Owner) })(b)
			saving(func(ref *store.Ref, _ *store.Change) { change(&ref.Policy.Owner) })(b)
		}
	}
	return map[string]breakage{
		"owner: a full owner is refused":               limits(func(l *store.OwnerLimit) { l.Max = 0 }),
		"owner: the limit holds under parallel logins": limits(func(l *store.OwnerLimit) { l.Max++ }),
		"owner: the oldest make room": saved(
			func(_ *broken, _ store.Ref, _ store.Change, s store.Saved, err error) (store.Saved, error) {
				s.Ended = nil
				return s, err
			}),
		"owner: the limit counts the living": func(b *broken) {
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (s store.Saved, err error) {
				b.at(-idle, func() { s, err = b.Store.Create(ctx, ref, c) })
				return s, err
			}
		},
		"owner: the limit is looked at last": func(b *broken) {
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				if others, _ := b.Store.Find(ctx, store.Selector{Owner: *c.Owner}, nil, ref.Policy); len(others) >= ref.Policy.Owner.Max {
					return store.Saved{}, store.ErrOwnerLimit
				}
				return b.Store.Save(ctx, ref, c)
			}
		},
		"owner: the limit binds new owners alone": func(b *broken) {
			b.onSave = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				if c.Owner != nil && ref.Policy.Owner.Max > 0 {
					return store.Saved{}, store.ErrOwnerLimit
				}
				return b.Store.Save(ctx, ref, c)
			}
		},
	}
}

func brokenCollectors() map[string]breakage {
	collecting := func(change func(*store.CollectOptions)) breakage {
		return func(b *broken) {
			b.onCollect = func(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
				change(&opts)
				return b.Store.Collect(ctx, opts)
			}
		}
	}
	large := collecting(func(opts *store.CollectOptions) { opts.Batch *= 2 })
	return map[string]breakage{
		"collector: a collector deletes what has expired":            collecting(func(opts *store.CollectOptions) { opts.Keep = idle }),
		"collector: a batch is no larger than it may be":             large,
		"collector: rows of one expiry are collected in batches too": large,
		"collector: expired rows are kept for a while":               collecting(func(opts *store.CollectOptions) { opts.Keep = 0 }),
		"collector: a dry run deletes nothing":                       collecting(func(opts *store.CollectOptions) { opts.DryRun = false }),
		"collector: a collector keeps to its time":                   collecting(func(opts *store.CollectOptions) { opts.MaxDuration = 0 }),
		"collector: a collector pauses between batches":              collecting(func(opts *store.CollectOptions) { opts.Pause = -1 }),
		"collector: options that make no sense are refused": collecting(func(opts *store.CollectOptions) {
			opts.Batch, opts.Keep, opts.MaxDuration = max(0, min(opts.Batch, 1000)), max(0, opts.Keep), max(0, opts.MaxDuration)
		}),
		"collector: a collector stops between batches": func(b *broken) {
			b.onCollect = func(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
				return b.Store.Collect(context.WithoutCancel(ctx), opts)
			}
		},
		"collector: collectors side by side": func(b *broken) {
			b.onCollect = func(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
				report, err := b.Store.Collect(ctx, opts)
				report.Deleted *= 2
				return report, err
			}
		},
		"collector: no collector deletes a live session": collectLate,
	}
}

// collectLate makes a collector choose rows that are about to expire and delete those that are kept alive afterwards, since
// it does not look a second time.
func collectLate(b *broken) {
	var mu sync.Mutex
	created, chosen := []store.Handle{}, map[store.Handle]time.Time{}
	b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
		mu.Lock()
		defer mu.Unlock()
		created = append(created, ref.Key)
		return b.Store.Create(ctx, ref, c)
	}
	b.onCollect = func(ctx context.Context, _ store.CollectOptions) (store.CollectReport, error) {
		mu.Lock()
		defer mu.Unlock()
		rows, err := b.Store.Inspect(ctx, created)
		for _, r := range rows {
			expiry, ok := chosen[r.Key]
			if !ok && r.ExpiresAt.Sub(r.Now) < time.Minute {
				chosen[r.Key] = r.ExpiresAt
			} else if ok && r.ExpiresAt.After(expiry) {
				_ = b.Store.Delete(ctx, store.Ref{Key: r.Key, Hash: r.Hash})
			}
		}
		return store.CollectReport{}, err
	}
}

package storetest

import (
	"context"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/simples-go/sessions/session"
)

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
		"owner: a list shows any number of entries": listing(
			func(b *broken, owner string, keys []string, p session.Policy) ([]session.Record, error) {
				return b.MemoryStore.ListOwner(bg, owner, keys[:min(len(keys), 1664)], p)
			}),
		"owner: who cannot be has nothing": listing(
			func(b *broken, owner string, keys []string, p session.Policy) ([]session.Record, error) {
				if !utf8.ValidString(owner) {
					return nil, session.ErrValue
				}
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
		"owner: the limit is looked at last": func(b *broken) {
			b.onSave = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
				if others, _ := b.MemoryStore.ListOwner(ctx, *c.Owner, nil, ref.Policy); len(others) >= ref.Policy.Owner.Max {
					return session.Saved{}, session.ErrOwnerLimit
				}
				return b.MemoryStore.Save(ctx, ref, c)
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
		"collector: a collector pauses between batches":              collecting(func(opts *session.CollectOptions) { opts.Pause = -1 }),
		"collector: options that make no sense are refused": collecting(func(opts *session.CollectOptions) {
			opts.Batch, opts.Keep, opts.MaxDuration = max(0, min(opts.Batch, 1000)), max(0, opts.Keep), max(0, opts.MaxDuration)
		}),
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
		"collector: no collector deletes a live session": collectLate,
	}
}

// collectLate has a collector choose rows that are about to expire and delete them some time later without a second look.
func collectLate(b *broken) {
	var mu sync.Mutex
	created, chosen := []session.Handle{}, map[session.Handle]time.Time{}
	b.onCreate = func(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
		mu.Lock()
		defer mu.Unlock()
		created = append(created, ref.Key)
		return b.MemoryStore.Create(ctx, ref, c)
	}
	b.onCollect = func(ctx context.Context, _ session.CollectOptions) (session.CollectReport, error) {
		mu.Lock()
		defer mu.Unlock()
		rows, err := b.MemoryStore.Inspect(ctx, created)
		for _, r := range rows {
			since, ok := chosen[r.Key]
			if !ok && r.ExpiresAt.Sub(r.Now) < 100*time.Millisecond {
				chosen[r.Key] = r.Now
			} else if ok && r.Now.Sub(since) > 100*time.Millisecond {
				_ = b.MemoryStore.Delete(ctx, session.Ref{Key: r.Key, Hash: r.Hash})
			}
		}
		return session.CollectReport{}, err
	}
}

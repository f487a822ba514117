package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func brokenTouches() map[string]breakage {
	return map[string]breakage{
		"touch: a touch extends by the idle timeout": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			r, err := b.Store.Load(bg, ref)
			return r.Saved(r.Now), err
		}),
		"touch: a touch follows the row's own timeout": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			r, err := b.Store.Load(bg, ref)
			if err != nil || r.Extended(ref.Policy, r.Now).Sub(r.ExpiresAt) < ref.Policy.Step {
				return r.Saved(r.Now), err
			}
			return b.Store.Touch(bg, ref)
		}),
		"touch: a touch never shortens": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			return b.Store.Save(bg, ref, store.Change{Idle: ptr(time.Duration(0))})
		}),
		"touch: a touch never passes the absolute end": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			ref.Policy.Absolute = 0
			return b.Store.Touch(bg, ref)
		}),
		"touch: a touch changes the two times alone": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			_, _ = b.Store.Save(bg, ref, store.Change{Owner: ptr("")})
			return b.Store.Touch(bg, ref)
		}),
		"touch: only a save that extends moves the expiry": saving(func(_ *store.Ref, c *store.Change) { c.Extend = true }),
		"toucher: many are touched as one is": func(b *broken) {
			b.onTouches = func(context.Context, []store.Ref) error { return nil }
		},
		"toucher: the dead are passed over": func(b *broken) {
			b.onTouches = func(ctx context.Context, refs []store.Ref) error {
				for _, ref := range refs {
					if _, err := b.Store.Touch(ctx, ref); err != nil {
						return err
					}
				}
				return nil
			}
		},
		"toucher: parallel touches in any order get by": func(b *broken) {
			b.onTouches = func(ctx context.Context, refs []store.Ref) error {
				_, _ = b.Store.Save(ctx, refs[0], store.Change{Clear: true})
				return b.Store.TouchAll(ctx, refs)
			}
		},
	}
}

func brokenDeletes() map[string]breakage {
	return map[string]breakage{
		"delete: destroyed is final": saved(revive),
		"delete: a delete may be repeated": deleting(func(b *broken, ref store.Ref) error {
			if _, err := b.Store.Load(bg, ref); err != nil {
				return err
			}
			return b.Store.Delete(bg, ref)
		}),
		"delete: a delete removes expired rows": deleting(func(b *broken, ref store.Ref) error {
			if _, err := b.Store.Load(bg, ref); err != nil {
				return nil
			}
			return b.Store.Delete(bg, ref)
		}),
		"delete: a delete removes one row": func(b *broken) {
			var all []store.Ref
			b.onCreate = func(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
				all = append(all, ref)
				return b.Store.Create(ctx, ref, c)
			}
			b.onDelete = func(ctx context.Context, _ store.Ref) error {
				for _, ref := range all {
					_ = b.Store.Delete(ctx, ref)
				}
				return nil
			}
		},
	}
}

// loadingAt replaces Load by one whose clock is wrong by d.
func loadingAt(d time.Duration) breakage {
	return loading(func(b *broken, ref store.Ref) (r store.Record, err error) {
		b.at(d, func() { r, err = b.Store.Load(bg, ref) })
		return r, err
	})
}

func brokenExpiries() map[string]breakage {
	return map[string]breakage{
		"expiry: an idle session dies":          loadingAt(-time.Minute),
		"expiry: alive a moment before the end": loadingAt(2 * time.Minute),
		"expiry: dead at the very instant of the expiry": loading(func(b *broken, ref store.Ref) (r store.Record, err error) {
			if r, err = b.Store.Load(bg, ref); errors.Is(err, store.ErrExpired) {
				b.at(-3*time.Millisecond, func() { r, err = b.Store.Load(bg, ref) })
			}
			return r, err
		}),
		"expiry: what is dead stays dead": saved(
			func(b *broken, ref store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error) {
				if errors.Is(err, store.ErrExpired) && c.Renew {
					b.at(-idle, func() { s, err = b.Store.Save(bg, ref, c) })
				}
				return s, err
			}),
		"expiry: a shorter absolute lifetime holds at once": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			ref.Policy.Absolute = 0
			return b.Store.Load(bg, ref)
		}),
	}
}

func brokenTimeouts() map[string]breakage {
	return map[string]breakage{
		"timeouts: a row's own timeouts go before the policy's": creating(func(_ *store.Ref, c *store.Change) { c.Idle = nil }),
		"timeouts: setting a timeout computes the expiry anew":  saving(func(_ *store.Ref, c *store.Change) { c.Absolute = nil }),
		"timeouts: a timeout of zero is the manager's again": saving(func(_ *store.Ref, c *store.Change) {
			if c.Idle != nil && *c.Idle == 0 {
				c.Idle = nil
			}
		}),
		"timeouts: a changed configuration holds for living sessions": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			ref.Policy.Timeouts = store.Timeouts{Idle: idle, Absolute: 2 * idle}
			return b.Store.Touch(bg, ref)
		}),
		"timeouts: no absolute timeout is no end": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			if ref.Policy.Absolute == 0 {
				ref.Policy.Absolute = absolute
			}
			return b.Store.Touch(bg, ref)
		}),
		"timeouts: a renewal starts the lifetime again": saving(func(_ *store.Ref, c *store.Change) { c.Renew = c.Rotate != nil }),
	}
}

func brokenRotations() map[string]breakage {
	graceOf := func(grace func(time.Duration) time.Duration) breakage {
		return loading(func(b *broken, ref store.Ref) (store.Record, error) {
			ref.Policy.Grace = grace(ref.Policy.Grace)
			return b.Store.Load(bg, ref)
		})
	}
	// formerOf answers by some of the former hashes alone.
	formerOf := func(keep func([]store.Hash) []store.Hash) breakage {
		return loading(func(b *broken, ref store.Ref) (store.Record, error) {
			r, err := b.Store.Load(bg, ref)
			rows, _ := b.Store.Inspect(bg, []store.Handle{ref.Key})
			if saysMore(err) && len(rows) == 1 && !slices.Contains(keep(rows[0].Former), ref.Hash) {
				err = store.ErrGone
			}
			return r, err
		})
	}
	return map[string]breakage{
		"rotation: a rotation closes the old secret and opens the new one": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			return b.Store.Load(bg, b.anyHash(ref))
		}),
		"rotation: the old secret deletes nothing": deleting(func(b *broken, ref store.Ref) error {
			return b.Store.Delete(bg, b.anyHash(ref))
		}),
		"rotation: after the grace the old secret is reused": graceOf(func(d time.Duration) time.Duration { return d + 3*time.Millisecond }),
		"rotation: no grace is none":                         graceOf(func(time.Duration) time.Duration { return grace }),
		"rotation: rotations follow one another":             graceOf(func(d time.Duration) time.Duration { return d * 9 / 10 }),
		"rotation: only who had a former secret hears of it": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			r, err := b.Store.Load(bg, ref)
			if rows, _ := b.Store.Inspect(bg, []store.Handle{ref.Key}); err == store.ErrGone && len(rows) == 1 && !rows[0].RotatedAt.IsZero() {
				err = store.ErrRotated
			}
			return r, err
		}),
		"rotation: some former secrets are kept": formerOf(func(f []store.Hash) []store.Hash { return f[:min(len(f), 1)] }),
		"rotation: a rotation after the grace forgets the secrets before": saving(func(ref *store.Ref, _ *store.Change) {
			ref.Policy.Grace = time.Hour
		}),
		"rotation: an expired session is expired for every secret": loading(func(b *broken, ref store.Ref) (store.Record, error) {
			r, err := b.Store.Load(bg, ref)
			if errors.Is(err, store.ErrExpired) && b.anyHash(ref).Hash != ref.Hash {
				err = store.ErrRotated
			}
			return r, err
		}),
	}
}

func brokenAccesses() map[string]breakage {
	touchingUnder := func(change func(*store.Policy)) breakage {
		return touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			change(&ref.Policy)
			return b.Store.Touch(bg, ref)
		})
	}
	unlimited := loading(func(b *broken, ref store.Ref) (store.Record, error) {
		ref.Policy.IdleLimit = 0
		return b.Store.Load(bg, ref)
	})
	return map[string]breakage{
		"access: an access has its time": saved(
			func(b *broken, ref store.Ref, c store.Change, s store.Saved, err error) (store.Saved, error) {
				if c.Rotate != nil {
					return b.Store.Save(bg, ref, store.Change{Extend: true})
				}
				return s, err
			}),
		"access: a touch that is not due writes nothing": touchingUnder(func(p *store.Policy) { p.Step = 0 }),
		"access: a touch near the absolute end is written": touching(func(b *broken, ref store.Ref) (store.Saved, error) {
			r, err := b.Store.Load(bg, ref)
			if err != nil || r.Extended(ref.Policy, r.Now).Sub(r.ExpiresAt) < ref.Policy.Step {
				return r.Saved(r.Now), err
			}
			return b.Store.Touch(bg, ref)
		}),
		"access: accesses are recorded if the policy says so": touchingUnder(func(p *store.Policy) { p.RecordAccess = false }),
		"access: a stricter idle limit holds":                 unlimited,
		"access: an idle limit ends at its instant":           unlimited,
		"access: who is past the idle limit is not listed": listing(
			func(b *broken, s store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				p.IdleLimit = 0
				return b.Store.Find(bg, s, keys, p)
			}),
	}
}

// late makes the clock show another time than that of the rows.
func late(d time.Duration) breakage {
	return func(b *broken) {
		b.onNow = func(ctx context.Context) (time.Time, error) {
			now, err := b.Store.Now(ctx)
			return now.Add(-d), err
		}
	}
}

func brokenClocks() map[string]breakage {
	return map[string]breakage{
		"clock: the clock is that of the rows": late(time.Minute),
		"clock: an entry ends by the clock":    late(2 * time.Hour),
		"clock: what is read knows when": func(b *broken) {
			b.onList = func(ctx context.Context, s store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
				rows, err := b.Store.Find(ctx, s, keys, p)
				for i := range rows {
					rows[i].Now = time.Time{}
				}
				return rows, err
			}
		},
		"clock: what has ended is removed with a version alone": saving(func(_ *store.Ref, c *store.Change) {
			c.Delete = append(c.Delete, c.EndedEntries...)
		}),
	}
}

package storetest

import (
	"slices"

	"github.com/simples-go/sessions/session/store"
)

func toucherRules() []rule {
	return []rule{
		{
			name: "many are touched as one is", needs: Toucher,
			text: "TouchAll extends each session as Touch would, by its own timeouts and its asker's policy, and raises no version.",
			test: touchesAll,
		},
		{
			name: "the dead are passed over", needs: Toucher,
			text: "Sessions that are unknown, destroyed, expired or rotated are no error of TouchAll, and are not woken.",
			test: touchesPassOver,
		},
		{
			name: "parallel touches in any order get by", needs: Toucher,
			text: "TouchAll of the same sessions in different orders, beside saves, neither deadlocks nor loses data.",
			test: touchesParallel,
		},
	}
}

func (e *env) touchAll(refs ...store.Ref) {
	e.Helper()
	e.must(e.Store.(store.Toucher).TouchAll(e.ctx, refs), "TouchAll")
}

func touchesAll(e *env) {
	plain := e.created(set("a", `1`))
	own := e.created(store.Change{Idle: ptr(3 * idle)})
	ends := e.created(store.Change{Absolute: ptr(idle * 5 / 4)})
	short := e.created(store.Change{})
	short.Policy.Idle = idle / 4
	e.Advance(idle / 2)
	untouched := e.load(short)
	e.touchAll(plain, own, ends, short)
	for _, c := range []struct {
		ref  store.Ref
		want store.Timeouts // the idle timeout, and where it applies the absolute one
	}{{plain, store.Timeouts{Idle: idle}}, {own, store.Timeouts{Idle: 3 * idle}}} {
		r := e.load(c.ref)
		if left := r.ExpiresAt.Sub(r.Now); left > c.want.Idle || left < c.want.Idle-e.policy.Step || r.Version != 1 {
			e.Errorf("version %d, %v left, want all of %v", r.Version, left, c.want.Idle)
		}
	}
	if r := e.load(ends); !r.ExpiresAt.Equal(r.CreatedAt.Add(idle * 5 / 4)) {
		e.Errorf("created %v, touched to %v, which is not the absolute end", r.CreatedAt, r.ExpiresAt)
	}
	e.unchanged(short, untouched)
	e.touchAll()
}

func touchesPassOver(e *env) {
	expired := e.created(set("a", `1`))
	e.Advance(idle)
	alive, destroyed, old := e.created(store.Change{}), e.created(store.Change{}), e.created(store.Change{})
	e.delete(destroyed)
	next := e.rotate(old, store.Change{})
	e.Advance(idle / 2)
	before := e.load(next)
	e.touchAll(e.ref(), expired, destroyed, old, alive)
	e.unchanged(next, before)
	e.refuses(expired, store.ErrGone)
	e.refuses(destroyed, store.ErrGone)
	if r := e.load(alive); r.ExpiresAt.Sub(r.Now) < idle-e.policy.Step {
		e.Errorf("the live session among the dead was not touched, it has %v left", r.ExpiresAt.Sub(r.Now))
	}
}

func touchesParallel(e *env) {
	refs := make([]store.Ref, 40)
	for i := range refs {
		refs[i] = e.created(set("n", `0`))
	}
	for range rounds(10) {
		e.Advance(idle / 4)
		e.parallel(6, func(i int) {
			mine := slices.Clone(refs)
			switch i {
			case 0:
				slices.Reverse(mine)
			case 1:
				mine = slices.Concat(mine[20:], mine[:20])
			case 2, 3:
				_, err := e.Store.Save(e.ctx, refs[i], set("n", `1`))
				if err != nil {
					e.Errorf("Save: %v", err)
				}
			}
			if err := e.Store.(store.Toucher).TouchAll(e.ctx, mine); err != nil {
				e.Errorf("TouchAll: %v", err)
			}
		})
	}
	e.holds(refs[0], `{"n":0}`)
	e.holds(refs[2], `{"n":1}`)
}

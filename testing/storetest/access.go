package storetest

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

func accessRules() []rule {
	return []rule{
		{
			name: "an access has its time",
			text: "AccessedAt is now after Create, a Touch that is due, and a Save with Extend, Renew, Idle or Absolute; any other Save " +
				"leaves it. Saved has it as the row does.",
			test: accessHasTime,
		},
		{
			name: "a touch that is not due writes nothing",
			text: "If Record.TouchDue says no, a Touch succeeds, and AccessedAt and ExpiresAt stay as they are.",
			test: touchNotDue,
		},
		{
			name: "a touch near the absolute end is written",
			text: "A step after the last access a Touch is written although the absolute end lets it gain less than a step, so that " +
				"the session reaches that end; it is not written once it gains nothing.",
			test: touchNearEnd,
		},
		{
			name: "accesses are recorded if the policy says so",
			text: "With Policy.RecordAccess a Touch is written a step after the last access although it gains nothing, and the step is " +
				"at most the policy's if the row has an idle timeout of its own.",
			test: recordsAccess,
		},
		{
			name: "a stricter idle limit holds",
			text: "With Policy.IdleLimit, a session that was last accessed that long ago is ErrExpired to Load, Save and Touch, " +
				"although it opens without; an access by anybody makes it open again. Delete removes it in any case.",
			test: idleLimit,
		},
		{
			name: "an idle limit ends at its instant",
			text: "At the millisecond of the last access plus Policy.IdleLimit the session is refused, one before it opens.",
			test: idleLimitInstant,
		},
		{
			name: "who is past the idle limit is not listed", needs: Finder,
			text: "Find leaves out what its policy's IdleLimit refuses. An OwnerLimit counts it: other managers let it in.",
			test: idleLimitListed,
		},
	}
}

// accessed checks when the row was accessed, as a write has just said and as a Load finds it.
func (e *env) accessed(ref store.Ref, saved store.Saved, at time.Time, what string) {
	e.Helper()
	if !saved.AccessedAt.Equal(at) {
		e.Errorf("%s: accessed at %v, want %v", what, saved.AccessedAt, at)
	}
	if r := e.load(ref); !r.AccessedAt.Equal(saved.AccessedAt) {
		e.Errorf("%s: the row was accessed at %v, the write said %v", what, r.AccessedAt, saved.AccessedAt)
	}
}

func accessHasTime(e *env) {
	ref := e.ref()
	saved := e.create(ref, set("a", `1`))
	e.accessed(ref, saved, saved.Now, "Create")
	for what, change := range map[string]store.Change{
		"Extend": {Extend: true}, "Renew": {Renew: true}, "Idle": {Idle: ptr(2 * idle)}, "Absolute": {Absolute: ptr(2 * absolute)},
	} {
		e.Advance(time.Minute)
		saved = e.save(ref, change)
		e.accessed(ref, saved, saved.Now, what)
	}
	for what, change := range map[string]store.Change{
		"nothing": {}, "data": set("b", `2`), "Clear": {Clear: true}, "Rotate": {Rotate: ptr(ref.Hash)}, "Owner": {Owner: ptr("anna")},
		"Tag": {Tag: ptr("t")}, "Device": {Device: ptr([]byte("d"))}, "Authenticate": {Authenticate: true},
		"Persistence": {Persistence: ptr(store.NonPersistent)},
	} {
		e.Advance(time.Minute)
		before := e.load(ref)
		e.accessed(ref, e.save(ref, change), before.AccessedAt, what)
	}
	e.Advance(idle / 2)
	saved = e.touch(ref)
	e.accessed(ref, saved, saved.Now, "Touch")
}

// touches checks that a touch of the row is written, or that it is not. It says when the row then expires.
func (e *env) touches(ref store.Ref, due bool, what string) (expires time.Time) {
	e.Helper()
	before := e.load(ref)
	saved := e.touch(ref)
	if !due {
		if !saved.AccessedAt.Equal(before.AccessedAt) || !saved.ExpiresAt.Equal(before.ExpiresAt) {
			e.Errorf("%s: a touch that is not due says accessed %v, expires %v", what, saved.AccessedAt, saved.ExpiresAt)
		}
		e.unchanged(ref, before)
		return before.ExpiresAt
	}
	e.accessed(ref, saved, saved.Now, what)
	if r := e.load(ref); !r.ExpiresAt.Equal(saved.ExpiresAt) {
		e.Errorf("%s: the row expires at %v, the touch said %v", what, r.ExpiresAt, saved.ExpiresAt)
	}
	return saved.ExpiresAt
}

func touchNotDue(e *env) {
	ref := e.created(set("a", `1`))
	e.touches(ref, false, "at once")
	e.Advance(e.policy.Step / 2)
	e.touches(ref, false, "half a step after the creation")
	e.Advance(e.policy.Step)
	e.touches(ref, true, "more than a step after it")
	e.Advance(e.policy.Step / 2)
	e.touches(ref, false, "half a step after a touch")

	own := e.created(store.Change{Idle: ptr(4 * idle)})
	e.Advance(2 * e.policy.Step)
	e.touches(own, false, "half of the row's own step")
	short := e.created(set("a", `1`))
	short.Policy.Idle = idle / 4
	e.Advance(2 * e.policy.Step)
	e.touches(short, false, "under a shorter idle timeout")
}

func touchNearEnd(e *env) {
	ref, step := e.ref(), e.policy.Step
	ref.Policy.Absolute = idle + step/2
	created := e.create(ref, set("a", `1`)).CreatedAt
	e.Advance(step / 2)
	e.touches(ref, false, "half a step after the last access, with half a step to gain")
	e.Advance(step / 2)
	expires := e.touches(ref, true, "a step after the last access, with half a step to gain")
	if r := e.load(ref); !expires.Equal(r.CreatedAt.Add(idle + step/2)) {
		e.Errorf("created at %v, touched to %v, want the absolute end", created, expires)
	}
	e.Advance(2 * step)
	e.touches(ref, false, "two steps later, with nothing to gain")
}

func recordsAccess(e *env) {
	ref, step := e.ref(), e.policy.Step
	ref.Policy.Absolute, ref.Policy.RecordAccess = idle, true
	e.create(ref, set("a", `1`))
	e.Advance(step / 2)
	e.touches(ref, false, "half a step after the creation")
	e.Advance(step)
	before := e.load(ref)
	if expires := e.touches(ref, true, "more than a step after it, with nothing to gain"); !expires.Equal(before.ExpiresAt) {
		e.Errorf("the recorded access has moved the expiry from %v to %v", before.ExpiresAt, expires)
	}

	own := e.ref()
	own.Policy.RecordAccess = true
	e.create(own, store.Change{Idle: ptr(4 * idle)})
	e.Advance(step)
	e.touches(own, true, "the policy's step, under a longer idle timeout of the row's own")
	short := e.ref()
	short.Policy.RecordAccess = true
	e.create(short, store.Change{Idle: ptr(idle / 4)})
	e.Advance(step / 2)
	e.touches(short, true, "the row's own step, which is shorter")
}

func idleLimit(e *env) {
	ref := e.created(set("a", `1`))
	strict := ref
	strict.Policy.IdleLimit = idle / 4
	e.Advance(idle/4 - time.Minute)
	e.load(strict)
	e.Advance(time.Minute)
	e.refuses(strict, store.ErrExpired)
	e.holds(ref, `{"a":1}`)
	e.touch(ref)
	e.holds(strict, `{"a":1}`)
	e.Advance(idle / 4)
	e.save(ref, set("b", `2`))
	e.refuses(strict, store.ErrExpired)
	e.delete(strict)
	e.refuses(ref, store.ErrGone)
}

func idleLimitInstant(e *env) {
	limit := time.Minute
	for what, call := range map[string]func(store.Ref) error{
		"Load":  func(ref store.Ref) error { _, err := e.Store.Load(e.ctx, ref); return err },
		"Save":  func(ref store.Ref) error { _, err := e.Store.Save(e.ctx, ref, store.Change{}); return err },
		"Touch": func(ref store.Ref) error { _, err := e.Store.Touch(e.ctx, ref); return err },
	} {
		e.atInstant(what+" at the idle limit", func() (time.Time, func() error) {
			ref := e.ref()
			ref.Policy.IdleLimit, ref.Policy.Step = limit, time.Hour
			return e.create(ref, store.Change{}).AccessedAt.Add(limit), func() error { return call(ref) }
		}, nil, store.ErrExpired)
	}
}

func idleLimitListed(e *env) {
	idler := e.owned("anna")
	e.Advance(idle / 4)
	active := e.owned("anna")
	e.lists("anna", active, idler)
	e.policy.IdleLimit = idle / 4
	e.lists("anna", active)
	third := e.limited(store.OwnerLimit{Max: 2})
	e.create(third, store.Change{})
	_, err := e.Store.Save(e.ctx, third, store.Change{Owner: ptr("anna")})
	e.failed(err, store.ErrOwnerLimit, third, "Save")
}

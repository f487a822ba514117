package storetest

import (
	"slices"

	"github.com/simples-go/sessions/session/store"
)

func revokeRules() []rule {
	return []rule{
		{
			name: "a revocation ends what it names", needs: Finder,
			text: "Revoke ends the sessions for which every field of Selector but Except holds, returns them, and leaves all others.",
			test: revokes,
		},
		{
			name: "a revocation that names nothing ends nothing", needs: Finder,
			text: "Without All, Owner, Tag and Key nothing is revoked, which is no error.",
			test: revokesNothing,
		},
		{
			name: "revoked is final", needs: Finder,
			text: "After a revocation, saves and touches bring nothing back.",
			test: revokedIsFinal,
		},
	}
}

func revokes(e *env) {
	for name, c := range map[string]struct {
		which func(a1, a2, a3, b store.Handle) store.Selector
		ended []int // of a1, a2, a3, b
	}{
		"all of an owner": {func(_, _, _, _ store.Handle) store.Selector { return store.Selector{Owner: "anna"} }, []int{0, 1, 2}},
		"all but one": {func(_, a2, _, _ store.Handle) store.Selector {
			return store.Selector{Owner: "anna", Except: a2}
		}, []int{0, 2}},
		"one": {func(a1, _, _, _ store.Handle) store.Selector { return store.Selector{Key: a1} }, []int{0}},
		"one of the owner": {func(_, _, a3, _ store.Handle) store.Selector {
			return store.Selector{Owner: "anna", Key: a3}
		}, []int{2}},
		"one of another owner": {func(_, _, _, b store.Handle) store.Selector {
			return store.Selector{Owner: "anna", Key: b}
		}, nil},
		"one but that one": {func(a1, _, _, _ store.Handle) store.Selector {
			return store.Selector{Key: a1, Except: a1}
		}, nil},
		"all but one of another owner": {func(_, _, _, b store.Handle) store.Selector {
			return store.Selector{Owner: "anna", Except: b}
		}, []int{0, 1, 2}},
		"nobody's":    {func(_, _, _, _ store.Handle) store.Selector { return store.Selector{Owner: "nobody"} }, nil},
		"unknown key": {func(_, _, _, _ store.Handle) store.Selector { return store.Selector{Key: store.Handle{1}} }, nil},
	} {
		e.revokesOnly(name, c.which, c.ended)
	}
}

func (e *env) revokesOnly(name string, which func(a1, a2, a3, b store.Handle) store.Selector, want []int) {
	refs := []store.Ref{e.owned("anna"), e.owned("anna"), e.owned("anna"), e.owned("bert"), e.created(store.Change{})}
	got, err := e.finder().Revoke(e.ctx, which(refs[0].Key, refs[1].Key, refs[2].Key, refs[3].Key))
	e.must(err, "Revoke of "+name)
	if len(got) != len(want) {
		e.Errorf("%s: %d sessions were ended, want %d", name, len(got), len(want))
	}
	for i, ref := range refs {
		if !slices.Contains(want, i) {
			_, err := e.Store.Load(e.ctx, ref)
			e.must(err, "Load of one that must stay, after a Revoke of "+name)
			e.delete(ref)
			continue
		}
		e.refuses(ref, store.ErrGone)
		e.absent(ref)
		if !slices.Contains(got, ref.Key) {
			e.Errorf("%s: session %d was ended and not returned", name, i)
		}
	}
}

func revokesNothing(e *env) {
	owned, free := e.owned("anna"), e.created(store.Change{})
	for _, which := range []store.Selector{{}, {Except: owned.Key}, {Realm: owned.Policy.Realm}} {
		ended, err := e.finder().Revoke(e.ctx, which)
		e.must(err, "Revoke of nothing")
		if len(ended) != 0 {
			e.Errorf("%+v ended %v", which, ended)
		}
	}
	e.load(owned)
	e.load(free)
}

func revokedIsFinal(e *env) {
	for range rounds(20) {
		ref := e.owned("anna")
		e.parallel(6, func(i int) {
			var err error
			if i == 3 {
				_, revoked := e.finder().Revoke(e.ctx, store.Selector{Owner: "anna"})
				if revoked != nil {
					e.Errorf("Revoke: %v", revoked)
				}
			} else {
				_, err = e.Store.Save(e.ctx, ref, store.Change{Set: set("a", `1`).Set, Extend: true})
			}
			if err != nil {
				e.failed(err, store.ErrGone, ref, "Save beside a revocation")
			}
		})
		e.refuses(ref, store.ErrGone)
		e.absent(ref)
	}
}

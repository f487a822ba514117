package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func selectorRules() []rule {
	return []rule{
		{
			name: "a list has what its selector selects", needs: Finder,
			text: "Find returns exactly the live sessions for which Selector.Matches holds, for every combination of its fields, and " +
				"each with its realm. A selector that is not Valid selects none, which is no error.",
			test: findsSelected,
		},
		{
			name: "a revocation ends what its selector selects", needs: Finder,
			text: "Revoke ends exactly the sessions for which Selector.Matches holds, and returns each once.",
			test: revokesSelected,
		},
		{
			name: "a prefix selects owners", needs: Finder,
			text: "Selector.OwnerPrefix selects the sessions whose owner begins with it byte by byte, together with all other fields: " +
				"it is no pattern, and A is not a. What is not valid UTF-8 selects none.",
			test: prefixSelects,
		},
		{
			name: "a list follows the tag", needs: Finder,
			text: "A session whose tag was changed or taken away is listed where it belongs. Any text is a tag.",
			test: listFollowsTag,
		},
		{
			name: "realms separate owners", needs: Finder,
			text: "The realm is that of the policy at Create and never changes. An OwnerLimit counts and ends the sessions that the " +
				"owner has in the realm of the session that joins them, and no others.",
			test: realmsSeparate,
		},
		{
			name: "all are many", needs: Finder,
			text: "Revoke with All ends any number of sessions, and a Find with All lists them, the newest first.",
			test: allAreMany,
		},
	}
}

// inRealm returns a name for a session of another realm.
func (e *env) inRealm(realm string) store.Ref {
	ref := e.ref()
	ref.Policy.Realm = realm
	return ref
}

// variety makes sessions of two realms, with and without owners and tags, and returns them as records.
func (e *env) variety() (all []store.Record) {
	for _, realm := range []string{"site", "admin"} {
		for _, owner := range []string{"", "anna", "bert"} {
			for _, tag := range []string{"", "t1", "t2"} {
				ref := e.inRealm(realm)
				e.create(ref, store.Change{Owner: &owner, Tag: &tag, Set: set("a", `1`).Set})
				all = append(all, store.Record{Key: ref.Key, Hash: ref.Hash, Realm: realm, Owner: owner, Tag: tag})
			}
		}
	}
	return all
}

// selectors returns selectors with every combination of fields; key and except are sessions' keys.
func selectors(key, except store.Handle) (all []store.Selector) {
	for _, realm := range []string{"", "site", "nowhere"} {
		for _, owner := range []string{"", "anna", "nobody"} {
			for _, tag := range []string{"", "t1", "none"} {
				for _, key := range []store.Handle{{}, key} {
					for _, except := range []store.Handle{{}, except} {
						for _, every := range []bool{false, true} {
							all = append(all, store.Selector{Realm: realm, Owner: owner, Tag: tag, Key: key, Except: except, All: every})
						}
					}
				}
			}
		}
	}
	return all
}

// selected returns the keys of the records that a selector selects, sorted.
func selected(s store.Selector, all []store.Record) (keys []store.Handle) {
	for i := range all {
		if s.Matches(&all[i]) {
			keys = append(keys, all[i].Key)
		}
	}
	return sorted(keys)
}

func sorted(keys []store.Handle) []store.Handle {
	slices.SortFunc(keys, func(a, b store.Handle) int { return slices.Compare(a[:], b[:]) })
	return keys
}

func findsSelected(e *env) {
	e.variety()
	e.Advance(idle)
	all := e.variety() // the first ones are dead
	realms := map[store.Handle]string{}
	for _, r := range all {
		realms[r.Key] = r.Realm
	}
	for _, s := range selectors(all[4].Key, all[5].Key) {
		rows, err := e.finder().Find(e.ctx, s, []string{"a"}, e.policy)
		e.must(err, "Find")
		for _, r := range rows {
			if r.Realm != realms[r.Key] || r.Hash != (store.Hash{}) || len(r.Former) != 0 {
				e.Errorf("%+v: listed %+v, which is of the realm %q", s, r, realms[r.Key])
			}
			e.sameData(r.Data, `{"a":1}`)
		}
		if got, want := sorted(keysOf(rows)), selected(s, all); !slices.Equal(got, want) {
			e.Errorf("%+v selects %d sessions, want %d", s, len(got), len(want))
		}
	}
}

func revokesSelected(e *env) {
	all := e.variety()
	for i, s := range selectors(all[4].Key, all[5].Key) {
		if i%7 != 0 { // the fields change in turn
			continue
		}
		all = e.restored(all)
		s.Key, s.Except = replacedKey(s.Key, all[4].Key), replacedKey(s.Except, all[5].Key)
		ended, err := e.finder().Revoke(e.ctx, s)
		e.must(err, "Revoke")
		want := selected(s, all)
		if got := sorted(ended); !slices.Equal(got, want) {
			e.Errorf("%+v has ended %d sessions, want %d", s, len(got), len(want))
		}
		for _, r := range all {
			_, err := e.Store.Load(e.ctx, store.Ref{Key: r.Key, Hash: r.Hash, Policy: e.policy})
			if gone := slices.Contains(want, r.Key); gone != (err != nil) {
				e.Errorf("%+v: %+v: Load says %v", s, r, err)
			}
		}
	}
}

func prefixSelects(e *env) {
	var all []store.Record
	for _, owner := range []string{
		"", "t", "t/", "t/anna", "t/ännä", "t0/anna", "T/anna", "t%", "t_/anna", "\u00e4", "a\u0308", "t/\U0010ffff\U0010ffff",
	} {
		for _, tag := range []string{"", "t1"} {
			ref := e.inRealm("site")
			e.create(ref, store.Change{Owner: &owner, Tag: &tag})
			all = append(all, store.Record{Key: ref.Key, Hash: ref.Hash, Realm: "site", Owner: owner, Tag: tag})
		}
	}
	for _, prefix := range []string{
		"t", "t/", "t/anna", "t/anna/", "t/a", "t/\u00e4", "T", "t%", "%", "_", "t_", "a", "\u00e4", "\xc3", "t\x00",
	} {
		for _, s := range []store.Selector{
			{}, {Realm: "site"}, {Realm: "admin"}, {Tag: "t1"}, {Owner: "t/anna"}, {Key: all[6].Key}, {Except: all[6].Key}, {All: true},
		} {
			s.OwnerPrefix = prefix
			want := selected(s, all)
			found, err := e.finder().Find(e.ctx, s, nil, e.policy)
			e.must(err, "Find")
			if got := sorted(keysOf(found)); !slices.Equal(got, want) {
				e.Errorf("%+v selects %d sessions, want %d", s, len(got), len(want))
			}
		}
	}
	e.revokesPrefix(all, "t/")
}

func (e *env) revokesPrefix(all []store.Record, prefix string) {
	s := store.Selector{Realm: "site", OwnerPrefix: prefix}
	ended, err := e.finder().Revoke(e.ctx, s)
	e.must(err, "Revoke")
	if got, want := sorted(ended), selected(s, all); !slices.Equal(got, want) {
		e.Errorf("%+v has ended %d sessions, want %d", s, len(got), len(want))
	}
	for _, r := range all {
		_, err := e.Store.Load(e.ctx, store.Ref{Key: r.Key, Hash: r.Hash, Policy: e.policy})
		if gone := s.Matches(&r); gone != (err != nil) {
			e.Errorf("%+v: the session of %q: Load says %v", s, r.Owner, err)
		}
	}
}

// restored ends what is left of a variety, and makes another.
func (e *env) restored(all []store.Record) []store.Record {
	for _, r := range all {
		e.delete(store.Ref{Key: r.Key, Hash: r.Hash, Policy: e.policy})
	}
	return e.variety()
}

func replacedKey(old, key store.Handle) store.Handle {
	if old.IsZero() {
		return old
	}
	return key
}

func (e *env) tagged(tag string) []store.Handle {
	e.Helper()
	rows, err := e.finder().Find(e.ctx, store.Selector{Tag: tag}, nil, e.policy)
	e.must(err, "Find")
	return keysOf(rows)
}

func listFollowsTag(e *env) {
	ref := e.created(store.Change{Tag: ptr("one")})
	for _, tag := range []string{"two", "a'b", `a"b\`, "%", "é", " ", "{}", "\xff", "two\x00"} {
		valid := tag != "\xff" && tag != "two\x00"
		if valid {
			e.save(ref, store.Change{Tag: &tag})
		}
		if got := e.tagged(tag); valid != slices.Contains(got, ref.Key) {
			e.Errorf("the tag %q lists %v", tag, got)
		}
	}
	e.save(ref, store.Change{Tag: ptr("")})
	for _, tag := range []string{"", "one", "two", "{}"} {
		if got := e.tagged(tag); len(got) != 0 {
			e.Errorf("the tag %q, which was taken away, lists %v", tag, got)
		}
	}
	e.load(ref)
}

func realmsSeparate(e *env) {
	anna := store.Change{Owner: ptr("anna")}
	site, admin := e.inRealm("site"), e.inRealm("admin")
	for _, ref := range []*store.Ref{&site, &admin} {
		ref.Policy.Owner = store.OwnerLimit{Max: 1}
		e.create(*ref, anna)
	}
	e.Advance(time.Second)
	second := e.inRealm("site")
	second.Policy.Owner = store.OwnerLimit{Max: 1}
	_, err := e.Store.Create(e.ctx, second, anna)
	e.failed(err, store.ErrOwnerLimit, second, "Create")
	e.create(second, store.Change{})
	_, err = e.Store.Save(e.ctx, second, anna)
	e.failed(err, store.ErrOwnerLimit, second, "Save")
	second.Policy.Owner.EndOldest = true
	saved := e.save(second, anna)
	if !slices.Equal(saved.Ended, []store.Handle{site.Key}) {
		e.Errorf("ended were %v, want the one of the realm, %v", saved.Ended, site.Key)
	}
	e.refuses(site, store.ErrGone)
	e.load(admin)
	e.lists("anna", second, admin)

	moved := admin
	moved.Policy.Realm = "elsewhere"
	e.save(moved, set("a", `1`))
	e.touch(moved)
	rows, err := e.finder().Find(e.ctx, store.Selector{Realm: "admin", Owner: "anna"}, nil, e.policy)
	e.must(err, "Find")
	if got := keysOf(rows); !slices.Equal(got, []store.Handle{admin.Key}) {
		e.Errorf("the realm lists %v, want %v", got, admin.Key)
	}
}

func allAreMany(e *env) {
	const n = 1100
	other := e.inRealm("other")
	e.create(other, store.Change{})
	e.parallel(8, func(w int) {
		for i := w; i < n; i += 8 {
			if _, err := e.Store.Create(e.ctx, e.inRealm("site"), store.Change{Tag: ptr(fmt.Sprint(i))}); err != nil {
				e.Errorf("Create: %v", err)
			}
		}
	})
	site := store.Selector{Realm: "site", All: true}
	rows, err := e.finder().Find(e.ctx, site, nil, e.policy)
	e.must(err, "Find")
	if len(rows) != n || !slices.IsSortedFunc(rows, func(a, b store.Record) int { return b.CreatedAt.Compare(a.CreatedAt) }) {
		e.Errorf("%d sessions are listed, want %d, the newest first", len(rows), n)
	}
	ended, err := e.finder().Revoke(e.ctx, site)
	e.must(err, "Revoke")
	if got := slices.Compact(sorted(ended)); len(got) != n {
		e.Errorf("%d sessions were ended, want %d", len(got), n)
	}
	rows, err = e.finder().Find(e.ctx, store.Selector{All: true}, nil, e.policy)
	e.must(err, "Find")
	if got := keysOf(rows); !slices.Equal(got, []store.Handle{other.Key}) {
		e.Errorf("%d sessions are left, want the one of the other realm", len(got))
	}
}

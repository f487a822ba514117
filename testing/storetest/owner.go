package storetest

import (
	"slices"
	"strconv"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func ownerRules() []rule {
	return []rule{
		{
			name: "an owner's sessions are listed newest first", needs: Finder,
			text: "Find returns the owner's live sessions and no one else's, by time of creation, the newest first.",
			test: listsOwner,
		},
		{
			name: "a list shows the chosen entries and no secret", needs: Finder,
			text: "Of the data a list holds the entries that were asked for; Hash and Former are zero.",
			test: listShowsChosen,
		},
		{
			name: "a list shows the living", needs: Finder,
			text: "What is expired, also by a shorter configured absolute lifetime, or destroyed, is not listed.",
			test: listShowsLiving,
		},
		{
			name: "a list follows the owner", needs: Finder,
			text: "A session whose owner was changed or taken away is listed where it belongs.",
			test: listFollowsOwner,
		},
		{
			name: "a list shows any number of entries", needs: Finder,
			text: "Thousands of entries may be asked for.",
			test: listShowsMany,
		},
		{
			name: "who cannot be has nothing", needs: Finder,
			text: "An owner whose name no session takes, of bad UTF-8 or with a U+0000, has no sessions to list or revoke, and such " +
				"an entry is not there. It is no error to ask.",
			test: listOfNobody,
		},
	}
}

func (e *env) finder() store.Finder { return e.Store.(store.Finder) }

// owned returns the name of a new session of the owner.
func (e *env) owned(owner string) store.Ref {
	e.Helper()
	return e.created(store.Change{Owner: &owner})
}

func (e *env) list(owner string, keys ...string) []store.Record {
	e.Helper()
	rows, err := e.finder().Find(e.ctx, store.Selector{Owner: owner}, keys, e.policy)
	e.must(err, "Find")
	for _, r := range rows {
		e.wholeMilliseconds(r.CreatedAt, r.AccessedAt, r.ExpiresAt, r.RotatedAt, r.AuthenticatedAt, r.Now)
		if r.Hash != (store.Hash{}) || len(r.Former) != 0 {
			e.Error("a list shows a secret's hash")
		}
		if r.Owner != owner {
			e.Errorf("the list of %q has a session of %q", owner, r.Owner)
		}
	}
	return rows
}

func keysOf(rows []store.Record) []store.Handle {
	var keys []store.Handle
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	return keys
}

// lists checks which sessions are the owner's, in order.
func (e *env) lists(owner string, want ...store.Ref) {
	e.Helper()
	got := keysOf(e.list(owner))
	var keys []store.Handle
	for _, ref := range want {
		keys = append(keys, ref.Key)
	}
	if !slices.Equal(got, keys) {
		e.Errorf("%q has sessions %v, want %v", owner, got, keys)
	}
}

func listsOwner(e *env) {
	first := e.owned("anna")
	e.owned("bert")
	e.created(store.Change{})
	e.Advance(time.Second)
	second := e.owned("anna")
	e.Advance(time.Second)
	third := e.owned("anna")
	e.save(first, set("a", `1`))
	e.lists("anna", third, second, first)
	e.lists("nobody")
	e.Advance(time.Second)
	e.save(first, store.Change{Renew: true})
	e.Advance(time.Second)
	fourth := e.owned("anna")
	e.lists("anna", fourth, first, third, second)
	for _, owner := range []string{"a'b", `a"b\`, "a,b", "%", "ann_", "é", "{}", " "} {
		e.lists(owner, e.owned(owner))
	}
}

func listShowsChosen(e *env) {
	change := set("agent", `"Firefox"`, "seen", `{"at":1}`, "secret", `"x"`, "a.b", `2`, "", `3`, `"`, `4`)
	all := attributed()
	all.Set = change.Set
	ref := e.rotate(e.created(all), store.Change{})
	loaded := e.load(ref)
	loaded.Hash, loaded.Former = store.Hash{}, nil
	for _, c := range []struct {
		keys []string
		want string
	}{
		{nil, `{}`},
		{[]string{"missing"}, `{}`},
		{[]string{"agent", "seen", "missing"}, `{"agent":"Firefox","seen":{"at":1}}`},
		{[]string{"a.b", "", `"`, "agent", "agent"}, `{"a.b":2,"":3,"\"":4,"agent":"Firefox"}`},
	} {
		rows := e.list("anna", c.keys...)
		if len(rows) != 1 {
			e.Fatalf("%d sessions are listed, want one", len(rows))
		}
		r := rows[0]
		e.sameData(r.Data, c.want)
		e.same(r, loaded, "a list is not what was loaded")
		if r.Now.Before(loaded.Now) {
			e.Errorf("listed at %v, loaded at %v", r.Now, loaded.Now)
		}
	}
}

func listShowsLiving(e *env) {
	e.owned("anna")
	e.Advance(idle / 2)
	old := e.created(store.Change{Owner: ptr("anna"), Idle: ptr(5 * idle)})
	e.Advance(idle / 2)
	young, destroyed := e.owned("anna"), e.owned("anna")
	e.delete(destroyed)
	e.lists("anna", young, old)
	e.policy.Absolute = idle / 2
	e.lists("anna", young)
}

func listFollowsOwner(e *env) {
	ref := e.owned("anna")
	e.save(ref, store.Change{Owner: ptr("bert")})
	e.lists("anna")
	e.lists("bert", ref)
	e.save(ref, store.Change{Owner: ptr("")})
	e.lists("bert")
	e.lists("")
}

func listShowsMany(e *env) {
	e.created(store.Change{Owner: ptr("anna"), Set: set("a", `1`, "k7", `"7"`, "k2999", `{"b":[9007199254740993]}`).Set})
	var keys []string
	for i := range 3000 {
		keys = append(keys, "k"+strconv.Itoa(i))
	}
	rows := e.list("anna", keys...)
	if len(rows) != 1 {
		e.Fatalf("%d sessions are listed, want one", len(rows))
	}
	e.sameData(rows[0].Data, `{"k7":"7","k2999":{"b":[9007199254740993]}}`)
}

func listOfNobody(e *env) {
	ref := e.created(store.Change{Owner: ptr("anna"), Set: set("a", `1`).Set})
	for _, text := range []string{"\xff", "anna\x00"} {
		e.lists(text)
		for _, which := range []store.Selector{{Owner: text}, {Owner: text, Key: ref.Key}} {
			ended, err := e.finder().Revoke(e.ctx, which)
			e.must(err, "Revoke")
			if len(ended) != 0 {
				e.Errorf("for the owner %q were ended: %v", text, ended)
			}
		}
		if rows := e.list("anna", text, "a"); len(rows) == 1 {
			e.sameData(rows[0].Data, `{"a":1}`)
		}
	}
	e.load(ref)
}

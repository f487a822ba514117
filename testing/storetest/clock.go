package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

func clockRules() []rule {
	return []rule{
		{
			name: "the clock is that of the rows", needs: Clock,
			text: "Now returns the time by which a Load before it and a Load after it have read their rows. A context that has ended " +
				"is an error.",
			test: clockOfRows,
		},
		{
			name: "what is read knows when", needs: Finder,
			text: "Now of a record is the store's clock, in a Load and in a list alike.",
			test: readsKnowWhen,
		},
		{
			name: "an entry ends by the clock", needs: Clock,
			text: "An entry that a session sets for a time is there until the store's clock has passed it: in a session without a row, " +
				"in one that was loaded, and in a list.",
			test: entriesEnd,
		},
		{
			name: "what has ended is removed with a version alone",
			text: "If a store removes the entries of Change.EndedEntries, then only from a row that has the version of Change.Base: one " +
				"that somebody has set since stays.",
			test: removesEnded,
		},
	}
}

func (e *env) now() time.Time {
	e.Helper()
	now, err := e.Store.(store.Clock).Now(e.ctx)
	e.must(err, "Now")
	e.wholeMilliseconds(now)
	return now
}

func clockOfRows(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref).Now
	now := e.now()
	if after := e.load(ref).Now; now.Before(before) || now.After(after) {
		e.Errorf("the clock is %v between rows that were read at %v and %v", now, before, after)
	}
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	if _, err := e.Store.(store.Clock).Now(ctx); !errors.Is(err, context.Canceled) {
		e.Errorf("Now with a context that has ended: %v", err)
	}
}

func readsKnowWhen(e *env) {
	ref := e.owned("anna")
	before := e.load(ref).Now
	rows := e.list("anna", "a")
	after := e.load(ref).Now
	if len(rows) != 1 || rows[0].Now.Before(before) || rows[0].Now.After(after) || before.IsZero() {
		e.Errorf("the list %+v was read between %v and %v", rows, before, after)
	}
}

// sessions is a manager on the store.
func (e *env) sessions() *session.Manager {
	e.Helper()
	m, err := session.New(e.Store, session.Config{CollectInterval: -1})
	e.must(err, "session.New")
	return m
}

// entriesEnd lets an entry of one session end by the clock, and others stay.
func entriesEnd(e *env) {
	const soon = 20 * time.Millisecond
	m := e.sessions()
	s := m.NewSession()
	e.must(errors.Join(s.Set("stays", 1), s.SetFor("later", 2, time.Hour), s.SetOwner("anna"), s.Save(e.ctx)), "Save")
	again, err := m.Open(e.ctx, s.ID().Reveal())
	e.must(err, "Open")
	e.must(errors.Join(again.SetFor("soon", 3, soon), again.Save(e.ctx)), "Save")
	for end := e.now().Add(soon); e.now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	again, err = m.Open(e.ctx, s.ID().Reveal())
	e.must(err, "Open")
	e.shows(again)
	if _, ok := e.Store.(store.Finder); !ok {
		return
	}
	list, err := m.Sessions(e.ctx, "anna", "stays", "later", "soon")
	e.must(err, "Sessions")
	if len(list) != 1 {
		e.Fatalf("%d sessions are listed", len(list))
	}
	e.shows(list[0])
}

// shows checks that a session or what a list shows of it has the entries that have not ended.
func (e *env) shows(r session.Getter) {
	e.Helper()
	for key, want := range map[string]int{"stays": 1, "later": 2, "soon": 0} {
		if got, ok, err := session.Find[int](r, key); got != want || ok != (want != 0) || err != nil || r.Has(key) != ok {
			e.Errorf("%T: %s is %d, %v, %v; want %d", r, key, got, ok, err, want)
		}
	}
}

func removesEnded(e *env) {
	const old = `{"$ends":1,"value":1}`
	for _, fresh := range []bool{false, true} {
		ref := e.created(set("over", old, "a", `1`))
		base, err := store.ReadBase(1, []byte(fmt.Sprintf(`{"over":%s,"a":1}`, old)))
		e.must(err, "ReadBase")
		want := `{"a":2}`
		if fresh {
			e.save(ref, set("over", `2`))
			want = `{"a":2,"over":2}`
		}
		change := set("a", `2`)
		change.Base, change.EndedEntries = base, []string{"over"}
		e.save(ref, change)
		if got := e.load(ref).Data; !fresh && !e.equal(got, want) && !e.equal(got, `{"a":2,"over":`+old+`}`) {
			e.Errorf("the data is %s", got)
		} else if fresh {
			e.sameData(got, want)
		}
	}
}

func (e *env) equal(got []byte, want string) bool {
	same, err := EqualJSON(got, []byte(want))
	return err == nil && same
}

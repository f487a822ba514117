package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// saves returns the writes of saves of one key each.
func saves(refs []store.Ref, change func(i int) store.Change) []*write {
	writes := make([]*write, len(refs))
	for i, ref := range refs {
		writes[i] = saving("save", ref, 0, change(i))
	}
	return writes
}

func createdMany(t *testing.T, s *Store, n int) []store.Ref {
	t.Helper()
	refs := make([]store.Ref, n)
	for i := range refs {
		refs[i] = created(t, s, set("n", "0"))
	}
	return refs
}

// holds checks what the store has in key "n".
func holds(t *testing.T, s *Store, ref store.Ref, want string) {
	t.Helper()
	r, err := s.Load(t.Context(), ref)
	if err != nil {
		t.Errorf("load: %v", err)
		return
	}
	if got := string(r.Data); got != `{"n":`+want+`}` {
		t.Errorf("the row holds %.100s, want n = %s", got, want)
	}
}

func TestARefusedSaveFailsAlone(t *testing.T) {
	s := open(t, newPath(t))
	refs := createdMany(t, s, 6)
	gone := newRef()
	refs[2], refs[4] = gone, refs[0]
	writes := saves(refs, func(i int) store.Change {
		switch i {
		case 1:
			return set("n", `"`+strings.Repeat("x", 2<<20)+`"`)
		case 3:
			c := set("n", "7")
			c.IfVersion = 9
			return c
		case 4:
			return set("n", "4") // of the row that the first one has changed
		}
		return set("n", "1")
	})
	results := s.together(t.Context(), writes)
	for i, want := range []error{nil, store.ErrTooLarge, store.ErrGone, store.ErrConflict, nil, nil} {
		if !errors.Is(results[i].Err, want) || (want == nil && results[i].Err != nil) {
			t.Errorf("save %d: got %v, want %v", i, results[i].Err, want)
		}
	}
	holds(t, s, refs[0], "4")
	holds(t, s, refs[1], "0")
	holds(t, s, refs[3], "0")
	holds(t, s, refs[5], "1")
	if results[0].Value.saved.Version != 2 || results[4].Value.saved.Version != 3 {
		t.Errorf("versions %d and %d, want 2 and 3", results[0].Value.saved.Version, results[4].Value.saved.Version)
	}
}

// The database refuses a statement of one save: the others are tried again without it.
func TestWhatTheDatabaseRefusesFailsAlone(t *testing.T) {
	s := open(t, newPath(t))
	edit(t, s, `create trigger poison before update on sessions when new.data like '%poison%'
		begin select raise(rollback, 'poisoned'); end`)
	refs := createdMany(t, s, 4)
	results := s.together(t.Context(), saves(refs, func(i int) store.Change {
		if i == 2 {
			return set("n", `"poison"`)
		}
		return set("n", "1")
	}))
	for i, ref := range refs {
		if i == 2 {
			if code(results[i].Err) != lib.SQLITE_CONSTRAINT {
				t.Errorf("the poisoned save: got %v", results[i].Err)
			}
			holds(t, s, ref, "0")
			continue
		}
		if results[i].Err != nil {
			t.Errorf("save %d: %v", i, results[i].Err)
		}
		holds(t, s, ref, "1")
	}
}

// What the database leaves as it was, without an error, is found when others of the same save are gone already.
func TestWhatTheDatabaseKeepsFailsAlone(t *testing.T) {
	s := open(t, newPath(t))
	owner := "ann"
	login := store.Change{Owner: &owner}
	old := []store.Ref{created(t, s, login), created(t, s, login)}
	edit(t, s, fmt.Sprintf(`create trigger kept before delete on sessions when old.id = x'%x'
		begin select raise(ignore); end`, old[0].Key[:]))
	other, limited := createdMany(t, s, 1)[0], newRef()
	limited.Policy.Owner = store.OwnerLimit{Max: 1, EndOldest: true}
	create := &write{what: "create", apply: func(c *conn) (outcome, error) { return c.create(limited, login) }}
	results := s.together(t.Context(), append(saves([]store.Ref{other}, func(int) store.Change { return set("n", "1") }), create))
	if results[0].Err != nil || !errors.Is(results[1].Err, errKept) {
		t.Errorf("got %v and %v", results[0].Err, results[1].Err)
	}
	holds(t, s, other, "1")
	for i, ref := range old {
		if _, err := s.Load(t.Context(), ref); err != nil {
			t.Errorf("session %d of the owner: %v", i, err)
		}
	}
}

// A constraint that is looked at in the commit fails for all who share it, and nobody is told otherwise.
func TestAFailedCommitFailsForAll(t *testing.T) {
	s := open(t, newPath(t))
	edit(t, s, `create table parents (id integer primary key)`)
	edit(t, s, `create table children (parent integer references parents (id) deferrable initially deferred)`)
	edit(t, s, `create trigger orphan after update on sessions when new.data like '%orphan%'
		begin insert into children values (1); end`)
	refs := createdMany(t, s, 3)
	told := make(chan store.Event, 10)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = s.Watch(ctx, func(e store.Event) { told <- e }) }()
	<-told // Missed
	results := s.together(t.Context(), saves(refs, func(i int) store.Change {
		change := set("n", `"orphan"`)
		if i != 1 {
			change = set("n", "1")
			hash := store.Hash{1}
			change.Rotate = &hash
		}
		return change
	}))
	for i, ref := range refs {
		if code(results[i].Err) != lib.SQLITE_CONSTRAINT {
			t.Errorf("save %d: got %v, want the failure of the commit", i, results[i].Err)
		}
		holds(t, s, ref, "0")
	}
	if err := s.Delete(t.Context(), refs[0]); err != nil {
		t.Fatal(err)
	}
	e := <-told
	for e.Kind == store.Missed { // the triggers were made by another connection
		e = <-told
	}
	if e.Kind != store.Destroyed {
		t.Errorf("a rotation that was not committed was told: %+v", e)
	}
}

func TestAPanicLeavesTheWriterFree(t *testing.T) {
	s := open(t, newPath(t))
	ref := createdMany(t, s, 1)[0]
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of fn was swallowed")
			}
		}()
		_, _ = s.SaveLocked(t.Context(), ref, func(store.Record) (store.Change, error) { panic("mine") })
	}()
	if _, err := s.Save(t.Context(), ref, set("n", "1")); err != nil {
		t.Error(err)
	}
	holds(t, s, ref, "1")
}

func TestAWriteWaitsForAnotherProcessAsLongAsItMay(t *testing.T) {
	path := newPath(t)
	s := open(t, path, WithBusyTimeout(50*time.Millisecond))
	ref := createdMany(t, s, 1)[0]
	unlock := lockFile(t, s)
	_, err := s.Save(t.Context(), ref, set("n", "1"))
	if !isBusy(err) || errors.Is(err, store.ErrGone) {
		t.Errorf("got %v, want the database's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Save(ctx, ref, set("n", "1")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	holds(t, s, ref, "0") // a reader is not held up
	unlock()
	if _, err := s.Save(t.Context(), ref, set("n", "2")); err != nil {
		t.Error(err)
	}
	holds(t, s, ref, "2")
}

// The busy timeout is for other processes. Who waits for this one's own touches, collector or checkpoint has more time.
func TestAWriteWaitsForThisProcessBeyondTheBusyTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, newPath(t), WithBusyTimeout(time.Millisecond))
		ref := createdMany(t, s, 1)[0]
		s.writer.slot <- struct{}{}
		first, leave := context.WithCancel(t.Context())
		go func() { _, _ = s.Save(first, ref, set("n", "1")) }()
		synctest.Wait()
		done := make(chan error)
		go func() {
			_, err := s.Save(t.Context(), ref, set("n", "2"))
			done <- err
		}()
		synctest.Wait()
		leave() // the second save is a batch now
		time.Sleep(batch.DefaultTimeout / 2)
		<-s.writer.slot
		if err := <-done; err != nil {
			t.Error(err)
		}
		holds(t, s, ref, "2")
	})
}

func TestACallerWhoWaitsForTheFileIsFreeToLeave(t *testing.T) {
	s := open(t, newPath(t), WithBusyTimeout(time.Hour))
	ref := createdMany(t, s, 1)[0]
	defer lockFile(t, s)()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Save(ctx, ref, set("n", "1")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// lockFile has another connection write to the file until unlock is called.
func lockFile(t *testing.T, s *Store) (unlock func()) {
	t.Helper()
	c, err := connect(t.Context(), s.at, writing, time.Minute, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.script("begin immediate"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(c.script("rollback"), c.close()); err != nil {
			t.Error(err)
		}
	}
}

func TestABrokenWriterIsReplaced(t *testing.T) {
	s := open(t, newPath(t))
	ref := createdMany(t, s, 1)[0]
	first := s.writer.conn
	if err := first.script("pragma query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), ref, set("n", "1")); code(err) != lib.SQLITE_READONLY {
		t.Errorf("got %v", err)
	}
	if _, err := s.Save(t.Context(), ref, set("n", "2")); err != nil {
		t.Error(err)
	}
	holds(t, s, ref, "2")
	if s.writer.conn == first {
		t.Error("the broken connection is still there")
	}
}

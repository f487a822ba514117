package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// plain is a store without anything beyond the minimum.
type plain struct{ session.Store }

// N read-modify-writes give N, whoever makes them: goroutines of one connection, and connections of one session; also
// on a store that cannot lock.
func TestModifyInParallel(t *testing.T) {
	const connections, each = 8, 25
	for name, wrap := range map[string]func(*memstore.Store) session.Store{
		"locking store": func(m *memstore.Store) session.Store { return m },
		"plain store":   func(m *memstore.Store) session.Store { return plain{m} },
	} {
		t.Run(name, func(t *testing.T) {
			memory := memstore.New()
			// Two managers on one rows do not know of each other, like two processes.
			var managers [2]*session.Manager
			for i := range managers {
				var err error
				if managers[i], err = session.New(wrap(memory), session.Config{}); err != nil {
					t.Fatal(err)
				}
			}
			made := managers[0].NewSession()
			if err := errors.Join(made.Generate(), made.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			var work sync.WaitGroup
			for i := range connections {
				s, err := managers[i%2].Open(t.Context(), made.ID().Reveal())
				if err != nil {
					t.Fatal(err)
				}
				for range each {
					work.Go(func() {
						if err := increment(s); err != nil {
							t.Error(err)
						}
					})
				}
			}
			work.Wait()
			if err := made.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantEntry(t, "in the end", made, "n", connections*each)
			if v := made.Version(); v != connections*each+1 {
				t.Errorf("version %d: a change is not one save", v)
			}
		})
	}
}

// Within a process callers queue, so that none of them has to do it twice.
func TestModifyQueuesWithinAProcess(t *testing.T) {
	const connections = 20
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		live := s.stored()
		var opened []*session.Session
		for range connections {
			opened = append(opened, s.open(live))
		}
		s.store.hook(func(context.Context, string) error { time.Sleep(time.Millisecond); return nil })
		s.store.taken()
		var work sync.WaitGroup
		for _, of := range opened {
			work.Go(func() {
				if err := increment(of); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if n := len(s.store.taken()); n != 2*connections {
			t.Errorf("%d statements, want a load and a save for each of %d", n, connections)
		}
		wantEntry(t, "in the end", s.open(live), "n", connections)
	})
}

// Somebody else saves between the read and the write.
func TestModifyUnderConflict(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored())
	other := s.open(of)
	s.store.hook(func(ctx context.Context, op string) error {
		if op == "save" {
			s.store.hook(nil)
			s.ok(errors.Join(other.Set("other", 1), other.Save(ctx)))
		}
		return nil
	})
	calls := 0
	s.ok(of.Modify(t.Context(), func(d *session.Draft) error {
		calls++
		n, err := session.Get[int](d, "n")
		return errors.Join(err, d.Set("n", n+1))
	}))
	if calls != 2 {
		t.Errorf("called %d times, want twice", calls)
	}
	again := s.open(of)
	wantEntry(t, "stored", again, "n", 1)
	wantKeys(t, again.Keys(), "n", "other")
	wantKeys(t, of.Keys(), "n", "other")
}

// After some conflicts the row is locked, so that Modify does not lose for ever.
func TestModifyLocksInTheEnd(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored())
	s.store.taken()
	s.store.failBefore(store.ErrConflict, "save")
	s.ok(increment(of))
	wantEvents(t, s.store, "load", "save", "load", "save", "load", "save", "lock")
	wantEntry(t, "stored", s.open(of), "n", 1)
	if of.Version() != 2 {
		t.Errorf("version %d", of.Version())
	}
}

// What is pending is part of what the function sees, and committed with it.
func TestModifyWithPending(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a", "b"))
	other := s.open(of)
	s.ok(errors.Join(other.Set("n", 10), other.Save(t.Context())))
	s.ok(errors.Join(of.Set("a", "mine"), of.Delete("b"), of.Generate(), of.SetOwner("ann")))
	s.store.taken()
	s.ok(of.Modify(t.Context(), func(d *session.Draft) error {
		wantEntry(t, "pending", d, "a", "mine")
		wantEntry(t, "stored by another", d, "n", 10)
		if d.Has("b") {
			t.Error("the deleted entry is there")
		}
		return errors.Join(d.Set("n", 11), d.Set("c", 1), d.Delete("c"), d.Delete("absent"))
	}))
	wantEvents(t, s.store, "load", "save")
	if of.Changed() {
		t.Error("something is still pending")
	}
	again := s.open(of) // by the new token
	wantKeys(t, again.Keys(), "a", "n")
	wantEntry(t, "stored", again, "n", 11)
	if again.Owner() != "ann" {
		t.Errorf("owner %q", again.Owner())
	}
}

func TestModifyClear(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a", "b"))
	s.ok(of.Modify(t.Context(), func(d *session.Draft) error {
		s.ok(d.Clear())
		if d.Has("a") {
			t.Error("there is an entry after Clear")
		}
		return d.Set("c", 1)
	}))
	wantKeys(t, of.Keys(), "c")
	wantKeys(t, s.open(of).Keys(), "c")
}

var errMine = errors.New("mine")

// modifyFailures are ways for a Modify to fail, each of which leaves pending what was, and nothing of the draft.
var modifyFailures = []struct {
	name   string
	before func(*site)
	fn     func(*session.Draft) error
	want   error
}{
	{"the function", nil, func(*session.Draft) error { return errMine }, errMine},
	{"a value", nil, func(d *session.Draft) error { return d.Set("bad", make(chan int)) }, session.ErrValue},
	{"the load", func(s *site) { s.store.failBefore(errDown, "load") }, nothingDrafted, errDown},
	{"the save", func(s *site) { s.store.failBefore(errDown, "save") }, nothingDrafted, errDown},
	{"too large", func(s *site) { s.store.failBefore(session.ErrTooLarge, "save") }, nothingDrafted, session.ErrTooLarge},
	{"the lock", func(s *site) {
		s.store.hook(func(_ context.Context, op string) error {
			switch op {
			case "save":
				return store.ErrConflict
			case "lock":
				return errDown
			}
			return nil
		})
	}, nothingDrafted, errDown},
}

func nothingDrafted(*session.Draft) error { return nil }

func TestModifyThatFails(t *testing.T) {
	for _, c := range modifyFailures {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			of := s.open(s.stored("a"))
			s.ok(of.Set("pending", 1))
			if c.before != nil {
				c.before(s)
			}
			err := of.Modify(t.Context(), func(d *session.Draft) error {
				return errors.Join(d.Set("a", "drafted"), d.Set("drafted", 1), c.fn(d))
			})
			wantIs(t, "Modify", err, c.want)
			s.store.failBefore(nil)
			wantKeys(t, of.Keys(), "a", "pending")
			if !of.Changed() {
				t.Error("nothing is pending")
			}
			s.ok(of.Save(t.Context()))
			again := s.open(of)
			wantKeys(t, again.Keys(), "a", "pending")
			wantEntry(t, "stored", again, "a", "a's value")
		})
	}
}

// A function that panics, and is recovered from, takes nothing with it.
func TestModifyThatPanics(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	s.ok(of.Set("pending", 1))
	func() {
		defer func() { _ = recover() }()
		_ = of.Modify(t.Context(), func(d *session.Draft) error {
			_ = d.Set("drafted", 1)
			panic("oh")
		})
	}()
	s.ok(errors.Join(of.Set("b", 1), of.Save(t.Context())))
	wantKeys(t, s.open(of).Keys(), "a", "b", "pending")
	s.ok(increment(of)) // the queue goes on
}

func TestModifyKeyGivesTheResult(t *testing.T) {
	s := newSite(t)
	of := s.m.NewSession()
	for want := 1; want <= 3; want++ {
		n, err := session.ModifyKey(t.Context(), of, "n", func(n int) (int, error) { return n + 1, nil })
		if err != nil || n != want {
			t.Errorf("%d, %v; want %d", n, err, want)
		}
	}
	n, err := session.ModifyKey(t.Context(), of, "n", func(int) (int, error) { return 99, errMine })
	if wantIs(t, "error of the function", err, errMine); n != 0 {
		t.Errorf("%d with an error", n)
	}
	_, err = session.ModifyKey(t.Context(), of, "n", func(string) (string, error) { return "x", nil })
	if err == nil {
		t.Error("an entry of another type is modified")
	}
	wantEntry(t, "stored", s.open(of), "n", 3)
}

// Who waits for his turn can give up, and those behind him do not wait for longer, nor shorter, because of it.
func TestModifyGivesUpWaiting(t *testing.T) {
	s := newSite(t)
	first := s.open(s.stored())
	second, third := s.open(first), s.open(first)
	entered, leave := make(chan struct{}), make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		err := first.Modify(t.Context(), func(d *session.Draft) error {
			close(entered)
			<-leave
			return d.Set("first", 1)
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := second.Modify(ctx, func(*session.Draft) error { return fmt.Errorf("called") })
	wantIs(t, "second", err, context.Canceled)
	work.Go(func() {
		if err := increment(third); err != nil {
			t.Error(err)
		}
	})
	close(leave)
	work.Wait()
	wantKeys(t, s.open(first).Keys(), "first", "n")
}

// A Set that failed is returned by Modify, as by Save.
func TestModifyReturnsAFailedSet(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored())
	_ = of.Set("bad", make(chan int))
	wantIs(t, "Modify", increment(of), session.ErrValue)
	s.ok(increment(of))
}

// An error of the function's own ends nothing, whatever it matches.
func TestModifyAndAnErrorThatIsNotTheSessions(t *testing.T) {
	s := newSite(t)
	of := s.stored("a")
	s.ok(of.Set("b", 1))
	for _, own := range []error{session.ErrGone, store.ErrConflict, session.ErrRotated} {
		if err := of.Modify(t.Context(), func(*session.Draft) error { return own }); err != own {
			t.Errorf("Modify: %v, want %v", err, own)
		}
	}
	s.ok(of.Save(t.Context()))
	wantKeys(t, s.open(of).Keys(), "a", "b")
}

// A Modify that fails before it has asked the store to write leaves no doubt whether a new session has a row: there is
// nothing to delete.
func TestAModifyThatWritesNothingLeavesNoDoubt(t *testing.T) {
	for name, fn := range map[string]func(*session.Draft) error{
		"the store's clock fails": func(d *session.Draft) error { return d.SetFor("k", 1, time.Minute) },
		"the function fails":      func(*session.Draft) error { return errDown },
	} {
		site := newSite(t)
		s := site.m.NewSession()
		site.store.failBefore(errDown, "now")
		wantIs(t, name, s.Modify(t.Context(), fn), errDown)
		site.store.taken()
		site.ok(s.Destroy(t.Context()))
		wantEvents(t, site.store)
	}
}

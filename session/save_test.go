package session_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// A save that fails leaves all that it was to write pending, beneath what has changed since.
func TestFailedSaveStaysPending(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a", "b"))
	site.ok(errors.Join(s.Set("a", 1), s.Delete("b"), s.SetOwner("ann"), s.SetTimeout(time.Minute)))
	// While the store is at work, and before it fails, the session changes again.
	site.store.hook(func(context.Context, string) error { return errors.Join(s.Set("a", 2), s.Set("c", 3), errDown) })
	err := s.Save(t.Context())
	if !errors.Is(err, errDown) || errors.Is(err, session.ErrGone) {
		t.Errorf("Save: %v, want that of the store alone", err)
	}
	if !s.Changed() || s.Owner() != "ann" || s.Timeout() != time.Minute {
		t.Errorf("changed %v, owner %q, timeout %v", s.Changed(), s.Owner(), s.Timeout())
	}
	wantEntry(t, "after the failure", s, "a", 2)
	wantKeys(t, s.Keys(), "a", "c")
	site.store.failBefore(nil)
	site.ok(s.Save(t.Context()))
	again := site.open(s)
	wantKeys(t, again.Keys(), "a", "c")
	wantEntry(t, "stored", again, "a", 2)
	if again.Owner() != "ann" || again.Timeout() != time.Minute || s.Changed() {
		t.Errorf("stored owner %q, timeout %v; still changed %v", again.Owner(), again.Timeout(), s.Changed())
	}
}

// What changes while a save runs is not part of it.
func TestSaveTakesASnapshot(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a"))
	site.ok(s.Set("a", 1))
	site.store.hook(func(context.Context, string) error { return s.Set("b", 2) })
	site.ok(s.Save(t.Context()))
	site.store.hook(nil)
	wantKeys(t, site.open(s).Keys(), "a")
	if !s.Changed() {
		t.Error("the change that came during the save is not pending")
	}
	site.ok(s.Save(t.Context()))
	wantKeys(t, site.open(s).Keys(), "a", "b")
}

// doubtCase is what follows on a write that took effect and was reported as failed, as when the connection to the
// database is cut before the answer.
type doubtCase struct {
	name   string
	stored bool
	change func(*session.Session) error
	then   func(context.Context, *session.Session) error
}

func save(ctx context.Context, s *session.Session) error { return s.Save(ctx) }

var doubtCases = []doubtCase{
	{"new, saved again", false, nothingMore, save},
	{"set, saved again", true, nothingMore, save},
	{"rotated, saved again", true, (*session.Session).Generate, save},
	{"rotated twice", true, (*session.Session).Generate, func(ctx context.Context, s *session.Session) error {
		return errors.Join(s.Generate(), s.Save(ctx))
	}},
	{"rotated, loaded", true, (*session.Session).Generate, func(ctx context.Context, s *session.Session) error {
		return errors.Join(s.Load(ctx), s.Save(ctx))
	}},
	{"rotated, updated", true, (*session.Session).Generate, func(ctx context.Context, s *session.Session) error {
		return errors.Join(s.Update(ctx), s.Save(ctx))
	}},
	{"rotated, modified", true, (*session.Session).Generate, func(_ context.Context, s *session.Session) error {
		return increment(s)
	}},
	{"new, modified", false, nothingMore, func(_ context.Context, s *session.Session) error { return increment(s) }},
	{"new, refused, saved again", false, nothingMore, refusedOnce},
	{"rotated, refused, saved again", true, (*session.Session).Generate, refusedOnce},
}

func nothingMore(*session.Session) error { return nil }

// refusedOnce has a save that is surely not done between the doubtful one and the last.
func refusedOnce(ctx context.Context, s *session.Session) error {
	large := make([]byte, 700_000)
	if err := errors.Join(s.Set("large", large), s.Set("larger", large)); err != nil {
		return err
	}
	if err := s.Save(ctx); !errors.Is(err, session.ErrTooLarge) {
		return errors.Join(errors.New("the save is not refused"), err)
	}
	return errors.Join(s.Delete("large"), s.Delete("larger"), s.Save(ctx))
}

func TestSaveThatTookEffectAndFailed(t *testing.T) {
	for _, c := range doubtCases {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			s := site.m.NewSession()
			if c.stored {
				s = site.open(site.stored("a"))
			}
			site.ok(errors.Join(s.Set("k", "v"), c.change(s)))
			site.store.failAfter(errDown, "create", "save")
			wantIs(t, "Save", s.Save(t.Context()), errDown)
			site.ok(c.then(t.Context(), s))
			if s.Err() != nil || s.Changed() {
				t.Errorf("the session: %v, changed %v", s.Err(), s.Changed())
			}
			wantEntry(t, "by the token that it now has", site.open(s), "k", "v")
			if n := site.store.Len(); n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// A rotation of which nobody knows whether it took effect is not one that the user hears of twice, nor one that
// destroys cannot follow.
func TestDestroyInDoubt(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a"))
	site.ok(s.Generate())
	site.store.failAfter(errDown, "save")
	wantIs(t, "Save", s.Save(t.Context()), errDown)
	site.ok(s.Destroy(t.Context()))
	if n := site.store.Len(); n != 0 {
		t.Errorf("%d rows after Destroy", n)
	}
}

// Of two rotations the first took effect, although its save failed, and the second did not.
func TestSecondRotationThatFails(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	s.ok(of.Generate())
	s.store.failAfter(errDown, "save")
	wantIs(t, "the first save", of.Save(t.Context()), errDown)
	s.ok(of.Generate())
	saves := 0
	s.store.hook(func(context.Context, string) error {
		if saves++; saves == 1 {
			return nil // finds nothing under the oldest token
		}
		return errDown
	})
	wantIs(t, "the second save", of.Save(t.Context()), errDown)
	s.store.hook(nil)
	s.ok(of.Save(t.Context()))
	wantKeys(t, s.open(of).Keys(), "a")
}

// A parallel request that has rotated is not taken for one's own doubtful save.
func TestDoubtIsNoWayIn(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a"))
	other := site.open(s)
	site.ok(errors.Join(s.Set("k", 1), s.Generate()))
	site.store.failBefore(errDown, "save")
	wantIs(t, "Save", s.Save(t.Context()), errDown)
	site.store.failBefore(nil)
	site.ok(errors.Join(other.Generate(), other.Save(t.Context())))
	wantIs(t, "Save", s.Save(t.Context()), session.ErrRotated)
	wantIs(t, "Set", s.Set("k", 2), session.ErrRotated)
	wantKeys(t, site.open(other).Keys(), "a")
}

// Destroyed is final: whatever another connection does later brings nothing back.
func TestDestroyedIsFinal(t *testing.T) {
	for name, late := range map[string]func(context.Context, *session.Session) error{
		"Save":   func(ctx context.Context, s *session.Session) error { return errors.Join(s.Set("k", 1), s.Save(ctx)) },
		"Update": func(ctx context.Context, s *session.Session) error { return s.Update(ctx) },
		"Load":   func(ctx context.Context, s *session.Session) error { return s.Load(ctx) },
		"Modify": func(_ context.Context, s *session.Session) error { return increment(s) },
		"rotate": func(ctx context.Context, s *session.Session) error { return errors.Join(s.Generate(), s.Save(ctx)) },
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t)
			s := site.open(site.stored("a"))
			other := site.open(s)
			site.ok(s.Destroy(t.Context()))
			wantIs(t, name, late(t.Context(), other), session.ErrGone)
			wantIs(t, "Err", other.Err(), session.ErrGone)
			wantIs(t, "Set", other.Set("k", 1), session.ErrGone)
			if site.store.Len() != 0 || other.ID().Reveal() != "" {
				t.Errorf("%d rows, id %v", site.store.Len(), other.ID())
			}
			if other.Handle().IsZero() {
				t.Error("the handle is not to be had any more")
			}
		})
	}
}

func TestDestroy(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a"))
	site.ok(s.Set("pending", 1))
	site.store.failBefore(errDown, "delete")
	wantIs(t, "Destroy", s.Destroy(t.Context()), errDown)
	wantKeys(t, s.Keys(), "a", "pending")
	site.store.failBefore(nil)
	site.ok(s.Destroy(t.Context()))
	_, err := session.Get[string](s, "a")
	for what, err := range map[string]error{
		"Set": s.Set("k", 1), "Delete": s.Delete("a"), "Clear": s.Clear(), "SetOwner": s.SetOwner("x"), "Get": err,
		"Err": s.Err(), "Load": s.Load(t.Context()), "Update": s.Update(t.Context()), "Save": s.Save(t.Context()),
	} {
		wantIs(t, what, err, session.ErrDestroyed)
		wantIs(t, what, err, session.ErrGone)
	}
	site.ok(s.Destroy(t.Context())) // again
	if s.Len() != 0 || len(s.Keys()) != 0 || s.Has("a") || s.Changed() {
		t.Error("there is something left")
	}
}

// After Destroy, Generate starts an empty session: another row, another token.
func TestGenerateAfterDestroy(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a"))
	before := s.ID()
	site.ok(errors.Join(s.SetOwner("ann"), s.SetTimeout(time.Minute), s.Save(t.Context()), s.Destroy(t.Context())))
	wantIs(t, "Set", s.Set("k", 1), session.ErrGone)
	site.ok(errors.Join(s.Generate(), s.Set("flash", "bye"), s.Save(t.Context())))
	if s.Handle() == before.Handle() || s.Owner() != "" || s.Timeout() != time.Hour || s.Version() != 1 {
		t.Errorf("owner %q, timeout %v, version %d", s.Owner(), s.Timeout(), s.Version())
	}
	wantKeys(t, site.open(s).Keys(), "flash")
	_, err := site.m.Open(t.Context(), before.Reveal())
	wantIs(t, "the old token", err, session.ErrGone)
}

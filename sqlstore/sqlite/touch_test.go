package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// older makes every row d older.
func older(t *testing.T, s *Store, d time.Duration) {
	t.Helper()
	edit(t, s, `update sessions set created_at = created_at - ?1, expires_at = expires_at - ?1`, d.Milliseconds())
}

// A gain below the step costs no write: the writer is not even asked.
func TestATouchBelowTheStepWritesNothing(t *testing.T) {
	s := open(t, newPath(t))
	ref := created(t, s, set("a", "1"))
	older(t, s, 30*time.Second)
	before, err := s.Load(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	s.writer.slot <- struct{}{}
	saved, err := s.Touch(t.Context(), ref)
	<-s.writer.slot
	if err != nil || !saved.ExpiresAt.Equal(before.ExpiresAt) || saved.Version != 1 {
		t.Errorf("got %+v, %v, want the expiry %v", saved, err, before.ExpiresAt)
	}
	older(t, s, 31*time.Second)
	saved, err = s.Touch(t.Context(), ref)
	if err != nil || !saved.ExpiresAt.After(before.ExpiresAt) {
		t.Errorf("above the step: got %+v, %v", saved, err)
	}
}

// A touch that is to write in any case comes after each write before it, though it finds nothing to write in the end.
func TestAForcedTouchWaitsForTheWriter(t *testing.T) {
	s := open(t, newPath(t))
	ref := created(t, s, set("a", "1"))
	older(t, s, -time.Hour)
	edit(t, s, "update sessions set accessed_at = accessed_at + 3600000") // the clock was set back since
	ref.Policy.Step, ref.Policy.RecordAccess = 0, true
	rotated := ref
	rotated.Hash[0]++ // by a save that is under way
	for _, ref := range []store.Ref{ref, rotated} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		s.writer.slot <- struct{}{}
		if _, err := s.Touch(ctx, ref); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before the writer is free: %v", err)
		}
		<-s.writer.slot
		cancel()
	}
	if _, err := s.Touch(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

// Many touches are several transactions, so that a save need not wait for all of them.
func TestManyTouchesAreDoneInChunks(t *testing.T) {
	s := open(t, newPath(t))
	refs := createdMany(t, s, touchChunk+5)
	older(t, s, 30*time.Minute)
	gone := newRef()
	if err := s.TouchAll(t.Context(), append(refs, gone)); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		r, err := s.Load(t.Context(), ref)
		if err != nil || r.ExpiresAt.Sub(r.Now) < 59*time.Minute {
			t.Fatalf("expires in %v, %v", r.ExpiresAt.Sub(r.Now), err)
		}
	}
}

// What had expired already has ended before: nobody is told of it when it is deleted or revoked.
func TestTheEndOfAnExpiredSessionIsNoEvent(t *testing.T) {
	s := open(t, newPath(t))
	anna := set("a", "1")
	owner := "anna"
	anna.Owner = &owner
	refs := []store.Ref{created(t, s, anna), created(t, s, anna), created(t, s, anna)}
	older(t, s, 2*time.Hour)
	last := created(t, s, anna)
	told := watching(t, s)
	if err := s.Delete(t.Context(), refs[0]); err != nil {
		t.Fatal(err)
	}
	for _, which := range []store.Selector{{Key: refs[1].Key}, {Owner: owner}} {
		if ended, err := s.Revoke(t.Context(), which); err != nil || len(ended) == 0 {
			t.Errorf("%+v: %v, %v", which, ended, err)
		}
	}
	e := next(t, told)
	for e.Kind == store.Missed {
		e = next(t, told)
	}
	if e != (store.Event{Kind: store.Revoked, Key: last.Key}) {
		t.Errorf("told was %+v", e)
	}
}

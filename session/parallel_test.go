package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// abandoned is a store whose saves fail while they go on reading their change, as those of a batch do whose caller has left.
type abandoned struct {
	*memstore.Store
	entries map[string]json.RawMessage
}

func (a *abandoned) Save(_ context.Context, _ store.Ref, c store.Change) (store.Saved, error) {
	a.entries = c.Set
	return store.Saved{}, context.DeadlineExceeded
}

func TestAFailedSavesChangeIsNotWrittenIntoLater(t *testing.T) {
	store := &abandoned{Store: memstore.New()}
	m := newManager(t, store, session.Config{Logger: discard()})
	s := m.NewSession()
	check(t, s.Generate())
	check(t, s.Save(t.Context()))
	check(t, s.Set("a", 1))
	wantIs(t, "Save", s.Save(t.Context()), context.DeadlineExceeded)
	check(t, s.Set("b", 2))
	if len(store.entries) != 1 {
		t.Errorf("the store's change has %d entries, want the one that it was called with", len(store.entries))
	}
	wantKeys(t, s.Keys(), "a", "b")
}

func TestNothingIsTouchedAfterShutdown(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.TouchStep = time.Millisecond })
	of := s.stored("a")
	check(t, s.m.Shutdown(t.Context()))
	s.store.Advance(time.Minute)
	wantStatus(t, s.browser(of).set(), http.StatusOK)
	check(t, s.m.Shutdown(t.Context())) // which waits for touches
	wantEvents(t, s.store, "load")
}

// held has the store's next save wait, and tells when it does.
func (s *site) held() (entered chan struct{}, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	s.store.hook(func(_ context.Context, op string) error {
		if op == "save" || op == "create" {
			s.store.hook(nil)
			close(entered)
			<-release
		}
		return nil
	})
	return entered, release
}

// The response waits for a Save that another goroutine of the handler has begun: what that makes may need a cookie.
func TestTheCommitWaitsForASaveUnderWay(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	entered, release := s.held()
	saved := make(chan error, 1)
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		check(t, of.Set("a", 1))
		go func() { saved <- of.Save(r.Context()) }()
		<-entered
		go close(release)
		_, _ = io.WriteString(w, "hello")
	})
	check(t, <-saved)
	wantKeys(t, b.keys(), "a")
}

// Nothing is answered before such a Save has ended, but by the error handler when the commit's time is over.
func TestTheCommitsTimeIsThatOfASaveUnderWay(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.StoreTimeout = time.Millisecond })
	entered, release := s.held()
	saved := make(chan error, 1)
	w := s.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		check(t, of.Set("a", 1))
		go func() { saved <- of.Save(r.Context()) }()
		<-entered
		_, _ = io.WriteString(w, "hello")
	})
	wantStatus(t, w, http.StatusServiceUnavailable)
	close(release)
	check(t, <-saved)
}

// While the response's commit is under way it is too late for a new token, and what needs none is saved.
func TestNoNewTokenDuringTheCommit(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	entered, release := s.held()
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		check(t, of.Set("b", 1))
		late := make(chan struct{})
		go func() {
			defer close(late)
			<-entered
			wantIs(t, "Generate", of.Generate(), session.ErrNoCookie)
			check(t, of.Set("c", 1))
			close(release)
		}()
		_, _ = io.WriteString(w, "hello")
		<-late
	})
	wantKeys(t, b.keys(), "a", "b", "c")
}

// A connection whose token a sibling has rotated away sends no cookie, which would overwrite the sibling's.
func TestARotatedConnectionSendsNoCookie(t *testing.T) {
	nothing := func(*session.Session) error { return nil }
	set := func(s *session.Session) error { return s.Set("b", 1) }
	browser := func(s *session.Session) error { return s.SetPersistent(false) }
	for name, c := range map[string]struct{ before, after func(*session.Session) error }{
		"browser session":         {nothing, browser},
		"browser session and set": {nothing, func(s *session.Session) error { return errors.Join(browser(s), set(s)) }},
		"absolute timeout, saved before": {func(s *session.Session) error {
			return errors.Join(s.SetAbsoluteTimeout(48*time.Hour), s.Save(context.Background()))
		}, set},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			of := s.stored("a")
			w := s.browser(of).visit(func(w http.ResponseWriter, r *http.Request) {
				mine := session.FromContext(r.Context())
				check(t, c.before(mine))
				s.browser(of).use((*session.Session).Renew)
				check(t, c.after(mine))
			})
			wantStatus(t, w, http.StatusConflict)
			wantNoCookie(t, w)
		})
	}
}

func TestWaitingForAnotherGoroutineEndsWithTheContext(t *testing.T) {
	s := newSite(t)
	of := s.stored("a")
	entered, release := s.held()
	check(t, of.Set("b", 1))
	saved := make(chan error, 1)
	go func() { saved <- of.Save(t.Context()) }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func(context.Context) error{
		"Load": of.Load, "Save": of.Save, "Update": of.Update, "Destroy": of.Destroy,
		"Modify": func(ctx context.Context) error {
			return of.Modify(ctx, func(*session.Draft) error { return nil })
		},
	} {
		wantIs(t, name, call(ctx), context.Canceled)
	}
	close(release)
	check(t, <-saved)
	check(t, of.Save(t.Context()))
}

func TestALoadHasADeadline(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.StoreTimeout = time.Millisecond })
	of := s.stored("a")
	s.store.hook(func(ctx context.Context, op string) error {
		<-ctx.Done()
		return ctx.Err()
	})
	w := s.browser(of).visit(func(http.ResponseWriter, *http.Request) { t.Error("the handler runs") })
	wantStatus(t, w, http.StatusServiceUnavailable)
}

// A connection from before a rotation may destroy nothing, nor end those who have the new token.
func TestAStaleDestroyEndsNobodyElse(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.RotationGrace = -1 })
	fresh := s.stored("a")
	stale := s.open(fresh)
	check(t, errors.Join(fresh.Renew(), fresh.Save(t.Context())))
	s.browser(fresh).visit(func(_ http.ResponseWriter, r *http.Request) {
		ctx, err := session.Watch(r.Context())
		check(t, err)
		check(t, stale.Destroy(r.Context()))
		if err := errors.Join(ctx.Err(), session.FromContext(r.Context()).Err()); err != nil {
			t.Errorf("the living session has ended: %v", err)
		}
	})
	wantKeys(t, s.open(fresh).Keys(), "a")
}

package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// An observation says whose session it is, as soon as that is known.
func TestObservedOwner(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		var w watcher
		s := newSite(t, func(config *session.Config) { config.Observe = w.observe })
		want := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, o := range w.taken() {
				if o.Op != session.OpCheck {
					got = append(got, string(o.Op)+" "+o.Owner)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: observed %q, want %q", what, got, want)
			}
		}
		b := s.browser()
		b.use(setting)
		want("anonymous", "create ")
		b.use(func(of *session.Session) error { return of.Login("ann") })
		want("login", "load ", "save ann", "rotate ann")
		go b.watching()
		synctest.Wait()
		if n := s.m.OpenSockets(); n != 1 {
			t.Errorf("%d open sockets", n)
		}
		b.use(func(of *session.Session) error { return errors.Join(of.Update(t.Context()), of.Rotate()) })
		want("rotate", "load ann", "load ann", "touch ann", "save ann", "rotate ann", "end ann")
		if n := s.m.OpenSockets(); n != 0 {
			t.Errorf("%d open sockets after their session's end", n)
		}
		s.store.hook(func(_ context.Context, op string) error { return conflictOf(op) })
		b.use(increment)
		want("locked", "load ann", "load ann", "save ann", "load ann", "save ann", "load ann", "save ann", "save ann")
		s.store.hook(nil)
		b.use(func(of *session.Session) error { return of.SetOwner("bob") })
		want("another owner", "load ann", "save bob", "rotate bob")
		b.use(destroying)
		want("destroy", "load bob", "destroy bob")
		_, err := s.m.RevokeOwner(t.Context(), "cid", session.Handle{})
		s.ok(err)
		want("revoke", "revoke cid")
	})
}

func conflictOf(op string) error {
	if op == "save" {
		return store.ErrConflict
	}
	return nil
}

// watching is a request that lasts as long as its session.
func (b *browser) watching() {
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		if ctx, err := session.Watch(r.Context()); err == nil {
			<-ctx.Done()
		}
	})
}

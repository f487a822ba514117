package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// A handler that panics saves nothing, and its session is closed.
func TestPanicSavesNothing(t *testing.T) {
	for name, bytes := range map[string]string{"before the first byte": "", "after it": "body"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("name"))
			var of *session.Session
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic did not come through")
					}
				}()
				b.visit(func(w http.ResponseWriter, r *http.Request) {
					of = session.FromContext(r.Context())
					if bytes != "" {
						fmt.Fprint(w, bytes)
					}
					s.ok(of.Set("k", 1))
					panic("oh")
				})
			}()
			wantEvents(t, s.store, "load")
			wantIs(t, "Set after it", of.Set("k", 1), session.ErrClosed)
			wantKeys(t, b.keys(), "name")
		})
	}
}

// An error handler may abort the response as the standard library's servers allow it. The session is closed all the
// same.
func TestErrorHandlerThatPanics(t *testing.T) {
	s := newSite(t, func(c *session.Config) {
		c.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	})
	s.store.failBefore(errDown, "create")
	var of *session.Session
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic did not come through")
			}
		}()
		s.browser().use(func(in *session.Session) error {
			of = in
			return in.Set("k", 1)
		})
	}()
	wantIs(t, "Set after it", of.Set("k", 2), session.ErrClosed)
}

// A commit outlives the client, and has a deadline of its own.
func TestCommitOutlivesTheClient(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("name"))
	ctx, cancel := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("k", 1))
		cancel()
		wantIs(t, "the request's context", r.Context().Err(), context.Canceled)
	})).ServeHTTP(w, b.request().WithContext(ctx))
	wantStatus(t, w, http.StatusOK)
	wantKeys(t, b.keys(), "k", "name")
}

func TestCommitHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(c *session.Config) { c.StoreTimeout = 3 * time.Second })
		s.store.hook(func(ctx context.Context, _ string) error {
			<-ctx.Done() // a connection of which nothing comes back
			return ctx.Err()
		})
		start := time.Now()
		wantStatus(t, s.browser().set("k"), http.StatusServiceUnavailable)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("the request took %v", d)
		}
	})
}

func TestStatusCode(t *testing.T) {
	for err, want := range map[error]int{
		session.ErrAmbiguous: 400, session.ErrOrigin: 403, session.ErrGone: 409, session.ErrExpired: 409,
		session.ErrRotated: 409, session.ErrDestroyed: 409, session.ErrRevoked: 409, session.ErrTooLarge: 413,
		session.ErrOwnerLimit: 429, session.ErrValue: 500, session.ErrCorrupt: 500, session.ErrClosed: 500,
		session.ErrNoCookie: 500, session.ErrShutdown: 503, store.ErrConflict: 503, errDown: 503, context.Canceled: 503,
	} {
		if got := session.StatusCode(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

package session_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// middleware is Manager.Handler, or several of them.
type middleware func(http.Handler) http.Handler

// socketRequest is a request for a socket with cookies, name and value by turns.
func socketRequest(cookies ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Origin", "https://app.example.com")
	for i := 0; i < len(cookies); i += 2 {
		r.AddCookie(&http.Cookie{Name: cookies[i], Value: cookies[i+1]})
	}
	return r
}

// plug opens a socket without a network. It stays open until unplugged, at the latest at the test's end.
func plug(t *testing.T, by middleware, of *session.Session) (ctx context.Context, unplug func()) {
	t.Helper()
	return plugToken(t, by, of.ID().Reveal())
}

func plugToken(t *testing.T, by middleware, token string) (ctx context.Context, unplug func()) {
	t.Helper()
	opened, leave, left := make(chan context.Context, 1), make(chan struct{}), make(chan struct{})
	handler := by(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		opened <- r.Context()
		<-leave
	}))
	go func() {
		defer close(left)
		handler.ServeHTTP(httptest.NewRecorder(), socketRequest(hostCookie, token))
	}()
	unplug = sync.OnceFunc(func() { close(leave); <-left })
	t.Cleanup(unplug)
	return <-opened, unplug
}

func wantCause(t *testing.T, what string, ctx context.Context, want error) {
	t.Helper()
	if got := context.Cause(ctx); got != want {
		t.Errorf("%s: cause %v, want %v", what, got, want)
	}
}

// heldStore reads rows for looks and, while it is told so, holds the answer back.
type heldStore struct {
	*memstore.Store
	hold    atomic.Bool
	held    atomic.Int64 // looks that were
	release chan struct{}
}

func (h *heldStore) Inspect(ctx context.Context, keys []session.Handle) ([]store.Record, error) {
	found, err := h.Store.Inspect(ctx, keys)
	if h.hold.Load() {
		h.held.Add(1)
		<-h.release
	}
	return found, err
}

// wantHeld fails the test where no look has begun: then nothing would be late.
func (h *heldStore) wantHeld(t *testing.T) {
	t.Helper()
	if h.held.Load() == 0 {
		t.Error("no look has begun")
	}
}

func newHeldSite(t *testing.T) (*site, *heldStore) {
	t.Helper()
	s := newSite(t)
	store := &heldStore{Store: s.store.Store, release: make(chan struct{})}
	m := newManager(s.t, store, session.Config{})
	s.m = m
	return s, store
}

// A socket that was opened with the new token is not judged by a look that read the row before the rotation.
func TestLookFromBeforeTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newHeldSite(t)
		of := s.stored("a")
		before, _ := plug(t, s.m.Handler, of)
		synctest.Wait()
		store.hold.Store(true)
		time.Sleep(3 * time.Second)
		store.wantHeld(t)
		rotate(t, of)
		after, _ := plug(t, s.m.Handler, of)
		store.hold.Store(false)
		close(store.release)
		synctest.Wait()
		wantCause(t, "socket of the old token", before, session.ErrRotated)
		wantCause(t, "socket of the new token", after, nil)
		s.ok(of.Destroy(t.Context()))
		wantCause(t, "socket of the new token, at the end", after, session.ErrDestroyed)
	})
}

// A handler that rotates the session at the handshake is not ended by a look that read the row before that.
func TestLookFromBeforeOwnRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newHeldSite(t)
		of := s.stored("a")
		store.hold.Store(true)
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			synctest.Wait()
			store.wantHeld(t)
			rotate(t, session.FromContext(r.Context()))
			close(store.release)
			synctest.Wait()
			w.WriteHeader(http.StatusSwitchingProtocols)
			wantCause(t, "after the rotation", r.Context(), nil)
			time.Sleep(time.Hour)
			wantCause(t, "an hour later", r.Context(), nil)
		})).ServeHTTP(httptest.NewRecorder(), socketRequest(hostCookie, of.ID().Reveal()))
	})
}

// Nor by one that reads it while that is saved, from a store that must be asked with the token.
func TestLookDuringOwnRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &lateSaves{Store: memstore.New()}
		m := newManager(t, store, session.Config{})
		of := m.NewSession()
		check(t, of.Generate())
		check(t, of.Save(t.Context()))
		store.late = 3 * time.Second
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rotate(t, session.FromContext(r.Context()))
			w.WriteHeader(http.StatusSwitchingProtocols)
			time.Sleep(time.Hour)
			wantCause(t, "after the rotation", r.Context(), nil)
		})).ServeHTTP(httptest.NewRecorder(), socketRequest(hostCookie, of.ID().Reveal()))
	})
}

// lateSaves is a store without Inspect, whose answers to saves are late.
type lateSaves struct {
	session.Store
	late time.Duration
}

func (l *lateSaves) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	defer time.Sleep(l.late)
	return l.Store.Save(ctx, ref, c)
}

// vanishing is a store that tells of no end. It holds looks back while told so, and loses a row once it was loaded.
type vanishing struct {
	session.Store
	memory  *memstore.Store
	release chan struct{}
	lose    bool
}

func (v *vanishing) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	defer func() {
		if v.lose {
			_ = v.memory.Delete(ctx, ref)
		}
	}()
	return v.memory.Load(ctx, ref)
}

func (v *vanishing) Inspect(ctx context.Context, keys []session.Handle) ([]store.Record, error) {
	if v.release != nil {
		<-v.release
	}
	return v.memory.Inspect(ctx, keys)
}

// A session that ended between its loading and its being watched is told at once, also where the looks have just
// stopped with the last socket and one is still under way. Which of the two loops is faster differs from round to
// round.
func TestFirstLookAfterTheLastSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := memstore.New()
		store := &vanishing{Store: memory, memory: memory}
		s := newSite(t)
		m := newManager(t, store, session.Config{})
		s.m = m
		for range 300 {
			release := make(chan struct{})
			store.release = release
			_, unplug := plug(t, m.Handler, s.stored())
			synctest.Wait() // a look is under way
			unplug()
			of := s.stored()
			store.lose, store.release = true, nil
			ended, unplug := plug(t, func(h http.Handler) http.Handler { return m.Handler(releasing(release, h)) }, of)
			start := time.Now()
			<-ended.Done()
			if late := time.Since(start); late > 0 {
				t.Fatalf("told %v late", late)
			}
			unplug()
			store.lose = false
			synctest.Wait()
		}
	})
}

func releasing(release chan struct{}, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(release)
		next.ServeHTTP(w, r)
	})
}

// Watch is for the session that FromContext gives, also where another one's middleware stands in between.
func TestWatchAroundAnotherSession(t *testing.T) {
	for name, both := range map[string]bool{"with a session in between": true, "without": false} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			admin := derive(t, s.m, func(c *session.Config) { c.Cookie.Name = "__Host-admin" })
			inner := derive(t, s.m, func(c *session.Config) { c.MaxBytes = 64 })
			of, other := s.stored("a"), admin.NewSession()
			s.ok(other.Generate())
			s.ok(other.Save(t.Context()))
			b := s.browser(of)
			if both {
				b.cookies["__Host-admin"] = other.ID().Reveal()
			}
			b.visit(admin.Handler(inner.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				ctx, err := session.Watch(r.Context())
				s.ok(err)
				s.ok(other.Destroy(t.Context()))
				synctest.Wait()
				wantCause(t, "after the other's end", ctx, nil)
				s.ok(of.Destroy(t.Context()))
				synctest.Wait()
				wantCause(t, "after its end", ctx, session.ErrDestroyed)
			}))).ServeHTTP)
		})
	}
}

// After the handler's return nothing is watched, since nobody would end that.
func TestWatchAfterReturn(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"returned": func(http.ResponseWriter, *http.Request) {},
		"panicked": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			var kept context.Context
			visit := func() {
				defer func() { _ = recover() }()
				s.browser(s.stored("a")).visit(func(w http.ResponseWriter, r *http.Request) {
					kept = r.Context()
					handle(w, r)
				})
			}
			visit()
			_, err := session.Watch(kept)
			wantIs(t, "Watch", err, session.ErrClosed)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s.ok(s.m.Shutdown(ctx))
		})
	}
	t.Run("of a socket", func(t *testing.T) {
		s := newSite(t)
		ctx, unplug := plug(t, s.m.Handler, s.stored("a"))
		unplug()
		_, err := session.Watch(ctx)
		wantIs(t, "Watch", err, session.ErrClosed)
	})
}

// A socket that opens with a shorter interval is looked at in that, also where others wait for a longer one.
func TestShorterPollInterval(t *testing.T) {
	for name, inside := range map[string]bool{"beside its parent": false, "inside of its parent": true} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			slow := session.WebSocket{PollInterval: time.Hour}
			m := newManager(t, plainStore{s.store}, session.Config{WebSocket: slow})
			quick := derive(t, m, func(c *session.Config) { c.WebSocket.PollInterval = time.Second })
			by := quick.Handler
			if inside {
				by = func(next http.Handler) http.Handler { return m.Handler(settled(quick.Handler(next))) }
			}
			plug(t, m.Handler, s.stored("slow"))
			synctest.Wait()
			of := s.stored("quick")
			ctx, _ := plug(t, by, of)
			synctest.Wait()
			s.ok(of.Destroy(t.Context()))
			start := time.Now()
			<-ctx.Done()
			if late := time.Since(start); late > 1100*time.Millisecond {
				t.Errorf("told after %v", late)
			}
		})
	}
}

// settled lets all that goes on beside the request come to rest first.
func settled(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		synctest.Wait()
		next.ServeHTTP(w, r)
	})
}

// An open socket keeps a session alive whose idle timeout is shorter than the interval of the looks, wherever that
// comes from, and lets it go when it closes.
func TestKeptAliveWithAShortTimeout(t *testing.T) {
	shorten := func(t *testing.T, s *session.Session) {
		check(t, errors.Join(s.SetTimeout(time.Second), s.Save(t.Context())))
	}
	nothing := func(*testing.T, *session.Session) {}
	short := session.Config{IdleTimeout: time.Second}
	step := session.Config{IdleTimeout: 2 * time.Second, TouchStep: 1500 * time.Millisecond}
	for name, test := range map[string]struct {
		config                 session.Config
		before, within, beside func(*testing.T, *session.Session)
	}{
		"configured":      {short, nothing, nothing, nothing},
		"with large step": {step, nothing, nothing, nothing},
		"its own":         {session.Config{}, shorten, nothing, nothing},
		"set by itself":   {session.Config{}, nothing, shorten, nothing},
		"set by another":  {session.Config{}, nothing, nothing, shorten},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t, func(c *session.Config) { *c = test.config })
			of := s.stored("a")
			test.before(t, of)
			ctx, unplug := plug(t, s.m.Handler, of)
			synctest.Wait()
			test.within(t, session.FromContext(ctx))
			test.beside(t, of)
			time.Sleep(time.Hour)
			wantCause(t, "after an hour", ctx, nil)
			unplug()
			time.Sleep(2 * time.Second)
			if s.alive(of) {
				t.Error("alive without its socket")
			}
		})
	}
}

// Shutdown ends also those whose session has no row, and may never have one.
func TestShutdownEndsThoseWithoutARow(t *testing.T) {
	for name, kind := range map[string]struct {
		request *http.Request
		ctx     func(context.Context) (context.Context, error)
	}{
		"socket":  {socketRequest(), func(ctx context.Context) (context.Context, error) { return ctx, nil }},
		"watcher": {httptest.NewRequest(http.MethodGet, "/", nil), session.Watch},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			opened, left := make(chan struct{}), make(chan struct{})
			handler := s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				ctx, err := kind.ctx(r.Context())
				s.ok(err)
				close(opened)
				<-ctx.Done()
				wantCause(t, name, ctx, session.ErrShutdown)
			}))
			go func() {
				defer close(left)
				handler.ServeHTTP(httptest.NewRecorder(), kind.request)
			}()
			<-opened
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s.ok(s.m.Shutdown(ctx))
			<-left
		})
	}
}

// A socket that comes with the token of before a rotation, which opens no session any more, ends at once.
func TestSocketOfAnOldToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		of := s.stored("a")
		old := of.ID().Reveal()
		rotate(t, of)
		ctx, unplug := plugToken(t, s.m.Handler, old)
		wantCause(t, "socket", ctx, session.ErrRotated)
		unplug()
		fresh, _ := plug(t, s.m.Handler, of)
		time.Sleep(time.Minute)
		wantCause(t, "socket of the new token", fresh, nil)
	})
}

// hungStore lets calls wait for their deadline.
type hungStore struct {
	*memstore.Store
	looks, touches bool
	hangs          atomic.Int64 // touches that do
}

func (h *hungStore) Inspect(ctx context.Context, keys []session.Handle) ([]store.Record, error) {
	if h.looks {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Store.Inspect(ctx, keys)
}

func (h *hungStore) TouchAll(ctx context.Context, refs []store.Ref) error {
	if h.touches {
		h.hangs.Add(1)
		defer h.hangs.Add(-1)
		<-ctx.Done()
		return ctx.Err()
	}
	return h.Store.TouchAll(ctx, refs)
}

// A database that hangs does not go unnoticed because it is only looked at in the background.
func TestHungDatabaseIsNoticed(t *testing.T) {
	for op, test := range map[session.Op]struct {
		store *hungStore
		log   string
	}{
		session.OpCheck: {&hungStore{looks: true}, ""},
		session.OpTouch: {&hungStore{touches: true}, "touching the sessions of open sockets failed"},
	} {
		bubble(t, string(op), func(t *testing.T) {
			var log logBuffer
			var timeouts atomic.Int64
			s := newSite(t)
			test.store.Store = s.store.Store
			m := newManager(t, test.store, session.Config{
				StoreTimeout: time.Second, IdleTimeout: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				Observe: func(_ context.Context, o session.Observation) {
					if o.Op == op && errors.Is(o.Err, context.DeadlineExceeded) {
						timeouts.Add(1)
					}
				},
			})
			of := s.stored("a")
			plug(t, m.Handler, of)
			time.Sleep(30 * time.Minute)
			if n := timeouts.Load(); n == 0 {
				t.Error("no observation")
			}
			if !strings.Contains(log.String(), test.log) {
				t.Errorf("the log has %q", log.String())
			}
		})
	}
}

// A socket hears of its session's end at once, though the database has not answered for long to what keeps sessions alive.
func TestToldWhileTouchesHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		hung := &hungStore{Store: s.store.Store, touches: true}
		m := newManager(t, hung, session.Config{StoreTimeout: time.Hour, Logger: slog.New(slog.DiscardHandler)})
		of := s.stored("a")
		ctx, _ := plug(t, m.Handler, of)
		time.Sleep(30 * time.Minute) // the first touch is due before, and its hour is not over
		if hung.hangs.Load() != 1 {
			t.Fatalf("%d touches hang", hung.hangs.Load())
		}
		s.ok(of.Destroy(t.Context()))
		synctest.Wait()
		wantCause(t, "socket", ctx, session.ErrDestroyed)
	})
}

// When the socket that needs a short interval has closed, the others go on with theirs.
func TestIntervalBecomesLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks atomic.Int64
		s := newSite(t, func(c *session.Config) {
			c.Observe = func(_ context.Context, o session.Observation) {
				if o.Op == session.OpCheck {
					looks.Add(1)
				}
			}
		})
		plug(t, s.m.Handler, s.stored("a"))
		of := s.stored("b")
		s.ok(errors.Join(of.SetTimeout(time.Second), of.Save(t.Context())))
		_, unplug := plug(t, s.m.Handler, of)
		time.Sleep(time.Minute)
		unplug()
		if n := looks.Swap(0); n < 150 {
			t.Errorf("%d looks in a minute with a timeout of a second", n)
		}
		time.Sleep(time.Minute)
		if n := looks.Load(); n > 40 {
			t.Errorf("%d looks in a minute afterwards", n)
		}
	})
}

// For the last save of a socket, the innermost manager that has the session decides.
func TestDerivedDecidesOnTheLastSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		hook := func(name string, retry time.Duration) func(*session.Config) {
			return func(c *session.Config) {
				c.WebSocket.SaveRetry = retry
				c.WebSocket.OnSaveError = func(context.Context, session.Handle, error) { told = append(told, name) }
			}
		}
		s := newSite(t, hook("outer", time.Hour))
		derived := derive(t, s.m, hook("derived", time.Second))
		other := derive(t, s.m, func(c *session.Config) {
			hook("other", time.Minute)(c)
			c.Cookie.Name = "__Host-other"
		})
		start := time.Now()
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusSwitchingProtocols)
			s.ok(s.m.FromContext(r.Context()).Set("k", 1))
			s.store.failBefore(errDown, "save")
		})
		s.m.Handler(derived.Handler(other.Handler(handler))).ServeHTTP(
			httptest.NewRecorder(), socketRequest(hostCookie, s.stored("a").ID().Reveal()))
		if !slices.Equal(told, []string{"derived"}) {
			t.Errorf("told: %q", told)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("tried again for %v", took)
		}
	})
}

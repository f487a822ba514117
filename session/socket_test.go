package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// socketServer is a server whose handler does what a WebSocket library does at a handshake, by hand, and then runs serve.
type socketServer struct {
	*httptest.Server
	store   *memstore.Store
	manager *session.Manager
	serve   atomic.Pointer[func(*socket)]
}

// socket is what serve gets: the handler's end of an open connection.
type socket struct {
	session *session.Session
	ctx     context.Context
	conn    net.Conn
	r       *bufio.ReadWriter
}

func newSocketServer(t *testing.T, config session.Config) *socketServer {
	t.Helper()
	return newSocketServerOn(t, memstore.New(), config)
}

func newSocketServerOn(t *testing.T, store session.Store, config session.Config) *socketServer {
	t.Helper()
	config.Cookie.InsecureHTTP = true
	manager := newManager(t, store, config)
	s := &socketServer{manager: manager}
	s.store, _ = store.(*memstore.Store)
	mux := http.NewServeMux()
	mux.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Set(r.FormValue("k"), r.FormValue("v")); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) { s.upgrade(t, w, r) })
	s.Server = httptest.NewServer(manager.Handler(mux))
	t.Cleanup(s.Close)
	return s
}

// upgrade answers 101 with the header that the middleware has completed, as the recipes for the libraries do.
func (s *socketServer) upgrade(t *testing.T, w http.ResponseWriter, r *http.Request) {
	sess := session.FromContext(r.Context())
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
	if err := w.Header().Write(rw); err != nil {
		t.Error(err)
	}
	fmt.Fprint(rw, "\r\n")
	if err := rw.Flush(); err != nil {
		t.Error(err)
	}
	if serve := s.serve.Load(); serve != nil {
		(*serve)(&socket{sess, r.Context(), conn, rw})
	}
}

// handle sets what runs once a socket is open, and returns a channel that receives when it is done.
func (s *socketServer) handle(serve func(*socket)) <-chan struct{} {
	done := make(chan struct{}, 16)
	wrapped := func(sock *socket) {
		defer func() { done <- struct{}{} }()
		serve(sock)
	}
	s.serve.Store(&wrapped)
	return done
}

// login makes a session and returns its token.
func (s *socketServer) login(t *testing.T) string {
	t.Helper()
	response, err := http.Get(s.URL + "/set?k=name&v=somebody")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for _, c := range response.Cookies() {
		return c.Value
	}
	t.Fatal("no cookie")
	return ""
}

// dial sends a handshake with the header lines, and returns the response and the connection.
func (s *socketServer) dial(t *testing.T, lines ...string) (*http.Response, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	request := "GET /ws HTTP/1.1\r\nHost: app.example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + strings.Join(lines, "\r\n")
	if _, err := io.WriteString(conn, strings.TrimRight(request, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response, conn
}

const ownOrigin = "Origin: http://app.example.com"

func cookieLine(token string) string { return "Cookie: session=" + token }

// await returns what the channel brings, and fails where that takes far too long.
func await[T any](t *testing.T, what string, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
	}
	return v
}

func TestHandshakeOrigin(t *testing.T) {
	listed := session.WebSocket{Origins: []string{"https://app.example.com", "http://localhost:3000"}}
	for _, test := range []struct {
		name    string
		config  session.WebSocket
		origins []string
		want    int
	}{
		{"own", session.WebSocket{}, []string{"http://app.example.com"}, 101},
		{"absent", session.WebSocket{}, nil, 403},
		{"absent, allowed", session.WebSocket{AllowMissingOrigin: true}, nil, 101},
		{"evil", session.WebSocket{}, []string{"http://evil.example"}, 403},
		{"evil where absence is allowed", session.WebSocket{AllowMissingOrigin: true}, []string{"http://evil.example"}, 403},
		{"null", session.WebSocket{}, []string{"null"}, 403},
		{"empty", session.WebSocket{}, []string{""}, 403},
		{"twice", session.WebSocket{}, []string{"http://app.example.com", "http://app.example.com"}, 403},
		{"two in one line", session.WebSocket{}, []string{"http://app.example.com, http://evil.example"}, 403},
		{"other scheme", session.WebSocket{}, []string{"https://app.example.com"}, 403},
		{"other port", session.WebSocket{}, []string{"http://app.example.com:8080"}, 403},
		{"as a prefix", session.WebSocket{}, []string{"http://app.example.com.evil.com"}, 403},
		{"as a suffix", session.WebSocket{}, []string{"http://evil-app.example.com"}, 403},
		{"userinfo", session.WebSocket{}, []string{"http://app.example.com@evil.example"}, 403},
		{"trailing dot", session.WebSocket{}, []string{"http://app.example.com."}, 403},
		{"trailing slash", session.WebSocket{}, []string{"http://app.example.com/"}, 403},
		{"case", session.WebSocket{}, []string{"HTTP://APP.example.com"}, 403},
		{"listed", listed, []string{"https://app.example.com"}, 101},
		{"listed with port", listed, []string{"http://localhost:3000"}, 101},
		{"own, but not listed", listed, []string{"http://app.example.com"}, 403},
		{"listed host, other port", listed, []string{"http://localhost:3001"}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSocketServer(t, session.Config{WebSocket: test.config})
			var lines []string
			for _, origin := range test.origins {
				lines = append(lines, "Origin: "+origin)
			}
			response, _ := s.dial(t, append(lines, cookieLine(s.login(t)))...)
			if response.StatusCode != test.want {
				t.Errorf("status %d, want %d", response.StatusCode, test.want)
			}
		})
	}
}

func TestHandshakeOriginBeforeLoad(t *testing.T) {
	var loads atomic.Int64
	s := newSocketServer(t, session.Config{Observe: func(_ context.Context, o session.Observation) {
		if o.Op == session.OpLoad {
			loads.Add(1)
		}
	}})
	s.dial(t, "Origin: http://evil.example", cookieLine(s.login(t)))
	if n := loads.Load(); n != 0 {
		t.Errorf("%d sessions loaded for a page that may not open a socket", n)
	}
}

func TestSocketSharesSession(t *testing.T) {
	s := newSocketServer(t, session.Config{})
	token := s.login(t)
	done := s.handle(func(sock *socket) {
		if name, err := session.Get[string](sock.session, "name"); name != "somebody" || err != nil {
			t.Errorf("name %q, %v", name, err)
		}
		if err := sock.session.Set("middle", 1); err != nil {
			t.Error(err)
		}
		if err := sock.session.Save(sock.ctx); err != nil {
			t.Error(err)
		}
		if err := sock.session.Set("end", 2); err != nil {
			t.Error(err)
		}
		if err := sock.session.Generate(); !errors.Is(err, session.ErrNoCookie) {
			t.Errorf("Generate after the handshake: %v", err)
		}
		_ = sock.session.Save(sock.ctx) // takes the error of Generate
	})
	response, conn := s.dial(t, ownOrigin, cookieLine(token))
	if response.StatusCode != 101 || len(response.Cookies()) != 0 {
		t.Errorf("status %d, cookies %v", response.StatusCode, response.Cookies())
	}
	conn.Close()
	await(t, "end of the handler", done)
	if err := s.manager.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.manager.Open(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if keys := fmt.Sprint(got.Keys()); keys != "[end middle name]" {
		t.Errorf("keys %s", keys)
	}
}

func TestSocketWithoutSession(t *testing.T) {
	s := newSocketServer(t, session.Config{})
	done := s.handle(func(sock *socket) {
		if err := sock.session.Set("k", 1); !errors.Is(err, session.ErrNoCookie) {
			t.Errorf("Set without a session: %v", err)
		}
	})
	response, _ := s.dial(t, ownOrigin)
	await(t, "end of the handler", done)
	if len(response.Cookies()) != 0 || s.store.Len() != 0 {
		t.Errorf("cookies %v, %d rows", response.Cookies(), s.store.Len())
	}
}

func TestSocketCreatesSession(t *testing.T) {
	s := newSocketServer(t, session.Config{WebSocket: session.WebSocket{Create: true}})
	set := make(chan error, 1)
	s.handle(func(sock *socket) {
		err := sock.session.Set("k", 1)
		set <- errors.Join(err, sock.session.Save(sock.ctx))
	})
	response, _ := s.dial(t, ownOrigin)
	if err := await(t, "save", set); err != nil {
		t.Fatal(err)
	}
	cookies := response.Cookies()
	if len(cookies) != 1 || response.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("header %v", response.Header)
	}
	if got, err := s.manager.Open(t.Context(), cookies[0].Value); err != nil || !got.Has("k") {
		t.Errorf("the cookie of the handshake: %v, %v", got, err)
	}
}

func TestSocketPanicSavesNothing(t *testing.T) {
	s := newSocketServer(t, session.Config{})
	s.Config.ErrorLog = nil
	token := s.login(t)
	done := s.handle(func(sock *socket) {
		if err := sock.session.Set("k", 1); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	})
	s.dial(t, ownOrigin, cookieLine(token))
	await(t, "end of the handler", done)
	if err := s.manager.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := s.manager.Open(t.Context(), token); err != nil || got.Has("k") {
		t.Errorf("%v, %v: a handler that panicked has saved", got, err)
	}
}

// TestSocketEnds: however a session ends, here or on another node, its socket's context ends with the cause. Where an
// event tells the cause, looks fail: one that came before the event would find the session just gone.
func TestSocketEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, here, there *session.Manager, store *memstore.Store, token string)
		want error
	}{
		{"destroyed here", func(t *testing.T, here, _ *session.Manager, _ *memstore.Store, token string) {
			check(t, open(t, here, token).Destroy(t.Context()))
		}, session.ErrDestroyed},
		{"destroyed on another node", func(t *testing.T, _, there *session.Manager, _ *memstore.Store, token string) {
			check(t, open(t, there, token).Destroy(t.Context()))
		}, session.ErrDestroyed},
		{"rotated here", func(t *testing.T, here, _ *session.Manager, _ *memstore.Store, token string) {
			rotate(t, open(t, here, token))
		}, session.ErrRotated},
		{"rotated on another node", func(t *testing.T, _, there *session.Manager, _ *memstore.Store, token string) {
			rotate(t, open(t, there, token))
		}, session.ErrRotated},
		{"revoked on another node", func(t *testing.T, _, there *session.Manager, _ *memstore.Store, token string) {
			_, err := there.Revoke(t.Context(), open(t, there, token).Handle())
			check(t, err)
		}, session.ErrRevoked},
		{"expired", func(_ *testing.T, _, _ *session.Manager, store *memstore.Store, _ string) {
			store.Advance(25 * time.Hour)
		}, session.ErrExpired},
		{"expired and collected", func(t *testing.T, _, _ *session.Manager, st *memstore.Store, _ string) {
			st.Advance(25 * time.Hour)
			_, err := st.Collect(t.Context(), store.CollectOptions{})
			check(t, err)
		}, session.ErrGone},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := memstore.New()
			watched := &watched{Store: store, begun: make(chan struct{}), polled: make(chan struct{}, 1)}
			config := session.Config{WebSocket: session.WebSocket{PollInterval: 20 * time.Millisecond}}
			if test.want == session.ErrDestroyed || test.want == session.ErrRevoked {
				config.WebSocket.PollInterval = time.Hour // only the event can tell how
			}
			here := newSocketServerOn(t, watched, config)
			there := newSocketServerOn(t, store, config)
			token := here.login(t)
			open, cause := make(chan struct{}), make(chan error, 1)
			here.handle(func(sock *socket) {
				close(open)
				<-sock.ctx.Done()
				cause <- context.Cause(sock.ctx)
				if err := sock.session.Set("late", 1); !errors.Is(err, session.ErrGone) {
					t.Errorf("Set after the end: %v", err)
				}
			})
			here.dial(t, ownOrigin, cookieLine(token))
			await(t, "socket", open)
			await(t, "watch", watched.begun)
			await(t, "first poll", watched.polled)
			test.end(t, here.manager, there.manager, store, token)
			if got := await(t, "end of the context", cause); !errors.Is(got, test.want) || !errors.Is(got, session.ErrGone) {
				t.Errorf("cause %v, want %v", got, test.want)
			}
		})
	}
}

// watched is a store that says when its events are heard, and when rows have been polled. It reports no event as missed:
// the hub would poll again, and a poll that finds the end before its event cannot tell how it came.
type watched struct {
	*memstore.Store
	once   sync.Once
	begun  chan struct{}
	polled chan struct{} // holds a mark once rows have been polled
}

func (w *watched) Watch(ctx context.Context, fn func(store.Event)) error {
	return w.Store.Watch(ctx, func(e store.Event) {
		if e.Kind == store.Missed {
			w.once.Do(func() { close(w.begun) }) // it comes first, from who hears what follows
			return
		}
		fn(e)
	})
}

func (w *watched) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	found, err := w.Store.Inspect(ctx, keys)
	select {
	case w.polled <- struct{}{}:
	default:
	}
	return found, err
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, m *session.Manager, token string) *session.Session {
	t.Helper()
	s, err := m.Open(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rotate(t *testing.T, s *session.Session) {
	t.Helper()
	check(t, s.Generate())
	check(t, s.Save(t.Context()))
}

func TestSocketKeptAlive(t *testing.T) {
	for _, test := range []struct {
		name string
		off  bool
	}{{"kept alive", false}, {"not kept alive", true}} {
		t.Run(test.name, func(t *testing.T) {
			s := newSocketServer(t, session.Config{
				AbsoluteTimeout: 3 * time.Hour,
				WebSocket:       session.WebSocket{PollInterval: 10 * time.Millisecond, NoKeepAlive: test.off},
			})
			token := s.login(t)
			opened, ended := make(chan struct{}), make(chan error, 1)
			s.handle(func(sock *socket) {
				close(opened)
				<-sock.ctx.Done()
				ended <- context.Cause(sock.ctx)
			})
			s.dial(t, ownOrigin, cookieLine(token))
			await(t, "socket", opened)
			lived := advanceWhileAlive(t, s, token, ended)
			if test.off && lived >= 2*time.Hour {
				t.Errorf("lived for %v beyond its idle timeout", lived)
			}
			if !test.off && (lived < 2*time.Hour || lived > 3*time.Hour) {
				t.Errorf("lived for %v, want about the absolute timeout of 3h", lived)
			}
		})
	}
}

// advanceWhileAlive moves the store's clock in steps, each of which a look at the rows follows, until the socket ends.
func advanceWhileAlive(t *testing.T, s *socketServer, token string, ended <-chan error) time.Duration {
	t.Helper()
	const step = 30 * time.Minute
	for passed := step; ; passed += step {
		s.store.Advance(step)
		looks := time.NewTimer(60 * time.Millisecond)
		select {
		case err := <-ended:
			if !errors.Is(err, session.ErrExpired) {
				t.Errorf("cause %v", err)
			}
			return passed - step
		case <-looks.C:
		}
		if passed > 24*time.Hour {
			t.Fatal("it never ends")
		}
	}
}

func TestSocketChanges(t *testing.T) {
	store := memstore.New()
	config := session.Config{WebSocket: session.WebSocket{PollInterval: 10 * time.Millisecond}}
	here, there := newSocketServerOn(t, store, config), newSocketServerOn(t, store, config)
	token := here.login(t)
	opened, seen := make(chan struct{}), make(chan string, 10)
	here.handle(func(sock *socket) {
		changes := sock.session.RemoteChanges()
		check(t, sock.session.Set("mine", "unsaved"))
		close(opened)
		for range 2 {
			<-changes
			check(t, sock.session.Load(sock.ctx))
			seen <- fmt.Sprint(sock.session.Keys())
		}
	})
	here.dial(t, ownOrigin, cookieLine(token))
	await(t, "socket", opened)
	for _, step := range []struct {
		by   *session.Manager
		key  string
		want string
	}{{here.manager, "a", "[a mine name]"}, {there.manager, "b", "[a b mine name]"}} {
		other := open(t, step.by, token)
		check(t, other.Set(step.key, 1))
		check(t, other.Save(t.Context()))
		if got := await(t, "change", seen); got != step.want {
			t.Errorf("after a change of %q: %s, want %s", step.key, got, step.want)
		}
	}
}

func TestShutdownWaitsForSaves(t *testing.T) {
	s := newSocketServer(t, session.Config{})
	token := s.login(t)
	opened := make(chan struct{})
	s.handle(func(sock *socket) {
		check(t, sock.session.Set("k", "v"))
		close(opened)
		<-sock.ctx.Done()
		if cause := context.Cause(sock.ctx); !errors.Is(cause, session.ErrShutdown) || errors.Is(cause, session.ErrGone) {
			t.Errorf("cause %v", cause)
		}
		if code, _ := session.CloseCode(sock.ctx); code != 1001 {
			t.Errorf("close code %d", code)
		}
	})
	s.dial(t, ownOrigin, cookieLine(token))
	await(t, "socket", opened)
	check(t, s.manager.Shutdown(t.Context()))
	if !open(t, s.manager, token).Has("k") {
		t.Error("the change of an open socket is lost at shutdown")
	}
	if response, _ := s.dial(t, ownOrigin, cookieLine(token)); response.StatusCode != 503 {
		t.Errorf("a handshake after the shutdown: %d", response.StatusCode)
	}
}

func TestShutdownDeadline(t *testing.T) {
	s := newSocketServer(t, session.Config{})
	opened, release := make(chan struct{}), make(chan struct{})
	done := s.handle(func(*socket) { close(opened); <-release })
	s.dial(t, ownOrigin, cookieLine(s.login(t)))
	await(t, "socket", opened)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.manager.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown with a handler that stays: %v", err)
	}
	close(release)
	await(t, "end of the handler", done)
}

// failing is a store whose saves fail while it is told so.
type failing struct {
	*memstore.Store
	down atomic.Int64 // saves that are still to fail
}

func (f *failing) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	if f.down.Add(-1) >= 0 {
		return store.Saved{}, errors.New("database is down")
	}
	return f.Store.Save(ctx, ref, c)
}

func TestSocketSaveIsRetried(t *testing.T) {
	for _, test := range []struct {
		name     string
		failures int64
		reported bool
	}{{"back in time", 3, false}, {"down for good", 1 << 40, true}} {
		t.Run(test.name, func(t *testing.T) {
			store := &failing{Store: memstore.New()}
			reports := make(chan error, 1)
			manager := newManager(t, store, session.Config{
				Cookie: session.Cookie{InsecureHTTP: true},
				WebSocket: session.WebSocket{
					SaveRetry:   500 * time.Millisecond,
					OnSaveError: func(_ context.Context, _ session.Handle, err error) { reports <- err },
				},
			})
			s := &socketServer{store: store.Store, manager: manager}
			s.Server = httptest.NewServer(manager.Handler(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) { s.upgrade(t, w, r) })))
			t.Cleanup(s.Close)
			first := manager.NewSession()
			check(t, first.Set("name", "somebody"))
			check(t, first.Save(t.Context()))
			done := s.handle(func(sock *socket) {
				store.down.Store(test.failures)
				check(t, sock.session.Set("k", 1))
			})
			s.dial(t, ownOrigin, cookieLine(first.ID().Reveal()))
			await(t, "end of the handler", done)
			check(t, manager.Shutdown(t.Context()))
			if reported := len(reports) == 1; reported != test.reported {
				t.Errorf("reported: %v", reported)
			}
			check(t, first.Load(t.Context()))
			if first.Has("k") == test.reported {
				t.Errorf("saved: %v", first.Has("k"))
			}
		})
	}
}

func TestWatchServerSentEvents(t *testing.T) {
	store := memstore.New()
	manager := newManager(t, store, session.Config{Cookie: session.Cookie{InsecureHTTP: true}})
	cause := make(chan error, 1)
	server := httptest.NewServer(manager.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		check(t, session.FromContext(r.Context()).Set("k", 1))
		ctx, err := session.Watch(r.Context())
		check(t, err)
		check(t, http.NewResponseController(w).Flush())
		<-ctx.Done()
		if r.Context().Err() != nil {
			t.Error("the request's own context was cancelled")
		}
		cause <- context.Cause(ctx)
	})))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	check(t, open(t, manager, response.Cookies()[0].Value).Destroy(t.Context()))
	if err := await(t, "end", cause); !errors.Is(err, session.ErrDestroyed) {
		t.Errorf("cause %v", err)
	}
}

// plainStore hides all that a store can do beyond the minimum.
type plainStore struct{ session.Store }

// TestSocketLearnsOfTheEnd: where the connection's own Load is the first to learn that the session has ended, its context
// ends too.
func TestSocketLearnsOfTheEnd(t *testing.T) {
	manager := newManager(t, plainStore{memstore.New()}, session.Config{
		Cookie:    session.Cookie{InsecureHTTP: true},
		WebSocket: session.WebSocket{PollInterval: 10 * time.Millisecond},
	})
	s := &socketServer{manager: manager}
	s.Server = httptest.NewServer(manager.Handler(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { s.upgrade(t, w, r) })))
	t.Cleanup(s.Close)
	first := manager.NewSession()
	check(t, errors.Join(first.Set("name", "somebody"), first.Save(t.Context())))
	other := newManager(t, manager.Store(), session.Config{Realm: "session", Cookie: session.Cookie{InsecureHTTP: true}})
	cause := make(chan error, 1)
	s.handle(func(sock *socket) {
		check(t, open(t, other, first.ID().Reveal()).Destroy(context.Background()))
		if err := sock.session.Load(sock.ctx); !errors.Is(err, session.ErrGone) {
			t.Errorf("Load: %v", err)
		}
		<-sock.ctx.Done()
		cause <- context.Cause(sock.ctx)
	})
	s.dial(t, ownOrigin, cookieLine(first.ID().Reveal()))
	if err := await(t, "end of the context", cause); !errors.Is(err, session.ErrGone) {
		t.Errorf("cause %v", err)
	}
}

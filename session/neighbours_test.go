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
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// What a WebSocket library takes for a handshake is one here: with white space of Unicode, or with more around the word.
func TestHandshakesThatLibrariesAccept(t *testing.T) {
	for _, header := range []http.Header{
		{"Upgrade": {"\u2000websocket"}, "Connection": {"Upgrade"}},
		{"Upgrade": {"\u00a0WebSocket\u3000"}, "Connection": {"Upgrade"}},
		{"Upgrade": {"websocket"}, "Connection": {"\u0085upgrade"}},
		{"Upgrade": {"websocket"}, "Connection": {"xupgradex"}},
		{"Upgrade": {"h2c", "websocket"}, "Connection": {"keep-alive, Upgrade"}},
		{":protocol": {"websocket\u2000"}},
	} {
		s := newSite(t)
		r := s.browser(s.stored("a")).request()
		for name, values := range header {
			r.Header[name] = values
		}
		if header[":protocol"] != nil {
			r.Method = http.MethodConnect
		}
		r.Header.Set("Origin", "https://evil.example")
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Errorf("the handler ran for %q", header)
		})).ServeHTTP(w, r)
		wantStatus(t, w, http.StatusForbidden)
	}
}

// hijackable hands out one end of a pipe.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// A connection that is hijacked without a handshake that was recognised is refused for its Origin, and ends with the
// session.
func TestHijackWithoutAHandshake(t *testing.T) {
	for name, origin := range map[string]string{"foreign": "https://evil.example", "own": "https://app.example.com"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("a")
			r := s.browser(live).request()
			r.Header.Set("Origin", origin)
			theirs, ours := net.Pipe()
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = session.FromContext(r.Context())
				conn, _, err := w.(http.Hijacker).Hijack()
				if name == "foreign" {
					if wantIs(t, "Hijack", err, session.ErrOrigin); conn != nil {
						t.Error("the connection is given away")
					}
					return
				}
				s.ok(err)
				watching, err := session.Watch(r.Context())
				s.ok(err)
				s.ok(conn.SetReadDeadline(time.Now().Add(10 * time.Second))) // fails once the connection is closed
				_, err = s.m.Revoke(t.Context(), live.Handle())
				s.ok(err)
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("the connection outlives its session: %v", err)
				}
				await(t, "end of what Watch has given", watching.Done())
				wantIs(t, "cause", context.Cause(watching), session.ErrRevoked)
			})).ServeHTTP(hijackable{httptest.NewRecorder(), ours}, r)
			_ = theirs.Close()
		})
	}
}

// An upgrade library that writes its own 101 sends the new cookie all the same.
func TestA101ThatALibraryWritesItself(t *testing.T) {
	for name, header := range map[string]string{"cookie": "", "header": "X-Session"} {
		t.Run(name, func(t *testing.T) { handshakeByALibrary(t, header) })
	}
}

func handshakeByALibrary(t *testing.T, header string) {
	s := newSite(t, func(c *session.Config) { c.Header = header })
	live := s.stored("a")
	r := s.browser(live).request()
	if header != "" {
		r.Header.Set(header, live.ID().Reveal())
	}
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://app.example.com"} {
		r.Header.Set(name, value)
	}
	theirs, ours := net.Pipe()
	go s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Rotate())
		_, buffer, err := w.(http.Hijacker).Hijack()
		s.ok(err)
		fmt.Fprint(buffer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nframe")
		s.ok(buffer.Flush())
	})).ServeHTTP(hijackable{httptest.NewRecorder(), ours}, r)
	reader := bufio.NewReader(theirs)
	response, err := http.ReadResponse(reader, r)
	s.ok(err)
	token := response.Header.Get(header)
	if header == "" {
		token = response.Cookies()[0].Value
	}
	if frame, err := reader.Peek(5); string(frame) != "frame" {
		t.Errorf("after the header %q, %v", frame, err)
	}
	if opened, err := s.m.Open(t.Context(), token); err != nil || !opened.Has("a") || token == live.ID().Reveal() {
		t.Errorf("the token that it brought opens %q, %v", opened.Keys(), err)
	}
}

// WebSocket.Create makes a row for a socket, and for nothing that is no socket after all.
func TestCreateMakesNoRowWithoutA101(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.WebSocket.Create = true })
	for status, rows := range map[int]int{http.StatusNotFound: 0, http.StatusOK: 0, http.StatusSwitchingProtocols: 1} {
		r := s.browser().request()
		for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://app.example.com"} {
			r.Header.Set(name, value)
		}
		before := s.store.Len()
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })).
			ServeHTTP(httptest.NewRecorder(), r)
		if made := s.store.Len() - before; made != rows {
			t.Errorf("status %d: %d rows", status, made)
		}
	}
}

// A notification that anybody may have sent ends no socket whose row is there.
func TestAForgedNotificationEndsNothing(t *testing.T) {
	st := &forging{spy: newSite(t).store, listened: make(chan func(store.Event), 1)}
	m := newManager(t, st, session.Config{Logger: discard()})
	of := m.NewSession()
	check(t, errors.Join(of.Set("k", 1), of.Save(t.Context())))
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	r.AddCookie(&http.Cookie{Name: hostCookie, Value: of.ID().Reveal()})
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, err := session.Watch(r.Context())
		check(t, err)
		forge, here := await(t, "the watch", st.listened), session.FromContext(r.Context())
		for _, kind := range []store.EventKind{store.Destroyed, store.Revoked, store.Rotated} {
			if forge(store.Event{Kind: kind, Key: of.Handle()}); here.Err() != nil {
				t.Errorf("a forged event of kind %v has ended it: %v", kind, here.Err())
			}
		}
		// The genuine event comes last, and is known by its cause.
		_, err = m.Revoke(r.Context(), of.Handle())
		check(t, err)
		<-ctx.Done()
		wantIs(t, "cause", context.Cause(ctx), session.ErrRevoked)
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// forging lets a test send events.
type forging struct {
	*spy
	listened chan func(store.Event)
}

func (f *forging) Watch(ctx context.Context, fn func(store.Event)) error {
	f.listened <- fn
	return f.spy.Store.Watch(ctx, fn)
}

// A Header that means something else is refused, and so is one whose values are no bare tokens.
func TestHeadersOfAnotherMeaning(t *testing.T) {
	for _, name := range []string{"Content-Length", "transfer-encoding", "Vary", "Location", "Authorization", "Cookie", "Origin"} {
		if _, err := session.New(newSite(t).store, session.Config{Header: name}); err == nil {
			t.Errorf("the header %s is taken", name)
		}
	}
}

// Errors of a configuration are not those of a value.
func TestConfigurationErrorsAreNoValueErrors(t *testing.T) {
	_, err := session.New(newSite(t).store, session.Config{IdleTimeout: -1})
	if err == nil || errors.Is(err, session.ErrValue) || strings.Contains(err.Error(), "value cannot be stored") {
		t.Error(err)
	}
}

// No cache keeps a response with a cookie, whatever field it obeys.
func TestFieldsForCachesGoWithACookie(t *testing.T) {
	s := newSite(t)
	w := s.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"CDN-Cache-Control", "Surrogate-Control", "Cloudflare-CDN-Cache-Control", "Cache-Control"} {
			w.Header().Set(name, "max-age=600")
		}
		w.Header().Set("Expires", "Fri, 27 Nov 2099 08:00:00 GMT")
		s.ok(session.FromContext(r.Context()).Set("k", 1))
	})
	for name, values := range w.Header() {
		if strings.Contains(name, "Control") && (name != "Cache-Control" || values[0] != "no-store") || name == "Expires" {
			t.Errorf("%s: %q", name, values)
		}
	}
}

// Callers of Modify who give up leave nothing behind them.
func TestCancelledModifiesLeaveNoGoroutines(t *testing.T) {
	s := newSite(t)
	of := s.stored("a")
	hold, held := make(chan struct{}), make(chan struct{})
	go func() {
		_ = s.open(of).Modify(t.Context(), func(*session.Draft) error {
			close(held)
			<-hold
			return nil
		})
	}()
	<-held
	defer close(hold)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	before := runtime.NumGoroutine()
	for range 500 {
		other := s.open(of)
		wantIs(t, "Modify", other.Modify(cancelled, func(*session.Draft) error { return nil }), context.Canceled)
	}
	if after := runtime.NumGoroutine(); after > before+10 {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// The error handler may render a page with the session, which says what is wrong and can be destroyed: the browser of a
// corrupt row is not stuck.
func TestTheErrorHandlerCanDestroy(t *testing.T) {
	for name, failure := range map[string]error{"corrupt": session.ErrCorrupt, "down": errDown} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *session.Config) {
				c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
					of := session.FromContext(r.Context())
					wantIs(t, "Err", of.Err(), failure)
					wantIs(t, "Set", of.Set("k", 1), failure)
					if errors.Is(err, session.ErrCorrupt) {
						_ = of.Destroy(r.Context())
					}
					w.WriteHeader(session.StatusCode(err))
				}
			})
			b := s.browser(s.stored("a"))
			s.store.failBefore(failure, "load")
			b.visit(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
			if kept, corrupt := b.token() != "", name == "corrupt"; kept == corrupt || (s.store.Len() == 0) != corrupt {
				t.Errorf("the cookie is kept: %v, %d rows", kept, s.store.Len())
			}
		})
	}
}

// The same holds if a request is refused before its session is looked for.
func TestTheErrorHandlerOfARefusedHandshake(t *testing.T) {
	answered := false
	s := newSite(t, func(c *session.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			answered = true
			of := session.FromContext(r.Context())
			wantIs(t, "Err", of.Err(), session.ErrOrigin)
			wantIs(t, "Set", of.Set("k", 1), session.ErrOrigin)
			w.WriteHeader(session.StatusCode(err))
		}
	})
	for range 3 {
		r := s.browser(s.stored("a")).request()
		for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://evil.example"} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(w, r)
		wantStatus(t, w, http.StatusForbidden)
	}
	if !answered {
		t.Error("the error handler was not asked")
	}
	if log := s.log.String(); strings.Count(log, "WebSocket.Origins") != 1 {
		t.Errorf("three refusals are logged as %q", log)
	}
}

// Modify on a session without a row races the first byte: the row is not made if its cookie cannot be sent.
func TestModifyOfANewSessionAndTheFirstByte(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	result := make(chan error, 1)
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		drafting, proceed := make(chan struct{}), make(chan struct{})
		go func() {
			result <- of.Modify(context.WithoutCancel(r.Context()), func(d *session.Draft) error {
				close(drafting)
				<-proceed
				return d.Set("k", 1)
			})
		}()
		<-drafting
		fmt.Fprint(w, "first byte")
		close(proceed)
		wantIs(t, "Modify", await(t, "Modify", result), session.ErrNoCookie)
	})
	wantStatus(t, w, http.StatusOK)
	wantNoCookie(t, w)
	if s.store.Len() != 0 {
		t.Errorf("%d rows", s.store.Len())
	}
}

// A slow Modify on a goroutine of the handler does not hold up a response that owes nothing to it.
func TestASlowModifyDoesNotHoldUpTheResponse(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.StoreTimeout = 50 * time.Millisecond })
	b := s.browser(s.stored("a"))
	saving, proceed := make(chan struct{}), make(chan struct{})
	s.store.hook(func(_ context.Context, op string) error {
		if op == "save" {
			close(saving)
			<-proceed
		}
		return nil
	})
	result := make(chan error, 1)
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		go func() {
			result <- of.Modify(context.WithoutCancel(r.Context()), func(d *session.Draft) error { return d.Set("k", 1) })
		}()
		await(t, "the save", saving)
		w.WriteHeader(http.StatusNoContent)
		close(proceed)
		s.ok(await(t, "Modify", result))
	})
	wantStatus(t, w, http.StatusNoContent)
}

// One touch more than there is room for waits for room; the session does not expire early.
func TestATouchWithoutRoomWaits(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		var all []*session.Session
		for range 20 {
			all = append(all, s.stored("a"))
		}
		time.Sleep(30 * time.Minute)
		release := make(chan struct{})
		s.store.hook(func(_ context.Context, op string) error {
			if op == "touch" {
				<-release
			}
			return nil
		})
		for _, of := range all {
			s.browser(of).use(reading)
		}
		close(release)
		time.Sleep(40 * time.Minute)
		for i, of := range all {
			if !s.alive(of) {
				t.Errorf("session %d has expired 40 minutes after an access", i)
			}
		}
	})
}

// The two goroutines of a hub outlive the last socket for a while.
func TestTheHubLingers(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		watches := &countingWatches{spy: &spy{}}
		site := newSite(t)
		watches.spy.Store = site.store.Store
		m := newManager(t, watches, session.Config{Logger: discard()})
		of := m.NewSession()
		check(t, errors.Join(of.Set("k", 1), of.Save(t.Context())))
		for range 5 {
			r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
			r.AddCookie(&http.Cookie{Name: hostCookie, Value: of.ID().Reveal()})
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, err := session.Watch(r.Context())
				check(t, err)
			})).ServeHTTP(httptest.NewRecorder(), r)
			time.Sleep(10 * time.Second)
		}
		if watches.count() != 1 {
			t.Errorf("%d watches for five pages", watches.count())
		}
	})
}

// Several cookies of the name heal within one visit.
func TestSeveralCookiesHeal(t *testing.T) {
	secure := func(c *session.Config) { c.Cookie.Name = "__Secure-session" }
	for name, c := range map[string]struct {
		config func(*session.Config)
		opens  []bool // for each cookie, whether it opens a session
		want   int    // which of them wins; -1: none
	}{
		"__Host-, one opens":      {nil, []bool{false, true}, 1},
		"__Host-, the first":      {nil, []bool{true, false}, 0},
		"__Host-, two open":       {nil, []bool{true, true}, -1},
		"__Host-, none opens":     {nil, []bool{false, false}, -1},
		"__Secure-, one opens":    {secure, []bool{false, true}, -1},
		"__Secure-, planted last": {secure, []bool{true, false}, -1},
		"__Secure-, two open":     {secure, []bool{true, true}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(config *session.Config) {
				if c.config != nil {
					c.config(config)
				}
			})
			cookie := hostCookie
			if c.config != nil {
				cookie = "__Secure-session"
			}
			r := s.browser().request()
			for i, opens := range c.opens {
				of := s.m.NewSession()
				if opens {
					of = s.stored(fmt.Sprint("of", i))
				}
				r.AddCookie(&http.Cookie{Name: cookie, Value: of.ID().Reveal()})
			}
			var keys []string
			w := httptest.NewRecorder()
			s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				keys = session.FromContext(r.Context()).Keys()
			})).ServeHTTP(w, r)
			wantStatus(t, w, http.StatusOK)
			lines := w.Result().Cookies()
			last := lines[len(lines)-1]
			if c.want < 0 {
				wantKeys(t, keys)
				if last.MaxAge >= 0 {
					t.Errorf("the last cookie is %v", last)
				}
			} else if wantKeys(t, keys, fmt.Sprint("of", c.want)); last.MaxAge <= 0 || last.Value == "" {
				t.Errorf("the last cookie is %v", last)
			}
			for _, line := range lines[:len(lines)-1] {
				if line.MaxAge >= 0 {
					t.Errorf("%v is not ended", line)
				}
			}
		})
	}
}

// countingWatches counts the calls of Watch.
type countingWatches struct {
	*spy
}

func (c *countingWatches) Watch(ctx context.Context, fn func(store.Event)) error {
	c.note("watch")
	return c.spy.Store.Watch(ctx, fn)
}

func (c *countingWatches) count() (n int) {
	for _, event := range c.taken() {
		if event == "watch" {
			n++
		}
	}
	return n
}

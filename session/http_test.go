package session_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

// tape is a response that writes down, among the statements of a store, when what of it leaves.
type tape struct {
	header http.Header
	store  *spy
	sent   bool
}

func (w *tape) Header() http.Header { return w.header }

func (w *tape) leaves(what string) {
	if w.sent {
		return
	}
	w.sent = true
	if w.header.Get("Set-Cookie") != "" {
		what += " with cookie"
	}
	w.store.note(what)
}

func (w *tape) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.leaves(fmt.Sprint("header ", status))
	} else {
		w.store.note(fmt.Sprint("header ", status))
	}
}

func (w *tape) Write(p []byte) (int, error) {
	w.leaves("header 200")
	return len(p), nil
}

// fullTape can all that a server's response can.
type fullTape struct{ *tape }

func (w fullTape) Flush() { w.leaves("header 200") }

func (w fullTape) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.leaves("hijack")
	return nil, nil, nil
}

func (w fullTape) ReadFrom(r io.Reader) (int64, error) {
	w.leaves("sendfile 200")
	return io.Copy(io.Discard, r)
}

// firstByteCases are ways in which a response begins, and what leaves at that moment.
var firstByteCases = []struct {
	name string
	do   func(w http.ResponseWriter) error
	want string
}{
	{"WriteHeader", func(w http.ResponseWriter) error { w.WriteHeader(200); return nil }, "header 200 with cookie"},
	{"WriteHeader 303", func(w http.ResponseWriter) error { w.WriteHeader(303); return nil }, "header 303 with cookie"},
	{"WriteHeader 422", func(w http.ResponseWriter) error { w.WriteHeader(422); return nil }, "header 422 with cookie"},
	{"WriteHeader 101", func(w http.ResponseWriter) error { w.WriteHeader(101); return nil }, "header 101 with cookie"},
	{"Write", func(w http.ResponseWriter) error { _, err := w.Write([]byte("x")); return err }, "header 200 with cookie"},
	{"Write of nothing", func(w http.ResponseWriter) error {
		_, err := w.Write(nil)
		return err
	}, "header 200 with cookie"},
	{"WriteString", func(w http.ResponseWriter) error {
		_, err := io.WriteString(w, "x")
		return err
	}, "header 200 with cookie"},
	{"ReadFrom", func(w http.ResponseWriter) error {
		_, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("x")})
		return err
	}, "sendfile 200 with cookie"},
	{"Flush", func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil }, "header 200 with cookie"},
	{"controller's Flush", func(w http.ResponseWriter) error {
		return http.NewResponseController(w).Flush()
	}, "header 200 with cookie"},
	{"Hijack", func(w http.ResponseWriter) error {
		_, _, err := w.(http.Hijacker).Hijack()
		return err
	}, "hijack with cookie"},
	{"controller's Hijack", func(w http.ResponseWriter) error {
		_, _, err := http.NewResponseController(w).Hijack()
		return err
	}, "hijack with cookie"},
}

// Whatever begins the response, the row is there before the first byte of it leaves, and the cookie leaves with it.
func TestCommitBeforeTheFirstByte(t *testing.T) {
	for _, c := range firstByteCases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			w := fullTape{&tape{header: http.Header{}, store: s.store}}
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.ok(session.FromContext(r.Context()).Set("k", 1))
				s.store.note("begin")
				if err := c.do(w); err != nil {
					t.Error(err)
				}
				s.store.note("returns")
			})).ServeHTTP(w, s.browser().request())
			wantEvents(t, s.store, "begin", "create", c.want, "returns")
		})
	}
}

// A handler that writes nothing is committed when it returns; informational responses before that commit nothing.
func TestCommitAtTheReturn(t *testing.T) {
	s := newSite(t)
	w := fullTape{&tape{header: http.Header{}, store: s.store}}
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusProcessing)
		w.WriteHeader(http.StatusEarlyHints)
		s.ok(session.FromContext(r.Context()).Set("k", 1))
		s.store.note("returns")
	})).ServeHTTP(w, s.browser().request())
	wantEvents(t, s.store, "header 102", "header 103", "returns", "create")
	if w.header.Get("Set-Cookie") == "" {
		t.Error("no cookie in the header")
	}
}

// bare has only what every response has, and unwrapping hides what it is around.
type bare struct{ http.ResponseWriter }

// unwrapping lets the middleware see through it.
type unwrapping struct{ http.ResponseWriter }

func (u unwrapping) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// flushError can be flushed by a ResponseController alone.
type flushError struct {
	http.ResponseWriter
	flushed func()
}

func (f flushError) FlushError() error { f.flushed(); return nil }

// The response that a handler gets claims what the one below can, and no more.
func TestResponseClaimsWhatItCan(t *testing.T) {
	type ability struct{ flush, hijack bool }
	full := fullTape{&tape{header: http.Header{}, store: &spy{}}}
	for _, c := range []struct {
		name  string
		below http.ResponseWriter
		want  ability
	}{
		{"all", full, ability{true, true}},
		{"nothing", bare{full}, ability{false, false}},
		{"recorder", httptest.NewRecorder(), ability{true, false}},
		{"hijacker alone", struct {
			http.ResponseWriter
			http.Hijacker
		}{bare{full}, full}, ability{false, true}},
		{"behind a wrapper", unwrapping{unwrapping{full}}, ability{true, true}},
		{"hidden behind a wrapper", unwrapping{bare{full}}, ability{false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, flush := w.(http.Flusher)
				_, hijack := w.(http.Hijacker)
				if got := (ability{flush, hijack}); got != c.want {
					t.Errorf("claims %+v, want %+v", got, c.want)
				}
				if _, ok := w.(io.ReaderFrom); !ok {
					t.Error("no ReaderFrom")
				}
				if err := http.NewResponseController(w).Flush(); (err == nil) != c.want.flush {
					t.Errorf("Flush: %v", err)
				}
			})).ServeHTTP(c.below, s.browser().request())
		})
	}
}

// A response that only a ResponseController can flush is not flushed around the commit.
func TestFlushErrorCommits(t *testing.T) {
	s := newSite(t)
	w := flushError{bare{httptest.NewRecorder()}, func() { s.store.note("flush") }}
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("k", 1))
		s.ok(http.NewResponseController(w).Flush())
	})).ServeHTTP(w, s.browser().request())
	wantEvents(t, s.store, "create", "flush")
}

// The response writer of a nested middleware can still be unwrapped to the server's.
func TestUnwrap(t *testing.T) {
	s := newSite(t)
	below := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok || u.Unwrap() != http.ResponseWriter(below) {
			t.Error("not to be unwrapped")
		}
	})).ServeHTTP(below, s.browser().request())
}

// The client's next request finds what this one has set.
func TestRequestsShareASession(t *testing.T) {
	s := newSite(t)
	b, other := s.browser(), s.browser()
	b.set("a")
	b.set("b")
	other.set("c")
	wantKeys(t, b.keys(), "a", "b")
	wantKeys(t, other.keys(), "c")
	b.use(func(of *session.Session) error { return of.Delete("a") })
	wantKeys(t, b.keys(), "b")
	b.use(destroying)
	if len(b.cookies) != 0 {
		t.Error("the cookie is still there")
	}
	wantKeys(t, b.keys())
	if n := s.store.Len(); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// A request in flight while another logs out brings nothing back, and hears of it.
func TestLogoutBesideARequest(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("user"))
	other := s.browser()
	other.cookies[hostCookie] = b.token()
	w := b.visit(func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("late", 1))
		other.use(destroying)
	})
	wantStatus(t, w, http.StatusConflict)
	wantNoCookie(t, w)
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// Two requests at once that change different keys lose nothing.
func TestParallelRequestsKeepBothKeys(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	b.visit(func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("outer", 1))
		b.set("inner")
	})
	wantKeys(t, b.keys(), "a", "inner", "outer")
}

func TestMethodsOfEveryKind(t *testing.T) {
	methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"}
	s := newSite(t)
	for _, method := range methods {
		r := httptest.NewRequest(method, "/", nil)
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Set(method, 1))
		})).ServeHTTP(w, r)
		if !slices.Equal(s.store.taken(), []string{"create"}) || w.Header().Get("Set-Cookie") == "" {
			t.Errorf("%s: no session", method)
		}
	}
}

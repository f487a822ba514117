package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// protocols are the servers that a handler may run in.
var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true}

// serve starts a server with TLS, so that cookies are those of production.
func (s *site) serve(t *testing.T, http2 bool, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(s.m.Handler(h))
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func onBoth(t *testing.T, run func(t *testing.T, s *site, http2 bool)) {
	for name, http2 := range protocols {
		t.Run(name, func(t *testing.T) { run(t, newSite(t), http2) })
	}
}

// get sends a request with the browser's cookies.
func (b *browser) get(t *testing.T, ctx context.Context, server *httptest.Server) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	b.take(response)
	return response
}

// An informational response leaves at once and without a cookie; the final one has it.
func TestInformationalResponseOnTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site, http2 bool) {
		server := s.serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			s.ok(session.FromContext(r.Context()).Set("k", 1))
			w.WriteHeader(http.StatusOK)
		})
		var early []int
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				early = append(early, code)
				if header.Get("Link") == "" || header.Get("Set-Cookie") != "" {
					t.Errorf("header of the %d: %d cookies, Link %q", code, len(header["Set-Cookie"]), header["Link"])
				}
				return nil
			},
		})
		b := s.browser()
		response := b.get(t, ctx, server)
		if !slices.Equal(early, []int{103}) || response.StatusCode != 200 || b.token() == "" {
			t.Errorf("informational %v, then %d, cookie %v", early, response.StatusCode, b.token() != "")
		}
		wantKeys(t, b.keys(), "k")
	})
}

// Events reach the client while the handler runs, the first one with the cookie, and the session is saved by then.
func TestServerSentEventsOnTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site, http2 bool) {
		goOn := make(chan struct{})
		done := make(chan struct{})
		server := s.serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			w.Header().Set("Content-Type", "text/event-stream")
			of := session.FromContext(r.Context())
			s.ok(of.Set("k", 1))
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				<-goOn
			}
			s.ok(of.Set("late", 1))
		})
		b := s.browser()
		response := b.get(t, t.Context(), server)
		lines := bufio.NewScanner(response.Body)
		for i := range 3 {
			if !lines.Scan() || lines.Text() != fmt.Sprint("data: ", i) {
				t.Fatalf("event %d: %q, %v", i, lines.Text(), lines.Err())
			}
			lines.Scan()
			wantKeys(t, b.keys(), "k")
			goOn <- struct{}{}
		}
		<-done
		lines.Scan() // the end of the response, and so of the commit
		wantKeys(t, b.keys(), "k", "late")
	})
}

// A stream whose commit fails is answered while its handler goes on.
func TestAFailedStreamIsAnsweredOnTheWire(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter, until io.Reader){
		"flushed": func(w http.ResponseWriter, until io.Reader) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.Copy(io.Discard, until)
		},
		"copied": func(w http.ResponseWriter, until io.Reader) { _, _ = io.Copy(w, until) },
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *site, http2 bool) {
				until, end := io.Pipe()
				defer end.Close()
				server := s.serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
					s.ok(session.FromContext(r.Context()).Set("k", 1))
					s.store.failBefore(errDown, "create")
					begin(w, until)
				})
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if response := s.browser().get(t, ctx, server); response.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("status %d", response.StatusCode)
				}
			})
		})
	}
}

// What a ResponseController can do, it can do through the middleware.
func TestResponseControllerOnTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site, http2 bool) {
		results, done := map[string]error{}, make(chan struct{})
		server := s.serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			rc := http.NewResponseController(w)
			results["SetReadDeadline"] = rc.SetReadDeadline(time.Now().Add(time.Hour))
			results["SetWriteDeadline"] = rc.SetWriteDeadline(time.Now().Add(time.Hour))
			results["EnableFullDuplex"] = rc.EnableFullDuplex()
			if _, ok := w.(http.Hijacker); ok == http2 {
				t.Errorf("Hijacker: %v", ok)
			}
			results["Flush"] = rc.Flush()
		})
		s.browser().get(t, t.Context(), server)
		<-done
		for name, err := range results {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A write deadline that the handler sets through the middleware cuts the response off.
func TestWriteDeadlineOnTheWire(t *testing.T) {
	s := newSite(t)
	server := s.serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		s.ok(http.NewResponseController(w).SetWriteDeadline(time.Now().Add(-time.Second)))
		_, _ = w.Write(make([]byte, 1<<20))
	})
	r, err := http.NewRequest(http.MethodGet, server.URL, nil)
	s.ok(err)
	response, err := server.Client().Do(r)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	if err == nil {
		t.Error("the response came through after its deadline")
	}
}

func TestFileOnTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site, http2 bool) {
		path := filepath.Join(t.TempDir(), "file")
		content := strings.Repeat("0123456789", 50_000)
		s.ok(os.WriteFile(path, []byte(content), 0o600))
		server := s.serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Set("downloads", 1))
			http.ServeFile(w, r, path)
		})
		b := s.browser()
		body, err := io.ReadAll(b.get(t, t.Context(), server).Body)
		if err != nil || string(body) != content {
			t.Errorf("%d bytes, %v", len(body), err)
		}
		wantKeys(t, b.keys(), "downloads")
	})
}

func TestHijackOnTheWire(t *testing.T) {
	s := newSite(t)
	server := s.serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("k", 1))
		conn, rw, err := w.(http.Hijacker).Hijack()
		s.ok(err)
		defer conn.Close()
		fmt.Fprint(rw, "HTTP/1.1 200 OK\r\nConnection: close\r\n")
		s.ok(errors.Join(w.Header().Write(rw), rw.Flush()))
		fmt.Fprint(rw, "\r\nmine")
		s.ok(rw.Flush())
	})
	b := s.browser()
	body, err := io.ReadAll(b.get(t, t.Context(), server).Body)
	if err != nil || string(body) != "mine" {
		t.Errorf("%q, %v", body, err)
	}
	wantKeys(t, b.keys(), "k")
}

// A client that goes away while the handler works loses nothing of what the handler does then.
func TestClientThatHasGoneOnTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site, http2 bool) {
		b := s.browser(s.stored("a"))
		arrived, done := make(chan struct{}), make(chan struct{})
		var next http.HandlerFunc = func(_ http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			close(arrived)
			<-r.Context().Done()
			s.ok(of.Set("b", 1))
		}
		handler := s.m.Handler(next)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(done)
			handler.ServeHTTP(w, r)
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		defer server.Close()
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		s.ok(err)
		r.AddCookie(&http.Cookie{Name: hostCookie, Value: b.token()})
		go func() {
			<-arrived
			cancel()
		}()
		if response, err := server.Client().Do(r); err == nil {
			response.Body.Close() // it had gone a moment too late
		}
		<-done
		wantKeys(t, b.keys(), "a", "b")
	})
}

// The answer to a commit that failed is all that the client gets, also where the handler had announced a longer body.
func TestFailedCommitOnTheWire(t *testing.T) {
	onBoth(t, func(t *testing.T, s *site, http2 bool) {
		s.store.failBefore(errDown, "create")
		server := s.serve(t, http2, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Trailer", "X-Sum")
			s.ok(session.FromContext(r.Context()).Set("k", 1))
			for range 100 {
				fmt.Fprint(w, "0123456789")
			}
			w.Header().Set("X-Sum", "17")
		})
		response := s.browser().get(t, t.Context(), server)
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 503 || string(body) != "Service Unavailable\n" {
			t.Errorf("status %d, body %q, %v", response.StatusCode, body, err)
		}
		if response.Header.Get("Content-Encoding") != "" || len(response.Cookies()) > 0 {
			t.Errorf("header %v", response.Header)
		}
	})
}

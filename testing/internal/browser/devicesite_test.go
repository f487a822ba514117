package browser

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/simples-go/sessions/session"
)

const (
	tokenCookie = "__Host-Http-session"
	proofCookie = tokenCookie + "-proof"
)

// deviceSite is a site with device-bound sessions: two nodes on one Postgres, behind one address.
type deviceSite struct {
	*httptest.Server
	t        *testing.T
	database string
	nodes    [2]http.Handler
	turn     atomic.Int64
	unproven atomic.Int64 // requests that were refused, or came without a proof
	failing  atomic.Bool  // the database goes away when a browser answers a challenge

	mu        sync.Mutex
	attempts  []int  // the status of each answer to a refresh
	navigated [2]int // pages that a tab was sent to, by node
}

func newDeviceSite(t *testing.T) *deviceSite {
	t.Helper()
	s := &deviceSite{t: t, database: postgresURL(t)}
	migrated(t, s.database)
	for i := range s.nodes {
		m, err := session.New(postgresStore(t, s.database), session.Config{
			DeviceBound: session.DeviceBound{Path: "/session"},
			Logger:      slog.New(slog.DiscardHandler),
			Observe:     s.observe,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.nodes[i] = m.Handler(s.pages())
		t.Cleanup(func() {
			if err := m.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *deviceSite) observe(_ context.Context, o session.Observation) {
	if o.Op == session.OpUnproven {
		s.unproven.Add(1)
	}
}

// serve has the second node verify what the browser has signed for the first, and serves all else by turns.
func (s *deviceSite) serve(w http.ResponseWriter, r *http.Request) {
	node := int(s.turn.Add(1) % 2)
	if r.Method == http.MethodPost {
		node = 0
	}
	if r.Header.Get("Secure-Session-Response") != "" {
		node = 1
	}
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" {
		s.mu.Lock()
		s.navigated[node]++
		s.mu.Unlock()
	}
	if r.URL.Path != "/session/refresh" {
		s.nodes[node].ServeHTTP(w, r)
		return
	}
	if node == 1 && s.failing.CompareAndSwap(true, false) {
		s.execute(tableAway)
	}
	spy := httptest.NewRecorder()
	s.nodes[node].ServeHTTP(spy, r)
	s.mu.Lock()
	s.attempts = append(s.attempts, spy.Code)
	s.mu.Unlock()
	for name, values := range spy.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(spy.Code)
	_, _ = w.Write(spy.Body.Bytes())
}

// refreshes returns the statuses of refreshes since the last call.
func (s *deviceSite) refreshes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprint(s.attempts)
	s.attempts = nil
	return text
}

// navigations returns how many pages each node has served since the last call.
func (s *deviceSite) navigations() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprint(s.navigated)
	s.navigated = [2]int{}
	return text
}

// pages are handlers that answer with the session's owner.
func (s *deviceSite) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<link rel=icon href=data:,><p>%s</p><a href=%q>a link</a>`, owner(r), s.URL+"/?linked")
	})
	mux.HandleFunc("GET /owner", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, owner(r)) })
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: %s\n\n", owner(r))
	})
	mux.HandleFunc("GET /socket", s.socket)
	mux.HandleFunc("POST /login", func(_ http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Login("ann"); err != nil {
			s.t.Error(err)
		}
	})
	mux.HandleFunc("POST /logout", func(_ http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Destroy(r.Context()); err != nil {
			s.t.Error(err)
		}
	})
	return mux
}

// owner says whose session a request has, or that it was refused.
func owner(r *http.Request) string {
	s := session.FromContext(r.Context())
	if errors.Is(s.Err(), session.ErrUnproven) {
		return "unproven"
	}
	return s.Owner()
}

// socket sends one message, with no more of the WebSocket protocol than that takes (RFC 6455).
func (s *deviceSite) socket(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.t.Error(err)
		return
	}
	defer conn.Close()
	accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	text := owner(r)
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n\x81%c%s", base64.StdEncoding.EncodeToString(accept[:]), len(text), text)
	if err != nil {
		s.t.Error(err)
	}
	_, _ = io.Copy(io.Discard, conn) // until the page closes it
}

// browser starts a Chromium that trusts the site and keeps the keys of devices in software.
func (s *deviceSite) browser(flags ...chromedp.ExecAllocatorOption) *chrome {
	s.t.Helper()
	return startChrome(s.t, append(flags, trusting(s.Server),
		chromedp.Flag("enable-features", "DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"))...)
}

// trusting has Chromium take a server's certificate for a good one.
func trusting(server *httptest.Server) chromedp.ExecAllocatorOption {
	sum := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	return chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(sum[:]))
}

// visitor opens a tab with the site's first page.
func (s *deviceSite) visitor(c *chrome, options ...chromedp.ContextOption) *tab {
	s.t.Helper()
	p := openTab(c, &node{addr: strings.TrimPrefix(s.URL, "https://")}, options...)
	p.do("opening the page", chromedp.Navigate(s.URL))
	return p
}

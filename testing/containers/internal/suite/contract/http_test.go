package contract_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// site is two nodes of one service on one database.
type site struct {
	t       *testing.T
	db      *containers.Database
	tracer  *pgstore.Tracer
	servers []*httptest.Server
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, db: containers.Postgres(t), tracer: &pgstore.Tracer{}}
	for range 2 {
		m, err := session.New(pgstore.New(t, pgstore.TracedPool(t, s.db.URL, s.tracer)), session.Config{
			Cookie: session.Cookie{InsecureHTTP: true}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(m.Handler(routes()))
		t.Cleanup(server.Close)
		s.servers = append(s.servers, server)
	}
	return s
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/idle", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		value, err := session.Get[string](session.FromContext(r.Context()), r.FormValue("key"))
		if err != nil {
			value = err.Error()
		}
		_, _ = io.WriteString(w, value)
	})
	mux.HandleFunc("/set", func(_ http.ResponseWriter, r *http.Request) {
		_ = session.FromContext(r.Context()).Set(r.FormValue("key"), r.FormValue("value"))
	})
	mux.HandleFunc("/handle", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, session.FromContext(r.Context()).Handle().String())
	})
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		n, err := session.ModifyKey(r.Context(), s, "count", func(n int) (int, error) { return n + 1, nil })
		_, _ = fmt.Fprintf(w, "%d %v", n, err)
	})
	mux.HandleFunc("/rotate", func(_ http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		_ = s.Generate()
		_ = s.Set("key", "rotated")
	})
	mux.HandleFunc("/destroy", func(_ http.ResponseWriter, r *http.Request) {
		_ = session.FromContext(r.Context()).Destroy(r.Context())
	})
	return mux
}

// browser is a client with cookies that goes to either node.
type browser struct {
	*site
	http.Client
}

func (s *site) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{s, http.Client{Jar: jar}}
}

// get asks one of the nodes. Both are on one host, to which the cookie belongs whatever the port.
func (b *browser) get(node int, path string, query ...string) (status int, body string, err error) {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	response, err := b.Get(b.servers[node%len(b.servers)].URL + path + "?" + values.Encode())
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// want asks for a page that must be there and say something.
func (b *browser) want(said string, node int, path string, query ...string) {
	b.t.Helper()
	status, body, err := b.get(node, path, query...)
	if err != nil || status != http.StatusOK || body != said {
		b.t.Errorf("%s on node %d: status %d, %q, %v; want %q", path, node, status, body, err, said)
	}
}

func (s *site) rows() int {
	s.t.Helper()
	return pgstore.Count(s.t, s.db.Pool, "select count(*) from sessions")
}

// What one node writes the next request reads on the other; a destroyed session is gone on both.
func TestASessionIsOneOnTwoNodes(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.want("", 0, "/set", "key", "key", "value", "one")
	b.want("one", 1, "/get", "key", "key")
	b.want("", 1, "/rotate")
	b.want("rotated", 0, "/get", "key", "key")
	b.want("", 0, "/destroy")
	b.want("", 1, "/get", "key", "key")
	if s.rows() != 0 {
		t.Errorf("%d rows are left", s.rows())
	}
}

// An untouched visit costs no statement and leaves no row; a read costs one statement.
func TestStatementsOfARequest(t *testing.T) {
	s := newSite(t)
	s.browser().want("", 0, "/idle")
	if sent := s.tracer.Take(); len(sent) != 0 || s.rows() != 0 {
		t.Errorf("an untouched visit has sent %v and left %d rows", sent, s.rows())
	}
	b := s.browser()
	b.want("", 0, "/set", "key", "key", "value", "one")
	b.want("one", 0, "/get", "key", "key") // the store now knows the table
	s.tracer.Take()
	s.tracer.Sent()
	b.want("one", 0, "/get", "key", "key")
	sent := s.tracer.Take()
	if s.tracer.Sent() != 1 || len(sent) != 1 || !strings.HasPrefix(sent[0].SQL, "select") {
		t.Errorf("a read has sent %v", sent)
	}
}

// Parallel increments on both nodes count them all, and parallel writes of different keys lose none.
func TestParallelRequestsLoseNothing(t *testing.T) {
	const requests = 64
	b := newSite(t).browser()
	b.want("", 0, "/set", "key", "key", "value", "one")
	together(t, requests, func(n int) error {
		status, body, err := b.get(n, "/count")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d: %s", status, body)
		}
		return err
	})
	b.want(fmt.Sprint(requests+1, " <nil>"), 0, "/count")
	together(t, requests, func(n int) error {
		_, _, err := b.get(n, "/set", "key", fmt.Sprint(n), "value", fmt.Sprint("value ", n))
		return err
	})
	for n := range requests {
		b.want(fmt.Sprint("value ", n), n, "/get", "key", fmt.Sprint(n))
	}
}

// A session that is destroyed beside saves on both nodes never comes back.
func TestDestroyBesideSavesIsFinal(t *testing.T) {
	s := newSite(t)
	for range 25 {
		b := s.browser()
		b.want("", 0, "/set", "key", "key", "value", "one")
		_, handle, err := b.get(0, "/handle")
		if err != nil {
			t.Fatal(err)
		}
		old := s.browser() // holds on to the cookie that the destroying response takes from b
		old.Jar.SetCookies(mustURL(t, s.servers[0].URL), b.Jar.Cookies(mustURL(t, s.servers[0].URL)))
		together(t, 9, func(n int) error {
			if n == 0 {
				_, _, err := b.get(n, "/destroy")
				return err
			}
			_, _, err := old.get(n, "/set", "key", "key", "value", "two")
			return err
		})
		// A request that came later may have begun a session of its own.
		if n := pgstore.Count(t, s.db.Pool, "select count(*) from sessions where id = $1", handle); n != 0 {
			t.Fatal("a destroyed session is back")
		}
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A login that rotates beside requests with the old cookie leaves the browser with the new session.
func TestRotationBesideRequestsKeepsTheLogin(t *testing.T) {
	s := newSite(t)
	for range 25 {
		b := s.browser()
		b.want("", 0, "/set", "key", "key", "value", "one")
		together(t, 9, func(n int) error {
			if n == 0 {
				_, _, err := b.get(n, "/rotate")
				return err
			}
			status, body, err := b.get(n, "/get", "key", "key")
			if err == nil && status != http.StatusOK && status != http.StatusConflict {
				err = fmt.Errorf("status %d: %s", status, body)
			}
			return err
		})
		if b.want("rotated", 1, "/get", "key", "key"); t.Failed() {
			return
		}
	}
}

// A database that is away is an error, never an empty session.
func TestADatabaseThatIsAwayIsAnError(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.want("", 0, "/set", "key", "key", "value", "one")
	if _, err := s.db.Pool.Exec(context.Background(), "alter table sessions rename to away"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/get", "/set", "/count", "/destroy"} {
		if status, body, err := b.get(0, path, "key", "key", "value", "two"); status != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d, %q, %v", path, status, body, err)
		}
	}
	if _, err := s.db.Pool.Exec(context.Background(), "alter table away rename to sessions"); err != nil {
		t.Fatal(err)
	}
	b.want("one", 0, "/get", "key", "key")
}

package failure_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/wire"
)

// watching is a node with one open connection that ends with its session.
type watching struct {
	handle session.Handle
	ended  chan error   // the cause
	log    *atomic.Bool // whether the store has said anything
}

// said is a log that remembers only that something was said.
type said struct {
	slog.Handler
	any *atomic.Bool
}

func (s said) Enabled(context.Context, slog.Level) bool { return true }

func (s said) Handle(context.Context, slog.Record) error {
	s.any.Store(true)
	return nil
}

// watch starts a node whose notifications come through listenURL and opens a connection of a session on it.
func watch(t *testing.T, db *containers.Database, listenURL string, poll time.Duration) watching {
	t.Helper()
	w := watching{ended: make(chan error, 1), log: &atomic.Bool{}}
	s := pgstore.New(t, pool(t, db.URL, 4), postgres.WithListenURL(listenURL),
		postgres.WithPing(200*time.Millisecond, 200*time.Millisecond), postgres.WithTimeout(time.Second),
		postgres.WithLogger(slog.New(said{slog.DiscardHandler, w.log})))
	m, err := session.New(s, session.Config{
		Cookie: session.Cookie{InsecureHTTP: true}, WebSocket: session.WebSocket{PollInterval: poll},
	})
	if err != nil {
		t.Fatal(err)
	}
	handles := make(chan session.Handle, 1)
	server := httptest.NewServer(m.Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		_ = s.Set("open", true)
		ctx, err := session.Watch(r.Context())
		if err != nil {
			w.ended <- err
			return
		}
		_, _ = rw.Write([]byte("open\n"))
		_ = http.NewResponseController(rw).Flush()
		handles <- s.Handle()
		<-ctx.Done()
		w.ended <- context.Cause(ctx)
	})))
	t.Cleanup(server.Close)
	opened(t, server)
	w.handle = <-handles
	listens(t, db, 1)
	return w
}

// opened makes the request and returns once the handler has answered its first line.
func opened(t *testing.T, server *httptest.Server) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Jar: jar}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); line != "open\n" {
		t.Fatalf("the handler says %q, %v", line, err)
	}
}

// listens waits until so many connections to the database wait for notifications.
func listens(t *testing.T, db *containers.Database, n int) {
	t.Helper()
	waitFor(t, func() bool {
		return pgstore.Count(t, db.Pool, `select count(*) from pg_stat_activity
			where datname = current_database() and (query ~* '^listen' or query = 'select 1')`) >= n
	})
}

// revoke ends the session from another node.
func (w watching) revoke(t *testing.T, db *containers.Database) {
	t.Helper()
	if ended, err := db.Store.Revoke(t.Context(), store.Selector{Key: w.handle}); err != nil || len(ended) != 1 {
		t.Fatalf("revoking: %v, %v", ended, err)
	}
}

// seen waits for the connection to be told.
func (w watching) seen(t *testing.T) {
	t.Helper()
	start := time.Now()
	select {
	case cause := <-w.ended:
		if !errors.Is(cause, session.ErrGone) {
			t.Errorf("the connection was ended by %v", cause)
		}
		t.Logf("seen after %v", time.Since(start).Round(time.Millisecond))
	case <-time.After(patience):
		t.Error("the connection stays open")
	}
}

// losses are ways to lose the connection that brings notifications.
func losses() map[string]func(*wire.Proxy) {
	return map[string]func(*wire.Proxy){"closed": (*wire.Proxy).Cut, "black-holed": (*wire.Proxy).Swallow}
}

// While no notification can come a revocation is seen by polling.
func TestARevocationIsSeenWithoutNotifications(t *testing.T) {
	for name, lose := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := containers.Postgres(t)
			proxy, listenURL := proxied(t, db.URL)
			w := watch(t, db, listenURL, 0)
			lose(proxy)
			w.revoke(t, db)
			w.seen(t)
		})
	}
}

// What was missed is looked for when the notifications are back; polling would not find it before the test's end.
func TestAMissedRevocationIsSeenWhenNotificationsAreBack(t *testing.T) {
	for name, lose := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := containers.Postgres(t)
			proxy, listenURL := proxied(t, db.URL)
			w := watch(t, db, listenURL, time.Hour)
			lose(proxy)
			w.revoke(t, db)
			// Nothing but its own ping tells a node that a silent connection is dead.
			waitFor(t, w.log.Load)
			if name == "closed" {
				proxy.Mend()
			} else {
				proxy.Heal()
			}
			w.seen(t)
		})
	}
}

// With the notifications working polling is not needed at all.
func TestARevocationIsNotified(t *testing.T) {
	db := containers.Postgres(t)
	w := watch(t, db, db.URL, time.Hour)
	w.revoke(t, db)
	w.seen(t)
}

package adopt

import (
	"database/sql"
	"encoding/gob"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/alexedwards/scs/v2"
	"github.com/simples-go/sessions/adopt"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/sqlstore/sqlite"
	"github.com/simples-go/sessions/testing/containers"
)

// TestMoves moves a session of scs on each database: twenty first requests come to one row and one cookie, and after a
// logout neither cookie opens anything.
func TestMoves(t *testing.T) {
	t.Run("Postgres", func(t *testing.T) {
		db := containers.Postgres(t, containers.WithoutMigrations())
		pool := sqlOf(t, db)
		exec(t, pool, theirs["scs.md"].table)
		migrated(t, pool, migrations.Postgres, "web_sessions")
		store, err := postgres.New(db.Pool, postgres.WithTable("web_sessions"))
		if err != nil {
			t.Fatal(err)
		}
		m := scs.New()
		m.Store = pgxstore.NewWithCleanupInterval(db.Pool, 0)
		checkMove(t, m, store, &adopt.SCS{DB: pool}, pool)
	})
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "one.db")
		store, err := sqlite.Open(t.Context(), path, sqlite.WithTable("web_sessions"), sqlite.WithMigrate(migrate.UpSQLite))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		old, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = old.Close() })
		exec(t, old, scsOnSQLite)
		m := scs.New()
		m.Store = sqlite3store.NewWithCleanupInterval(old, 0)
		checkMove(t, m, store, &adopt.SCS{DB: old, Dialect: adopt.SQLite}, old)
	})
}

func checkMove(t *testing.T, m *scs.SessionManager, store session.Store, from *adopt.SCS, db *sql.DB) {
	t.Helper()
	m.Lifetime = 2 * time.Hour
	old := visit(t, m, fill(m))
	site := newSite(t, store, session.Config{Import: session.Import{From: from}})
	cookies := make([]string, 20)
	var wg sync.WaitGroup
	for i := range cookies {
		wg.Go(func() { cookies[i] = site.sees(`Änne "x" 42`, old) })
	}
	wg.Wait()
	for _, cookie := range cookies {
		if cookie == "" || cookie != cookies[0] {
			t.Fatalf("cookies are %q", cookies)
		}
	}
	if there, here := count(t, db, "sessions"), count(t, db, "web_sessions"); there != 0 || here != 1 {
		t.Errorf("%d rows there and %d here", there, here)
	}
	site.sees(`Änne "x" 42`, cookies[0], old)
	site.get("/logout", cookies[0], old)
	site.sees(" 0", old)
	site.sees(" 0", cookies[0], old)
	if here := count(t, db, "web_sessions"); here != 0 {
		t.Errorf("%d rows after the logout", here)
	}
}

func count(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "select count(*) from "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// site is an application that has moved.
type site struct {
	t       *testing.T
	handler http.Handler
}

func newSite(t *testing.T, store session.Store, config session.Config) *site {
	t.Helper()
	sessions, err := session.New(store, config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		name, _ := session.Get[string](s, "name")
		user, _ := session.Get[int](s, "user")
		if left := s.AbsoluteTimeout(); !s.IsNew() && left > 2*time.Hour {
			t.Errorf("the absolute timeout is %v", left)
		}
		fmt.Fprint(w, name, " ", user)
	})
	mux.HandleFunc("/logout", func(_ http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Destroy(r.Context()); err != nil {
			t.Error(err)
		}
	})
	return &site{t, sessions.Handler(mux)}
}

func (s *site) get(path string, cookies ...string) (body, cookie string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return w.Body.String(), cookie
}

func (s *site) sees(want string, cookies ...string) string {
	s.t.Helper()
	got, cookie := s.get("/", cookies...)
	if got != want {
		s.t.Errorf("%v sees %q, want %q", cookies, got, want)
	}
	return cookie
}

// TestOneCookieName: the cookie of scs may have the name of the new one, which takes its place in the browser.
func TestOneCookieName(t *testing.T) {
	db := onSQLite(t)
	exec(t, db, scsOnSQLite)
	m := scs.New()
	m.Store = sqlite3store.NewWithCleanupInterval(db, 0)
	m.Lifetime = 2 * time.Hour
	old := visit(t, m, fill(m))
	site := newSite(t, memstore.New(), session.Config{
		Cookie: session.Cookie{Name: "session", InsecureHTTP: true},
		Import: session.Import{From: &adopt.SCS{DB: db, Dialect: adopt.SQLite}},
	})
	cookie := site.sees(`Änne "x" 42`, old)
	if name, _, _ := strings.Cut(cookie, "="); name != "session" || cookie == old {
		t.Errorf("the cookie is %s", cookie)
	}
	site.sees(`Änne "x" 42`, cookie)
}

// TestEachMoves: what the tests of the readers read one by one goes through the middleware.
func TestEachMoves(t *testing.T) {
	db := onPostgres(t)
	for _, page := range []string{"gorilla.md", "express-session.md", "django.md", "rails.md"} {
		exec(t, db, theirs[page].table)
	}
	gob.RegisterName("map[main.Point]string", map[point]string{})
	for table, c := range map[string]struct {
		from   session.Importer
		insert string
		row    written
		want   string
	}{
		"http_sessions": {&adopt.PGStore{DB: db, Cookie: "shop", KeyPairs: [][]byte{hashKey}, MaxAge: math.MaxInt64},
			`insert into http_sessions (key, data, expires_on) values ($1::text::bytea, $2::text::bytea, now() + interval '1 hour')`,
			rows(t, "pgstore")[0], `Änne "x" 42`},
		"session": {&adopt.ConnectPG{DB: db, Secrets: []string{"new secret"}}, `insert into session values ($1, $2, now() + interval '1 hour')`,
			rows(t, "connectpg")[0], `Änne "x" 0`},
		"django_session": {&adopt.Django{DB: db, SecretKeys: []string{"the key of the site"}},
			`insert into django_session values ($1, $2, now() + interval '1 hour')`, rows(t, "django")[0], `Änne "x" 0`},
		"sessions": {&adopt.Rails{DB: db, Cookie: "_shop_session", Trim: time.Hour},
			`insert into sessions values ($1, $2, now() at time zone 'UTC', now() at time zone 'UTC')`, rows(t, "rails")[0], `Änne "x" 0`},
	} {
		exec(t, db, c.insert, c.row.Key, c.row.Data)
		site := newSite(t, memstore.New(), session.Config{
			AbsoluteTimeout: 2 * time.Hour, Import: session.Import{From: c.from},
		})
		cookie := site.sees(c.want, c.row.Cookie)
		site.sees(c.want, cookie)
		if n := count(t, db, table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
}

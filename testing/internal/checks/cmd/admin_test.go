package cmd

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	pgstore "github.com/simples-go/sessions/sqlstore/postgres"
	sqlitestore "github.com/simples-go/sessions/sqlstore/sqlite"
)

// stores returns a migrated, empty database of each kind with a store on it, as a service has it.
func stores(t *testing.T) map[string]func(*testing.T) (url string, s session.Store) {
	t.Helper()
	return map[string]func(*testing.T) (string, session.Store){
		"sqlite": func(t *testing.T) (string, session.Store) {
			url := "sqlite:" + filepath.Join(t.TempDir(), "live.db")
			succeed(t, url, "sessions-migrate", "up")
			s, err := sqlitestore.Open(t.Context(), url)
			must(t, err)
			t.Cleanup(func() { _ = s.Close() })
			return url, s
		},
		"postgres": func(t *testing.T) (string, session.Store) {
			url := database(t)
			succeed(t, url, "sessions-migrate", "up")
			pool, err := pgxpool.New(t.Context(), url)
			must(t, err)
			t.Cleanup(pool.Close)
			s, err := pgstore.New(pool)
			must(t, err)
			return url, s
		},
	}
}

// loggedIn saves a session of an owner and returns its handle.
func loggedIn(t *testing.T, m *session.Manager, owner string) store.Handle {
	t.Helper()
	s := m.NewSession()
	must(t, s.SetOwner(owner))
	must(t, s.Set("colour", "blue"))
	must(t, s.Save(t.Context()))
	return s.Handle()
}

// TestAdminOnEachDatabase: what a service has saved is listed, exported and ended, and a service that is running hears of
// it.
func TestAdminOnEachDatabase(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			url, s := open(t)
			m, err := session.New(s, session.Config{Realm: "web"})
			must(t, err)
			staff, err := session.New(s, session.Config{Realm: "staff"})
			must(t, err)
			first, other := loggedIn(t, m, "ada"), loggedIn(t, staff, "ada")
			loggedIn(t, m, "bob")
			var exported struct {
				Sessions []struct {
					Session store.Handle
					Realm   string
					Entries map[string]any
				}
			}
			must(t, json.Unmarshal([]byte(succeed(t, url, "sessions-admin", "export", "--owner", "ada", "--realm", "web")), &exported))
			if len(exported.Sessions) != 1 || exported.Sessions[0].Session != first || exported.Sessions[0].Realm != "web" ||
				exported.Sessions[0].Entries["colour"] != "blue" {
				t.Errorf("exported %+v", exported)
			}
			revoked := watch(t, s)
			succeed(t, url, "sessions-admin", "revoke", "--owner", "ada", "--realm", "web", "--yes")
			revoked(first)
			succeed(t, url, "sessions-admin", "revoke", "--realm", "staff", "--yes")
			revoked(other)
			if said := succeed(t, url, "sessions-admin", "revoke", "--everybody", "--dry-run"); said !=
				"1 session would be ended, nothing was changed\n" {
				t.Errorf("it says %q", said)
			}
			if said := succeed(t, url, "sessions-admin", "revoke", "--everybody", "--yes"); said != "ended 1 session\n" {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// watch watches a store, and returns a function that waits until a session is said to be revoked, or, after events that
// may have been missed, is found to be gone.
func watch(t *testing.T, s session.Store) func(store.Handle) {
	t.Helper()
	events := make(chan store.Event, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.(store.Watcher).Watch(ctx, func(e store.Event) { events <- e })
	}()
	t.Cleanup(func() { cancel(); <-ended })
	next := func() store.Event {
		select {
		case e := <-events:
			return e
		case <-time.After(time.Minute):
			t.Fatal("nothing was heard for a minute")
		}
		return store.Event{}
	}
	next() // of kind Missed, once it listens
	return func(key store.Handle) {
		t.Helper()
		for {
			switch e := next(); {
			case e.Kind == store.Revoked && e.Key == key:
				return
			case e.Kind == store.Missed:
				found, err := s.(store.Inspector).Inspect(t.Context(), []store.Handle{key})
				must(t, err)
				if len(found) == 0 {
					return
				}
			}
		}
	}
}

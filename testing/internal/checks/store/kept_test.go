package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
	"github.com/simples-go/sessions/sqlstore/sqlitedb"
)

// onSQLite runs a test with each store on SQLite, and a handle on its database.
func onSQLite(t *testing.T, test func(t *testing.T, s full, db *sql.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "sessions.db")
		s, err := sqlite.Open(t.Context(), path, sqlite.WithMigrate(migrate.UpSQLite))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		db, err := sqlite.OpenDB(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		test(t, s, db)
	})
	for library := range applications {
		t.Run("sqlitedb, "+library, func(t *testing.T) {
			db := handle(t, library)
			s, err := sqlitedb.New(t.Context(), db, "")
			if err != nil {
				t.Fatal(err)
			}
			test(t, s, db)
		})
	}
}

func run(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// keep has the database leave rows as they are, without an error, when something happens to them.
func keep(t *testing.T, db *sql.DB, event string) (drop func()) {
	t.Helper()
	run(t, db, `create trigger kept before `+event+` begin select raise(ignore); end`)
	return func() { run(t, db, `drop trigger kept`) }
}

// A call that succeeds has done what it was called for: where the database leaves the row as it was, it fails.
func TestARowThatTheDatabaseKeepsIsAnError(t *testing.T) {
	onSQLite(t, func(t *testing.T, s full, db *sql.DB) {
		policy := store.Policy{Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour}, MaxBytes: 1 << 20}
		policy.Owner = store.OwnerLimit{Max: 1, EndOldest: true}
		ann := "ann"
		login := store.Change{Owner: &ann}
		ref := store.Ref{Key: store.Handle{1}, Hash: store.Hash{1}, Policy: policy}
		other := store.Ref{Key: store.Handle{2}, Hash: store.Hash{2}, Policy: policy}
		if _, err := s.Create(t.Context(), ref, login); err != nil {
			t.Fatal(err)
		}
		before, err := s.Load(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		fails := func(what string, err error) {
			t.Helper()
			if err == nil {
				t.Errorf("%s succeeds", what)
			}
			if now, err := s.Load(t.Context(), ref); err != nil || now.Version != before.Version {
				t.Errorf("after %s: version %d, %v", what, now.Version, err)
			}
			if _, err := s.Load(t.Context(), other); err != store.ErrGone {
				t.Errorf("after %s the other session: %v", what, err)
			}
		}

		drop := keep(t, db, "delete on sessions")
		fails("a delete", s.Delete(t.Context(), ref))
		_, err = s.Create(t.Context(), other, login)
		fails("a login that ends the oldest session", err)
		for _, which := range []store.Selector{{Key: ref.Key}, {Owner: ann}, {OwnerPrefix: "an"}, {All: true}} {
			ended, err := s.Revoke(t.Context(), which)
			fails(fmt.Sprintf("the revocation of %d sessions", len(ended)), err)
		}
		drop()

		drop = keep(t, db, "update on sessions")
		_, err = s.Save(t.Context(), ref, store.Change{})
		fails("a save", err)
		_, err = s.Save(t.Context(), ref, store.Change{Extend: true})
		fails("a save that extends", err)
		_, err = s.SaveLocked(t.Context(), ref, func(store.Record) (c store.Change, err error) { return c, nil })
		fails("a locked save", err)
		forced := ref
		forced.Policy.RecordAccess = true
		_, err = s.Touch(t.Context(), forced)
		fails("a touch", err)
		fails("many touches", s.TouchAll(t.Context(), []store.Ref{forced}))
		drop()

		drop = keep(t, db, "insert on sessions")
		other.Policy.Owner = store.OwnerLimit{}
		_, err = s.Create(t.Context(), other, login)
		fails("a creation", err)
		drop()
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
	})
}

// A collector deletes what the database lets it delete, and ends.
func TestACollectorEndsWhereTheDatabaseKeepsRows(t *testing.T) {
	onSQLite(t, func(t *testing.T, s full, db *sql.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		run(t, db, `insert into sessions (id, secret_hash, data, version, created_at, accessed_at, expires_at)
			with recursive n(i) as (select 1 union all select i + 1 from n where i < 30)
			select randomblob(16), zeroblob(32), '{}', i, 0, 0, i from n`)
		drop := keep(t, db, "delete on sessions when old.version % 3 = 0")
		for run, want := range []int64{20, 0} {
			report, err := s.Collect(ctx, store.CollectOptions{Batch: 20})
			if err != nil || report.Deleted != want || report.Remaining != 10 || report.Stopped != store.StopRefused {
				t.Errorf("run %d: %+v, %v", run, report, err)
			}
		}
		drop()
		report, err := s.Collect(ctx, store.CollectOptions{})
		if err != nil || report.Deleted != 10 || report.Stopped != store.StopDone {
			t.Errorf("at last: %+v, %v", report, err)
		}
	})
}

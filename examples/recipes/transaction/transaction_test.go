package transaction

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// The sessions end if the password is changed, and live on if the transaction fails.
func TestChangePassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "app.db")
	store, err := sqlite.Open(t.Context(), file, sqlite.WithMigrate(migrate.UpSQLite))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	schema := `create table hashes (hash text primary key);
		create table users (name text, password_hash text check (password_hash <> '')
			references hashes deferrable initially deferred);
		insert into hashes values ('old'), ('new');
		insert into users values ('ann', 'old')`
	if _, err := db.ExecContext(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	sessions, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	open := func(user string) *session.Session {
		s := sessions.NewSession()
		if err := errors.Join(s.Login(user), s.Save(t.Context())); err != nil {
			t.Fatal(err)
		}
		return s
	}
	ann, bob := open("ann"), open("bob")
	for _, hash := range []string{"", "unknown"} { // refused by the first statement, and by the commit
		if err := ChangePassword(t.Context(), db, "ann", hash); err == nil {
			t.Errorf("the hash %q is taken", hash)
		}
	}
	if err := ann.Load(t.Context()); err != nil {
		t.Errorf("after a transaction that failed: %v", err)
	}
	if err := ChangePassword(t.Context(), db, "ann", "new"); err != nil {
		t.Fatal(err)
	}
	if err := ann.Load(t.Context()); !errors.Is(err, session.ErrGone) {
		t.Errorf("after the change: %v", err)
	}
	if err := bob.Load(t.Context()); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

package store

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/sqlstore/sqlite"
	"github.com/simples-go/sessions/sqlstore/sqlitedb"
	"github.com/simples-go/sessions/testing/storetest"
)

// applications opens an application's database as its own documentation has it.
var applications = map[string]func(path string) (*sql.DB, error){
	"ncruces": func(path string) (*sql.DB, error) {
		return sql.Open("sqlite3", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)")
	},
	"modernc": func(path string) (*sql.DB, error) {
		return sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)")
	},
}

func handle(t *testing.T, library string) *sql.DB {
	t.Helper()
	db, err := applications[library](filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := migrate.UpSQLite(t.Context(), db, "sessions"); err != nil {
		t.Fatal(err)
	}
	return db
}

// The store through an application's handle keeps the contract, with a pool of connections and with one.
func TestTheApplicationsHandleKeepsTheContract(t *testing.T) {
	for library := range applications {
		for name, connections := range map[string]int{"one connection": 1, "many": 8} {
			t.Run(library+", "+name, func(t *testing.T) {
				t.Parallel()
				storetest.Run(t, storetest.Harness{
					Require: slices.DeleteFunc(storetest.All(), func(o storetest.Optional) bool { return o == storetest.Watcher }),
					New: func(t *testing.T) storetest.Fixture {
						db := handle(t, library)
						db.SetMaxOpenConns(connections)
						return fixture(t, db)
					},
				})
			})
		}
	}
}

func fixture(t *testing.T, db *sql.DB) storetest.Fixture {
	t.Helper()
	s, err := sqlitedb.New(t.Context(), db, "")
	if err != nil {
		t.Fatal(err)
	}
	edit := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	return storetest.Fixture{
		Store: s,
		Advance: func(d time.Duration) {
			edit(`update sessions set created_at = created_at - ?1, accessed_at = accessed_at - ?1, expires_at = expires_at - ?1,
				rotated_at = rotated_at - ?1, authenticated_at = authenticated_at - ?1`, d.Milliseconds())
		},
		Tie: func() { edit(`update sessions set expires_at = (select min(expires_at) from sessions)`) },
	}
}

// Two SQLite libraries of one process undo each other's locks. This program has both.
func TestAFileOfAnotherLibraryIsRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // the system does not say what a process has open
	}
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := applications["ncruces"](path)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.UpSQLite(t.Context(), db, "sessions"); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), `"sqlite3"`) || !strings.Contains(err.Error(), "sqlitedb.New") {
		t.Errorf("got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the store's own descriptors are not another library's
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
	}
}

// A fork of the driver takes the name under which the driver is registered. The documentation has what the program says
// then.
func TestAForkOfTheDriverEndsTheProgram(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash("../../../../docs/operations/database.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if text := fmt.Sprint(recover()); !strings.Contains(text, "twice") || !strings.Contains(string(page), text) {
			t.Errorf("docs/operations/database.md does not have %q", text)
		}
	}()
	sql.Register("sqlite", fork{})
}

type fork struct{ driver.Driver }

func TestAHandleWithoutTheTableIsRefused(t *testing.T) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlitedb.New(t.Context(), db, ""); err == nil || !strings.Contains(err.Error(), "migrate.UpSQLite") {
		t.Errorf("got %v", err)
	}
	if _, err := sqlitedb.New(t.Context(), db, `a"b`); err == nil {
		t.Error("a table of an impossible name is accepted")
	}
}

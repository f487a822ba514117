package adopt

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
	_ "modernc.org/sqlite"
)

func TestMain(m *testing.M) { containers.Main(m) }

// written is a row and a cookie that another library wrote.
type written struct{ Cookie, Key, Data string }

func rows(t *testing.T, name string) []written {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []written
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// onPostgres returns an empty database, whose connections are not in the time zone UTC.
func onPostgres(t *testing.T) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(containers.Postgres(t, containers.WithoutMigrations()).URL)
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["timezone"] = "Asia/Tokyo"
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// onSQLite returns an empty database.
func onSQLite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "old.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func request(cookies ...string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "http://localhost/", nil)
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	return r
}

// load finds and loads the session of a cookie, which has to be there.
func load(t *testing.T, from session.Importer, cookie string) *session.Imported {
	t.Helper()
	token := from.Find(request(cookie))
	if token == "" {
		t.Fatalf("nothing found in %s", cookie)
	}
	in, err := from.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// entries returns the entries as JSON, which is what they become.
func entries(t *testing.T, in *session.Imported) string {
	t.Helper()
	text, err := json.Marshal(in.Entries)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// forgeries are what a cookie's value may be turned into without the right to it.
func forgeries(cookie string) []string {
	name, value, _ := strings.Cut(cookie, "=")
	last := value[len(value)-1]
	flipped := value[:len(value)-1] + string(rune(last^1))
	return []string{
		"", name + "=", name + "=x", name + "=" + flipped, name + "=" + value[1:], name + "=" + value + "A",
		name + "=" + value[:len(value)/2], name + "=s%3A", name + "=s%3A.", name + "=s%3Ax.%ZZ", name + "=|||", name + "=Og==",
		name + "=" + strings.Repeat("A", 5000), name + "=' or 1=1 --", "x" + cookie,
	}
}

func sqlOf(t *testing.T, db *containers.Database) *sql.DB {
	t.Helper()
	pool := stdlib.OpenDBFromPool(db.Pool)
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

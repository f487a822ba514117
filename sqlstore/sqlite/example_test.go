package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// In a program: sqlite.WithMigrate(migrate.UpSQLite), or the command sessions-migrate.
	store, err := sqlite.Open(context.Background(), filepath.Join(dir, "sessions.db"), sqlite.WithMigrate(up))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	sessions, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	handler := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		n, err := session.Get[int](s, "visits")
		if err != nil {
			http.Error(w, "try again", session.StatusCode(err))
			return
		}
		s.Set("visits", n+1)
		fmt.Fprintf(w, "This is visit %d.", n+1)
	}))

	first := httptest.NewRecorder()
	handler.ServeHTTP(first, httptest.NewRequest("GET", "/", nil))
	fmt.Println(first.Body)

	next := httptest.NewRequest("GET", "/", nil)
	for _, cookie := range first.Result().Cookies() {
		next.AddCookie(cookie)
	}
	second := httptest.NewRecorder()
	handler.ServeHTTP(second, next)
	fmt.Println(second.Body)
	// Output:
	// This is visit 1.
	// This is visit 2.
}

// up makes the table, as migrate.UpSQLite does.
func up(ctx context.Context, db *sql.DB, table string) error {
	files, err := migrations.Render(migrations.SQLite, "", table)
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(files, "00001_sessions.sql")
	if err != nil {
		return err
	}
	create, _, _ := strings.Cut(string(text), "-- +goose Down")
	_, err = db.ExecContext(ctx, create)
	return err
}

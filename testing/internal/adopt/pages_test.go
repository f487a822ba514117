package adopt

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// theirs are the tables of other libraries, by the page that asks them, and the name that ours has beside them.
var theirs = map[string]struct{ table, ours string }{
	"scs.md":             {`create table sessions (token text primary key, data bytea not null, expiry timestamptz not null)`, "web_sessions"},
	"gorilla.md":         {httpSessions, "sessions"},
	"express-session.md": {connectSession, "sessions"},
	"django.md":          {`create table django_session (session_key varchar(40) primary key, session_data text not null, expire_date timestamptz not null)`, "sessions"},
	"rails.md":           {`create table sessions (session_id varchar not null unique, data text, created_at timestamp(6) not null, updated_at timestamp(6) not null)`, "web_sessions"},
}

const (
	connectSession = `create table "session" ("sid" varchar not null primary key, "sess" json not null, "expire" timestamp(6) not null)`
	scsOnSQLite    = `create table sessions (token text primary key, data blob not null, expiry real not null)`
)

var sqlBlock = regexp.MustCompile("(?ms)^ *```sql (\\w+)\n(.*?)^ *```")

// TestPages runs the SQL of the pages on how to move, each page's blocks in order, beside the other library's table.
func TestPages(t *testing.T) {
	for page, c := range theirs {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("../../../docs/guide/moving", page))
			if err != nil {
				t.Fatal(err)
			}
			onPG, lite := onPostgres(t), onSQLite(t)
			migrated(t, onPG, migrations.Postgres, c.ours)
			exec(t, onPG, c.table)
			blocks := sqlBlock.FindAllSubmatch(text, -1)
			for _, block := range blocks {
				if string(block[1]) == "sqlite" {
					migrated(t, lite, migrations.SQLite, c.ours)
					exec(t, lite, scsOnSQLite)
					exec(t, lite, string(block[2]))
					continue
				}
				exec(t, onPG, string(block[2]))
			}
			if len(blocks) < 3 {
				t.Errorf("%d blocks", len(blocks))
			}
		})
	}
}

func migrated(t *testing.T, db *sql.DB, dialect migrations.Dialect, table string) {
	t.Helper()
	if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: dialect, Table: table}); err != nil {
		t.Fatal(err)
	}
}

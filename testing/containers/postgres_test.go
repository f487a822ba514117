package containers_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/testing/containers"
)

func TestMain(m *testing.M) { containers.Main(m) }

func scan[T any](t *testing.T, db *containers.Database, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := db.Pool.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestEachTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	one, other := containers.Postgres(t), containers.Postgres(t)
	if one.URL == other.URL {
		t.Fatal("two databases have one URL")
	}
	if _, err := one.Pool.Exec(t.Context(), "drop table sessions"); err != nil {
		t.Fatal(err)
	}
	if n := scan[int](t, other, "select count(*) from sessions"); n != 0 {
		t.Errorf("the other database holds %d sessions", n)
	}
}

func TestOptionsChooseTheTable(t *testing.T) {
	db := containers.Postgres(t, containers.WithSchema("web"), containers.WithTable("logins"))
	if n := scan[int](t, db, "select count(*) from web.logins"); n != 0 {
		t.Errorf("the table holds %d sessions", n)
	}
	empty := containers.Postgres(t, containers.WithoutMigrations())
	if found := scan[bool](t, empty, "select to_regclass('sessions') is not null"); found {
		t.Error("a database that was to be empty has the table")
	}
}

func TestATemplateIsPreparedOnce(t *testing.T) {
	var calls int
	users := containers.WithPrepared("users", func(ctx context.Context, conn *pgx.Conn) error {
		calls++
		_, err := conn.Exec(ctx, "create table users (name text primary key); insert into users values ('ada')")
		return err
	})
	for range 3 {
		db := containers.Postgres(t, users)
		if name := scan[string](t, db, "select name from users"); name != "ada" {
			t.Errorf("the prepared row says %q", name)
		}
	}
	if calls != 1 {
		t.Errorf("the template was prepared %d times", calls)
	}
}

func TestADatabaseEndsWithItsTest(t *testing.T) {
	var gone string
	t.Run("user", func(t *testing.T) {
		gone = scan[string](t, containers.Postgres(t), "select current_database()")
	})
	db := containers.Postgres(t)
	if left := scan[int](t, db, "select count(*) from pg_database where datname = $1", gone); left != 0 {
		t.Errorf("database %s is still there", gone)
	}
}

func TestParallelTestsShareTheContainer(t *testing.T) {
	var mu sync.Mutex
	started := map[string]bool{}
	t.Run("users", func(t *testing.T) {
		for i := range 16 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				at := scan[string](t, containers.Postgres(t), "select pg_postmaster_start_time()::text")
				mu.Lock()
				defer mu.Unlock()
				started[at] = true
			})
		}
	})
	if len(started) != 1 {
		t.Errorf("%d servers have served one process: %v", len(started), started)
	}
}

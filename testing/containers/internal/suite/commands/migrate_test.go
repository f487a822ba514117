package commands_test

import (
	"context"
	"database/sql"
	"os"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/process"
	"github.com/simples-go/sessions/testing/internal/chance"
)

func TestMain(m *testing.M) {
	process.Play(process.Roles{"migrate": migrateUp})
	containers.Main(m)
}

// migrateUp is what a service does that migrates when it starts.
func migrateUp(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	// All begin at once: the one who starts them closes their standard input.
	_, _ = os.Stdin.Read(make([]byte, 1))
	return migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres})
}

// Eight processes that start together on a fresh database apply each migration once.
func TestManyStartersMigrateOnce(t *testing.T) {
	for range chance.Rounds(t, 5) {
		t.Run("round", func(t *testing.T) {
			db := containers.Postgres(t, containers.WithoutMigrations())
			var starters []*process.Process
			for range 8 {
				starters = append(starters, process.Start(t, "migrate", db.URL))
			}
			for _, p := range starters {
				p.Go()
			}
			for _, p := range starters {
				if err := p.Wait(); err != nil {
					t.Errorf("a starter failed: %v", err)
				}
			}
			appliedOnce(t, db)
		})
	}
}

func appliedOnce(t *testing.T, db *containers.Database) {
	t.Helper()
	const applied = `select count(*), count(distinct version_id) from sessions_migrations where version_id > 0`
	var rows, versions int
	if err := db.Pool.QueryRow(t.Context(), applied).Scan(&rows, &versions); err != nil {
		t.Fatal(err)
	}
	if rows != versions || rows == 0 {
		t.Errorf("%d rows stand for %d versions", rows, versions)
	}
	if _, err := db.Pool.Exec(t.Context(), "select id, secret_hash, data from sessions"); err != nil {
		t.Error(err)
	}
}

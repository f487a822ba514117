package commands_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// asWorker has a server look like a worker of Citus: with the table as the coordinator has made it there, and without the
// version table, which is the coordinator's own.
const asWorker = `set allow_system_table_mods = on;
create table pg_catalog.pg_dist_local_group (groupid int);
insert into pg_catalog.pg_dist_local_group values (1);
create table pg_catalog.pg_dist_partition (logicalrelid regclass);
insert into pg_catalog.pg_dist_partition select to_regclass('sessions') where to_regclass('sessions') is not null;
drop table if exists sessions_migrations;
reset allow_system_table_mods`

// A service that migrates at its start does so on a worker of Citus too: it goes on if the table is as its release wants it,
// and waits for the coordinator if not. It never makes anything there.
func TestAWorkerIsMigratedByItsCoordinator(t *testing.T) {
	for name, test := range map[string]struct {
		opts   []containers.Option
		change string
		want   error
	}{
		"the table is this release's": {},
		"the table is an older one's": {change: "alter table sessions drop column device", want: migrate.ErrWorker},
		"there is no table":           {opts: []containers.Option{containers.WithoutMigrations()}, want: migrate.ErrWorker},
	} {
		t.Run(name, func(t *testing.T) {
			db := containers.Postgres(t, test.opts...)
			if _, err := db.Pool.Exec(t.Context(), asWorker+";"+test.change); err != nil {
				t.Fatal(err)
			}
			if err := up(t.Context(), db.URL); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if n := pgstore.Count(t, db.Pool, "select count(*) from pg_tables where tablename like '%migrations'"); n > 0 {
				t.Error("the worker has a version table of its own")
			}
		})
	}
}

func up(ctx context.Context, url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres})
}

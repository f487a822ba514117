package contract_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/node"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/storetest"
)

// bounced returns the URL of a database through a PgBouncer in transaction mode.
func bounced(t *testing.T, db *containers.Database) string {
	t.Helper()
	const where = `select host(inet_server_addr()), current_database()`
	var address, database string
	if err := db.Pool.QueryRow(t.Context(), where).Scan(&address, &database); err != nil {
		t.Fatal(err)
	}
	return node.URLAt(node.PgBouncer(t, address), database)
}

// Through PgBouncer in transaction mode the contract holds too, with the two settings that the documentation names: no
// prepared statements, and a direct connection for notifications. Migrations run through it as they are.
func TestContractThroughPgBouncer(t *testing.T) {
	db := containers.Postgres(t, containers.WithoutMigrations())
	url := bounced(t, db)
	pgstore.Migrate(t, url+"&default_query_exec_mode=describe_exec")
	if _, err := db.Pool.Exec(t.Context(), "alter table sessions drop constraint sessions_data_check"); err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 16
	storetest.Run(t, pgstore.Harness(pgstore.Pool(t, config), db.Pool,
		postgres.WithoutPreparedStatements(), postgres.WithListenURL(db.URL)))
}

// What Open sends when it connects is what PgBouncer lets through.
func TestOpenThroughPgBouncer(t *testing.T) {
	db := containers.Postgres(t)
	s, err := postgres.Open(context.Background(), bounced(t, db), postgres.WithoutPreparedStatements(), postgres.WithoutListen())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ref := pgstore.Created(t, s, pgstore.Set("a", "1"))
	if _, err := s.Load(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

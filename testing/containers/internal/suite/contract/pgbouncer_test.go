package contract_test

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
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
	t.Parallel()
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

// logged passes on what is logged.
type logged chan string

func (l logged) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

// Without a URL for it, nothing listens through PgBouncer: that would stay with a connection which others get. The log
// says what to do.
func TestNothingListensThroughPgBouncer(t *testing.T) {
	db := containers.Postgres(t)
	config, err := pgxpool.ParseConfig(bounced(t, db))
	if err != nil {
		t.Fatal(err)
	}
	log := make(logged, 1)
	for setting, opts := range map[string][]postgres.Option{
		"by default":            nil,
		"with the pooler's URL": {postgres.WithListenURL(config.ConnString())},
	} {
		t.Run(setting, func(t *testing.T) {
			opts = append(opts, postgres.WithoutPreparedStatements(), postgres.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
			s := pgstore.New(t, pgstore.Pool(t, config.Copy()), opts...)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Watch(ctx, func(store.Event) {}) }()
			if line := <-log; !strings.Contains(line, "pooler") || !strings.Contains(line, "WithListenURL") {
				t.Errorf("the log says %q", line)
			}
			cancel()
			<-ended
			const listening = `select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen %'`
			if n := pgstore.Count(t, db.Pool, listening); n > 0 {
				t.Errorf("%d connections of the pooler have been told to listen", n)
			}
		})
	}
}

// Prepared statements through a pooler that knows nothing of them are an error that names the setting.
func TestPreparedStatementsThroughPgBouncer(t *testing.T) {
	db := containers.Postgres(t)
	config, err := pgxpool.ParseConfig(bounced(t, db))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 16
	s := pgstore.New(t, pgstore.Pool(t, config), postgres.WithoutBatching())
	var wrong atomic.Pointer[error]
	deadline := time.Now().Add(time.Minute)
	together(t, 16, func(int) error {
		for wrong.Load() == nil && time.Now().Before(deadline) {
			if _, err := s.Create(t.Context(), pgstore.Ref(), pgstore.Set("a", "1")); err != nil {
				wrong.Store(&err)
			}
		}
		return nil
	})
	if err := wrong.Load(); err == nil || !strings.Contains((*err).Error(), "WithoutPreparedStatements") {
		t.Errorf("the error is %v", *cmp.Or(err, new(error)))
	}
}

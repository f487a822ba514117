package contract_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/storetest"
)

// citusVariable names a database with the extension citus that this test may fill and empty, on any server of the
// cluster; on the coordinator where the table is not there yet. No image of it can be made from a distribution's
// packages, so the test is for those who have a cluster.
const citusVariable = "SESSIONS_TEST_CITUS_URL"

// coordinator is the group of the coordinator.
const coordinator = 0

const distribute = "select create_distributed_table('sessions', 'id', shard_count => 8)"

// A table that is distributed over the servers of a cluster keeps the contract too.
func TestContractOnCitus(t *testing.T) {
	url := os.Getenv(citusVariable)
	if url == "" {
		t.Skip(citusVariable + " names no database with the extension citus")
	}
	pool := distributed(t, url)
	for batching, opts := range map[string][]postgres.Option{
		"by itself": nil,
		"batched":   {postgres.WithBatching(1, 8)},
		"unasked":   {postgres.WithDistributed()},
	} {
		t.Run(batching, func(t *testing.T) { storetest.Run(t, pgstore.Harness(pool, pool, opts...)) })
	}
}

// A table may be distributed while services run: at most one call of each fails.
func TestATableIsDistributedUnderAService(t *testing.T) {
	url := os.Getenv(citusVariable)
	if url == "" {
		t.Skip(citusVariable + " names no database with the extension citus")
	}
	pool := distributed(t, url)
	if pgstore.Count(t, pool, "select groupid from pg_dist_local_group") != coordinator {
		t.Skip("a worker accepts no change of how a table lies: run this test on the coordinator")
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("select undistribute_table('sessions')")
	s := pgstore.New(t, pool)
	ref := pgstore.Created(t, s, pgstore.Set("a", "1"))
	exec(distribute)
	_, failed := s.Save(t.Context(), ref, pgstore.Set("a", "2"))
	if _, err := s.Save(t.Context(), ref, pgstore.Set("b", "3")); err != nil {
		t.Errorf("saving: %v, and before that %v", err, failed)
	}
}

// distributed is a pool on a database with a distributed table.
func distributed(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 16
	pool := pgstore.Pool(t, config)
	if pgstore.Count(t, pool, "select count(*) from pg_dist_partition where logicalrelid = to_regclass('sessions')") > 0 {
		return pool
	}
	pgstore.Migrate(t, url)
	const unchecked = "alter table sessions drop constraint if exists sessions_data_check;"
	if _, err := pool.Exec(t.Context(), unchecked+distribute); err != nil {
		t.Fatal(err)
	}
	return pool
}

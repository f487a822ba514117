package contract_test

import (
	"testing"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/storetest"
)

func TestMain(m *testing.M) { containers.Main(m) }

// batchings are the ways in which callers may share statements, or not; the last with what a cluster accepts.
func batchings() map[string][]postgres.Option {
	return map[string][]postgres.Option{
		"alone":         {postgres.WithoutBatching()},
		"small batches": {postgres.WithBatching(1, 2)},
		"large batches": {postgres.WithBatching(1, 256)},
		"distributed":   {postgres.WithDistributed()},
	}
}

// tables are the forms that the table may have.
func tables() map[string][]containers.Option {
	return map[string][]containers.Option{
		"plain":       {pgstore.Unchecked()},
		"partitioned": {pgstore.Unchecked(), pgstore.Partitioned()},
	}
}

// The store keeps the whole contract, however the table lies and however callers share statements.
func TestContract(t *testing.T) {
	for table, tableOpts := range tables() {
		for batching, storeOpts := range batchings() {
			t.Run(table+", "+batching, func(t *testing.T) {
				t.Parallel()
				db := containers.Postgres(t, tableOpts...)
				storetest.Run(t, pgstore.Harness(db.Pool, db.Pool, storeOpts...))
			})
		}
	}
}

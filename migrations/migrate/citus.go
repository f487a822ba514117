package migrate

import (
	"context"
	"database/sql"
)

// On a worker of Citus the distributed table is there, as the coordinator has made it, and the version table is not,
// which is the coordinator's own. A service that is connected to a worker finds the columns of its release there, or has
// to wait for the coordinator; it must make nothing, since a table that exists on a worker cannot be distributed.
const (
	hasCitus = `select pg_catalog.to_regclass('pg_catalog.pg_dist_local_group') is not null, false`
	onCitus  = `select exists (select from pg_catalog.pg_dist_local_group where groupid <> 0),
		exists (select from pg_catalog.pg_dist_partition where logicalrelid = pg_catalog.to_regclass($1::text))`
)

// citus reports whether the server is a worker of a cluster, and whether the table is distributed in it.
func (e postgresEngine) citus(ctx context.Context, q querier) (worker, distributed bool, err error) {
	scan := func(rows *sql.Rows) error { return rows.Scan(&worker, &distributed) }
	if err = readRows(ctx, q, hasCitus, nil, scan); err != nil || !worker {
		return false, false, err
	}
	err = readRows(ctx, q, onCitus, []any{e.table.Quoted()}, scan)
	return worker, distributed, err
}

package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3/database"

	"github.com/simples-go/sessions/migrations"
)

type postgresEngine struct{ table migrations.Table }

func (postgresEngine) prepare(context.Context, *sql.Conn, bool) error { return nil }

// begin takes a lock that belongs to the transaction: a pooler in transaction mode keeps it with its statements, and it
// ends with the connection. The isolation level is fixed, for under another one the snapshot would be older than the lock.
// The lock timeout comes last: starters may wait for each other, whatever timeouts the role has, but not hold up the
// sessions behind an ALTER that waits.
func (e postgresEngine) begin() []string {
	return []string{
		"begin isolation level read committed",
		"set local lock_timeout = 0",
		"set local statement_timeout = 0",
		fmt.Sprintf("select pg_catalog.pg_advisory_xact_lock(%s)", e.lockKey()),
		"set local lock_timeout = '10s'",
	}
}

// lockKey returns an SQL expression, since the server decides which schema an unqualified name means: a run that names
// the schema and one that does not must take the same lock. The names need no escaping, see migrations.ValidateName.
func (e postgresEngine) lockKey() string {
	schema := "pg_catalog.current_schema()"
	if e.table.Schema != "" {
		schema = "'" + e.table.Schema + "'"
	}
	return fmt.Sprintf("pg_catalog.hashtextextended(pg_catalog.concat('sessions-migrate ', %s, '.%s'), 0)",
		schema, e.table.Name)
}

const postgresColumns = `select attname::text from pg_catalog.pg_attribute
	where attrelid = pg_catalog.to_regclass($1::text) and attnum > 0 and not attisdropped`

// The indexes of partitions count too. An index that is INVALID because somebody is building it is no problem: the
// build takes a lock on the table, and keeps it. So does a vacuum; if the server may not say which of them it is, it
// counts as a build.
const postgresIndexes = `select i.indexrelid::regclass::text, coalesce(a.attname::text, ''), i.indisvalid or exists (
		select from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity s on s.pid = l.pid
		where l.locktype = 'relation' and l.relation = i.indrelid and l.granted and l.mode = 'ShareUpdateExclusiveLock'
		and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
		and coalesce(s.backend_type, 'client backend') = 'client backend'),
	i.indisunique and i.indnkeyatts = 1 and i.indpred is null, c.relkind = 'I'
	from pg_catalog.pg_index i
	join pg_catalog.pg_class c on c.oid = i.indexrelid
	left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
	where i.indrelid = pg_catalog.to_regclass($1::text)
	or i.indrelid in (select relid from pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1::text)))`

// The stores take what they have written for the row's text. From jsonb the server makes another one with each load.
const postgresDataType = `select pg_catalog.format_type(atttypid, atttypmod) from pg_catalog.pg_attribute
	where attrelid = pg_catalog.to_regclass($1::text) and attname = 'data' and not attisdropped
	and atttypid <> 'pg_catalog.json'::pg_catalog.regtype`

func (e postgresEngine) look(ctx context.Context, q querier) (f found, err error) {
	if f.columns, err = readStrings(ctx, q, postgresColumns, e.table.Quoted()); err != nil {
		return f, err
	}
	if f.versionColumns, err = readStrings(ctx, q, postgresColumns, e.table.Versions()); err != nil {
		return f, err
	}
	if f.indexes, err = readIndexes(ctx, q, postgresIndexes, e.table.Quoted()); err != nil {
		return f, err
	}
	other, err := readStrings(ctx, q, postgresDataType, e.table.Quoted())
	if err != nil {
		return f, err
	}
	for _, kind := range other {
		f.otherTypes = append(f.otherTypes, fmt.Sprintf("column data of %s has type %s, and not json: run: alter table %s "+
			"alter data type json using data::json", e.table.Quoted(), kind, e.table.Quoted()))
	}
	f.worker, f.distributed, err = e.citus(ctx, q)
	return f, err
}

func (postgresEngine) columns() []string {
	return []string{"id", "secret_hash", "version", "created_at", "accessed_at", "expires_at", "realm", "owner", "tag",
		"idle_timeout_ms", "absolute_timeout_ms", "persistence", "authenticated_at", "rotated_at", "former_hashes",
		"device", "data"}
}

func (e postgresEngine) indexProblems(have []index) []string {
	var list []string
	for _, i := range have {
		switch {
		case !i.valid && i.partitioned:
			list = append(list, fmt.Sprintf("index %s is INVALID, as long as a partition has none that belongs to it: "+
				"create those, and for each run: alter index %s attach partition …", i.name, i.name))
		case !i.valid:
			list = append(list, fmt.Sprintf("index %s is INVALID, as an interrupted build leaves it: run: "+
				"reindex index concurrently %s; or drop it, where its name ends in _ccnew or _ccold", i.name, i.name))
		}
	}
	if !haveKey(have) {
		list = append(list, fmt.Sprintf("no primary key: run: alter table %s add primary key (id)", e.table.Quoted()))
	}
	create := "create index concurrently"
	if slices.ContainsFunc(have, func(i index) bool { return i.partitioned }) {
		create = "create index" // Postgres has no other for a table with partitions
	}
	return append(list, lackingIndexes(have, []wantIndex{
		wanted(e.table, "expires_at", "expires_at", ""),
		wanted(e.table, "owner", "owner, realm", " where owner is not null"),
		wanted(e.table, "tag", "tag, realm", " where tag is not null"),
	}, create)...)
}

func (e postgresEngine) versionTable() []string {
	name := e.table.Versions()
	return []string{
		"create table if not exists " + name + " (id integer primary key generated by default as identity, " +
			"version_id bigint not null unique, is_applied boolean not null, tstamp timestamp not null default now())",
		"insert into " + name + " (version_id, is_applied) values (0, true) on conflict do nothing",
	}
}

func (e postgresEngine) claim(version int64) string { return e.record(version) }

func (e postgresEngine) record(version int64) string {
	return fmt.Sprintf("insert into %s (version_id, is_applied) values (%d, true)", e.table.Versions(), version)
}

func (e postgresEngine) versions() (database.Store, error) {
	return newVersionStore(database.DialectPostgres, e.table)
}

func (e postgresEngine) script(body string, _ bool) string {
	begin := "\\set ON_ERROR_STOP on\n\\set ON_ERROR_ROLLBACK off\n"
	for _, statement := range e.begin() {
		begin += statement + ";\n"
	}
	return begin + "\n" + body + "\ncommit;\n"
}

package migrate

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3/database"

	"github.com/simples-go/sessions/migrations"
)

type sqliteEngine struct{ table migrations.Table }

// prepare does what SQLite cannot do in a transaction: incremental vacuum for a database that has no table yet, and the
// write-ahead log for one that is ours.
func (sqliteEngine) prepare(ctx context.Context, conn *sql.Conn, ours bool) error {
	empty, err := isEmpty(ctx, conn)
	if err != nil {
		return err
	}
	if empty {
		if err := setAutoVacuum(ctx, conn); err != nil {
			return err
		}
	}
	if !ours {
		return nil
	}
	return execBusy(ctx, conn, "pragma journal_mode = wal")
}

func isEmpty(ctx context.Context, conn *sql.Conn) (empty bool, err error) {
	err = retryBusy(ctx, func() error {
		const query = "select (select count(*) from sqlite_schema) = 0 and (select auto_vacuum from pragma_auto_vacuum) = 0"
		return conn.QueryRowContext(ctx, query).Scan(&empty)
	})
	return empty, err
}

// setAutoVacuum needs the vacuum if something, such as a change of the journal mode, has written the first page.
func setAutoVacuum(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{"pragma auto_vacuum = incremental", "vacuum"} {
		if err := execBusy(ctx, conn, statement); err != nil {
			return err
		}
	}
	return nil
}

func execBusy(ctx context.Context, conn *sql.Conn, statement string) error {
	return retryBusy(ctx, func() error {
		_, err := conn.ExecContext(ctx, statement)
		return err
	})
}

// begin takes SQLite's write lock at once. It ends with the transaction, or with the process.
func (sqliteEngine) begin() []string { return []string{"begin immediate"} }

const sqliteIndexes = `select l.name, coalesce(i.name, ''), true,
	l."unique" and not l.partial and (select count(*) from pragma_index_info(l.name)) = 1, false
	from pragma_index_list(?1) l left join pragma_index_info(l.name) i on i.seqno = 0`

var errUTF16 = errors.New("the file stores its texts as UTF-16, and sessions need UTF-8: give them a file of their own")

func (e sqliteEngine) look(ctx context.Context, q querier) (f found, err error) {
	wide, err := readStrings(ctx, q, "select encoding from pragma_encoding where encoding <> 'UTF-8'")
	if err != nil || len(wide) > 0 {
		return f, cmp.Or(err, errUTF16)
	}
	const columns = "select name from pragma_table_info(?1)"
	if f.columns, err = readStrings(ctx, q, columns, e.table.Name); err != nil {
		return f, err
	}
	if f.versionColumns, err = readStrings(ctx, q, columns, e.table.Name+"_migrations"); err != nil {
		return f, err
	}
	f.indexes, err = readIndexes(ctx, q, sqliteIndexes, e.table.Name)
	return f, err
}

func (sqliteEngine) columns() []string {
	return []string{"id", "secret_hash", "version", "created_at", "accessed_at", "expires_at", "realm", "owner", "tag",
		"idle_timeout_ms", "absolute_timeout_ms", "persistence", "authenticated_at", "rotated_at", "former_hashes",
		"device", "data"}
}

func (e sqliteEngine) indexProblems(have []index) []string {
	var list []string
	if !haveKey(have) {
		list = append(list, "no primary key: run: create unique index "+wanted(e.table, "id", "id", "").create)
	}
	return append(list, lackingIndexes(have, []wantIndex{
		wanted(e.table, "expires_at", "expires_at", ""),
		wanted(e.table, "owner", "owner, realm", " where owner is not null"),
		wanted(e.table, "tag", "tag, realm", " where tag is not null"),
	}, "create index")...)
}

func (e sqliteEngine) versionTable() []string {
	name := e.table.Versions()
	return []string{
		"create table if not exists " + name + " (id integer primary key autoincrement, " +
			"version_id integer not null unique, is_applied integer not null, tstamp timestamp default (datetime('now')))",
		"insert into " + name + " (version_id, is_applied) values (0, true) on conflict do nothing",
	}
}

func (e sqliteEngine) claim(version int64) string {
	return fmt.Sprintf("insert or rollback into %s (version_id, is_applied) values (%d, true)", e.table.Versions(), version)
}

func (e sqliteEngine) record(version int64) string {
	return fmt.Sprintf("insert into %s (version_id, is_applied) values (%d, true)", e.table.Versions(), version)
}

func (e sqliteEngine) versions() (database.Store, error) {
	return newVersionStore(database.DialectSQLite3, e.table)
}

// shellHead stops the shell if it cannot begin the transaction because of another writer: the shell does not wait by
// itself, and would run each of the other statements alone. The comment comes first because the shell, if it gets the
// script as an argument that begins with a dot, takes all of it for one command and reports no error.
const shellHead = "-- for the sqlite3 shell: sqlite3 FILE < SCRIPT\n.bail on\n.timeout 10000\n"

func (e sqliteEngine) script(body string, fresh bool) string {
	head := shellHead
	if fresh {
		head += "pragma auto_vacuum = incremental;\npragma journal_mode = wal;\n"
	}
	return head + "begin immediate;\n\n" + body + "\ncommit;\n"
}

// Package pgstore prepares databases and stores for this module's own tests.
package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/testing/containers"
)

// Partitions are how many there are in a database of Partitioned.
const Partitions = 16

// Partitioned has the table hash-partitioned by its key, as an operator does it who expects many sessions.
func Partitioned() containers.Option {
	return containers.WithPrepared("partitioned", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, partition())
		return err
	})
}

func partition() string {
	var sql strings.Builder
	sql.WriteString(`alter table sessions rename to plain;
		create table sessions (like plain including all) partition by hash (id);
		drop table plain;
	`)
	for i := range Partitions {
		fmt.Fprintf(&sql, `create table sessions_%d partition of sessions
			for values with (modulus %d, remainder %d) with (fillfactor = 80);`, i, Partitions, i)
	}
	return sql.String()
}

// Unchecked lets the table hold data that are no object, as an operator's mistake might.
func Unchecked() containers.Option {
	return containers.WithPrepared("unchecked", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `alter table sessions drop constraint sessions_data_check`)
		return err
	})
}

// Guarded has the server note each session that is deleted before its expiry, in a table named early.
func Guarded() containers.Option {
	return containers.WithPrepared("guarded", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			create table early (id uuid, expires_at timestamptz, deleted_at timestamptz);
			create function note() returns trigger language plpgsql as $$ begin
				insert into early values (old.id, old.expires_at, clock_timestamp());
				return null;
			end $$;
			create trigger note after delete on sessions for each row
				when (old.expires_at > clock_timestamp()) execute function note()`)
		return err
	})
}

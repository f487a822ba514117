package collector

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statementTime bounds one statement of a run.
const statementTime = time.Minute

// table is the table of sessions, whose alias in conditions is s.
type table struct{ Config }

// first scans the first row of a query; found is false if there is none.
func (t table) first(ctx context.Context, into []any, sql string, args ...any) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	err = t.Do(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return conn.QueryRow(ctx, sql, t.args(args)...).Scan(into...)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// within is first for a query that the server cancels after some time; see isCanceled.
func (t table) within(ctx context.Context, d time.Duration, into []any, sql string, args ...any) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	err = t.Do(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `set local statement_timeout = `+strconv.FormatInt(d.Milliseconds(), 10))
			if err != nil {
				return err
			}
			err = tx.QueryRow(ctx, sql, t.args(args)...).Scan(into...)
			if found = err == nil; errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
	})
	return found, err
}

// isCanceled reports whether the server has cancelled a statement.
func isCanceled(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "57014"
}

func (t table) args(args []any) []any { return append([]any{t.Mode}, args...) }

func (t table) from(condition string) string { return ` from ` + t.Table + ` s where ` + condition }

// count counts rows, up to a limit.
func (t table) count(ctx context.Context, most int, condition string, args ...any) (n int, err error) {
	_, err = t.first(ctx, []any{&n}, t.counting(most, condition), args...)
	return n, err
}

func (t table) counting(most int, condition string) string {
	return `select count(*) from (select 1` + t.from(condition) + ` limit ` + strconv.Itoa(most) + `) c`
}

// ids returns the ids of the rows of a condition that come after one, in their order, up to a limit.
func (t table) ids(ctx context.Context, most int, after pgtype.UUID, condition string, args ...any) (ids []pgtype.UUID, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	if after.Valid {
		args = append(args, after)
		condition += ` and s.id > $` + strconv.Itoa(len(args))
	}
	sql := `select s.id` + t.from(condition) + ` order by s.id limit ` + strconv.Itoa(most)
	err = t.Do(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		rows, err := conn.Query(ctx, sql, t.args(args)...)
		if err != nil {
			return err
		}
		ids, err = pgx.CollectRows(rows, pgx.RowTo[pgtype.UUID])
		return err
	})
	return ids, err
}

// asyncCommit makes the transaction that evaluates it return before its commit is on disk, and no other: a delete that
// is lost in a crash is made by the next run. A distributed table does not accept it.
const asyncCommit = ` and (select set_config('synchronous_commit', 'off', true)) = 'off'`

// delete deletes a portion's rows and returns how many those were.
func (t table) delete(ctx context.Context, p portion) (deleted int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	sql := `delete` + t.from(p.condition)
	if t.Local {
		sql += asyncCommit
	}
	err = t.Do(ctx, func(ctx context.Context, conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, sql, t.args(p.args)...)
		deleted += tag.RowsAffected()
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("a batch did not end within %v: another transaction may have locked one of its rows: %w",
			statementTime, err)
	}
	return deleted, err
}

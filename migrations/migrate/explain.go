package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/internal/sqlitefile"
)

// The codes of SQLite that have an advice, without their extension.
const (
	sqliteBusy     = 5
	sqliteReadOnly = 8
	sqliteCantOpen = 14
	sqliteAuth     = 23
	sqliteNotADB   = 26
)

// explained is an error of the database with what to do about it.
type explained struct {
	err    error
	advice string
}

func (e *explained) Error() string {
	return fmt.Sprintf("migrate: %s: %s", strings.TrimPrefix(e.err.Error(), "migrate: "), e.advice)
}

func (e *explained) Unwrap() error { return e.err }

func advise(err error, advice string) error {
	if err == nil || advice == "" {
		return err
	}
	return &explained{err, advice}
}

// errUnreadable stands for what pgx says about a URL that it cannot parse: that quotes the URL, and parts of the password.
var errUnreadable = errors.New("migrate: the database URL does not parse, or has a setting with an impossible value; " +
	"characters such as @ : / ? # % in a password must be percent-encoded")

// Types of pgx's errors, which are known by name, as no driver is imported here: of a URL that does not parse, which the
// error quotes, and of servers that could not be reached or accept no writes.
const (
	parseError   = "*pgconn.ParseConfigError"
	connectError = "*pgconn.ConnectError"
)

// hasType reports whether err is or wraps an error of the type.
func hasType(err error, name string) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fmt.Sprintf("%T", err) == name {
			return true
		}
	}
	return false
}

func (e postgresEngine) explain(err error) error {
	if hasType(err, parseError) {
		return errUnreadable
	}
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return err
	}
	if strings.Contains(err.Error(), "permission denied for database") {
		return advise(err, "the role needs the right to connect: grant connect on database … to …")
	}
	return advise(err, e.advice(state.SQLState()))
}

const readOnlyAdvice = "this server is read-only: connect to the primary, for example by naming all servers in the URL; or " +
	"the role or the database has default_transaction_read_only on"

func (e postgresEngine) advice(sqlState string) string {
	switch sqlState {
	case "42501":
		return "migrate as a role that may create tables in the schema and owns " + e.table.Quoted() +
			" (grant create on schema … to …); to look only, it needs usage on the schema and select on " + e.table.Versions()
	case "25006":
		return readOnlyAdvice
	case "3F000":
		return "the schema is not there: create schema, or grant create on one in the role's search path"
	case "42P07", "42710":
		return "something else in the schema has that name: choose another table name, or rename it"
	case "55P03":
		return "the table is in use by a long transaction, nothing was changed: run it again, or end that transaction"
	case "57014":
		return "a statement_timeout of the role or the database cut it short, or somebody cancelled it"
	case "2BP01":
		return "a view or something else depends on the table: drop that first"
	case "28P01", "28000":
		return "the server refused the user or the password"
	case "3D000":
		return "create the database first"
	}
	return ""
}

func (sqliteEngine) explain(err error) error {
	switch sqlitefile.Code(err) {
	case sqliteBusy:
		return advise(err, "another process is writing to the file, nothing was changed: run it again")
	case sqliteReadOnly, sqliteAuth:
		return advise(err, "the file or its directory cannot be written by this user")
	case sqliteCantOpen:
		return advise(err, "the file and its directory must be there and belong to this user")
	case sqliteNotADB:
		return advise(err, "the file is not an SQLite database")
	}
	return err
}

// busyTime is how long a starter waits for others, if its context allows.
const busyTime = time.Minute

var busyPause = retry.Backoff{First: 10 * time.Millisecond}

// retryBusy runs fn until it is not refused as busy. SQLite does not wait everywhere by itself.
func retryBusy(ctx context.Context, fn func() error) error {
	return retry.While(ctx, busyTime, busyPause, sqlitefile.IsBusy, fn)
}

package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/simples-go/sessions/session/store"
)

// localError is an error of this package's own, not of the connection.
type localError struct{ text string }

func (e *localError) Error() string { return e.text }

func localErrorf(format string, args ...any) error { return &localError{fmt.Sprintf(format, args...)} }

// errUnserved is the result of a request that a statement has certainly not served. Its caller makes it again alone:
// one bad or locked row, or one lost connection, then costs its neighbours a little time and nothing else.
var errUnserved = &localError{"not served by this statement"}

// errFenced is the answer to an insert that the database received after its fence.
var errFenced = &localError{"the statement has reached the database too late"}

// isSession reports whether err is an answer of the contract.
func isSession(err error) bool {
	for _, answer := range [...]error{
		store.ErrGone, store.ErrConflict, store.ErrTooLarge, store.ErrCorrupt, store.ErrExists,
		store.ErrOwnerLimit, store.ErrValue,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// failed says what was tried, unless err is an answer of the contract.
func failed(what string, err error) error {
	if err == nil || isSession(err) {
		return err
	}
	var server *pgconn.PgError
	if errors.As(err, &server) && isValue(server) {
		return fmt.Errorf("postgres: %s: %w: %w", what, store.ErrValue, err)
	}
	if server != nil && isPooled(server) {
		return fmt.Errorf("postgres: %s: is there a pooler that knows nothing of prepared statements? "+
			"see WithoutPreparedStatements: %w", what, err)
	}
	return fmt.Errorf("postgres: %s: %w", what, err)
}

// isPooled reports whether the server has other prepared statements than the connection: there are already some of the
// same names, or they are gone again and again.
func isPooled(err *pgconn.PgError) bool { return err.Code == "42P05" || err.Code == "26000" }

// isValue reports whether the server refused what was to be stored: bad JSON, characters or numbers that it has not.
func isValue(err *pgconn.PgError) bool {
	switch err.Code {
	case "22P02", "22P05", "22003", "22021", "22030", "22032":
		return true
	}
	return false
}

package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
)

// errDemoted is the error of a call that was answered by a server which accepts no writes any more.
var errDemoted = errors.New("the server accepts no writes any more")

// writableKey marks a connection whose server accepted writes when the store first used it, in what pgx keeps beside it.
const writableKey = "github.com/simples-go/sessions: writable"

// isDemoted reports whether the connection's server has become one that only reads: a primary that was demoted keeps its
// connections, and shows what was true before another one took over. A server that never accepted writes is one of the
// application's choice, unless its pool refuses those.
func (s *Store) isDemoted(conn *pgx.Conn) bool {
	pg := conn.PgConn()
	readOnly := pg.ParameterStatus("default_transaction_read_only") == "on" || pg.ParameterStatus("in_hot_standby") == "on"
	if !readOnly {
		if _, known := pg.CustomData()[writableKey]; !known {
			pg.CustomData()[writableKey] = true
		}
		return false
	}
	_, was := pg.CustomData()[writableKey]
	return was || s.validates
}

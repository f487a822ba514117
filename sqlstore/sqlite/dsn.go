package sqlite

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/simples-go/sessions/internal/sqlitefile"
)

// role is what a connection is for.
type role int

const (
	writing  role = iota
	creating      // writing, to a database that may have no page yet
	reading
	locking // of a file that nothing is ever written to
)

// dsn returns the data source name for the driver. If template is set, the database may be created, with the mode that
// this file has.
func (l location) dsn(r role, busy time.Duration, template string) string {
	q := url.Values{}
	q.Set("_busy_timeout", strconv.FormatInt(busy.Milliseconds(), 10))
	q.Set("_synchronous", "FULL")
	q.Set("_foreign_keys", "1")
	q.Set("_txlock", "immediate")
	switch {
	case l.path == "":
		q.Set("vfs", "memdb")
		// Its lock manager has no room for a transaction that writes to the database before its commit.
		q.Add("_pragma", "cache_spill(0)")
	case template != "":
		q.Set("modeof", template)
	default:
		q.Set("mode", "rw")
	}
	l.addRole(q, r)
	if l.path == "" {
		return sqlitefile.DSN(l.name, q)
	}
	return sqlitefile.DSN(l.path, q)
}

func (l location) addRole(q url.Values, r role) {
	switch r {
	case reading:
		q.Set("_query_only", "1")
	case creating:
		// The driver sets this before journal_mode: afterwards the file has its first page, and it is too late. If
		// there is a page already, it would need the write lock for nothing.
		q.Set("_auto_vacuum", "INCREMENTAL")
		fallthrough
	case writing:
		q.Add("_pragma", "journal_size_limit(67108864)")
		q.Add("_pragma", fmt.Sprintf("wal_autocheckpoint(%d)", longestLog))
		if l.path != "" {
			q.Set("_journal_mode", "WAL")
		}
	}
}

package sqlite

import (
	"database/sql/driver"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func integer(v driver.Value) int64 { n, _ := v.(int64); return n }

// now is the clock of the database's host. A decision about a row is made by what it says after the row was read, and
// before the transaction ends that acts on it. SQL's unixepoch reads the same clock; a fifth of a load went into that.
func now() time.Time { return time.UnixMilli(time.Now().UnixMilli()).UTC() }

func handle(v driver.Value) (h store.Handle) {
	b, _ := v.([]byte)
	copy(h[:], b)
	return h
}

func text(v driver.Value) string { s, _ := v.(string); return s }

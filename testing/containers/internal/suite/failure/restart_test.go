package failure_test

import (
	"testing"
	"time"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// Writers live through a restart and a kill of the database: they get errors for a while, then go on, and what was
// acknowledged is there.
func TestWritersLiveThroughARestart(t *testing.T) {
	n := durable(t)
	pool := pool(t, n.URL(), 8)
	s := pgstore.New(t, pool, postgres.WithTimeout(2*time.Second))
	w := startWriters(t, s, 16)
	w.waitForSaves(200)
	n.Stop()
	n.Again()
	w.waitForSaves(200)
	n.Kill()
	n.Again()
	w.waitForSaves(200)
	w.stop(s)
	if w.errors.Load() == 0 {
		t.Error("no writer has noticed that the database was away")
	}
}

package failure_test

import (
	"testing"
	"time"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/node"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// livesThroughRestart: writers get errors while the database is restarted or killed, then go on, and what was acknowledged
// is there.
func livesThroughRestart(t *testing.T, n *node.Node) {
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

package contract_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// What the pool sends does not arrive at a connection to another server of a cluster, or to another database, which stands
// for one here. The log says so, since nothing else would show it.
func TestListeningElsewhereIsSaid(t *testing.T) {
	db, elsewhere := containers.Postgres(t), containers.Postgres(t)
	for at, want := range map[string]bool{db.URL: false, elsewhere.URL: true} {
		log, missed := make(logged, 1), make(chan store.Event, 10)
		s := pgstore.New(t, db.Pool, postgres.WithListenURL(at), postgres.WithTimeout(time.Second),
			postgres.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Watch(ctx, func(e store.Event) { missed <- e }) }()
		<-missed // that of beginning to watch
		select {
		case line := <-log:
			if !want || !strings.Contains(line, "do not arrive at the listening connection") {
				t.Errorf("the log says %q", line)
			}
		case <-missed: // that of listening
			if want {
				t.Error("it listens elsewhere, and does not know")
			}
		}
		cancel()
		<-ended
	}
}

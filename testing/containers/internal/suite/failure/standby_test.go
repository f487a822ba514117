package failure_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/node"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// A standby's refusal is an error that names it; a former primary that has become read-only is left for the new one.
func TestStandbyAndFailover(t *testing.T) {
	primary := durable(t)
	before := pgstore.New(t, pool(t, primary.URL(), 2))
	ref := pgstore.Created(t, before, pgstore.Set("n", "0"))
	standby := primary.Standby(t)
	t.Run("a standby is named", func(t *testing.T) { namesStandby(t, standby, ref) })
	t.Run("the old primary is left", func(t *testing.T) { leavesOldPrimary(t, primary, standby, ref) })
}

func namesStandby(t *testing.T, standby *node.Node, ref store.Ref) {
	s := pgstore.New(t, pool(t, standby.URL(), 2))
	waitFor(t, func() bool { _, err := s.Load(context.Background(), ref); return err == nil })
	err := saveOne(t.Context(), s, ref)
	broken(t, "save on a standby", err)
	if err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("the error does not say what is wrong: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if opened, err := postgres.Open(ctx, standby.URL()); err == nil {
		opened.Close()
		t.Error("a standby is opened as if it could be written to")
	}
}

func leavesOldPrimary(t *testing.T, primary, standby *node.Node, ref store.Ref) {
	hosts := primary.Addr() + "," + standby.Addr()
	url := fmt.Sprintf("postgres://postgres:postgres@%s/postgres?sslmode=disable&pool_max_conns=%d", hosts, readerConns)
	s := pgstore.New(t, pool(t, url+"&target_session_attrs=read-write", readerConns), postgres.WithoutBatching())
	allAtOnce(t, 10*readerConns, func() error { _, err := s.Load(t.Context(), ref); return err })
	if err := saveOne(t.Context(), s, ref); err != nil {
		t.Fatalf("saving on the primary: %v", err)
	}
	replayed := pgstore.New(t, pool(t, standby.URL(), 2))
	reads := startReader(t, url)
	waitFor(t, func() bool { r, err := replayed.Load(context.Background(), ref); return err == nil && r.Version == 2 })
	reads.replicated(replayed)
	standby.Promote()
	// What a demoted primary does: it refuses writes and keeps its connections.
	primary.Sh(`psql -U postgres -c "alter system set default_transaction_read_only = on" -c "select pg_reload_conf()"`)
	waitFor(t, func() bool { return setting(t, primary, "default_transaction_read_only") == "on" })
	reads.left(replayed)
	if err := saveOne(t.Context(), s, ref); err != nil {
		t.Errorf("the first save after the failover: %v", err)
	}
	if _, version := stored(t, replayed, ref); version < 3 {
		t.Errorf("the new primary holds version %d", version)
	}
}

package contract_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

type tenantKey struct{}

func asTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// tenantPool is a pool whose hook insists on the tenant of the request, and leads to its schema.
func tenantPool(t *testing.T, db *containers.Database, shared *atomic.Int64) *pgxpool.Pool {
	t.Helper()
	config := db.Pool.Config()
	config.MaxConns = 4
	//lint:ignore SA1019 services still set it
	config.BeforeAcquire = func(ctx context.Context, conn *pgx.Conn) bool {
		if postgres.IsShared(ctx) {
			shared.Add(1)
		}
		_, err := conn.Exec(ctx, "set search_path to "+pgx.Identifier{ctx.Value(tenantKey{}).(string)}.Sanitize())
		return err == nil
	}
	return pgstore.Pool(t, config)
}

func twoTenants(t *testing.T) *containers.Database {
	t.Helper()
	db := containers.Postgres(t)
	for _, tenant := range []string{"ada", "bob"} {
		admin(t, db, "create schema "+tenant)
		admin(t, db, "create table "+tenant+".sessions (like public.sessions including all)")
	}
	return db
}

// Calls of two tenants on one pool, whose hook sets a connection up by what the request's context carries, never see each
// other's rows: no call travels with others.
func TestTenantsOnOnePool(t *testing.T) {
	db := twoTenants(t)
	var shared atomic.Int64
	s := pgstore.New(t, tenantPool(t, db, &shared), postgres.WithoutListen())
	together(t, 16, func(i int) error {
		ctx := asTenant(t.Context(), []string{"ada", "bob"}[i%2])
		ref := pgstore.Ref()
		if _, err := s.Create(ctx, ref, pgstore.Set("n", "0")); err != nil {
			return err
		}
		for n := range 40 {
			if _, err := s.Load(ctx, ref); err != nil {
				return fmt.Errorf("loading: %w", err)
			}
			if _, err := s.Save(ctx, ref, pgstore.Set("n", fmt.Sprint(n))); err != nil {
				return fmt.Errorf("saving: %w", err)
			}
		}
		return nil
	})
	for _, tenant := range []string{"ada", "bob"} {
		if n := pgstore.Count(t, db.Pool, "select count(*) from "+tenant+".sessions"); n != 8 {
			t.Errorf("%s has %d sessions, want 8", tenant, n)
		}
	}
	if n := shared.Load(); n > 0 {
		t.Errorf("%d calls were made for nobody in particular", n)
	}
}

// Listening takes no connection from a pool whose hook insists on a tenant: there is none to listen for. The log says
// what to do about it, and with a schema that is named there are notifications.
func TestListeningBesideAHook(t *testing.T) {
	db := twoTenants(t)
	var shared atomic.Int64
	pool := tenantPool(t, db, &shared)
	log := make(logged, 1)
	s := pgstore.New(t, pool, postgres.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(store.Event) {}) }()
	if line := <-log; !strings.Contains(line, "WithSchema") {
		t.Errorf("the log says %q", line)
	}
	cancel()
	<-ended

	named := pgstore.New(t, pool, postgres.WithSchema("ada"))
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	events := make(chan store.Event, 100)
	go func() { ended <- named.Watch(ctx, func(e store.Event) { events <- e }) }()
	<-events // of beginning to watch
	<-events // of listening
	other := pgstore.New(t, db.Pool, postgres.WithSchema("ada"))
	ref := pgstore.Created(t, other, store.Change{})
	if err := other.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e != (store.Event{Kind: store.Destroyed, Key: ref.Key}) {
		t.Errorf("heard %+v", e)
	}
	cancel()
	<-ended
	if n := shared.Load(); n > 0 || pool.Stat().AcquiredConns() > 0 {
		t.Errorf("%d calls of the hook for nobody, %d connections are lost", n, pool.Stat().AcquiredConns())
	}
}

// A call without what the hook insists on fails with the hook's error, and the others do not.
func TestAHookThatRefuses(t *testing.T) {
	db := twoTenants(t)
	config := db.Pool.Config()
	config.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
		if ctx.Value(tenantKey{}) == nil {
			return false, errors.New("no tenant")
		}
		return true, nil
	}
	s := pgstore.New(t, pgstore.Pool(t, config), postgres.WithSchema("ada"))
	if _, err := s.Load(t.Context(), pgstore.Ref()); err == nil || !strings.Contains(err.Error(), "no tenant") {
		t.Errorf("without a tenant: %v", err)
	}
	if _, err := s.Load(asTenant(t.Context(), "ada"), pgstore.Ref()); !errors.Is(err, store.ErrGone) {
		t.Errorf("with a tenant: %v", err)
	}
}

// A store for each tenant that names its schema needs no hook, and shares the pool and statements.
func TestAStoreForEachTenant(t *testing.T) {
	db := twoTenants(t)
	stores := map[string]*postgres.Store{}
	for _, tenant := range []string{"ada", "bob"} {
		stores[tenant] = pgstore.New(t, db.Pool, postgres.WithSchema(tenant))
	}
	ref := pgstore.Created(t, stores["ada"], pgstore.Set("n", "1"))
	if _, err := stores["ada"].Load(t.Context(), ref); err != nil {
		t.Error(err)
	}
	if _, err := stores["bob"].Load(t.Context(), ref); err == nil {
		t.Error("a session of one tenant opens for the other")
	}
}

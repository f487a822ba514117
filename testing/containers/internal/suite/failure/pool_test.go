package failure_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// A call of a service that holds all of its pool in transactions is told so, and not that it took too long.
func TestAPoolThatOthersExhaust(t *testing.T) {
	for batching, option := range batchings() {
		t.Run(batching, func(t *testing.T) {
			db := containers.Postgres(t)
			shared := pool(t, db.URL, 2)
			s := pgstore.New(t, shared, option)
			ref := pgstore.Created(t, s, store.Change{})
			one, err := shared.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), ref); err != nil {
				t.Errorf("with a connection left: %v", err)
			}
			two, err := shared.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for name, operation := range operations(ref) {
				err := operation(ctx, s)
				if !isExhausted(err) || !strings.Contains(err.Error(), "pool of its own") {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := two.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), ref); err != nil {
				t.Errorf("with a connection again: %v", err)
			}
			_ = one.Rollback(t.Context())
		})
	}
}

// A pool whose hook discards what connections hold costs no call.
func TestAPoolThatDiscardsStatements(t *testing.T) {
	for batching, option := range batchings() {
		t.Run(batching, func(t *testing.T) {
			db := containers.Postgres(t)
			s := pgstore.New(t, discarding(t, db.URL), option)
			var refs []store.Ref
			for range 16 {
				refs = append(refs, pgstore.Created(t, s, store.Change{}))
			}
			for range 20 {
				next := make(chan store.Ref, len(refs))
				for _, ref := range refs {
					next <- ref
				}
				allAtOnce(t, len(refs), func() error {
					ref := <-next
					if _, err := s.Load(t.Context(), ref); err != nil {
						return err
					}
					return saveOne(t.Context(), s, ref)
				})
			}
		})
	}
}

func isExhausted(err error) bool { return errors.Is(err, postgres.ErrPoolExhausted) }

func discarding(t *testing.T, at string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(at)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 4
	config.AfterRelease = func(conn *pgx.Conn) bool {
		_, err := conn.Exec(context.Background(), "discard all")
		return err == nil
	}
	return pgstore.Pool(t, config)
}

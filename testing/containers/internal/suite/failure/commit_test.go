package failure_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/wire"
)

const commit = "commit\x00" // as a message; a transaction begins as one that is "read committed"

// losingStore is one that loses answers, and hears of its own sessions alone.
func losingStore(t *testing.T, url string, opts ...postgres.Option) (*wire.Loss, *postgres.Store) {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	loss := new(wire.Loss)
	config.ConnConfig.DialFunc = loss.Dial
	return loss, pgstore.New(t, pgstore.Pool(t, config), append(opts, postgres.WithoutListen())...)
}

// What is saved in a transaction is not saved a second time where the answer to its commit is lost: the caller is told.
func TestATransactionWhoseAcknowledgementIsLost(t *testing.T) {
	db := containers.Postgres(t)
	loss, s := losingStore(t, db.URL)
	owner := "ada"
	for name, save := range map[string]func(context.Context, store.Ref) error{
		"locked": func(ctx context.Context, ref store.Ref) error {
			_, err := s.SaveLocked(ctx, ref, func(store.Record) (store.Change, error) { return store.Change{}, nil })
			return err
		},
		"limited": func(ctx context.Context, ref store.Ref) error {
			ref.Policy.Owner = session.OwnerLimit{Max: 3}
			_, err := s.Save(ctx, ref, store.Change{Owner: &owner})
			return err
		},
	} {
		ref := pgstore.Created(t, s, store.Change{})
		loss.Expect(commit)
		broken(t, name, save(t.Context(), ref))
		if _, version := stored(t, db.Store, ref); version != 2 || loss.Pending() {
			t.Errorf("%s: after one save the version is %d", name, version)
		}
	}
}

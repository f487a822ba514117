package containers_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
)

// A package's tests share one container, which ends with them:
//
//	func TestMain(m *testing.M) { containers.Main(m) }
func ExamplePostgres() {
	_ = func(t *testing.T) { // TestLogin
		db := containers.Postgres(t)
		sessions, err := session.New(db.Store, session.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := sessions.NewSession()
		if err := s.SetOwner("ada"); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := sessions.Sessions(t.Context(), "ada")
		if err != nil || len(found) != 1 {
			t.Errorf("%d sessions, %v", len(found), err)
		}
	}
}

// The application's own tables become a part of the template that each test's database is copied from.
func ExampleWithPrepared() {
	withShop := containers.WithPrepared("shop", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "create table orders (id bigint primary key, owner text not null)")
		return err
	})
	_ = func(t *testing.T) { // TestOrders
		db := containers.Postgres(t, withShop)
		if _, err := db.Pool.Exec(t.Context(), "insert into orders values (1, 'ada')"); err != nil {
			t.Fatal(err)
		}
	}
}

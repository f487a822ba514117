package contract_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// Everybody is ended in parts: one value with the notifications of some 20 million sessions would be more than Postgres
// takes. What was ended before an error is said, and told to who watches.
func TestManySessionsAreEndedInParts(t *testing.T) {
	const rows, last = 20_500, 500
	db := containers.Postgres(t)
	pgstore.Fill(t, db.Pool, 0, rows, time.Hour, 2*time.Hour)
	admin(t, db, `create table deletions (xact xid8, n bigint)`)
	admin(t, db, `create function counted() returns trigger language plpgsql as $$ begin
		if exists (select from ended where data ->> 'n' = '20499') and not exists (select from deletions where n = 0) then
			raise exception 'the last part';
		end if;
		insert into deletions select pg_current_xact_id(), count(*) from ended; return null; end $$`)
	admin(t, db, `create trigger counted after delete on sessions referencing old table as ended
		for each statement execute function counted()`)
	heard := notified(t, db)

	ended, err := db.Store.Revoke(t.Context(), store.Selector{All: true})
	if err == nil || len(ended) != rows-last {
		t.Errorf("%d ended, %v", len(ended), err)
	}
	heard(rows - last)
	admin(t, db, `insert into deletions values (pg_current_xact_id(), 0)`)
	ended, err = db.Store.Revoke(t.Context(), store.Selector{All: true})
	if err != nil || len(ended) != last {
		t.Errorf("then %d ended, %v", len(ended), err)
	}
	heard(last)
	if parts := pgstore.Count(t, db.Pool, `select count(distinct xact) from deletions where n > 0`); parts != 3 {
		t.Errorf("%d parts", parts)
	}
}

// notified listens as another service does, and returns a function that reads so many notifications.
func notified(t *testing.T, db *containers.Database) (read func(int)) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), `listen "sessions.public.sessions"`); err != nil {
		t.Fatal(err)
	}
	return func(n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := range n {
			if _, err := conn.WaitForNotification(ctx); err != nil {
				t.Fatalf("notification %d of %d: %v", i+1, n, err)
			}
		}
	}
}

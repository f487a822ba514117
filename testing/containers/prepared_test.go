package containers_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/testing/containers"
)

// A pool that nobody closes holds connections to the template, of which Postgres makes no copy then.
func TestAConnectionLeftOnTheTemplateIsEnded(t *testing.T) {
	var left *pgxpool.Pool
	leaving := containers.WithPrepared("leaves a pool", func(ctx context.Context, conn *pgx.Conn) (err error) {
		if left, err = pgxpool.New(ctx, conn.Config().ConnString()); err != nil {
			return err
		}
		_, err = left.Exec(ctx, "create table users (name text)")
		return err
	})
	for range 2 {
		scan[int](t, containers.Postgres(t, leaving), "select count(*) from users")
	}
	left.Close()
}

// TestLeavesATransaction fails, in a process of its own that the test below starts.
func TestLeavesATransaction(t *testing.T) {
	if os.Getenv("SESSIONS_TEST_LEAVES") == "" {
		return // it is the other test's
	}
	containers.Postgres(t, containers.WithPrepared("leaves a transaction", func(ctx context.Context, conn *pgx.Conn) error {
		other, err := pgx.Connect(ctx, conn.Config().ConnString())
		if err != nil {
			return err
		}
		_, err = other.Exec(ctx, "begin; create table users (name text)")
		return err
	}))
}

// What a transaction would have made is missing in every copy: that is said at once, and not by Postgres after 5 s.
func TestWorkLeftOnTheTemplateIsNamed(t *testing.T) {
	containers.Postgres(t) // or skip
	output, passed := alone(t, "^TestLeavesATransaction$", "SESSIONS_TEST_LEAVES=1")
	if passed || !strings.Contains(output, "left a connection at work on the template") ||
		!strings.Contains(output, "idle in transaction: begin; create table users") {
		t.Errorf("passed: %t, and the output is\n%s", passed, output)
	}
}

// TestEndsInAPreparation fails, in a process of its own that the test below starts. So does the test in it that comes
// second.
func TestEndsInAPreparation(t *testing.T) {
	if os.Getenv("SESSIONS_TEST_ENDS") == "" {
		return // it is the other test's
	}
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			containers.Postgres(t, containers.WithPrepared("ends the test", func(context.Context, *pgx.Conn) error {
				t.FailNow()
				return nil
			}))
		})
	}
}

// A preparation that ends its test has made half a template, which no later test gets.
func TestAPreparationThatEndsItsTest(t *testing.T) {
	containers.Postgres(t) // or skip
	output, passed := alone(t, "^TestEndsInAPreparation$", "SESSIONS_TEST_ENDS=1")
	if passed || !strings.Contains(output, "--- FAIL: TestEndsInAPreparation/second") ||
		!strings.Contains(output, "a function given to WithPrepared has not returned") {
		t.Errorf("passed: %t, and the output is\n%s", passed, output)
	}
}

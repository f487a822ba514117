package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

func server(code string) error { return fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code}) }

func TestWhatIsDoneAgain(t *testing.T) {
	stale := &pgconn.PgError{Code: "0A000", Routine: "RevalidateCachedQuery", Message: "im Cache gespeicherter Plan darf den Ergebnistyp nicht ändern"}
	for _, c := range []struct {
		name              string
		err               error
		always, ifTheSame bool
	}{
		{"nothing was sent", &unsent{io.EOF}, true, true},
		{"serialization failure", server("40001"), true, true},
		{"deadlock", server("40P01"), true, true},
		{"read-only", server("25006"), true, true},
		{"starting up", server("57P03"), true, true},
		{"prepared statement lost", server("26000"), true, true},
		{"stale plan", stale, true, true},
		{"connection lost", io.ErrUnexpectedEOF, false, true},
		{"server stopped", server("57P01"), false, true},
		{"connection failure by SQLSTATE", server("08006"), false, true},
		{"not supported", server("0A000"), false, false},
		{"bad value", server("22P02"), false, false},
		{"the caller's deadline", context.DeadlineExceeded, false, false},
		{"the caller's end", fmt.Errorf("acquiring: %w", &unsent{context.Canceled}), false, false},
		{"an answer of the contract", store.ErrRotated, false, false},
		{"an error of our own", localErrorf("odd row"), false, false},
		{"no table", noTable("sessions"), false, false},
	} {
		if got := ifNotApplied.allows(c.err); got != c.always {
			t.Errorf("%s: a write is done again: %v", c.name, got)
		}
		if got := evenIfApplied.allows(c.err); got != c.ifTheSame {
			t.Errorf("%s: a read is done again: %v", c.name, got)
		}
	}
}

func TestACallIsBoundedInNumber(t *testing.T) {
	s, err := New(testPool(t))
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	err = s.do(t.Context(), ifNotApplied, func(context.Context, *pgxpool.Conn) error { calls++; return nil })
	var early *unsent
	if calls != 0 || !errors.As(err, &early) {
		t.Errorf("%d calls without a connection: %v", calls, err)
	}
}

func TestACallWithoutADeadlineGetsOne(t *testing.T) {
	s, err := New(testPool(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := s.bound(t.Context())
	defer cancel()
	if _, has := ctx.Deadline(); !has {
		t.Error("no deadline")
	}
	own, cancelOwn := context.WithTimeout(t.Context(), DefaultTimeout*2)
	defer cancelOwn()
	if got, _ := s.bound(own); got != own {
		t.Error("the caller's deadline was replaced")
	}
}

// pipe is a connection to a server that answers each statement, if it does.
func pipe(t *testing.T, answers bool) *pgconn.PgConn {
	here, there := net.Pipe()
	t.Cleanup(func() { _ = there.Close() })
	go func() {
		backend := pgproto3.NewBackend(there, there)
		for {
			if _, err := backend.Receive(); err != nil {
				return
			}
			if answers {
				backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
				backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				_ = backend.Flush()
			}
		}
	}()
	config, err := pgconn.ParseConfig("host=127.0.0.1 port=1")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgconn.Construct(&pgconn.HijackedConn{
		Conn: here, Frontend: pgproto3.NewFrontend(here, here), TxStatus: 'I', Config: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	return conn
}

func TestAStatementEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, start := pipe(t, false), time.Now()
		_, err := queryUntil(start.Add(time.Minute), conn, func() (int, error) {
			_, err := conn.Exec(context.Background(), "select").ReadAll()
			return 0, err
		})
		if !errors.Is(err, context.DeadlineExceeded) || !conn.IsClosed() || time.Since(start) != time.Minute {
			t.Errorf("after %v, closed %v: %v", time.Since(start), conn.IsClosed(), err)
		}
		if ifNotApplied.allows(err) || !outcomeUnknown(err) {
			t.Error("it is made again, although it may have taken effect")
		}
		<-conn.CleanupDone()
	})
}

func TestAConnectionOutlivesTheTimeOfItsStatements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := pipe(t, true)
		run := func() (int, error) {
			_, err := conn.Exec(context.Background(), "select").ReadAll()
			return 0, err
		}
		if _, err := queryUntil(time.Now().Add(time.Second), conn, run); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := run(); err != nil {
			t.Errorf("a minute later: %v", err)
		}
	})
}

func TestErrorsSayWhatWasTried(t *testing.T) {
	err := failed("saving a session", server("22P05"))
	if !errors.Is(err, session.ErrValue) {
		t.Errorf("a value that the database refuses: %v", err)
	}
	if err := failed("saving a session", io.EOF); err.Error() != "postgres: saving a session: EOF" || isSession(err) {
		t.Errorf("a lost connection: %v", err)
	}
	if err := failed("saving a session", store.ErrConflict); err != store.ErrConflict {
		t.Errorf("an answer of the contract: %v", err)
	}
	if failed("saving a session", nil) != nil {
		t.Error("no error became one")
	}
}

func TestADatabaseThatIsDownIsNoMissingSession(t *testing.T) {
	s, err := New(testPool(t))
	if err != nil {
		t.Fatal(err)
	}
	ref := store.Ref{Key: store.Handle{1}}
	_, load := s.Load(t.Context(), ref)
	_, save := s.Save(t.Context(), ref, store.Change{})
	_, touch := s.Touch(t.Context(), ref)
	_, create := s.Create(t.Context(), ref, store.Change{})
	for name, err := range map[string]error{
		"load": load, "save": save, "touch": touch, "create": create, "delete": s.Delete(t.Context(), ref),
	} {
		if err == nil || isSession(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a pooler does to prepared statements is said with what helps, whatever was tried.
func TestAPoolerIsSuspected(t *testing.T) {
	for _, code := range []string{"42P05", "26000"} {
		err := failed("loading a session", &pgconn.PgError{Code: code})
		if !strings.Contains(err.Error(), "WithoutPreparedStatements") || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", code, err)
		}
	}
	if err := failed("loading a session", &pgconn.PgError{Code: "57014"}); strings.Contains(err.Error(), "pooler") {
		t.Errorf("a pooler is suspected of %v", err)
	}
}

package contract_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/wire"
	"github.com/simples-go/sessions/testing/internal/chance"
)

// holdingStore is one whose messages can be kept on their way.
func holdingStore(t *testing.T, db *containers.Database) (*wire.Hold, *postgres.Store) {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	hold := new(wire.Hold)
	config.ConnConfig.DialFunc = hold.Dial
	return hold, pgstore.New(t, pgstore.Pool(t, config), postgres.WithoutListen(), postgres.WithTimeout(2*time.Second))
}

// late is what the message holds that is kept on its way.
const late = `"late"`

// given up are the ways in which a call ends before its statement has reached the database.
var givenUp = map[string]struct {
	by   func(hold *wire.Hold, leave context.CancelFunc)
	with error
}{
	"the caller":    {func(_ *wire.Hold, leave context.CancelFunc) { leave() }, context.Canceled},
	"a broken line": {func(hold *wire.Hold, _ context.CancelFunc) { hold.Cut() }, io.ErrUnexpectedEOF},
}

// abandon makes a call whose statement is on its way when it ends.
func abandon(t *testing.T, hold *wire.Hold, how string, call func(context.Context) error) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	caught, ended := hold.Expect(late), make(chan error, 1)
	go func() { ended <- call(ctx) }()
	select {
	case <-caught:
	case err := <-ended:
		t.Fatalf("the statement did not come: %v", err)
	}
	givenUp[how].by(hold, leave)
	if err := <-ended; !errors.Is(err, givenUp[how].with) {
		t.Fatalf("a call that was given up: %v", err)
	}
}

// A save that was given up while the network had it does not come after a later one, which was acknowledged.
func TestAnOlderSaveDoesNotComeLater(t *testing.T) {
	db := containers.Postgres(t)
	hold, st := holdingStore(t, db)
	for how := range givenUp {
		for name, old := range map[string]store.Change{
			"alone":                     pgstore.Set("k", late),
			"in the form of a batch":    {Set: pgstore.Set("k", late).Set, Extend: true},
			"that has seen the row":     seen(t, pgstore.Set("k", late), `{}`),
			"with a change of its rank": {Set: pgstore.Set("k", late).Set, Authenticate: true},
		} {
			t.Run(how+", "+name, func(t *testing.T) {
				ref := pgstore.Created(t, st, store.Change{})
				abandon(t, hold, how, func(ctx context.Context) error {
					_, err := st.Save(ctx, ref, old)
					return err
				})
				if _, err := st.Save(t.Context(), ref, pgstore.Set("k", `"new"`)); err != nil {
					t.Fatal(err)
				}
				hold.Deliver()
				if r, err := db.Store.Load(t.Context(), ref); err != nil || !bytes.Contains(r.Data, []byte(`"new"`)) {
					t.Errorf("after a save that was acknowledged: %s, %v", r.Data, err)
				}
			})
		}
	}
}

// seen is a change of a connection that has seen these data, as they are after Create.
func seen(t *testing.T, c store.Change, data string) store.Change {
	t.Helper()
	var err error
	if c.Base, err = store.ReadBase(1, []byte(data)); err != nil {
		t.Fatal(err)
	}
	return c
}

// A create that was given up while the network had it does not bring back what was destroyed since: neither if a second
// create was acknowledged in between, nor if there was none.
func TestACreateDoesNotComeAfterADestroy(t *testing.T) {
	db := containers.Postgres(t)
	hold, st := holdingStore(t, db)
	owner := "ada"
	limited := pgstore.Policy()
	limited.Owner = store.OwnerLimit{Max: 3, EndOldest: true}
	for how := range givenUp {
		for name, policy := range map[string]store.Policy{"free": pgstore.Policy(), "within a limit": limited} {
			for again := range 2 {
				t.Run(fmt.Sprint(how, ", ", name, ", created again ", again), func(t *testing.T) {
					ref := pgstore.Ref()
					ref.Policy = policy
					change := pgstore.Set("k", late)
					change.Owner = &owner
					abandon(t, hold, how, func(ctx context.Context) error {
						_, err := st.Create(ctx, ref, change)
						return err
					})
					if again > 0 {
						if _, err := st.Create(t.Context(), ref, store.Change{}); err != nil {
							t.Fatal(err)
						}
					}
					if err := st.Delete(t.Context(), ref); err != nil {
						t.Fatal(err)
					}
					hold.Deliver()
					if _, err := db.Store.Load(t.Context(), ref); err != store.ErrGone {
						t.Errorf("a destroyed session: %v", err)
					}
				})
			}
		}
	}
	if left := pgstore.Count(t, db.Pool, `select count(*) from sessions where owner = $1`, owner); left > 0 {
		t.Errorf("%d sessions are the owner's still", left)
	}
}

// A create whose answer is lost is not made again: what it has made may have been revoked since.
func TestACreateIsNotMadeAgain(t *testing.T) {
	db := containers.Postgres(t)
	if _, err := db.Pool.Exec(t.Context(), `create function gone() returns trigger language plpgsql as $$ begin
		delete from sessions where id = new.id; return null; end $$;
		create constraint trigger gone after insert on sessions deferrable initially deferred
		for each row execute function gone()`); err != nil {
		t.Fatal(err) // the row is gone at once when it is committed, as by somebody who revokes all of an owner's
	}
	config, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	loss := new(wire.Loss)
	config.ConnConfig.DialFunc = loss.Dial
	st := pgstore.New(t, pgstore.Pool(t, config), postgres.WithoutListen(), postgres.WithTimeout(2*time.Second))
	loss.Expect(late)
	if _, err := st.Create(t.Context(), pgstore.Ref(), pgstore.Set("k", late)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a create whose answer was lost, and whose row is gone: %v", err)
	}
}

// Sessions are created, saved and destroyed by callers who lose patience. What was destroyed is gone.
func TestWhatWasDestroyedIsGone(t *testing.T) {
	const callers = 16
	db := containers.Postgres(t)
	st := pgstore.New(t, db.Pool)
	rounds := chance.Rounds(t, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	destroyed := make([][]store.Ref, callers)
	together(t, callers, func(n int) error {
		for range rounds / callers {
			ref, owner := pgstore.Ref(), "ada"
			brief, leave := context.WithTimeout(ctx, rand.N(4*time.Millisecond))
			_, err := st.Create(brief, ref, store.Change{Owner: &owner})
			leave()
			if rand.IntN(2) == 0 && err != nil {
				_, err = st.Create(ctx, ref, store.Change{Owner: &owner})
				if err == nil || errors.Is(err, store.ErrExists) {
					_, err = st.Save(ctx, ref, pgstore.Set("k", "1"))
				}
				if err != nil {
					return err
				}
			}
			if err := st.Delete(ctx, ref); err != nil {
				return err
			}
			destroyed[n] = append(destroyed[n], ref)
		}
		return nil
	})
	if left := pgstore.Count(t, db.Pool, `select count(*) from sessions`); left > 0 {
		t.Errorf("of %d sessions that were destroyed %d are there", rounds, left)
	}
}

// Many connections of one session, each with a key of its own. Of their saves a third are given up at some moment, and
// done again until they are acknowledged. What was acknowledged last is there.
func TestSavesThatWereGivenUp(t *testing.T) {
	const connections, rounds = 24, 100
	for name, opts := range map[string][]postgres.Option{"alone": {postgres.WithoutBatching()}, "in batches": nil} {
		t.Run(name, func(t *testing.T) {
			db := containers.Postgres(t)
			manager, err := session.New(pgstore.New(t, db.Pool, opts...), session.Config{})
			if err != nil {
				t.Fatal(err)
			}
			first := manager.NewSession()
			if err := errors.Join(first.Generate(), first.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			together(t, connections, func(n int) error {
				s, err := opened(t.Context(), manager, first.ID().Reveal())
				for round := 1; round <= rounds && err == nil; round++ {
					key := string(rune('a' + n))
					err = errors.Join(s.Set(key, round), saveImpatiently(t.Context(), s))
					if err == nil {
						err = holds(t.Context(), manager, s, key, round)
					}
				}
				return err
			})
		})
	}
}

// answered calls fn until the database has answered in time, a few times at most: a machine that stands still for as long
// as a call may take is not what the test is about.
func answered(fn func() error) error {
	const most = 5
	err := fn()
	for n := 1; n < most && errors.Is(err, context.DeadlineExceeded); n++ {
		err = fn()
	}
	return err
}

func opened(ctx context.Context, m *session.Manager, token string) (s *session.Session, err error) {
	err = answered(func() error {
		s, err = m.Open(ctx, token)
		return err
	})
	return s, err
}

// saveImpatiently gives up every third time, and then tries again.
func saveImpatiently(ctx context.Context, s *session.Session) error {
	if rand.IntN(3) == 0 {
		brief, leave := context.WithTimeout(ctx, rand.N(3*time.Millisecond))
		defer leave()
		if s.Save(brief) == nil {
			return nil
		}
	}
	return answered(func() error { return s.Save(ctx) })
}

// holds looks at what is stored, after some more work on the row.
func holds(ctx context.Context, m *session.Manager, s *session.Session, key string, want int) error {
	if rand.IntN(2) == 0 {
		if err := answered(func() error {
			_, err := session.ModifyKey(ctx, s, "all", func(n int) (int, error) { return n + 1, nil })
			return err
		}); err != nil {
			return err
		}
	}
	other, err := opened(ctx, m, s.ID().Reveal())
	if err != nil {
		return err
	}
	if got, err := session.Get[int](other, key); err != nil || got != want {
		return fmt.Errorf("%q is %d, %v after %d was acknowledged", key, got, err, want)
	}
	return nil
}

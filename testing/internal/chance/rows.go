package chance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// newRef names a session that does not exist yet.
func newRef() store.Ref {
	ref := store.Ref{Policy: store.Policy{
		Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour},
		Grace:    30 * time.Second, MaxBytes: 1 << 20, Realm: realm,
	}}
	_, _ = rand.Read(ref.Key[:])
	_, _ = rand.Read(ref.Hash[:])
	return ref
}

// newOwner is a name that nobody else has.
func newOwner() string { return rand.Text() }

// createAndDestroy has a session created by somebody who loses patience, perhaps once more, and destroyed. It is gone
// then.
func createAndDestroy(r *Round) error {
	ref, owner := newRef(), newOwner()
	if r.oneIn(2) {
		ref.Policy.Owner = store.OwnerLimit{Max: 2, EndOldest: true}
	}
	ctx, leave := context.WithTimeout(context.Background(), r.moment(4*time.Millisecond))
	_, err := r.Store.Create(ctx, ref, store.Change{Owner: &owner})
	leave()
	if err != nil && r.oneIn(2) {
		if err := createAgain(r, ref, owner); err != nil {
			return err
		}
	}
	if err := persist(func() error { return r.Store.Delete(context.Background(), ref) }); err != nil {
		return fmt.Errorf("destroying: %w", err)
	}
	time.Sleep(r.Late) // what was given up has arrived by then, or never does
	return persist(func() error {
		rows, err := r.Calm.Inspect(context.Background(), []store.Handle{ref.Key})
		if err == nil && len(rows) > 0 {
			err = fmt.Errorf("a destroyed session is back: %w", errBroken)
		}
		return err
	})
}

func createAgain(r *Round, ref store.Ref, owner string) error {
	return persist(func() error {
		_, err := r.Store.Create(context.Background(), ref, store.Change{Owner: &owner})
		if err == nil || errors.Is(err, store.ErrExists) {
			_, err = r.Store.Save(context.Background(), ref, store.Change{Set: map[string]json.RawMessage{"k": []byte("1")}})
		}
		return err
	})
}

// patience is how long a call is repeated. Nothing goes wrong for so long by chance.
const patience = 5 * time.Minute

// errBroken is the error of a promise that is not kept.
var errBroken = errors.New("a promise is broken")

// persist calls fn until it succeeds, or says that the session has ended or a promise is broken.
func persist(fn func() error) (err error) {
	for begun := time.Now(); time.Since(begun) < patience; {
		if err = fn(); err == nil || errors.Is(err, store.ErrGone) || errors.Is(err, errBroken) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("after %v: %w", patience, err)
}

// savesGivenUp has a few connections of one session save an entry each. Many of the saves are given up, and made again
// until they are acknowledged. What was acknowledged last is there.
func savesGivenUp(r *Round) error {
	const connections = 3
	m, shutdown, err := manager(r.Store, session.Config{})
	if err != nil {
		return err
	}
	defer shutdown()
	first := m.NewSession()
	err = persist(func() error { return errors.Join(first.Generate(), first.Save(context.Background())) })
	if err != nil {
		return err
	}
	var rounds []*Round
	for range connections {
		rounds = append(rounds, r.apart())
	}
	token := first.ID().Reveal()
	return all(connections, func(n int) error { return saveImpatiently(rounds[n], m, token, strconv.Itoa(n)) })
}

func saveImpatiently(r *Round, m *session.Manager, token, key string) error {
	const saves = 4
	s, err := open(m, token)
	if err != nil {
		return err
	}
	for n := range saves {
		if err := s.Set(key, n); err != nil {
			return err
		}
		ctx, leave := r.impatient(2)
		err := s.Save(ctx)
		leave()
		if err != nil {
			err = persist(func() error { return s.Save(context.Background()) })
		}
		if err == nil {
			err = holds(r, token, key, n)
		}
		if err != nil {
			return fmt.Errorf("save %d of entry %s: %w", n, key, err)
		}
	}
	time.Sleep(r.Late) // as in createAndDestroy
	return holds(r, token, key, saves-1)
}

func open(m *session.Manager, token string) (s *session.Session, err error) {
	err = persist(func() error {
		s, err = m.Open(context.Background(), token)
		return err
	})
	return s, err
}

// holds looks at what is stored.
func holds(r *Round, token, key string, want int) error {
	s, shutdown, err := look(r, token)
	if err != nil {
		return err
	}
	defer shutdown()
	if got, err := session.Get[int](s, key); err != nil || got != want {
		return fmt.Errorf("it is %d, %v, after %d was acknowledged", got, err, want)
	}
	return nil
}

// look opens a token where nothing goes wrong.
func look(r *Round, token string) (*session.Session, func(), error) {
	m, shutdown, err := manager(r.Calm, session.Config{})
	if err != nil {
		return nil, nil, err
	}
	s, err := open(m, token)
	if err != nil {
		shutdown()
		return nil, nil, err
	}
	return s, shutdown, nil
}

// leavingTheOwner has sessions leave their owner while others join, whom the owner's limit makes room for. Those of
// which it was acknowledged that they have left live on.
func leavingTheOwner(r *Round) error {
	const leaving, joining = 3, 2
	owner := newOwner()
	m, shutdown, err := manager(r.Store, session.Config{Owner: session.OwnerLimit{Max: 1, EndOldest: true}})
	if err != nil {
		return err
	}
	defer shutdown()
	unlimited, shutdown, err := manager(r.Calm, session.Config{})
	if err != nil {
		return err
	}
	defer shutdown()
	tokens, waits := make([]string, leaving), make([]time.Duration, leaving+joining)
	for i := range tokens {
		s := unlimited.NewSession()
		if err := persist(func() error { return errors.Join(s.SetOwner(owner), s.Save(context.Background())) }); err != nil {
			return err
		}
		tokens[i] = s.ID().Reveal()
	}
	for i := range waits {
		waits[i] = r.moment(3 * time.Millisecond)
	}
	left := make([]bool, leaving)
	err = all(leaving+joining, func(n int) error {
		time.Sleep(waits[n])
		if n < leaving {
			left[n] = leave(m, tokens[n])
			return nil
		}
		s := m.NewSession()
		return persist(func() error { return errors.Join(s.SetOwner(owner), s.Save(context.Background())) })
	})
	if err != nil {
		return err
	}
	time.Sleep(r.Late) // as in createAndDestroy
	for i, token := range tokens {
		if !left[i] {
			continue
		}
		if _, err := open(unlimited, token); err != nil {
			return fmt.Errorf("a session that has left the owner: %w", err)
		}
	}
	return nil
}

// leave reports whether it was acknowledged that the session has left its owner. The limit may have been there first.
func leave(m *session.Manager, token string) bool {
	s, err := m.Open(context.Background(), token)
	return err == nil && errors.Join(s.SetOwner(""), s.Save(context.Background())) == nil
}

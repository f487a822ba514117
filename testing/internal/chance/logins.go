package chance

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/simples-go/sessions/session"
)

// parallelLogins has a browser log in, renew and change its session in parallel requests, some of whose answers it does
// not wait for, while statements fail with and without effect. Who hears of what was done is logged in with the basket
// by whichever cookie the browser keeps, and nobody is locked out.
func parallelLogins(r *Round) error {
	s, err := newScene(r, r.Rand.IntN(2)*r.Rand.IntN(60))
	if err != nil {
		return err
	}
	defer s.shutdown()
	for range 1 + r.Rand.IntN(3) {
		s.visits = append(s.visits, loginVisit(r))
	}
	s.play()
	for _, v := range s.visits {
		if err = errors.Join(err, s.unheard(v), s.loggedIn(v)); err != nil {
			return fmt.Errorf("%w\n%s", err, s.describe())
		}
	}
	if err := s.notLockedOut(); err != nil {
		return fmt.Errorf("%w\n%s", err, s.describe())
	}
	return nil
}

func loginVisit(r *Round) *visit {
	v := &visit{wait: r.moment(2 * time.Millisecond)}
	if r.oneIn(3) {
		v.patient = 1 + r.moment(4*time.Millisecond)
	}
	v.does = []step{{"set", set("k").do}, login, renew}[r.Rand.IntN(3):][:1]
	if r.oneIn(2) {
		v.does = append(v.does, work(r.moment(2*time.Millisecond)))
	}
	if r.oneIn(4) {
		v.does = append(v.does, save)
	}
	return v
}

// authenticates reports whether the visit is a login or renewal.
func (v *visit) authenticates() bool { return v.does[0].name != "set" }

// savesItself reports whether its handler saves.
func (v *visit) savesItself() bool {
	return slices.ContainsFunc(v.does, func(s step) bool { return s.name == "save" })
}

// unheard returns an error if the session was rotated for a client that had gone before the handler returned.
func (s *scene) unheard(v *visit) error {
	left := v.left.Load()
	if rotated, _ := s.store.rotations(v.n); rotated && left > 0 && left < v.returned && !v.savesItself() {
		return fmt.Errorf("request %d rotates the session although its client has gone", v.n)
	}
	return nil
}

// loggedIn returns an error if a login that found the session is refused, or its answer does not bring what was
// promised.
func (s *scene) loggedIn(v *visit) error {
	if !v.authenticates() || v.lost {
		return nil
	}
	if v.status == http.StatusConflict && v.basket {
		return fmt.Errorf("request %d is refused since another was faster", v.n)
	}
	if v.status != http.StatusOK {
		return nil
	}
	return s.opens(v.token, v)
}

// opens returns an error if a token that a visit has brought does not open what it should.
func (s *scene) opens(token string, by *visit) error {
	live, shutdown, err := look(s.Round, token)
	if err != nil {
		return fmt.Errorf("the token of request %d: %w", by.n, err)
	}
	defer shutdown()
	if by.does[0].name == login.name && live.Owner() != "ann" || by.basket && !live.Has("basket") {
		return fmt.Errorf("the token of request %d opens a session of %q's, entries %q", by.n, live.Owner(), live.Keys())
	}
	return nil
}

// notLockedOut returns an error if the browser has no good token although it has heard all that was done to the
// session.
func (s *scene) notLockedOut() error {
	inOrder := slices.SortedFunc(slices.Values(s.visits), func(a, b *visit) int { return int(a.answered - b.answered) })
	holds, by, rotated := s.token, &visit{n: -1, basket: true, does: []step{set("k")}}, false
	for _, v := range inOrder {
		sure, perhaps := s.store.rotations(v.n)
		rotated = rotated || sure
		if v.lost && perhaps {
			return nil
		}
		if v.token != "" && !v.lost {
			holds, by = v.token, v
		}
	}
	if err := s.opens(holds, by); err != nil {
		return fmt.Errorf("the browser is locked out: %w", err)
	}
	return s.oneToken(rotated)
}

// oneToken returns an error if the first token opens the session although it was rotated.
func (s *scene) oneToken(rotated bool) error {
	m, shutdown, err := manager(s.Calm, session.Config{})
	if err != nil {
		return err
	}
	defer shutdown()
	if _, err := open(m, s.token); rotated && err == nil {
		return errors.New("two tokens open the session")
	}
	return nil
}

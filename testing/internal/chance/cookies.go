package chance

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// change makes a change of the session. Who cannot make it returns.
func change(name string, fn func(*session.Session) error) step {
	return step{name, func(h *handler) error { return fn(h.s) }}
}

var (
	rotate = change("rotate", (*session.Session).Rotate)
	renew  = change("renew", (*session.Session).Renew)
	login  = change("login", func(s *session.Session) error { return s.Login("ann") })

	// save saves, and answers the error of that.
	save = step{"save", func(h *handler) error {
		err := h.s.Save(h.r.Context())
		if err == nil {
			return nil
		}
		return h.answer(session.StatusCode(err))
	}}
	panics = step{"panic", func(*handler) error { panic("made by chance") }}
	fails  = step{"fail", func(h *handler) error { return h.answer(http.StatusServiceUnavailable) }}
	begins = step{"begin", func(h *handler) error { _ = h.answer(http.StatusOK); return nil }}
)

func (h *handler) answer(status int) error {
	h.end()
	h.w.WriteHeader(status)
	return errAnswered
}

// work takes a moment.
func work(d time.Duration) step {
	return step{"work", func(*handler) error { time.Sleep(d); return nil }}
}

func set(key string) step {
	return change("set", func(s *session.Session) error { return s.Set(key, 1) })
}

// parallelCookies has handlers change, save and rotate a session in some order, and panic, fail or begin their answer
// in between. No answer brings a token that was dead when its handler returned, or one that was never stored.
func parallelCookies(r *Round) error {
	s, err := newScene(r, r.Rand.IntN(2)*r.Rand.IntN(40))
	if err != nil {
		return err
	}
	defer s.shutdown()
	for range 2 + r.Rand.IntN(3) {
		v := &visit{wait: r.moment(3 * time.Millisecond)}
		for range 1 + r.Rand.IntN(4) {
			v.does = append(v.does, anyStep(r))
		}
		s.visits = append(s.visits, v)
	}
	s.play()
	for _, v := range s.visits {
		if err := s.confirmed(v); err != nil {
			return fmt.Errorf("%w\n%s", err, s.describe())
		}
	}
	return nil
}

func anyStep(r *Round) step {
	switch r.Rand.IntN(10) {
	case 0:
		return set("k")
	case 1, 2:
		return change("persistent", func(s *session.Session) error { return s.SetPersistent(false) })
	case 3:
		return change("absolute", func(s *session.Session) error { return s.SetAbsoluteTimeout(48 * time.Hour) })
	case 4, 5:
		return save
	case 6:
		return rotate
	case 7:
		return []step{renew, panics, begins}[r.Rand.IntN(3)]
	case 8:
		return []step{panics, fails, work(r.moment(3 * time.Millisecond))}[r.Rand.IntN(3)]
	}
	return work(r.moment(4 * time.Millisecond))
}

// confirmed returns an error if the answer brings a token that no statement can have confirmed for it.
func (s *scene) confirmed(v *visit) error {
	if v.token == "" {
		return nil
	}
	ref, err := refOf(v.token)
	if err != nil {
		return err
	}
	if at := s.store.replacedAt(ref.Hash); at > 0 && at < v.returned {
		return fmt.Errorf("request %d brings a token that was replaced at %d, before its handler returned", v.n, at)
	}
	ref.Policy = store.Policy{
		Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 48 * time.Hour}, Grace: time.Minute, Realm: realm,
	}
	if _, err := load(s.Round, ref); err != nil && !errors.Is(err, store.ErrRotated) {
		return fmt.Errorf("request %d brings a token that never opened anything: %w", v.n, err)
	}
	return nil
}

// describe is what has happened, for who reads of a failure.
func (s *scene) describe() string {
	text := ""
	for _, v := range s.visits {
		text += fmt.Sprintf("request %d after %v:", v.n, v.wait)
		for _, step := range v.does {
			text += " " + step.name
		}
		sure, perhaps := s.store.rotations(v.n)
		text += fmt.Sprintf("; returned at %d, answered at %d with %d, a token %v; gone at %d; rotated %v or perhaps %v\n",
			v.returned, v.answered, v.status, v.token != "", v.left.Load(), sure, perhaps)
	}
	return text
}

package chance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// rotationsAfterACreate gives a new session an owner, and saves, rotates and logs in, while creates and saves fail
// without saying whether they took effect. In the end the owner has one session, by its last token, and none after its
// Destroy.
func rotationsAfterACreate(r *Round) error {
	owner, faults := newOwner(), newFaulty(r, 50)
	m, shutdown, err := manager(faults, session.Config{})
	if err != nil {
		return err
	}
	defer shutdown()
	s := m.NewSession()
	tokens, err := stumble(r, s, owner)
	if err != nil {
		return err
	}
	faults.calm()
	if err := persist(func() error { return s.Save(context.Background()) }); err != nil {
		return fmt.Errorf("the last save: %w", err)
	}
	if err := haveOne(r, m, owner, s.ID().Reveal(), tokens); err != nil {
		return err
	}
	if err := persist(func() error { return s.Destroy(context.Background()) }); err != nil {
		return err
	}
	left, err := sessions(m, owner)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d sessions are the owner's after Destroy", len(left))
	}
	return err
}

func sessions(m *session.Manager, owner string) (found []session.Summary, err error) {
	err = persist(func() error {
		found, err = m.Sessions(context.Background(), owner)
		return err
	})
	return found, err
}

// stumble changes the session in some steps, whose saves may fail, and returns all tokens that it has had.
func stumble(r *Round, s *session.Session, owner string) (tokens []string, err error) {
	if err := s.SetOwner(owner); err != nil {
		return nil, err
	}
	for step := range 2 + r.Rand.IntN(5) {
		switch r.Rand.IntN(6) {
		case 0:
			err = s.Set("k", step)
		case 1:
			err = s.Rotate()
		case 2:
			err = s.Renew()
		case 3:
			err = s.Login(owner)
		default:
			ctx, leave := r.impatient(3)
			_ = s.Save(ctx)
			leave()
		}
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", step, err)
		}
		tokens = append(tokens, s.ID().Reveal())
	}
	return tokens, nil
}

func haveOne(r *Round, m *session.Manager, owner, token string, others []string) error {
	all, err := sessions(m, owner)
	if err != nil || len(all) != 1 {
		return errors.Join(fmt.Errorf("the owner has %d sessions", len(all)), err)
	}
	for _, t := range append(others, token) {
		_, shutdown, err := look(r, t)
		if err == nil {
			shutdown()
		}
		if opens := err == nil; opens != (t == token) {
			return fmt.Errorf("a token opens the session: %v; it is the last one: %v; %v", opens, t == token, err)
		}
	}
	return nil
}

// untilTheEnd accesses a session in one way or another, never so late that it might have expired, and looks whether it
// lives until its absolute end, and no longer.
func untilTheEnd(r *Round) error {
	const near = time.Minute
	idle := time.Duration(1+r.Rand.IntN(10)) * time.Hour
	config := session.Config{
		IdleTimeout: idle, AbsoluteTimeout: idle + r.moment(10*idle).Truncate(time.Second),
		TouchStep: r.moment(idle - idle/10).Truncate(time.Second),
	}
	token, err := created(r, config)
	if err != nil {
		return err
	}
	for {
		rec, err := record(r, config, token)
		if err != nil {
			return err
		}
		left := rec.CreatedAt.Add(config.AbsoluteTimeout).Sub(rec.Now)
		if left <= idle-config.TouchStep {
			r.Advance(left - near)
			break
		}
		r.Advance(min(r.moment(idle-config.TouchStep-near), left-near))
		if err := access(r, config, token); err != nil {
			return fmt.Errorf("%v before the absolute end, idle %v, step %v: %w", left, idle, config.TouchStep, err)
		}
	}
	if _, err := record(r, config, token); err != nil {
		return fmt.Errorf("a moment before the absolute end, idle %v, step %v: %w", idle, config.TouchStep, err)
	}
	r.Advance(near)
	if _, err := record(r, config, token); !errors.Is(err, session.ErrGone) {
		return fmt.Errorf("after the absolute end: %v", err)
	}
	return nil
}

func created(r *Round, config session.Config) (token string, err error) {
	m, shutdown, err := manager(r.Store, config)
	if err != nil {
		return "", err
	}
	defer shutdown()
	s := m.NewSession()
	err = persist(func() error { return errors.Join(s.Generate(), s.Save(context.Background())) })
	return s.ID().Reveal(), err
}

// record returns what is stored.
func record(r *Round, config session.Config, token string) (store.Record, error) {
	policy := store.Policy{
		Timeouts: store.Timeouts{Idle: config.IdleTimeout, Absolute: config.AbsoluteTimeout}, Step: config.TouchStep,
		Realm: realm, MaxBytes: 1 << 20,
	}
	ref, err := refOf(token)
	if err != nil {
		return store.Record{}, err
	}
	ref.Policy = policy
	return load(r, ref)
}

func load(r *Round, ref store.Ref) (found store.Record, err error) {
	err = persist(func() error {
		found, err = r.Calm.Load(context.Background(), ref)
		return err
	})
	return found, err
}

// access reads the session in a request, saves an entry, or updates it.
func access(r *Round, config session.Config, token string) error {
	m, shutdown, err := manager(r.Store, config)
	if err != nil {
		return err
	}
	defer shutdown() // returns when what is written in the background is
	kind := r.Rand.IntN(3)
	if kind == 0 {
		return read(m, token)
	}
	s, err := m.Open(context.Background(), token)
	switch {
	case err != nil:
		return err
	case kind == 1:
		return errors.Join(s.Set("k", r.Rand.IntN(100)), s.Save(context.Background()))
	}
	if err := s.Update(context.Background()); err != nil {
		return err
	}
	return extended(r, config, token)
}

// read has a request read the session.
func read(m *session.Manager, token string) (err error) {
	request := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
	request.AddCookie(&http.Cookie{Name: cookie, Value: token})
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if session.FromContext(r.Context()).IsNew() {
			err = session.ErrGone
		}
	})).ServeHTTP(httptest.NewRecorder(), request)
	return err
}

// extended looks whether the session has all the time that an Update gives it, however little that gains.
func extended(r *Round, config session.Config, token string) error {
	now, err := record(r, config, token)
	if err != nil {
		return err
	}
	end := now.AccessedAt.Add(config.IdleTimeout)
	if last := now.CreatedAt.Add(config.AbsoluteTimeout); last.Before(end) {
		end = last
	}
	if !now.ExpiresAt.Equal(end) || now.Now.Sub(now.AccessedAt) > time.Minute {
		return fmt.Errorf("an Update, accessed at %v and now %v, leaves %v until the end",
			now.AccessedAt, now.Now, end.Sub(now.ExpiresAt))
	}
	return nil
}

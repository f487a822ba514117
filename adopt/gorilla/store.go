// Package gorilla has the interface sessions.Store of github.com/gorilla/sessions on a session.Store. The middleware of
// echo-contrib/session takes it as it is.
//
//	store, err := gorilla.New(rows, session.Config{})
//	…
//	s, err := store.Get(r, "shop")
//	s.Values["user"] = 42
//	err = s.Save(r, w)
//
// It gains what does not show in an interface: a save writes the entries that changed, so that parallel requests keep each
// other's; what was ended stays so; the table holds hashes; the database decides what has expired. What package session
// itself does better: it saves before the first byte of the response leaves, so that no Save is forgotten or comes too late;
// entries are typed; Modify changes one atomically; Login sets an owner, by whom sessions are found and ended, and rotates the
// token, for which gorilla has no call; sockets end with their session.
//
// Values have strings as keys. They are stored as JSON, their types beside them; what JSON does not bring back as it was is
// stored as a gob, so that types of the application's own are registered with encoding/gob, as for gorilla.
package gorilla

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/sessions"
	"github.com/simples-go/sessions/session"
)

// Store is a sessions.Store. Each name is a cookie and a realm of its own.
//
// Of a session's Options, MaxAge alone has an effect: more than 0 is how many seconds the session lives from its
// creation, 0 makes its cookie end with the browser, and less than 0 ends it. The configuration's idle timeout holds
// beside it, unless that is the absolute timeout: then none holds. What a cookie looks like else, the configuration
// says.
type Store struct {
	// Options are those that new sessions begin with. New sets MaxAge to the configuration's absolute timeout.
	Options *sessions.Options

	base     *session.Manager
	life     int           // Options.MaxAge as New has set it
	idle     time.Duration // the configuration's idle timeout, 0 if that is the absolute one
	mu       sync.Mutex
	managers map[string]*session.Manager
}

var _ sessions.Store = (*Store)(nil)

// New returns a store on the rows. The configuration's cookie has no Name, as each session has its own.
func New(rows session.Store, config session.Config) (*Store, error) {
	if config.Cookie.Name != "" || config.Realm != "" || config.Header != "" {
		return nil, errors.New("gorilla: Cookie.Name, Realm and Header are those of each session")
	}
	if config.Sealing.All || len(config.Sealing.Entries) > 0 {
		return nil, errors.New("gorilla: Sealing is for package session's own API: Values would be what is sealed")
	}
	base, err := session.New(rows, config)
	if err != nil {
		return nil, err
	}
	made := base.NewSession()
	life, idle := int(made.AbsoluteTimeout()/time.Second), made.Timeout()
	if idle == made.AbsoluteTimeout() {
		idle = 0
	}
	return &Store{
		Options: &sessions.Options{Path: "/", MaxAge: life, HttpOnly: true, Secure: true},
		base:    base, life: life, idle: idle, managers: map[string]*session.Manager{},
	}, nil
}

// Manager returns the manager of the sessions of a name, for all that gorilla does not have.
func (s *Store) Manager(name string) (*session.Manager, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.managers[name]; m != nil {
		return m, nil
	}
	m, err := s.base.Derive(func(c *session.Config) { c.Cookie.Name, c.Realm = name, name })
	if err != nil {
		return nil, fmt.Errorf("gorilla: sessions of the name %q: %w", name, err)
	}
	s.managers[name] = m
	return m, nil
}

// Handler is the middleware for the sessions of a name. Nothing here needs it but Config.Import: a session that is taken
// over from another system has to get its cookie although the handler saves nothing. Beneath it, sessions are committed
// with the response as well.
func (s *Store) Handler(name string, next http.Handler) (http.Handler, error) {
	m, err := s.Manager(name)
	if err != nil {
		return nil, err
	}
	return m.Handler(next), nil
}

// Get returns the request's session of a name, the same at each call.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New returns the request's session of a name, a new one if there is none. It returns one with every error, too.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	made := sessions.NewSession(s, name)
	options := *s.Options
	made.Options, made.IsNew = &options, true
	m, err := s.Manager(name)
	if err != nil {
		return made, err
	}
	found, err := open(m, r, name)
	if err != nil || found == nil {
		return made, err
	}
	k, err := read(found)
	if err != nil {
		return made, err
	}
	for key, e := range k.entries {
		made.Values[key] = e.value
	}
	made.IsNew, made.ID = found.IsNew(), k.token
	remember(made, k)
	return made, nil
}

// open returns the session that the request carries, nil if there is none: that of the middleware, if there is one.
func open(m *session.Manager, r *http.Request, name string) (*session.Session, error) {
	if s, ok := m.Lookup(r.Context()); ok {
		return s, s.Err()
	}
	c, err := r.Cookie(name)
	if err != nil {
		return nil, nil
	}
	s, err := m.Open(r.Context(), c.Value)
	if errors.Is(err, session.ErrGone) && !errors.Is(err, session.ErrRotated) {
		return nil, nil
	}
	return s, err
}

// Save saves what has changed since New or the last Save, and adds the cookie to the header if there is a new one. A
// session that has ended meanwhile is not brought back: session.ErrGone. If ID was set to "", the session gets a new token,
// and its life starts again: do that at a login.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, made *sessions.Session) error {
	m, err := s.Manager(made.Name())
	if err != nil {
		return err
	}
	k := known(made)
	if own, ok := m.Lookup(r.Context()); ok {
		if err := s.apply(r, own, made, k); err != nil {
			return err
		}
		if ends(made) {
			forget(made)
			return nil // the middleware ends the cookie
		}
		return s.note(made, own, own.Save(r.Context()))
	}
	x, err := m.Begin(r.Context(), k.token)
	if err != nil {
		return err
	}
	defer x.Close()
	if k.token != "" && x.Session().IsNew() {
		return fmt.Errorf("gorilla: save: %w", session.ErrGone)
	}
	if err := s.apply(r, x.Session(), made, k); err != nil {
		return err
	}
	if err := x.Commit(); err != nil {
		return err
	}
	for _, line := range x.Cookies() {
		w.Header().Add("Set-Cookie", line)
		w.Header().Set("Cache-Control", "no-store")
	}
	return s.note(made, x.Session(), nil)
}

// note remembers what a save has made of the session.
func (s *Store) note(made *sessions.Session, saved *session.Session, err error) error {
	if err != nil {
		return err
	}
	if saved.Err() != nil {
		forget(made)
		return nil
	}
	k, err := read(saved)
	if err != nil {
		return err
	}
	made.ID, made.IsNew = k.token, false
	remember(made, k)
	return nil
}

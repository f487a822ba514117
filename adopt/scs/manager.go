// Package scs has the API of github.com/alexedwards/scs/v2 on a session.Manager: an application changes the import path and
// the line that makes its store, and goes on with Put, Get and LoadAndSave.
//
//	sessionManager := scs.New()
//	sessionManager.Store, err = postgres.New(pool)
//
// It gains what does not show in an API: parallel requests keep each other's entries, a logout is final, the table
// holds hashes, reading writes nothing, and the response waits for the commit. What package session itself does better:
// Set and Save return errors, which Put cannot; entries are typed and read without an assertion; Modify changes one
// atomically; Login sets an owner, by whom sessions are found and ended; sockets end with their session. Both work on
// the same entries, so that handlers can change one by one: session.FromContext works in all of them.
//
// Values are stored as JSON, their types beside them. What JSON does not bring back as it was is stored as a gob, as scs
// does; types of the application's own are registered with encoding/gob, as for scs.
//
// Missing are Codec and stores of scs's own. HashTokenInStore has no effect: only hashes are stored. Iterate
// finds a session's entries by Get and Exists alone.
package scs

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/simples-go/sessions/adopt/internal/typed"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// SessionManager is scs's type of this name. Its fields are set before its first use.
type SessionManager struct {
	// IdleTimeout ends a session that is not accessed. 0: there is no such timeout.
	IdleTimeout time.Duration

	// Lifetime ends a session this long after its creation or RenewToken. New sets 24 hours.
	Lifetime time.Duration

	// Store keeps the sessions. New sets one in memory.
	Store session.Store

	// Cookie configures the cookie.
	Cookie SessionCookie

	// ErrorFunc answers a request whose session cannot be loaded or saved. Default: session.Config's.
	ErrorFunc func(http.ResponseWriter, *http.Request, error)

	// HashTokenInStore has no effect: tokens are never stored.
	HashTokenInStore bool

	// Configure, if set, changes the configuration that is made of the fields above, for all that scs does not have: Import
	// among it. Sealing is refused.
	Configure func(*session.Config)

	once    sync.Once
	manager *session.Manager
	err     error
}

// Session is a name that scs keeps for older code.
type Session = SessionManager

// SessionCookie is scs's type of this name. The cookie is always HttpOnly, and SameSite is Lax if not set.
type SessionCookie struct {
	Name        string
	Domain      string
	HttpOnly    bool // has to be true
	Path        string
	SameSite    http.SameSite
	Secure      bool
	Partitioned bool
	Persist     bool
}

// New returns a manager with scs's defaults: 24 hours, in memory, a cookie "session" that also travels over plain HTTP.
func New() *SessionManager {
	return &SessionManager{
		Lifetime: 24 * time.Hour,
		Store:    memstore.New(),
		Cookie:   SessionCookie{Name: "session", HttpOnly: true, Path: "/", SameSite: http.SameSiteLaxMode, Persist: true},
	}
}

// NewSession is New, under a name that scs keeps for older code.
func NewSession() *SessionManager { return New() }

// Manager returns the manager of package session that does the work, or what is wrong with the fields.
func (s *SessionManager) Manager() (*session.Manager, error) {
	s.once.Do(func() { s.manager, s.err = s.build() })
	return s.manager, s.err
}

var errHTTPOnly = errors.New("scs: Cookie.HttpOnly has to be true: a script that reads the cookie has the session")

var errSealing = errors.New("scs: Sealing is for package session's own API: Get would return what is sealed")

func (s *SessionManager) build() (*session.Manager, error) {
	if !s.Cookie.HttpOnly {
		return nil, errHTTPOnly
	}
	config := session.Config{
		IdleTimeout:     min(cmp.Or(s.IdleTimeout, s.Lifetime), s.Lifetime).Truncate(time.Millisecond),
		AbsoluteTimeout: s.Lifetime.Truncate(time.Millisecond),
		ErrorHandler:    s.ErrorFunc,
		Cookie: session.Cookie{
			Name: s.Cookie.Name, Domain: s.Cookie.Domain, Path: s.Cookie.Path, SameSite: s.Cookie.SameSite,
			Partitioned: s.Cookie.Partitioned, NonPersistent: !s.Cookie.Persist, InsecureHTTP: !s.Cookie.Secure,
		},
	}
	if s.Configure != nil {
		s.Configure(&config)
	}
	if config.Sealing.All || len(config.Sealing.Entries) > 0 {
		return nil, errSealing
	}
	config.Import.Prepare = keepTypes(config.Import.Prepare)
	return session.New(s.Store, config)
}

// keepTypes puts the types of imported values beside them.
func keepTypes(prepare func(context.Context, *session.Imported) error) func(context.Context, *session.Imported) error {
	return func(ctx context.Context, in *session.Imported) error {
		if prepare != nil {
			if err := prepare(ctx, in); err != nil {
				return err
			}
		}
		for key, value := range in.Entries {
			raw, tag, err := typed.Encode(value)
			if err != nil {
				continue // the import names it
			}
			if in.Entries[key] = raw; tag != "" {
				in.Entries[typed.Prefix+key] = tag
			}
		}
		return nil
	}
}

// must returns the manager. It panics if the fields are wrong, as most methods of scs have no other way to say so.
func (s *SessionManager) must() *session.Manager {
	m, err := s.Manager()
	if err != nil {
		panic(err)
	}
	return m
}

// LoadAndSave is the middleware: session.Manager's Handler.
func (s *SessionManager) LoadAndSave(next http.Handler) http.Handler {
	m := s.must()
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(s.with(r.Context(), &request{Session: m.FromContext(r.Context())})))
	}))
}

// WriteSessionCookie writes a cookie with the token into the header, or one that ends it if expiry is zero. LoadAndSave needs
// no call of it.
func (s *SessionManager) WriteSessionCookie(ctx context.Context, w http.ResponseWriter, token string, expiry time.Time) {
	cookie := &http.Cookie{
		Name: s.Cookie.Name, Value: token, Domain: s.Cookie.Domain, HttpOnly: true, Path: s.Cookie.Path,
		SameSite: s.Cookie.SameSite, Secure: s.Cookie.Secure, Partitioned: s.Cookie.Partitioned,
	}
	switch {
	case expiry.IsZero():
		cookie.MaxAge = -1
	case s.Cookie.Persist || s.GetBool(ctx, rememberMe):
		cookie.MaxAge = int(time.Until(expiry)/time.Second) + 1
	}
	w.Header().Add("Set-Cookie", cookie.String())
	w.Header().Set("Cache-Control", "no-store")
}

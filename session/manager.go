package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/internal/deadline"
	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/session/store"
)

// Manager loads and saves the sessions of a store under one configuration, as HTTP middleware or by token. Make one
// with New. All methods are safe for concurrent use.
type Manager struct {
	*shared
	config     Config
	source     Config // as given, for Derive
	base       store.Policy
	clock      *deadline.Clock // of calls to the store
	family     *family         // of the realm
	started    time.Time
	realm      string
	sealer     *sealer // nil: nothing is sealed
	attributes string  // of the cookie
	vary       string
}

// shared is what a manager and those derived from it have together.
type shared struct {
	store Store
	hub   *hub
	rows  keylock.Locks[Handle] // of rows that Modify changes

	touches   chan struct{}  // holds one for each touch in the background
	work      sync.WaitGroup // touches, long-lived handlers and a collector
	started   time.Time
	collector collector

	mu       sync.Mutex
	families map[string]*family // by realm
	carriers map[string]string  // the realm of each cookie's or header's name
	refused  atomic.Bool        // see logRefused
}

// New returns a manager for the store. An error says all that is wrong with the configuration.
func New(store Store, config Config) (*Manager, error) {
	if store == nil {
		return nil, errors.New("session: no store")
	}
	s := &shared{
		store: store, touches: make(chan struct{}, maxTouches), started: time.Now().Truncate(time.Millisecond),
		families: map[string]*family{}, carriers: map[string]string{},
	}
	s.hub = newHub(s)
	s.collector.begin()
	m, err := s.manager(config)
	if err == nil && m.config.Cookie.InsecureHTTP && m.config.Header == "" {
		m.config.Logger.Warn("session: cookies travel over plain HTTP; for production, leave Cookie.InsecureHTTP unset")
	}
	return m, err
}

func (s *shared) manager(source Config) (*Manager, error) {
	config, err := source.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, ok := s.store.(store.Finder); !ok && config.Owner.Max > 0 {
		return nil, fmt.Errorf("session: a limit of sessions per owner on a %T: %w", s.store, errors.ErrUnsupported)
	}
	sealer, err := newSealer(&config)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		shared: s, sealer: sealer, config: config, source: source,
		base: config.basePolicy(), clock: deadline.New(config.StoreTimeout), realm: config.Realm, vary: "Cookie", started: s.started,
		attributes: config.Cookie.attributes(),
	}
	if config.Header != "" {
		m.vary = config.Header
	}
	return m, s.admit(m)
}

// Derive returns a manager with some fields of the configuration changed, for a part of the routes. m stays as it is.
// Inside of m's middleware it goes on with the session that m has loaded, under its own configuration, unless it has
// another cookie, header or realm. A shorter idle timeout holds on its own routes: a session that no manager has accessed
// for that long is expired there. Two realms cannot share a cookie or header.
func (m *Manager) Derive(change func(*Config)) (*Manager, error) {
	source := m.source
	source.WebSocket.Origins = append([]string(nil), source.WebSocket.Origins...)
	source.Sealing.Entries = append([]string(nil), source.Sealing.Entries...)
	change(&source)
	return m.manager(source)
}

// Store returns the store.
func (m *Manager) Store() Store { return m.store }

// carries reports whether both managers find the same session in a request.
func (m *Manager) carries(other *Manager) bool {
	return m.shared == other.shared && m.realm == other.realm && m.config.Header == other.config.Header &&
		m.config.Cookie.Name == other.config.Cookie.Name
}

// Open returns the live session of a token, without any request: for tokens that travel by other ways, and for jobs. It is
// an access, which extends the session's life as a request does. The caller saves the session. ErrGone is returned if the
// token opens nothing, the empty one included.
func (m *Manager) Open(ctx context.Context, id string) (*Session, error) {
	t, ok := parseToken(id)
	if !ok {
		return nil, fmt.Errorf("session: open: %w", ErrGone)
	}
	s := &Session{m: m}
	s.arrive(t)
	if err := s.Load(ctx); err != nil {
		return nil, err
	}
	if _, due := s.left(); due {
		switch err := s.Touch(ctx); {
		case errors.Is(err, ErrGone):
			return nil, err
		case err != nil:
			m.config.Logger.WarnContext(ctx, "session: touch failed", "session", s, "error", err)
		}
	}
	return s, nil
}

// NewSession returns a new, empty session, without any request. It has a row once saved; [Session.ID] is its token.
func (m *Manager) NewSession() *Session { return &Session{m: m} }

// detach returns a context that outlives the request, within the store's timeout.
func (m *Manager) detach(ctx context.Context) context.Context { return m.clock.Detached(ctx) }

// forLoad returns a context for the load at the beginning of a request, within the store's timeout. A client that leaves
// does not end it: the load is over soon, and one that is cancelled takes its connection to the database with it. A context
// with a deadline is obeyed.
func (m *Manager) forLoad(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return m.clock.Bound(ctx)
	}
	return m.detach(ctx), func() {}
}

// Shutdown ends the contexts of all open sockets and watchers with the cause ErrShutdown, waits for their handlers to
// return and their sessions to be saved, and for touches in the background; a collector stops. Call it beside
// http.Server.Shutdown, which does not know of sockets. If ctx ends first, Shutdown returns its error. It holds for the
// manager and all those derived with it; sockets that come later are refused.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.hub.shutdown()
	m.collector.stop()
	done := make(chan struct{})
	go func() {
		m.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("session: shutdown: %w", ctx.Err())
	}
}

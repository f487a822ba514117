package session

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/simples-go/sessions/internal/deadline"
	"github.com/simples-go/sessions/session/store"
)

// Manager makes sessions of one configuration out of a store, as HTTP middleware or by token. Make one with New. All
// methods are safe for concurrent use.
type Manager struct {
	*shared
	config     Config
	source     Config // as given, for Derive
	policy     store.Policy
	realm      string
	attributes string // of the cookie
	vary       string
	deadline   *deadline.Clock // of calls to the store
}

// shared is what a manager and those derived from it have together.
type shared struct {
	store Store
	hub   *hub
	queue *queue

	touches chan struct{}  // holds one for each touch in the background
	work    sync.WaitGroup // touches and long-lived handlers
}

// maxTouches bounds the touches in the background. One that finds no room is left to the next access.
const maxTouches = 16

// New returns a manager for the store. An error says all that is wrong with the configuration.
func New(store Store, config Config) (*Manager, error) {
	if store == nil {
		return nil, errors.New("session: no store")
	}
	s := &shared{store: store, queue: &queue{}, touches: make(chan struct{}, maxTouches)}
	s.hub = newHub(s)
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
	m := &Manager{
		shared: s, config: config, source: source,
		policy: config.policy(), realm: config.Realm, vary: "Cookie",
		attributes: config.Cookie.attributes(), deadline: deadline.New(config.StoreTimeout),
	}
	if config.Header != "" {
		m.vary = config.Header
	}
	return m, nil
}

// Derive returns a manager with some fields of the configuration changed, for a part of the routes. m stays as it is.
// Inside of m's middleware it goes on with the session that m has loaded, under its own configuration, unless it has
// another cookie, header or realm.
func (m *Manager) Derive(change func(*Config)) (*Manager, error) {
	source := m.source
	source.WebSocket.Origins = append([]string(nil), source.WebSocket.Origins...)
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

// Open returns the live session of a token, without any request: for tokens that travel by other ways, and for jobs. The
// caller saves it. ErrGone where the token opens nothing, the token being none at all included.
func (m *Manager) Open(ctx context.Context, id string) (*Session, error) {
	t, ok := parseToken(id)
	if !ok {
		return nil, fmt.Errorf("session: open: %w", ErrGone)
	}
	s := &Session{m: m, token: t, stored: true}
	if err := s.Load(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Create returns a new, empty session, without any request. It has a row once saved; [Session.ID] is its token.
func (m *Manager) NewSession() *Session { return &Session{m: m} }

// open loads the session of a request's token into s. A token that opens nothing gives an empty session, one from before a
// rotation a session that is dead; any other failure is an error.
func (m *Manager) open(ctx context.Context, s *Session, t *token) error {
	s.m = m
	if t == nil {
		return nil
	}
	s.token = t
	_, err := s.load(ctx, m, s.ref())
	switch {
	case err == nil, errors.Is(err, ErrRotated):
		return nil
	case errors.Is(err, ErrGone):
		s.token, s.dead = nil, nil
		return nil
	}
	return err
}

// touchSoon touches the row in the background, where there is room for that.
func (m *Manager) touchSoon(ctx context.Context, s *Session, ref store.Ref) {
	select {
	case m.touches <- struct{}{}:
	default:
		return
	}
	if !m.hub.enter() {
		<-m.touches
		return
	}
	go func() {
		defer m.work.Done()
		defer func() { <-m.touches }()
		ctx, cancel := m.detach(ctx)
		defer cancel()
		saved, err := m.touch(ctx, ref)
		s.touched(saved, err)
		if err != nil && !errors.Is(err, ErrGone) {
			m.config.Logger.WarnContext(ctx, "session: touch failed", "session", ref.Key, "error", err)
		}
	}()
}

// detach returns a context that outlives the request, within the store's timeout.
func (m *Manager) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return m.deadline.Bound(context.WithoutCancel(ctx))
}

// Shutdown ends the contexts of all open sockets and watchers with the cause ErrShutdown, waits for their handlers to
// return and their sessions to be saved, and for touches in the background. Call it beside http.Server.Shutdown, which does
// not know of sockets. ctx's error where it ends first. It holds for the manager and all those derived with it; sockets
// that come later are refused.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.hub.shutdown()
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

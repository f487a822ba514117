package session

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/session/store"
)

// Session is one connection's view of a session: a map from strings to JSON values with what belongs to it. A browser's
// parallel requests and sockets have a Session each, of the same row.
//
// All methods are safe for concurrent use by the goroutines of one connection. Changes are pending until saved, which the
// middleware does at the connection's end; reading shows them at once.
type Session struct {
	exchanges keylock.Mutex // held for the length of each exchange with the store; taken before mu

	mu sync.Mutex // guards all below
	m  *Manager
	state
	touching bool          // a touch in the background is under way
	alive    *time.Timer   // of keepAlive
	mayIdle  bool          // it expires under its open socket, as configured
	remote   chan struct{} // made by RemoteChanges

	elsewhere *takeover // the session of another system that the request carries
}

// Changed reports whether something is pending. A completed Save clears it.
func (s *Session) Changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed()
}

// IsNew reports whether the store has no row of this session yet.
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.presence != stored
}

// Err returns how the session ended for this connection, an error that matches ErrGone, or why it could not be loaded; nil
// while it lives. The entries that were there stay readable by all but Get, which returns Err.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// ID returns the token that travels in the cookie: after Rotate, the one that is to come. It redacts itself; see
// [ID.Reveal]. The zero ID after the session's end.
func (s *Session) ID() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return ID{}
	}
	return newID(s.newest())
}

// Handle returns the row key, for logs. It stays the same over rotations and after the session's end.
func (s *Session) Handle() Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row.token == nil && s.ended != nil {
		return Handle{}
	}
	return s.choose().handle()
}

// Version returns the row's version that this connection has seen whole: 0 for a new session.
func (s *Session) Version() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.record.Version
}

// Expiration returns when the session expires unless it is accessed again, by the store's clock. It returns the zero
// time for a session that has no row yet.
func (s *Session) Expiration() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row.presence != stored {
		return time.Time{}
	}
	return s.row.record.End(s.m.policy())
}

// Store returns the store.
func (s *Session) Store() Store { return s.manager().store }

func (s *Session) manager() *Manager {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m
}

// setManager puts the session under another manager's configuration, by which it may have expired, until restore is called.
func (s *Session) setManager(m *Manager) (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.m
	s.m = m
	if s.ended == nil && s.overdue(m.policy()) {
		s.withhold(errWithheld)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.m = before
		s.release()
	}
}

// lift puts a session that a stricter manager inside withholds back under m, whose handlers have changed it, until restore
// is called.
func (s *Session) lift(m *Manager) (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != errWithheld {
		return func() {}
	}
	inside := s.m
	s.m = m
	s.release()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.m = inside
		if s.ended == nil {
			s.withhold(errWithheld)
		}
	}
}

// expiredUnder reports whether the session is over for m too, not for a stricter manager inside alone.
func (s *Session) expiredUnder(m *Manager) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m == m || s.overdue(m.policy())
}

// ref names the row as the store knows it now. s.mu is held.
func (s *Session) ref() store.Ref { return s.refOf(s.row.token) }

// refOf names the row under one of its tokens. s.mu is held.
func (s *Session) refOf(t *token) store.Ref {
	return store.Ref{Key: t.handle(), Hash: t.hash(s.m.realm), Policy: s.m.policy()}
}

// String names the session by its handle.
func (s *Session) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended != nil:
		return "session.Session(" + s.ended.Error() + ")"
	case s.row.token == nil:
		return "session.Session(new)"
	}
	return "session.Session(" + s.row.token.handle().String() + ")"
}

// Format implements fmt.Formatter: every verb prints String.
func (s *Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer with String.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

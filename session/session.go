package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// Session is one connection's view of a session: a map from strings to JSON values with what belongs to it. A browser's
// parallel requests and sockets have a Session each, of the same row.
//
// All methods are safe for concurrent use by the goroutines of one connection. Changes are pending until saved, which the
// middleware does at the connection's end; reading shows them at once.
type Session struct {
	saving sync.Mutex // held for the length of each exchange with the store, and taken before mu
	mu     sync.Mutex // guards all below

	m        *Manager
	token    *token // of the stored row, or chosen for the row to come
	stored   bool   // there is a row
	meta     meta
	data     jsonobj.Object // as last seen in the store
	inflight patch          // being saved
	pending  patch          // newer than inflight
	failed   error          // of a Set whose error nobody may have looked at
	dead     error          // how the session ended, for this connection
	closed   bool
	sealed   bool          // no cookie can be sent any more
	cookie   cookieState   // what the client has to be told
	browser  *bool         // whether the cookie is to end with the browser, where the connection says so
	touching bool          // a touch in the background is under way
	unsure   bool          // a write failed without saying whether it took effect
	maybe    []*token      // the row's new token, if such writes did and had a rotation; the latest one last
	told     error         // of the last Save or Modify, which the handler knows
	changes  chan struct{} // made by Changes
}

// meta is what a row says of itself.
type meta struct {
	version    int64
	owner      string
	timeouts   store.Timeouts
	createdAt  time.Time
	accessedAt time.Time
	expiresAt  time.Time
	now        time.Time // the store's clock at
	readAt     time.Time // this moment of ours
}

// storeNow estimates the store's clock.
func (m *meta) storeNow() time.Time { return m.now.Add(time.Since(m.readAt)) }

func (m *meta) set(saved store.Saved) {
	m.createdAt, m.accessedAt, m.expiresAt = saved.CreatedAt, saved.AccessedAt, saved.ExpiresAt
	m.now, m.readAt = saved.Now, time.Now()
}

type cookieState uint8

const (
	cookieKept cookieState = iota
	cookieNew
	cookieExpired
)

// Set puts value, encoded as encoding/json does, into the session; later changes to it have no effect. ErrValue where it
// is not JSON, or not the JSON that every database holds: a key or string with U+0000 or invalid UTF-8, a number beyond
// float64, more than 100 levels. Integers of up to 40 digits stay exact. ErrTooLarge where it exceeds the session's size
// by itself. ErrGone, ErrRotated, ErrClosed, ErrNoCookie.
//
// A Set that fails changes nothing, and its error is returned once more by the next Save.
func (s *Session) Set(key string, value any) error {
	raw, err := s.encode(key, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.writable()
	}
	if err != nil {
		return s.fail(err)
	}
	s.pending.put(key, raw)
	return nil
}

func (s *Session) encode(key string, value any) (json.RawMessage, error) {
	if err := checkText(key); err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", ErrValue, quoteKey(key), err)
	}
	limit := s.manager().policy.MaxBytes
	if len(key) > limit {
		return nil, tooLarge(key, limit)
	}
	raw, err := encode(value, limit)
	switch {
	case errors.Is(err, jsonobj.ErrTooLong):
		return nil, tooLarge(key, limit)
	case err != nil:
		return nil, fmt.Errorf("%w: key %s: %w", ErrValue, quoteKey(key), err)
	}
	return raw, nil
}

func tooLarge(key string, limit int) error {
	return fmt.Errorf("%w: key %s alone has more than %d bytes", ErrTooLarge, quoteKey(key), limit)
}

// fail keeps the error of a change for the next Save. s.mu is held.
func (s *Session) fail(err error) error {
	if s.failed == nil && !s.closed {
		s.failed = err
	}
	return err
}

// writable says whether the session takes a change. s.mu is held.
func (s *Session) writable() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.dead != nil:
		return s.dead
	case !s.stored && s.sealed:
		return ErrNoCookie
	}
	return nil
}

// lookup implements Reader.
func (s *Session) lookup(key string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return nil, s.dead
	}
	return s.find(key), nil
}

// find returns an entry's text, nil where there is none. s.mu is held.
func (s *Session) find(key string) json.RawMessage {
	if value, decided := s.pending.lookup(key); decided {
		return value
	}
	if value, decided := s.inflight.lookup(key); decided {
		return value
	}
	value, _ := s.data.Get(key)
	return value
}

// view is the session's entries with all that is pending. s.mu is held.
func (s *Session) view() jsonobj.Object {
	if s.dead != nil {
		return jsonobj.Object{}
	}
	return s.pending.apply(s.inflight.apply(s.data))
}

// Raw returns a copy of the JSON text of an entry.
func (s *Session) Raw(key string) (json.RawMessage, bool) {
	raw, err := s.lookup(key)
	return slices.Clone(raw), err == nil && raw != nil
}

// Has reports whether there is an entry.
func (s *Session) Has(key string) bool {
	raw, err := s.lookup(key)
	return err == nil && raw != nil
}

// Delete removes an entry. Where there is none, nothing changes. Errors as those of Set that concern the session.
func (s *Session) Delete(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		if errors.Is(err, ErrNoCookie) {
			return nil
		}
		return s.fail(err)
	}
	if s.find(key) != nil {
		s.pending.remove(key)
	}
	return nil
}

// Clear removes all entries, also those that another connection has set and this one has not seen. Where this one sees
// none it does nothing.
func (s *Session) Clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		if errors.Is(err, ErrNoCookie) {
			return nil
		}
		return s.fail(err)
	}
	if s.view().Len() > 0 {
		s.pending.removeAll()
	}
	return nil
}

// Pop returns an entry, decoded as Get does, and deletes it: for messages that are shown once. Where it does not decode, it
// stays.
func Pop[T any](s *Session, key string) (T, error) {
	value, err := Get[T](s, key)
	if err != nil {
		return value, err
	}
	return value, s.Delete(key)
}

// Len returns the number of entries.
func (s *Session) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view().Len()
}

// Keys returns the entries' keys, sorted.
func (s *Session) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	view := s.view()
	keys := make([]string, 0, view.Len())
	for _, m := range view.Members() {
		keys = append(keys, m.Key())
	}
	return keys
}

// All iterates over the entries as they were at its call, sorted by key, as JSON text.
func (s *Session) All() iter.Seq2[string, json.RawMessage] {
	s.mu.Lock()
	view := s.view()
	s.mu.Unlock()
	return func(yield func(string, json.RawMessage) bool) {
		for _, m := range view.Members() {
			if !yield(m.Key(), slices.Clone(m.Value)) {
				return
			}
		}
	}
}

// Changed reports whether something is pending. A completed Save clears it.
func (s *Session) Changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.pending.empty() || !s.inflight.empty()
}

// New reports whether the store has no row of this session yet.
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stored
}

// Err returns how the session ended, or nil: ErrRotated, or an error that matches ErrGone.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// ID returns the token that travels in the cookie: after Generate, the one that is to come. It redacts itself; see
// [ID.Reveal]. The zero ID after the session's end.
func (s *Session) ID() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newID(s.identity())
}

// Handle returns the row key, for logs. It stays the same over rotations and after the session's end.
func (s *Session) Handle() Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == nil && s.identity() == nil {
		return Handle{}
	}
	return s.token.handle()
}

// identity returns the newest token, and chooses one where there is none yet. s.mu is held.
func (s *Session) identity() *token {
	if s.dead != nil {
		return nil
	}
	if id := or(s.pending.id, s.inflight.id); id != nil {
		return id
	}
	if s.token == nil {
		s.token = newToken(time.Now())
	}
	return s.token
}

// Version returns the row's version that this connection has seen whole: 0 for a new session.
func (s *Session) Version() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta.version
}

// Store returns the store.
func (s *Session) Store() Store { return s.manager().store }

func (s *Session) manager() *Manager {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m
}

// Expiration returns when the session expires unless it is accessed again, by the store's clock. Zero for a session that
// has no row yet.
func (s *Session) Expiration() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stored {
		return time.Time{}
	}
	return s.record().End(s.m.policy)
}

// record is the row without its data, as last heard of. s.mu is held.
func (s *Session) record() *store.Record {
	return &store.Record{CreatedAt: s.meta.createdAt, AccessedAt: s.meta.accessedAt, ExpiresAt: s.meta.expiresAt, Timeouts: s.meta.timeouts}
}

// String names the session by its handle.
func (s *Session) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.dead != nil:
		return "session.Session(" + s.dead.Error() + ")"
	case s.token == nil:
		return "session.Session(new)"
	}
	return "session.Session(" + s.token.handle().String() + ")"
}

// Format implements fmt.Formatter: every verb prints String.
func (s *Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer with String.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

package scs

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/simples-go/sessions/adopt/internal/typed"
	"github.com/simples-go/sessions/session"
)

// Status says what a request has done with its session.
type Status int

// What a request may have done.
const (
	Unmodified Status = iota
	Modified
	Destroyed
)

// rememberMe is the entry that scs keeps for RememberMe.
const rememberMe = "__rememberMe"

// Load returns a context with the session of a token, or with a new one. LoadAndSave needs no call of it.
func (s *SessionManager) Load(ctx context.Context, token string) (context.Context, error) {
	if _, ok := ctx.Value(contextKey{s}).(*request); ok {
		return ctx, nil
	}
	m, err := s.Manager()
	if err != nil {
		return nil, err
	}
	opened, err := m.Open(ctx, token)
	if errors.Is(err, session.ErrGone) {
		opened, err = m.NewSession(), nil
	}
	if err != nil {
		return nil, err
	}
	return s.with(ctx, &request{Session: opened}), nil
}

// Commit saves the session and returns its token and when it expires. LoadAndSave needs no call of it.
func (s *SessionManager) Commit(ctx context.Context) (string, time.Time, error) {
	r := s.of(ctx)
	if r.foreign != nil {
		return "", time.Time{}, errReadOnly
	}
	r.revive()
	if r.IsNew() && !r.Changed() {
		_ = r.Rotate() // a row is wanted, whatever it holds
	}
	if err := r.Save(ctx); err != nil {
		return "", time.Time{}, err
	}
	return r.ID().Reveal(), r.Expiration(), nil
}

// Destroy ends the session, for good. What is put after it begins a new one.
func (s *SessionManager) Destroy(ctx context.Context) error {
	r := s.of(ctx)
	if r.foreign != nil {
		_, err := s.must().Revoke(ctx, r.foreign.handle)
		return err
	}
	return r.Destroy(ctx)
}

// Put sets an entry. What cannot be stored is an error of the commit.
func (s *SessionManager) Put(ctx context.Context, key string, val any) { s.of(ctx).put(key, val) }

// Get returns an entry as it was put, nil if there is none.
func (s *SessionManager) Get(ctx context.Context, key string) any { return s.of(ctx).get(key) }

// Pop returns an entry and removes it.
func (s *SessionManager) Pop(ctx context.Context, key string) any {
	r := s.of(ctx)
	val := r.get(key)
	r.remove(key)
	return val
}

// Remove removes an entry.
func (s *SessionManager) Remove(ctx context.Context, key string) { s.of(ctx).remove(key) }

// Clear removes all entries.
func (s *SessionManager) Clear(ctx context.Context) error {
	r := s.of(ctx)
	if r.Err() != nil && len(r.Session.Keys()) == 0 {
		return nil
	}
	return r.Clear()
}

// Exists reports whether there is an entry.
func (s *SessionManager) Exists(ctx context.Context, key string) bool {
	_, ok := s.of(ctx).raw(key)
	return ok
}

// Keys returns the keys of the entries, sorted.
func (s *SessionManager) Keys(ctx context.Context) []string {
	keys := []string{}
	for _, key := range s.of(ctx).Session.Keys() {
		if !strings.HasPrefix(key, typed.Prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// RenewToken gives the session a new token, and its lifetime starts again.
func (s *SessionManager) RenewToken(ctx context.Context) error { return s.of(ctx).Renew() }

// MergeSession takes over the entries of another session, and ends that.
func (s *SessionManager) MergeSession(ctx context.Context, token string) error {
	r := s.of(ctx)
	other, err := s.must().Open(ctx, token)
	if errors.Is(err, session.ErrGone) {
		return nil
	}
	if err != nil || other.Handle() == r.Handle() {
		return err
	}
	r.revive()
	for key, raw := range other.All() {
		if err := r.merge(key, raw, other); err != nil {
			return err
		}
	}
	if end := (&request{Session: other}).end(); end.After(r.end()) {
		s.SetDeadline(ctx, end)
	}
	return other.Destroy(ctx)
}

// merge sets an entry of another session as it is there: with its type, or without one.
func (r *request) merge(key string, raw json.RawMessage, other *session.Session) error {
	if err := r.Set(key, raw); err != nil || strings.HasPrefix(key, typed.Prefix) || other.Has(typed.Prefix+key) {
		return err
	}
	return r.Delete(typed.Prefix + key)
}

// Status says what this request has done with the session.
func (s *SessionManager) Status(ctx context.Context) Status {
	r := s.of(ctx)
	switch {
	case errors.Is(r.Err(), session.ErrDestroyed):
		return Destroyed
	case r.modified.Load(), r.Changed():
		return Modified
	}
	return Unmodified
}

// RememberMe says whether the cookie outlives the browser, if Cookie.Persist is false.
func (s *SessionManager) RememberMe(ctx context.Context, val bool) {
	s.Put(ctx, rememberMe, val)
	if !s.Cookie.Persist {
		_ = s.of(ctx).SetPersistent(val)
	}
}

// Deadline returns when the session ends however much it is used.
func (s *SessionManager) Deadline(ctx context.Context) time.Time { return s.of(ctx).end() }

// SetDeadline sets when the session ends however much it is used.
func (s *SessionManager) SetDeadline(ctx context.Context, expire time.Time) {
	r := s.of(ctx)
	r.revive()
	life := (r.AbsoluteTimeout() + expire.Sub(r.end())).Truncate(time.Millisecond)
	if r.SetAbsoluteTimeout(max(life, time.Millisecond)) == nil && s.IdleTimeout == 0 {
		_ = r.SetTimeout(max(life, time.Millisecond))
	}
}

// Token returns the session's token, "" before its first commit.
func (s *SessionManager) Token(ctx context.Context) string {
	if r := s.of(ctx); !r.IsNew() {
		return r.ID().Reveal()
	}
	return ""
}

// as returns an entry's value if it has the type.
func as[T any](value any) T {
	v, _ := value.(T)
	return v
}

// GetString returns an entry that is a string, "" otherwise.
func (s *SessionManager) GetString(ctx context.Context, key string) string {
	return as[string](s.Get(ctx, key))
}

// GetBool returns an entry that is a bool, false otherwise.
func (s *SessionManager) GetBool(ctx context.Context, key string) bool {
	return as[bool](s.Get(ctx, key))
}

// GetInt returns an entry that is an int, 0 otherwise.
func (s *SessionManager) GetInt(ctx context.Context, key string) int { return as[int](s.Get(ctx, key)) }

// GetInt64 returns an entry that is an int64, 0 otherwise.
func (s *SessionManager) GetInt64(ctx context.Context, key string) int64 {
	return as[int64](s.Get(ctx, key))
}

// GetInt32 returns an entry that is an int32, 0 otherwise.
func (s *SessionManager) GetInt32(ctx context.Context, key string) int32 {
	return as[int32](s.Get(ctx, key))
}

// GetFloat returns an entry that is a float64, 0 otherwise.
func (s *SessionManager) GetFloat(ctx context.Context, key string) float64 {
	return as[float64](s.Get(ctx, key))
}

// GetBytes returns an entry that is a []byte, nil otherwise.
func (s *SessionManager) GetBytes(ctx context.Context, key string) []byte {
	return as[[]byte](s.Get(ctx, key))
}

// GetTime returns an entry that is a time.Time, the zero time otherwise.
func (s *SessionManager) GetTime(ctx context.Context, key string) time.Time {
	return as[time.Time](s.Get(ctx, key))
}

// PopString is GetString, and removes the entry.
func (s *SessionManager) PopString(ctx context.Context, key string) string {
	return as[string](s.Pop(ctx, key))
}

// PopBool is GetBool, and removes the entry.
func (s *SessionManager) PopBool(ctx context.Context, key string) bool {
	return as[bool](s.Pop(ctx, key))
}

// PopInt is GetInt, and removes the entry.
func (s *SessionManager) PopInt(ctx context.Context, key string) int { return as[int](s.Pop(ctx, key)) }

// PopFloat is GetFloat, and removes the entry.
func (s *SessionManager) PopFloat(ctx context.Context, key string) float64 {
	return as[float64](s.Pop(ctx, key))
}

// PopBytes is GetBytes, and removes the entry.
func (s *SessionManager) PopBytes(ctx context.Context, key string) []byte {
	return as[[]byte](s.Pop(ctx, key))
}

// PopTime is GetTime, and removes the entry.
func (s *SessionManager) PopTime(ctx context.Context, key string) time.Time {
	return as[time.Time](s.Pop(ctx, key))
}

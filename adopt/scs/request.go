package scs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/adopt/internal/typed"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// request is what a context carries for a SessionManager.
type request struct {
	*session.Session
	foreign  *foreign    // of Iterate
	modified atomic.Bool // what scs calls so, also if nothing is left to be saved
}

type contextKey struct{ of *SessionManager }

func (s *SessionManager) with(ctx context.Context, r *request) context.Context {
	return context.WithValue(ctx, contextKey{s}, r)
}

// of returns what a context carries. It panics if that is nothing, as scs does.
func (s *SessionManager) of(ctx context.Context) *request {
	r, ok := ctx.Value(contextKey{s}).(*request)
	if !ok {
		panic("scs: no session data in context")
	}
	return r
}

// raw returns an entry's JSON.
func (r *request) raw(key string) (json.RawMessage, bool) {
	if r.foreign != nil {
		return r.foreign.raw(key)
	}
	return r.Raw(key)
}

// get returns an entry as it was put; nil if it is not there, or cannot be decoded.
func (r *request) get(key string) any {
	raw, ok := r.raw(key)
	if !ok {
		return nil
	}
	tag := ""
	if raw, ok := r.raw(typed.Prefix + key); ok {
		_ = json.Unmarshal(raw, &tag)
	}
	value, err := typed.Decode(raw, tag)
	if err != nil {
		return nil
	}
	return value
}

// failing is a value whose encoding fails, by which an error comes to the commit.
type failing struct{ err error }

// MarshalJSON implements json.Marshaler.
func (f failing) MarshalJSON() ([]byte, error) { return nil, f.err }

// put sets an entry, and beside it its type. The session keeps what fails, and the commit returns it.
func (r *request) put(key string, value any) {
	if r.foreign != nil {
		r.foreign.err = errReadOnly
		return
	}
	r.revive()
	r.modified.Store(true)
	raw, tag, err := typed.Encode(value)
	if err != nil {
		_ = r.Set(key, failing{err})
		return
	}
	if r.Set(key, raw) != nil {
		return
	}
	if tag == "" {
		_ = r.Delete(typed.Prefix + key)
	} else {
		_ = r.Set(typed.Prefix+key, tag)
	}
}

// revive begins a new session after this request's Destroy.
func (r *request) revive() {
	if errors.Is(r.Err(), session.ErrDestroyed) {
		_ = r.Rotate()
	}
}

func (r *request) remove(key string) {
	if r.foreign != nil {
		r.foreign.err = errReadOnly
		return
	}
	switch {
	case r.Has(key):
		r.modified.Store(true)
	case r.Err() != nil:
		return // there is nothing to remove from what has ended, which is no error
	}
	_ = r.Delete(key)
	_ = r.Delete(typed.Prefix + key)
}

var errReadOnly = fmt.Errorf("scs: a session of Iterate can be read and destroyed, not changed: %w", errors.ErrUnsupported)

// foreign is a session of another visitor, found by its handle. Only that visitor knows its token.
type foreign struct {
	ctx    context.Context
	find   store.Finder
	policy store.Policy
	handle session.Handle
	err    error
}

// raw returns one entry as it is stored.
func (f *foreign) raw(key string) (json.RawMessage, bool) {
	records, err := f.find.Find(f.ctx, store.Selector{Key: f.handle}, []string{key}, f.policy)
	if err != nil {
		f.err = err
		return nil, false
	}
	var members map[string]json.RawMessage
	if len(records) == 0 || json.Unmarshal(records[0].Data, &members) != nil {
		return nil, false
	}
	raw, ok := members[key]
	return raw, ok
}

// Iterate calls fn for each live session, with a context by which Get, Exists and Destroy find it. The store is asked for
// each entry, and the sessions cannot be changed: their tokens are known to their browsers alone.
func (s *SessionManager) Iterate(ctx context.Context, fn func(context.Context) error) error {
	find, ok := s.must().Store().(store.Finder)
	if !ok {
		return fmt.Errorf("scs: iterate over sessions on a %T: %w", s.Store, errors.ErrUnsupported)
	}
	policy := store.Policy{Timeouts: store.Timeouts{Idle: s.IdleTimeout, Absolute: s.Lifetime}}
	records, err := find.Find(ctx, store.Selector{All: true}, nil, policy)
	if err != nil {
		return fmt.Errorf("scs: iterate over sessions: %w", err)
	}
	for _, record := range records {
		f := &foreign{ctx: ctx, find: find, policy: policy, handle: record.Key}
		r := &request{Session: s.must().NewSession(), foreign: f}
		if err := fn(s.with(ctx, r)); err != nil {
			return err
		}
		if f.err != nil {
			return f.err
		}
	}
	return nil
}

// end is when a session ends however much it is used.
func (r *request) end() time.Time {
	created := r.CreatedAt()
	if created.IsZero() {
		created = time.Now()
	}
	return created.Add(r.AbsoluteTimeout()).UTC()
}

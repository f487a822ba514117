package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// ref names the row as the store knows it now. s.mu is held.
func (s *Session) ref() store.Ref {
	return store.Ref{Key: s.token.handle(), Hash: s.token.hash(s.m.realm), Policy: s.m.policy}
}

// exchange waits until no other goroutine of the connection speaks with the store, and keeps them waiting until done is
// called. ctx's error where it ends first.
func (s *Session) exchange(ctx context.Context, what string) (done func(), err error) {
	if s.saving.TryLock() {
		return s.saving.Unlock, nil
	}
	locked := make(chan struct{})
	go func() {
		s.saving.Lock()
		close(locked)
	}()
	select {
	case <-locked:
		return s.saving.Unlock, nil
	case <-ctx.Done():
		go func() {
			<-locked
			s.saving.Unlock()
		}()
		return nil, fmt.Errorf("session: %s: %w", what, ctx.Err())
	}
}

// Load loads the session again, in mid-connection. What is pending stays, on top of what comes. A session that has no row
// is left as it is. Errors are the store's: ErrGone, ErrExpired, ErrRotated, ErrCorrupt, or that of the database.
func (s *Session) Load(ctx context.Context) error {
	done, err := s.exchange(ctx, "load")
	if err != nil {
		return err
	}
	defer done()
	s.mu.Lock()
	if s.dead != nil || !s.stored {
		defer s.mu.Unlock()
		return s.dead
	}
	m, ref := s.m, s.ref()
	s.mu.Unlock()
	_, err = s.load(ctx, m, ref)
	return err
}

// load asks the store and takes in what it brings. s.saving is held.
func (s *Session) load(ctx context.Context, m *Manager, ref store.Ref) (store.Record, error) {
	start := time.Now()
	rec, err := m.store.Load(ctx, ref)
	rec, err = orElsewhere(s, ref, rec, err, func(ref store.Ref) (store.Record, error) { return m.store.Load(ctx, ref) })
	m.observe(ctx, OpLoad, ref.Key, start, err)
	var obj jsonobj.Object
	if err == nil {
		obj, err = scan(rec.Data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.end(err)
		return rec, fmt.Errorf("session: load %s: %w", ref.Key, err)
	}
	s.adopt(rec, obj)
	return rec, nil
}

func scan(data []byte) (jsonobj.Object, error) {
	obj, err := jsonobj.Scan(data)
	if err != nil {
		return obj, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return obj, nil
}

// adopt takes over a loaded record. s.mu is held.
func (s *Session) adopt(rec store.Record, obj jsonobj.Object) {
	s.data, s.stored = obj, true
	s.meta = meta{
		version: rec.Version, owner: rec.Owner, timeouts: rec.Timeouts,
		createdAt: rec.CreatedAt, accessedAt: rec.AccessedAt, expiresAt: rec.ExpiresAt, now: rec.Now, readAt: time.Now(),
	}
}

// end marks the session as over where err says that it is. s.mu is held.
func (s *Session) end(err error) {
	if s.dead != nil {
		return
	}
	for _, cause := range []error{ErrRotated, ErrExpired, ErrDestroyed, ErrRevoked, ErrGone} {
		if errors.Is(err, cause) {
			s.dead = cause
			return
		}
	}
}

// Save writes what is pending in one statement: only the keys that changed, merged into what the row then holds, together
// with a rotation, timeouts and owner. Without changes it does nothing. When it returns nil, all that was pending at its
// call is durable; otherwise it is all pending still.
//
// It returns the error of a Set that failed since the last Save, before anything is written. ErrGone and ErrRotated where
// the session has ended, ErrTooLarge, ErrOwnerLimit, or the database's error.
func (s *Session) Save(ctx context.Context) error {
	err := s.save(ctx, false)
	s.setTold(err)
	return err
}

// setTold remembers what the handler has been told of its last save: nil, or how it failed.
func (s *Session) setTold(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = err
}

// save is Save; with last, nothing that needs a cookie can be changed from its snapshot on.
func (s *Session) save(ctx context.Context, last bool) error {
	done, err := s.exchange(ctx, "save")
	if err != nil {
		return err
	}
	defer done()
	m, err := s.snapshot(last)
	if m == nil {
		return err
	}
	saved, err := store.Saved{}, errPanicked
	defer func() { s.settle(saved, err) }() // also where the store panics
	saved, err = s.write(ctx, m, s.inflightChange())
	return err
}

// snapshot moves what is pending to inflight. The manager is nil where nothing is to be saved.
func (s *Session) snapshot(last bool) (*Manager, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed := s.sealed
	s.sealed = sealed || last
	if err := s.failed; err != nil {
		s.failed = nil
		return nil, err
	}
	if s.closed {
		return nil, ErrClosed
	}
	if s.dead != nil {
		return nil, s.dead
	}
	if s.pending.empty() {
		return nil, nil
	}
	if sealed && s.needsCookie() {
		return nil, ErrNoCookie
	}
	if !s.stored && s.token == nil {
		s.token = newToken(time.Now())
	}
	s.inflight, s.pending = s.pending, patch{}
	return s.m, nil
}

// needsCookie reports whether what is pending, once saved, has to be told to the client. s.mu is held.
func (s *Session) needsCookie() bool {
	return !s.stored || s.pending.id != nil || s.pending.renew || s.pending.absolute != nil
}

func (s *Session) inflightChange() store.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.inflight.change(s.m.realm)
	c.Extend = s.touchDue()
	if s.stored {
		c.Base = store.NewBase(s.meta.version, s.data)
	}
	return c
}

// write creates or saves the row. s.saving is held.
func (s *Session) write(ctx context.Context, m *Manager, c store.Change) (store.Saved, error) {
	s.mu.Lock()
	ref, stored, unsure := s.ref(), s.stored, s.unsure
	s.mu.Unlock()
	start := time.Now()
	op, saved, err := OpSave, store.Saved{}, error(nil)
	if stored {
		saved, err = s.update(ctx, m, ref, c)
	} else {
		op = OpCreate
		saved, err = m.store.Create(ctx, ref, c)
		if unsure && errors.Is(err, store.ErrExists) {
			saved, err = s.update(ctx, m, ref, c)
		}
	}
	m.saved(ctx, op, ref.Key, start, c.Rotate != nil, err)
	if err != nil {
		return saved, fmt.Errorf("session: save %s: %w", ref.Key, err)
	}
	return saved, nil
}

func (s *Session) update(ctx context.Context, m *Manager, ref store.Ref, c store.Change) (store.Saved, error) {
	saved, err := m.store.Save(ctx, ref, c)
	return orElsewhere(s, ref, saved, err, func(ref store.Ref) (store.Saved, error) {
		if c.Rotate != nil && *c.Rotate == ref.Hash {
			c.Rotate = nil // it has taken effect
		}
		return m.store.Save(ctx, ref, c)
	})
}

// orElsewhere asks again under the other secrets that the row may have: where writes that carried a rotation have failed
// without saying whether they took effect, and there is nothing under the old secret.
func orElsewhere[T any](s *Session, ref store.Ref, got T, err error, again func(store.Ref) (T, error)) (T, error) {
	if !errors.Is(err, ErrGone) {
		return got, err
	}
	s.mu.Lock()
	maybe, realm := s.maybe, s.m.realm
	s.mu.Unlock()
	for _, there := range maybe {
		ref.Hash = there.hash(realm)
		gotThere, errThere := again(ref)
		if !errors.Is(errThere, ErrGone) {
			s.moved(there)
			return gotThere, errThere
		}
	}
	return got, err
}

// moved takes note that a rotation has taken effect of which that was not known.
func (s *Session) moved(to *token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.maybe, s.cookie = to, nil, cookieNew
	if s.pending.id == to {
		s.pending.id = nil
	}
}

// settle takes in a write's outcome: it removes what was in flight, or puts it back beneath what is newer.
func (s *Session) settle(saved store.Saved, err error) {
	s.mu.Lock()
	if err != nil {
		if !decided(err) {
			s.unsure = true
			if id := s.inflight.id; id != nil && !slices.Contains(s.maybe, id) {
				s.maybe = append(s.maybe, id)
			}
		}
		s.pending, s.inflight = s.pending.over(s.inflight), patch{}
		s.end(err)
		s.mu.Unlock()
		return
	}
	rotated := s.commit(saved)
	m, key, version := s.m, s.token.handle(), saved.Version
	s.mu.Unlock()
	m.hub.saved(s, key, version, rotated)
	for _, ended := range saved.Ended {
		m.hub.end(ended, ErrRevoked)
	}
}

// commit takes over what a successful write has made of inflight. s.mu is held.
func (s *Session) commit(saved store.Saved) (rotated bool) {
	p := s.inflight
	s.inflight, s.unsure, s.maybe = patch{}, false, nil
	s.data = p.apply(s.data)
	s.meta.set(saved)
	if !saved.Folded && saved.Version == s.meta.version+1 {
		s.meta.version = saved.Version
	}
	s.meta.owner = deref(p.owner, s.meta.owner)
	s.meta.timeouts.Idle = deref(p.idle, s.meta.timeouts.Idle)
	s.meta.timeouts.Absolute = deref(p.absolute, s.meta.timeouts.Absolute)
	if !s.stored || p.id != nil || p.renew || p.absolute != nil {
		s.cookie = cookieNew
	}
	s.stored = true
	if p.id != nil {
		s.token, rotated = p.id, true
	}
	return rotated
}

func deref[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// decided reports whether err says that nothing was written. Every other error may come after a commit.
func decided(err error) bool {
	if errors.As(err, new(*ofCaller)) {
		return true
	}
	for _, sure := range []error{ErrGone, store.ErrConflict, ErrTooLarge, ErrCorrupt, ErrOwnerLimit, store.ErrExists, ErrNoCookie} {
		if errors.Is(err, sure) {
			return true
		}
	}
	return false
}

// Destroy deletes the row and ends the session, for good: no save or update that comes later brings it back, on any
// connection. Its sockets end. Set and Save then give ErrGone; Generate starts an empty session. Destroying a session that
// is gone already is no error. ErrRotated where a parallel request holds the new token; otherwise the database's error, with
// the session as it was.
func (s *Session) Destroy(ctx context.Context) error {
	done, err := s.exchange(ctx, "destroy")
	if err != nil {
		return err
	}
	defer done()
	s.mu.Lock()
	if s.closed || s.dead == ErrRotated {
		defer s.mu.Unlock()
		if s.closed {
			return ErrClosed
		}
		return s.dead
	}
	m, refs := s.m, s.names()
	s.mu.Unlock()
	for i, ref := range refs {
		last := i == len(refs)-1
		if err := m.delete(ctx, ref); err != nil && (last || !errors.Is(err, ErrRotated)) {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	s.dead, s.failed, s.cookie = ErrDestroyed, nil, cookieExpired
	return nil
}

// names returns the names under which there may be a row, most likely the last. s.mu is held.
func (s *Session) names() []store.Ref {
	if s.token == nil || (!s.stored && !s.unsure) {
		return nil
	}
	refs := []store.Ref{s.ref()}
	for _, there := range s.maybe {
		ref := refs[0]
		ref.Hash = there.hash(s.m.realm)
		refs = append(refs, ref)
	}
	return refs
}

func (m *Manager) delete(ctx context.Context, ref store.Ref) error {
	start := time.Now()
	err := m.store.Delete(ctx, ref)
	m.observe(ctx, OpDestroy, ref.Key, start, err)
	if err != nil {
		return fmt.Errorf("session: destroy %s: %w", ref.Key, err)
	}
	m.hub.destroyed(ref)
	return nil
}

// Update extends the expiration as an access does: to now plus the idle timeout, within the absolute one. The middleware
// does so by itself when the gain is worth it. Errors as those of Load.
func (s *Session) Update(ctx context.Context) error {
	done, err := s.exchange(ctx, "update")
	if err != nil {
		return err
	}
	defer done()
	s.mu.Lock()
	if s.closed || s.dead != nil || !s.stored {
		defer s.mu.Unlock()
		if s.closed {
			return ErrClosed
		}
		return s.dead
	}
	m, ref := s.m, s.ref()
	s.mu.Unlock()
	saved, err := m.touch(ctx, ref)
	saved, err = orElsewhere(s, ref, saved, err, func(ref store.Ref) (store.Saved, error) { return m.touch(ctx, ref) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.end(err)
		return err
	}
	s.meta.set(saved)
	return nil
}

func (m *Manager) touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	start := time.Now()
	saved, err := m.store.Touch(ctx, ref)
	m.observe(ctx, OpTouch, ref.Key, start, err)
	if err != nil {
		return saved, fmt.Errorf("session: touch %s: %w", ref.Key, err)
	}
	return saved, nil
}

// touched takes in the outcome of a touch in the background, unless something newer is known.
func (s *Session) touched(saved store.Saved, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touching = false
	if err == nil && !saved.Now.Before(s.meta.now) {
		s.meta.set(saved)
	}
}

// touchDue reports whether an access now extends the expiry by at least a step. s.mu is held.
func (s *Session) touchDue() bool {
	if !s.stored || s.dead != nil {
		return false
	}
	return s.record().TouchDue(s.m.policy, s.meta.storeNow())
}

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// Draft is the session that a function of Modify changes. It is valid for the length of the call, for one goroutine.
type Draft struct {
	s    *Session
	base jsonobj.Object
	edit patch
}

// lookup implements Reader.
func (d *Draft) lookup(key string) (json.RawMessage, error) {
	if value, decided := d.edit.lookup(key); decided {
		return value, nil
	}
	value, _ := d.base.Get(key)
	return value, nil
}

// Set is Session.Set.
func (d *Draft) Set(key string, value any) error {
	raw, err := d.s.encode(key, value)
	if err == nil {
		d.edit.put(key, raw)
	}
	return err
}

// Delete is Session.Delete.
func (d *Draft) Delete(key string) error {
	if d.Has(key) {
		d.edit.remove(key)
	}
	return nil
}

// Clear is Session.Clear.
func (d *Draft) Clear() { d.edit.removeAll() }

// Has reports whether there is an entry.
func (d *Draft) Has(key string) bool {
	raw, _ := d.lookup(key)
	return raw != nil
}

// conflicts is how often a conditional save may lose before Modify locks the row.
const conflicts = 3

// Modify changes the session by what is stored: an atomic read-modify-write of one key or several. fn gets the stored data
// with the pending changes on top; what it makes of them is committed together with the pending changes, or, on any error,
// not at all, and these stay pending. N parallel calls have N effects. Only ctx bounds how long it waits.
//
// fn may be called several times and must change nothing but the draft. It must not come back to the store, for this
// session or another, which may hold a lock meanwhile: no Save, Load, Update, Destroy, Modify or Manager.Open. An error of
// fn is returned as it is. Other errors as those of Save.
func (s *Session) Modify(ctx context.Context, fn func(*Draft) error) error {
	err := s.modifyOnce(ctx, fn)
	var own *ofCaller
	if errors.As(err, &own) {
		return own.err
	}
	s.setTold(err)
	return err
}

// ofCaller is an error of a caller's function, which says nothing of this session, whatever it matches.
type ofCaller struct{ err error }

func (e *ofCaller) Error() string { return e.err.Error() }

func (s *Session) modifyOnce(ctx context.Context, fn func(*Draft) error) error {
	done, err := s.exchange(ctx, "modify")
	if err != nil {
		return err
	}
	defer done()
	m, err := s.snapshotForModify()
	if err != nil {
		return err
	}
	s.mu.Lock()
	before := s.inflight
	s.mu.Unlock()
	saved, err := store.Saved{}, errPanicked
	defer func() { s.settleModify(before, saved, err) }() // also where fn panics
	if saved, err = s.modify(ctx, m, before, fn); err == errUnchanged {
		return nil
	}
	return err
}

// settleModify is settle for what Modify has saved, or not saved, of before and the draft.
func (s *Session) settleModify(before patch, saved store.Saved, err error) {
	if err != nil {
		// What fn made of data that was not saved must not be saved later.
		s.mu.Lock()
		s.inflight = before
		s.mu.Unlock()
	}
	if err != errUnchanged {
		s.settle(saved, err)
	}
}

// errPanicked: a function of Modify did not return.
var errPanicked = errors.New("session: a function of Modify panicked")

// errUnchanged: a function of Modify changed nothing, and nothing was pending.
var errUnchanged = errors.New("session: unchanged")

// ModifyKey is Modify for one key: it replaces the entry by what fn makes of it, and returns that. Where there is none, fn
// gets the zero T.
//
//	n, err := session.ModifyKey(ctx, s, "visits", func(n int) (int, error) { return n + 1, nil })
func ModifyKey[T any](ctx context.Context, s *Session, key string, fn func(T) (T, error)) (T, error) {
	var next T
	err := s.Modify(ctx, func(d *Draft) error {
		old, err := Get[T](d, key)
		if err != nil {
			return err
		}
		if next, err = fn(old); err != nil {
			return err
		}
		return d.Set(key, next)
	})
	if err != nil {
		return *new(T), err
	}
	return next, nil
}

func (s *Session) snapshotForModify() (*Manager, error) {
	m, err := s.snapshot(false)
	if err != nil || m != nil {
		return m, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return nil, err
	}
	if s.token == nil {
		s.token = newToken(time.Now())
	}
	return s.m, nil
}

// modify leaves in inflight what was saved. s.saving is held.
func (s *Session) modify(ctx context.Context, m *Manager, before patch, fn func(*Draft) error) (store.Saved, error) {
	s.mu.Lock()
	ref, stored := s.ref(), s.stored
	s.mu.Unlock()
	if !stored {
		c, err := s.draft(store.Record{}, before, fn)
		if err != nil {
			return store.Saved{}, err
		}
		return s.write(ctx, m, c)
	}
	unlock, err := m.queue.lock(ctx, ref.Key)
	if err != nil {
		return store.Saved{}, fmt.Errorf("session: modify %s: %w", ref.Key, err)
	}
	defer unlock()
	for attempt := 0; ; attempt++ {
		saved, err := s.attempt(ctx, m, before, attempt, fn)
		if !errors.Is(err, store.ErrConflict) {
			return saved, err
		}
		if err := pause(ctx, attempt); err != nil {
			return store.Saved{}, fmt.Errorf("session: modify %s: %w", ref.Key, err)
		}
	}
}

// attempt does one read-modify-write: with a conditional save at first, then with the row locked where the store can.
func (s *Session) attempt(ctx context.Context, m *Manager, before patch, attempt int, fn func(*Draft) error) (store.Saved, error) {
	ref := s.reference()
	if locker, ok := m.store.(store.Locker); ok && attempt >= conflicts {
		return s.modifyLocked(ctx, m, locker, ref, before, fn)
	}
	rec, err := s.load(ctx, m, ref)
	if err != nil {
		return store.Saved{}, err
	}
	c, err := s.draft(rec, before, fn)
	if err != nil {
		return store.Saved{}, err
	}
	c.IfVersion = rec.Version
	return s.write(ctx, m, c)
}

// modifyLocked does it with the row locked. What ends in fn is no operation of the store's.
func (s *Session) modifyLocked(ctx context.Context, m *Manager, locker store.Locker, ref store.Ref, before patch,
	fn func(*Draft) error) (store.Saved, error) {
	start, ended, rotates := time.Now(), false, false
	saved, err := locker.SaveLocked(ctx, ref, func(rec store.Record) (store.Change, error) {
		c, err := s.draft(rec, before, fn)
		ended, rotates = err != nil, c.Rotate != nil
		return c, err
	})
	if ended {
		return saved, err
	}
	m.saved(ctx, OpSave, ref.Key, start, rotates, err)
	if err != nil {
		err = fmt.Errorf("session: save %s: %w", ref.Key, err)
	}
	return saved, err
}

// draft lets fn change rec with before on top, and makes the change of both.
func (s *Session) draft(rec store.Record, before patch, fn func(*Draft) error) (store.Change, error) {
	obj := jsonobj.Object{}
	if rec.Data != nil {
		var err error
		if obj, err = scan(rec.Data); err != nil {
			return store.Change{}, err
		}
	}
	d := &Draft{s: s, base: before.apply(obj)}
	if err := fn(d); err != nil {
		return store.Change{}, &ofCaller{err}
	}
	all := d.edit.over(before)
	if all.empty() {
		return store.Change{}, errUnchanged
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec.Data != nil {
		s.adopt(rec, obj)
	}
	s.inflight = all
	c := all.change(s.m.realm)
	c.Extend = s.touchDue()
	if rec.Data != nil {
		c.Base = store.NewBase(rec.Version, obj)
	}
	return c, nil
}

// pause waits a little, longer with each attempt, so that processes in conflict part.
func pause(ctx context.Context, attempt int) error {
	most := time.Millisecond << min(attempt, 6)
	timer := time.NewTimer(rand.N(most) + most/2)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

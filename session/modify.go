package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// conflicts is how often a conditional save may lose before Modify locks the row.
const conflicts = 3

// Modify changes the session by what is stored: an atomic read-modify-write of one key or several. fn gets the stored data
// with the pending changes on top; what it makes of them is committed together with the pending changes, or, on any error,
// not at all, and these stay pending. N parallel calls have N effects. Only ctx bounds how long it waits.
//
// fn may be called several times and must change nothing but the draft. It must not come back to the store, for this
// session or another, which may hold a lock meanwhile: no Save, Load, Touch, Destroy, Modify or Manager.Open. An error
// of fn is returned as it is. Other errors are those of Save, and ErrNoCookie if the session has no row and the
// response has begun.
func (s *Session) Modify(ctx context.Context, fn func(*Draft) error) error {
	err := s.modify(ctx, fn)
	var own *callbackError
	if errors.As(err, &own) {
		return own.err
	}
	s.setLastErr(err)
	return err
}

// callbackError is an error of a caller's function. It says nothing about this session, whichever error it matches.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

// errPanicked is the outcome of a write whose store, or whose function of Modify, panics.
var errPanicked = errors.New("session: panicked")

// errUnchanged is returned if a function of Modify has changed nothing and nothing was pending.
var errUnchanged = errors.New("session: unchanged")

// modification is one call of Modify.
type modification struct {
	s      *Session
	m      *Manager
	row    Handle
	before patch // what was pending at its begin
	fn     func(*Draft) error
}

func (s *Session) modify(ctx context.Context, fn func(*Draft) error) error {
	if err := s.exchanges.Lock(ctx); err != nil {
		return fmt.Errorf("session: modify: %w", err)
	}
	defer s.exchanges.Unlock()
	if err := s.learnClock(ctx); err != nil {
		return err
	}
	for {
		if err := s.modifyOnce(ctx, fn); !s.forked(err) {
			return err
		}
	}
}

// modifyOnce is Modify of the row that the session has now. s.exchanges is held.
func (s *Session) modifyOnce(ctx context.Context, fn func(*Draft) error) error {
	mod := modification{s: s, fn: fn}
	if err := mod.begin(); err != nil {
		return err
	}
	saved, err := store.Saved{}, errPanicked
	defer func() { mod.settle(saved, err) }() // also if fn panics
	if saved, err = mod.run(ctx); err == errUnchanged {
		return nil
	}
	return err
}

// begin takes what is pending.
func (mod *modification) begin() error {
	s := mod.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil && s.pending.setErr == nil {
		return err
	}
	if _, err := s.snapshot(false); err != nil {
		return err
	}
	mod.m, mod.row, mod.before = s.m, s.choose().handle(), s.pending.inflight
	return nil
}

// settle applies the outcome. What fn made of data that was not saved must not be saved later.
func (mod *modification) settle(saved store.Saved, err error) {
	s := mod.s
	if err != nil {
		s.mu.Lock()
		s.putInflight(mod.before)
		s.mu.Unlock()
	}
	if err != errUnchanged {
		s.settle(saved, err)
	}
}

// run leaves in inflight what was saved.
func (mod *modification) run(ctx context.Context) (store.Saved, error) {
	s := mod.s
	s.mu.Lock()
	ref, presence := s.ref(), s.row.presence
	s.mu.Unlock()
	if presence != stored {
		c, err := mod.draft(ctx, store.Record{})
		if err != nil {
			return store.Saved{}, err
		}
		return s.write(ctx, mod.m, c)
	}
	unlock, err := mod.m.rows.Lock(ctx, ref.Key)
	if err != nil {
		return store.Saved{}, &unsent{fmt.Errorf("session: modify %s: %w", ref.Key, err)}
	}
	defer unlock()
	for attempt := 0; ; attempt++ {
		saved, err := mod.attempt(ctx, attempt)
		if !errors.Is(err, store.ErrConflict) {
			return saved, err
		}
		if err := pause(ctx, attempt); err != nil {
			return store.Saved{}, &unsent{fmt.Errorf("session: modify %s: %w", ref.Key, err)}
		}
	}
}

// attempt does one read-modify-write: with a conditional save at first, then with the row locked if the store can.
func (mod *modification) attempt(ctx context.Context, attempt int) (store.Saved, error) {
	ref := mod.s.currentRef()
	if locker, ok := mod.m.store.(store.Locker); ok && attempt >= conflicts {
		return mod.locked(ctx, locker, ref)
	}
	rec, err := mod.s.reload(ctx, mod.m, ref)
	if err != nil {
		return store.Saved{}, &unsent{err}
	}
	c, err := mod.draft(ctx, rec)
	if err != nil {
		return store.Saved{}, err
	}
	c.IfVersion = rec.Version
	return mod.s.write(ctx, mod.m, c)
}

// locked does it with the row locked. A call that ends in fn is no operation of the store's.
func (mod *modification) locked(ctx context.Context, locker store.Locker, ref store.Ref) (store.Saved, error) {
	start, ended, rotates, owner := time.Now(), false, false, ""
	saved, err := locker.SaveLocked(ctx, ref, func(rec store.Record) (store.Change, error) {
		c, err := mod.draft(ctx, rec)
		ended, rotates, owner = err != nil, c.Rotate != nil, valueOr(c.Owner, rec.Owner)
		return c, err
	})
	if ended {
		return saved, err
	}
	mod.m.observeSave(ctx, OpSave, ref.Key, owner, start, rotates, err)
	if err != nil {
		err = fmt.Errorf("session: save %s: %w", ref.Key, err)
	}
	return saved, err
}

// draft lets fn change rec with what was pending on top, and makes the change of both.
func (mod *modification) draft(ctx context.Context, rec store.Record) (store.Change, error) {
	obj, clock := jsonobj.Object{}, reading{rec.Now, time.Now()}
	if rec.Data != nil {
		var err error
		if obj, err = scan(rec.Data); err != nil {
			return store.Change{}, err
		}
	} else {
		clock = mod.s.clockOrGuess()
	}
	d := &Draft{s: mod.s, m: mod.m, base: mod.before.apply(obj), row: mod.row, clock: clock}
	if err := mod.fn(d); err != nil {
		return store.Change{}, &callbackError{err}
	}
	if d.edit.empty() && mod.before.empty() {
		return store.Change{}, errUnchanged
	}
	if rec.Data != nil {
		d.tidy()
	} else if err := mod.s.learnClock(ctx, &d.edit); err != nil {
		return store.Change{}, &unsent{err}
	}
	return mod.s.drafted(rec, obj, d.edit.over(mod.before))
}

// drafted puts a finished draft in flight. The response may have begun meanwhile.
func (s *Session) drafted(rec store.Record, obj jsonobj.Object, all patch) (store.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row.presence != stored && s.phase != open {
		return store.Change{}, ErrNoCookie
	}
	if rec.Data != nil {
		s.load(rec, obj)
	}
	s.putInflight(all)
	c := all.change(s.m.realm)
	c.Extend = s.touchDue(s.m.policy())
	if rec.Data != nil {
		c.Base = store.NewBase(rec.Version, obj)
	}
	return c, nil
}

// currentRef names the row as the store knows it now.
func (s *Session) currentRef() store.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ref()
}

// pause waits a little, longer with each attempt, so that processes in conflict part.
func pause(ctx context.Context, attempt int) error {
	most := time.Millisecond << min(attempt, 6)
	return retry.Sleep(ctx, rand.N(most)+most/2)
}

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// SetFor is Set for an entry that ends before its session does: in d, in whole milliseconds, by the store's clock. From
// then on nothing shows it. It is removed by a save that changes entries of a row which nobody else has changed since it
// was read, and by every Modify; until then the row holds it. Another Set or SetFor replaces the entry together with its
// end.
//
// It returns the errors of Set, ErrValue if d is not positive or longer than MaxTimeout, and errors.ErrUnsupported if
// the store is no store.Clock.
func (s *Session) SetFor(key string, value any, d time.Duration) error {
	raw, err := s.encode(key, value)
	return s.change(func() error {
		if err == nil {
			err = s.m.mayEnd(key, d)
		}
		if err == nil {
			s.guessClock()
			err = s.put(key, s.reading().ending(raw, d))
		}
		return err
	})
}

// SetFor is Session.SetFor.
func (d *Draft) SetFor(key string, value any, life time.Duration) error {
	raw, err := d.s.encode(key, value)
	if err == nil {
		err = d.m.mayEnd(key, life)
	}
	if err == nil {
		err = d.put(key, d.clock.ending(raw, life))
	}
	return err
}

// ending is an entry that is set now and ends in d.
func (r reading) ending(value json.RawMessage, d time.Duration) entry {
	return entry{text: value, ends: r.now().Add(d).UnixMilli()}
}

// mayEnd reports whether an entry can end in d.
func (m *Manager) mayEnd(key string, d time.Duration) error {
	if _, ok := m.store.(store.Clock); !ok {
		return fmt.Errorf("session: an entry that ends, on a %T: %w", m.store, errors.ErrUnsupported)
	}
	err := checkTimeout("life", d)
	if d == 0 {
		err = errors.New("a life of 0")
	}
	if err != nil {
		return fmt.Errorf("%w: key %s: %w", ErrValue, quoteKey(key), err)
	}
	return nil
}

// clockOrGuess returns the last reading of the store's clock.
func (s *Session) clockOrGuess() reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guessClock()
	return s.reading()
}

// learnClock asks the store for its clock if ends of entries that are pending, or in others, were reckoned by the
// process's, and corrects them. s.exchanges is held. No row is locked: the session has none, or has not read it.
func (s *Session) learnClock(ctx context.Context, others ...*patch) error {
	s.mu.Lock()
	m, due := s.m, s.row.guessed && s.anyEnds(others)
	s.mu.Unlock()
	if !due {
		return nil
	}
	now, err := m.store.(store.Clock).Now(ctx) // it is one, or no entry would end
	if err != nil {
		return fmt.Errorf("session: read the store's clock: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.correctClock(now, others...)
}

// anyEnds reports whether an entry ends that is pending or in others. s.mu is held.
func (s *Session) anyEnds(others []*patch) bool {
	for _, p := range append(others, &s.pending.newer) {
		for _, text := range p.edits {
			if e, _ := unwrap(text); e.ends != 0 {
				return true
			}
		}
	}
	return false
}

// correctClock takes over the store's clock if it was guessed, and moves the ends in what is pending, and in others, by as
// much as the guess was wrong. It returns an error that matches ErrSealed for an entry whose end is sealed and cannot be
// moved: it is not pending any more, like one whose Set has failed. s.mu is held.
func (s *Session) correctClock(now time.Time, others ...*patch) (err error) {
	if !s.row.guessed {
		return nil
	}
	behind := s.heard(now).Milliseconds()
	if behind == 0 {
		return nil
	}
	for _, p := range append(others, &s.pending.newer) {
		edits, failed := s.putOff(p.edits, behind)
		p.edits, err = edits, errors.Join(err, failed)
	}
	return err
}

// putOff returns the entries with ends that are later by so many milliseconds, without those that cannot be moved, for which
// it returns an error. s.mu is held.
func (s *Session) putOff(edits map[string]json.RawMessage, ms int64) (later map[string]json.RawMessage, failed error) {
	later = make(map[string]json.RawMessage, len(edits))
	for name, text := range edits {
		e, _ := unwrap(text)
		switch {
		case e.ends == 0:
			later[name] = text
		case !s.m.sealer.seals(name):
			later[name] = e.later(ms).wrap()
		default:
			moved, err := s.m.sealer.move(s.choose().handle(), s.choose().handle(), name, text, ms)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("session: correct an end: %w", err))
				continue
			}
			later[name] = moved
		}
	}
	return later, failed
}

package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// Set puts value, encoded as encoding/json does, into the session; later changes to it have no effect. ErrValue is
// returned if it is not JSON, or not the JSON that every database holds: a key or string with U+0000 or invalid UTF-8, a
// number beyond float64, more than 100 levels. Integers of up to 40 digits stay exact. ErrTooLarge is returned if it
// exceeds the session's size by itself; ErrGone, ErrRotated, ErrClosed or ErrNoCookie if the session takes no change.
//
// A Set that fails changes nothing, and its error is returned once more by the next Save.
func (s *Session) Set(key string, value any) error {
	raw, err := s.encode(key, value)
	return s.change(func() error {
		if err == nil {
			err = s.put(key, entry{text: raw})
		}
		return err
	})
}

// put makes an entry pending. s.mu is held.
func (s *Session) put(key string, e entry) error {
	var row Handle
	if s.m.sealer.seals(key) {
		row = s.choose().handle()
	}
	text, err := s.m.storedText(row, key, e)
	if err == nil {
		s.pending.newer.put(key, text)
	}
	return err
}

// storedText is an entry as it is stored: in its envelope, and sealed for a row if it is to be.
func (m *Manager) storedText(row Handle, key string, e entry) (text json.RawMessage, err error) {
	if m.sealer.seals(key) {
		text, err = m.sealer.seal(row, key, e)
	} else {
		text = e.wrap()
	}
	if limit := m.config.MaxBytes; err == nil && len(text) > limit {
		return nil, tooLarge(key, limit)
	}
	return text, err
}

func (s *Session) encode(key string, value any) (json.RawMessage, error) {
	if err := checkText(key); err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", ErrValue, quoteKey(key), err)
	}
	limit := s.manager().config.MaxBytes
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

// change runs fn, which changes what is pending, if the session takes changes. An error is kept for the next Save.
func (s *Session) change(fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.writable()
	if err == nil {
		err = fn()
	}
	if err != nil {
		return s.refuse(err)
	}
	return nil
}

// Delete removes an entry. If there is none, nothing changes. It returns those errors of Set that concern the session.
func (s *Session) Delete(key string) error {
	return s.shrink(func() {
		if s.find(key).text != nil {
			s.pending.newer.remove(key, s.row.presence != absent || s.beneath(key) != nil)
		}
	})
}

// Clear removes all entries, also those that another connection has set and this one has not seen. If this one sees none,
// it does nothing.
func (s *Session) Clear() error {
	return s.shrink(func() {
		if s.view().Len() > 0 {
			s.pending.newer.removeAll(s.row.presence != absent || !s.pending.inflight.empty())
		}
	})
}

// shrink is change for what is possible without a cookie: there is nothing to remove from a session without a row.
func (s *Session) shrink(fn func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch err := s.writable(); {
	case errors.Is(err, ErrNoCookie):
		return nil
	case err != nil:
		return s.refuse(err)
	}
	fn()
	return nil
}

// lookup implements Getter.
func (s *Session) lookup(key string) (json.RawMessage, error) {
	s.mu.Lock()
	e, ended, sealer := s.find(key), s.ended, s.m.sealer
	if e.text == nil || ended != nil || !sealer.seals(key) {
		defer s.mu.Unlock()
		return e.text, ended
	}
	row := s.choose().handle()
	s.mu.Unlock()
	return sealer.open(row, key, e)
}

// stored returns an entry's text as it is stored, without its end; nil if there is none.
func (s *Session) stored(key string) json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(key).text
}

// Raw returns a copy of the JSON text of an entry, as it is stored, without its end if SetFor has given it one.
func (s *Session) Raw(key string) (json.RawMessage, bool) {
	raw := s.stored(key)
	return slices.Clone(raw), raw != nil
}

// Has reports whether there is an entry.
func (s *Session) Has(key string) bool { return s.stored(key) != nil }

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
	return keysOf(s.view())
}

// All iterates over the entries as they were at its call, sorted by key, as JSON text as Raw returns it.
func (s *Session) All() iter.Seq2[string, json.RawMessage] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return allOf(s.view())
}

// keysOf returns an object's keys, sorted.
func keysOf(obj jsonobj.Object) []string {
	keys := make([]string, 0, obj.Len())
	for _, m := range obj.Members() {
		keys = append(keys, m.Key())
	}
	return keys
}

// allOf iterates over an object's members, sorted by key.
func allOf(obj jsonobj.Object) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, m := range obj.Members() {
			if !yield(m.Key(), slices.Clone(m.Value)) {
				return
			}
		}
	}
}

package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/simples-go/sessions/internal/sealing"
)

// Sealing encrypts entries before they are stored, with AES-256-GCM, so that a copy of the table does not show them. Keys
// of the session's map stay readable; Set, Get, Modify and all else work as without it. A sealed entry opens in its own
// session and under its own key alone: copied to another row or another entry, it does not.
//
// Raw and All return sealed entries as they are stored. Get and Find decrypt; what they cannot decrypt is ErrSealed.
type Sealing struct {
	// Keys are the keys of the application's own: entries are sealed with the first and opened with any. To change the
	// key, put a new one in front, and take the former one away when Manager.Reseal has found nothing more to do.
	Keys []SealingKey

	// KeySource, if set, returns the keys instead, from a key management service for example. It is called by New, by
	// Reseal, when an entry is opened whose key is not known, at most every ten seconds, and in the background when one is
	// sealed with keys that were returned five minutes ago or more: so every node learns which key has become the current
	// one. If such a call fails, the keys of before stay.
	KeySource func(context.Context) ([]SealingKey, error)

	// Entries are the keys of the entries that are sealed; All seals every entry.
	Entries []string
	All     bool

	// AcceptPlain reads entries that are not sealed although they should be: from turning sealing on until Manager.Reseal
	// has sealed what there is. Otherwise they are ErrSealed, so that nobody who writes to the table can plant one.
	AcceptPlain bool
}

// SealingKey is a key of 32 bytes with an id, which stands beside what it has sealed: up to 64 letters, digits, dots,
// dashes and underscores. It redacts itself.
type SealingKey struct {
	ID     string
	Secret []byte
}

// String names the key by its id.
func (k SealingKey) String() string { return "session.SealingKey(" + k.ID + ")" }

// Format implements fmt.Formatter: every verb prints String.
func (k SealingKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue implements slog.LogValuer with String.
func (k SealingKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText implements encoding.TextMarshaler with String, so that JSON and the like are redacted too.
func (k SealingKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// enabled reports whether anything is sealed.
func (c *Sealing) enabled() bool { return c.All || len(c.Entries) > 0 }

func (c *Sealing) validate() error {
	var errs []error
	if c.enabled() != (len(c.Keys) > 0 || c.KeySource != nil) {
		errs = append(errs, errors.New("Sealing needs keys, and entries to seal"))
	}
	if len(c.Keys) > 0 && c.KeySource != nil {
		errs = append(errs, errors.New("Sealing has Keys and a KeySource"))
	}
	for _, name := range c.Entries {
		if err := checkText(name); err != nil {
			errs = append(errs, fmt.Errorf("Sealing.Entries: %s: %w", quoteKey(name), err))
		}
	}
	return errors.Join(append(errs, checkSealingKeys(c.Keys))...)
}

func checkSealingKeys(keys []SealingKey) error {
	for i, k := range keys {
		if err := sealing.Key(k).Check(); err != nil {
			return fmt.Errorf("sealing keys: %w", err)
		}
		if slices.ContainsFunc(keys[:i], func(other SealingKey) bool { return other.ID == k.ID }) {
			return fmt.Errorf("sealing keys: %s comes twice", k.ID)
		}
	}
	return nil
}

// sealer seals and opens a manager's entries. The nil sealer leaves them as they are.
type sealer struct {
	config Sealing
	ring   *keyring
	realm  string
	limit  int
}

// newSealer returns the sealer of a configuration that is valid.
func newSealer(c *Config) (*sealer, error) {
	if !c.Sealing.enabled() {
		return nil, nil
	}
	ring, err := newKeyring(c)
	if err != nil {
		return nil, fmt.Errorf("session: configuration: %w", err)
	}
	return &sealer{config: c.Sealing, ring: ring, realm: c.Realm, limit: c.MaxBytes}, nil
}

// seals reports whether an entry is a sealed one.
func (x *sealer) seals(name string) bool {
	return x != nil && (x.config.All || slices.Contains(x.config.Entries, name))
}

// place is where an entry belongs. Its end is part of that, so that nobody who writes to the table can put it off.
func (x *sealer) place(row Handle, name string, ends int64) sealing.Place {
	return sealing.Place{Realm: x.realm, Row: row, Name: name, Ends: ends}
}

// seal returns the text of a sealed entry as it is stored. e is the entry before it is sealed.
func (x *sealer) seal(row Handle, name string, e entry) (json.RawMessage, error) {
	x.ring.renewSoon()
	key := x.ring.current()
	if sealing.Size(key.ID, len(e.text)) > x.limit {
		return nil, tooLarge(name, x.limit)
	}
	text, err := sealing.Seal(key, x.place(row, name, e.ends), e.text)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %s, key %s: %w", ErrSealed, quoteKey(name), key.ID, err)
	}
	return entry{text, e.ends}.wrap(), nil
}

// open returns the JSON text of an entry's value, nil for none.
func (x *sealer) open(row Handle, name string, e entry) (json.RawMessage, error) {
	if e.text == nil || !x.seals(name) {
		return e.text, nil
	}
	id, ok := sealing.KeyID(e.text)
	if !ok {
		if x.config.AcceptPlain {
			return e.text, nil
		}
		return nil, plainEntry(name)
	}
	key, err := x.ring.find(id)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %s: key %s: %w", ErrSealed, quoteKey(name), id, err)
	}
	return x.openWith(key, row, name, e)
}

func plainEntry(name string) error {
	return fmt.Errorf("%w: entry %s is stored without being sealed", ErrSealed, quoteKey(name))
}

func (x *sealer) openWith(key sealing.Key, row Handle, name string, e entry) (json.RawMessage, error) {
	value, err := sealing.Open(key, x.place(row, name, e.ends), e.text)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %s: key %s: %w", ErrSealed, quoteKey(name), key.ID, err)
	}
	return value, nil
}

// stale reports whether a stored entry is to be sealed anew: with the current key, or at all.
func (x *sealer) stale(name string, text json.RawMessage) bool {
	if !x.seals(name) {
		return false
	}
	e, _ := unwrap(text)
	id, ok := sealing.KeyID(e.text)
	return !ok && x.config.AcceptPlain || ok && id != x.ring.current().ID
}

// move seals an entry that a row holds anew, for the same row or another, with an end that is later by so many
// milliseconds if it has one. It calls no KeySource.
func (x *sealer) move(from, to Handle, name string, text json.RawMessage, later int64) (json.RawMessage, error) {
	e, _ := unwrap(text)
	id, ok := sealing.KeyID(e.text)
	switch {
	case !ok && x.config.AcceptPlain:
		return x.seal(to, name, e.later(later))
	case !ok:
		return nil, plainEntry(name)
	}
	key, known := x.ring.known(id)
	if !known {
		return nil, fmt.Errorf("%w: entry %s: key %s: %w", ErrSealed, quoteKey(name), id, errUnknownKey)
	}
	value, err := x.openWith(key, from, name, e)
	if err != nil {
		return nil, err
	}
	return x.seal(to, name, entry{value, e.ends}.later(later))
}

// moveSealed seals for the session's new row what is pending and was sealed for the row from. What cannot be opened stays
// in that row alone. s.mu is held.
func (s *Session) moveSealed(from Handle) {
	edits := make(map[string]json.RawMessage, len(s.pending.newer.edits))
	for name, text := range s.pending.newer.edits {
		var err error
		if text != nil && s.m.sealer.seals(name) {
			text, err = s.m.sealer.move(from, s.choose().handle(), name, text, 0)
		}
		if err != nil {
			s.m.config.Logger.Warn("session: a sealed entry cannot be encrypted for the new session and stays out of it", "error", err)
			continue
		}
		edits[name] = text
	}
	s.pending.newer.edits = edits
}

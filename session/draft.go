package session

import (
	"encoding/json"
	"iter"
	"slices"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// Draft is the session that a function of Modify changes: its entries, with the methods that Session has for them. It is
// valid for the length of the call, for one goroutine.
type Draft struct {
	s    *Session
	base jsonobj.Object
	edit patch
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
		d.edit.remove(key, true)
	}
	return nil
}

// Clear is Session.Clear.
func (d *Draft) Clear() error {
	if d.Len() > 0 {
		d.edit.removeAll()
	}
	return nil
}

// Has is Session.Has.
func (d *Draft) Has(key string) bool { return d.find(key) != nil }

// Raw is Session.Raw.
func (d *Draft) Raw(key string) (json.RawMessage, bool) {
	raw := d.find(key)
	return slices.Clone(raw), raw != nil
}

// Len is Session.Len.
func (d *Draft) Len() int { return d.view().Len() }

// Keys is Session.Keys.
func (d *Draft) Keys() []string { return keysOf(d.view()) }

// All is Session.All.
func (d *Draft) All() iter.Seq2[string, json.RawMessage] { return allOf(d.view()) }

// lookup implements Getter.
func (d *Draft) lookup(key string) (json.RawMessage, error) { return d.find(key), nil }

func (d *Draft) find(key string) json.RawMessage {
	if value, decided := d.edit.lookup(key); decided {
		return value
	}
	value, _ := d.base.Get(key)
	return value
}

func (d *Draft) view() jsonobj.Object { return d.edit.apply(d.base) }

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
	s      *Session
	base   jsonobj.Object
	edit   patch
	sealer *sealer
	row    Handle
}

// Set is Session.Set.
func (d *Draft) Set(key string, value any) error {
	raw, err := d.s.encode(key, value)
	if err == nil && d.sealer.seals(key) {
		raw, err = d.sealer.seal(d.row, key, raw)
	}
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
func (d *Draft) lookup(key string) (json.RawMessage, error) {
	return d.sealer.open(d.row, key, d.find(key))
}

func (d *Draft) find(key string) json.RawMessage {
	if value, decided := d.edit.lookup(key); decided {
		return value
	}
	value, _ := d.base.Get(key)
	return value
}

func (d *Draft) view() jsonobj.Object { return d.edit.apply(d.base) }

// reseal seals with the current key what the row holds under former ones. Only a Modify can do that for entries that it
// does not change: a plain save would overwrite what others have set meanwhile.
func (d *Draft) reseal() {
	if d.sealer == nil || d.edit.clear {
		return
	}
	for _, m := range d.base.Members() {
		name := m.Key()
		if _, changed := d.edit.lookup(name); changed || !d.sealer.stale(name, m.Value) {
			continue
		}
		if text, err := d.sealer.move(d.row, d.row, name, m.Value); err == nil {
			d.edit.put(name, text)
		}
	}
}

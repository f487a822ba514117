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
	s     *Session
	m     *Manager
	base  jsonobj.Object
	edit  patch
	row   Handle
	clock reading
}

// Set is Session.Set.
func (d *Draft) Set(key string, value any) error {
	raw, err := d.s.encode(key, value)
	if err == nil {
		err = d.put(key, entry{text: raw})
	}
	return err
}

func (d *Draft) put(key string, e entry) error {
	text, err := d.m.storedText(d.row, key, e)
	if err == nil {
		d.edit.put(key, text)
	}
	return err
}

// Delete is Session.Delete.
func (d *Draft) Delete(key string) error {
	if d.Has(key) {
		_, beneath := d.base.Get(key)
		d.edit.remove(key, beneath)
	}
	return nil
}

// Clear is Session.Clear.
func (d *Draft) Clear() error {
	if d.Len() > 0 {
		d.edit.removeAll(d.base.Len() > 0)
	}
	return nil
}

// Has is Session.Has.
func (d *Draft) Has(key string) bool { return d.find(key).text != nil }

// Raw is Session.Raw.
func (d *Draft) Raw(key string) (json.RawMessage, bool) {
	raw := d.find(key).text
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
	return d.m.sealer.open(d.row, key, d.find(key))
}

func (d *Draft) find(key string) entry {
	text, decided := d.edit.lookup(key)
	if !decided {
		text, _ = d.base.Get(key)
	}
	return d.clock.live(text)
}

func (d *Draft) view() jsonobj.Object { return visible(d.edit.apply(d.base), d.clock.now()) }

// tidy removes what has ended, and seals with the current key what the row holds under former ones.
func (d *Draft) tidy() {
	if d.edit.clear {
		return
	}
	for _, key := range endedKeys(d.base, d.clock.now()) {
		if _, changed := d.edit.lookup(key); !changed {
			d.edit.remove(key, true)
		}
	}
	d.reseal()
}

// reseal seals with the current key what the row holds under former ones.
func (d *Draft) reseal() {
	if d.m.sealer == nil {
		return
	}
	for _, m := range d.base.Members() {
		name := m.Key()
		if _, changed := d.edit.lookup(name); changed || !d.m.sealer.stale(name, m.Value) {
			continue
		}
		if text, err := d.m.sealer.move(d.row, d.row, name, m.Value, 0); err == nil {
			d.edit.put(name, text)
		}
	}
}

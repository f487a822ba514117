package session

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// patch is what a connection has changed and the store does not have yet.
type patch struct {
	clear    bool
	edits    map[string]json.RawMessage // nil: the key is deleted
	id       *token                     // the new token: of a rotation, or of a session that has no row yet
	renew    bool
	idle     *time.Duration
	absolute *time.Duration
	owner    *string
	create   bool // a row is wanted, whatever it holds
}

func (p *patch) empty() bool {
	return !p.clear && len(p.edits) == 0 && p.id == nil && !p.renew && !p.create &&
		p.idle == nil && p.absolute == nil && p.owner == nil
}

// lookup finds key in the patch alone. decided is false where what lies beneath has to say.
func (p *patch) lookup(key string) (value json.RawMessage, decided bool) {
	if value, decided = p.edits[key]; decided {
		return value, true
	}
	return nil, p.clear
}

func (p *patch) put(key string, value json.RawMessage) {
	if p.edits == nil {
		p.edits = make(map[string]json.RawMessage, 1)
	}
	p.edits[key] = value
}

func (p *patch) remove(key string) {
	if p.clear {
		delete(p.edits, key)
		return
	}
	p.put(key, nil)
}

func (p *patch) removeAll() { p.clear, p.edits = true, nil }

// over puts p on top of older. It writes into no map of older's, which a store may still be reading: a caller whose context
// has ended does not wait for the batch that it travels with.
func (p patch) over(older patch) patch {
	if older.empty() {
		return p
	}
	if !p.clear {
		p.edits = overlay(older.edits, p.edits)
		p.clear = older.clear
	}
	p.renew = p.renew || older.renew
	p.create = p.create || older.create
	p.id = or(p.id, older.id)
	p.idle = or(p.idle, older.idle)
	p.absolute = or(p.absolute, older.absolute)
	p.owner = or(p.owner, older.owner)
	return p
}

func overlay(older, newer map[string]json.RawMessage) map[string]json.RawMessage {
	if len(newer) == 0 {
		return maps.Clone(older)
	}
	if len(older) == 0 {
		return newer
	}
	merged := make(map[string]json.RawMessage, len(older)+len(newer))
	for _, edits := range []map[string]json.RawMessage{older, newer} {
		for key, value := range edits {
			merged[key] = value
		}
	}
	return merged
}

func or[T any](newer, older *T) *T {
	if newer != nil {
		return newer
	}
	return older
}

// split gives the edits as a Change has them. It shares p.edits where nothing is deleted.
func (p *patch) split() (set map[string]json.RawMessage, del []string) {
	for key, value := range p.edits {
		if value == nil {
			del = append(del, key)
		}
	}
	if del == nil {
		return p.edits, nil
	}
	set = make(map[string]json.RawMessage, len(p.edits)-len(del))
	for key, value := range p.edits {
		if value != nil {
			set[key] = value
		}
	}
	return set, del
}

// apply returns obj with the patch's edits.
func (p *patch) apply(obj jsonobj.Object) jsonobj.Object {
	if !p.clear && len(p.edits) == 0 {
		return obj
	}
	set, del := p.split()
	return obj.Merge(p.clear, set, del)
}

// change is the patch as a store takes it.
func (p *patch) change(realm string) store.Change {
	set, del := p.split()
	c := store.Change{
		Clear: p.clear, Set: set, Delete: del,
		Renew: p.renew, Idle: p.idle, Absolute: p.absolute, Owner: p.owner,
	}
	if p.id != nil {
		hash := p.id.hash(realm)
		c.Rotate = &hash
	}
	return c
}

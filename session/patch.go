package session

import (
	"bytes"
	"encoding/json"
	"maps"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// patch is what a connection has changed and the store does not have yet.
type patch struct {
	clear        bool
	edits        map[string]json.RawMessage // nil: the key is deleted
	rotate       *token                     // the row's new token
	renew        bool
	login        bool // by Login
	authenticate bool
	idle         *time.Duration
	absolute     *time.Duration
	owner        *string
	tag          *string
	persistence  *store.Persistence
	device       *[]byte
	create       bool // a row is wanted, whatever it holds
	wanted       bool // a row is wanted if the response is a WebSocket's
}

func (p *patch) empty() bool {
	return !p.clear && len(p.edits) == 0 && p.rotate == nil && !p.renew && !p.authenticate && !p.create && !p.wanted && p.idle == nil &&
		p.absolute == nil && p.owner == nil && p.tag == nil && p.persistence == nil && p.device == nil
}

// needsCookie reports whether the patch, saved to a stored row, has to be followed by a cookie.
func (p *patch) needsCookie() bool {
	return p.rotate != nil || p.renew || p.absolute != nil || p.persistence != nil
}

// lookup finds key in the patch alone. decided is false if what lies beneath has to say.
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

// remove deletes key; beneath says whether what lies beneath the patch may have it.
func (p *patch) remove(key string, beneath bool) {
	if p.clear || !beneath {
		delete(p.edits, key)
		return
	}
	p.put(key, nil)
}

// removeAll deletes all keys; beneath says whether there is anything beneath the patch.
func (p *patch) removeAll(beneath bool) { p.clear, p.edits = p.clear || beneath, nil }

// over puts p on top of older. It writes into no map of older's, which a store may still be reading after a caller whose
// context has ended has returned.
func (p patch) over(older patch) patch {
	if older.empty() {
		return p
	}
	if !p.clear {
		p.edits = overlay(older.edits, p.edits)
		p.clear = older.clear
	}
	p.renew = p.renew || older.renew
	p.login = p.login || older.login
	p.authenticate = p.authenticate || older.authenticate
	p.create = p.create || older.create
	p.wanted = p.wanted || older.wanted
	p.rotate = or(p.rotate, older.rotate)
	p.idle = or(p.idle, older.idle)
	p.absolute = or(p.absolute, older.absolute)
	p.owner = or(p.owner, older.owner)
	p.tag = or(p.tag, older.tag)
	p.persistence = or(p.persistence, older.persistence)
	p.device = or(p.device, older.device)
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
	maps.Copy(merged, older)
	maps.Copy(merged, newer)
	return merged
}

func or[T any](newer, older *T) *T {
	if newer != nil {
		return newer
	}
	return older
}

// valueOr returns what p points to, or def for nil.
func valueOr[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// split gives the edits as a Change has them. It shares p.edits if nothing is deleted.
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

// isIn reports whether a row is as the patch makes it, as far as that can be seen.
func (p *patch) isIn(data jsonobj.Object, r store.Record) bool {
	for key, value := range p.edits {
		if held, has := data.Get(key); has != (value != nil) || has && !isText(held, value) {
			return false
		}
	}
	if set, _ := p.split(); p.clear && data.Len() != len(set) {
		return false
	}
	of := r
	p.applyTo(&of)
	return !p.renew && !p.authenticate && p.rotate == nil && of.Owner == r.Owner && of.Tag == r.Tag &&
		of.Timeouts == r.Timeouts && of.Persistence == r.Persistence && bytes.Equal(of.Device, r.Device)
}

// isText reports whether a value that a database holds is that of a canonical text. It may space it in its own way.
func isText(held, text []byte) bool {
	if bytes.Equal(held, text) {
		return true
	}
	same, err := jsonobj.Canonical(nil, held, len(text))
	return err == nil && bytes.Equal(same, text)
}

// applyTo writes the patch's attributes into what is known of a row.
func (p *patch) applyTo(r *store.Record) {
	r.Owner = valueOr(p.owner, r.Owner)
	r.Tag = valueOr(p.tag, r.Tag)
	r.Timeouts.Idle = valueOr(p.idle, r.Timeouts.Idle)
	r.Timeouts.Absolute = valueOr(p.absolute, r.Timeouts.Absolute)
	r.Persistence = valueOr(p.persistence, r.Persistence)
	r.Device = valueOr(p.device, r.Device)
}

// change is the patch as a store takes it.
func (p *patch) change(realm string) store.Change {
	set, del := p.split()
	c := store.Change{
		Clear: p.clear, Set: set, Delete: del, Renew: p.renew, Authenticate: p.authenticate,
		Idle: p.idle, Absolute: p.absolute, Owner: p.owner, Tag: p.tag, Persistence: p.persistence, Device: p.device,
	}
	if p.rotate != nil {
		hash := p.rotate.hash(realm)
		c.Rotate = &hash
	}
	return c
}

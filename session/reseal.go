package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/simples-go/sessions/session/store"
)

// resealChunk is for how many sessions Reseal loads the secrets' hashes at once.
const resealChunk = 500

// resealAttempts is how often a session is tried that others write meanwhile.
const resealAttempts = 50

// Reseal seals with the current key what the live sessions of the manager's realm hold under former ones, or, with
// AcceptPlain, without being sealed. It returns how many sessions it has rewritten: 0 and no error say that no former key is
// needed any more. It may run beside the service and be repeated; it overwrites nobody's changes, is no access, and ends no
// session. An error names some of the sessions that could not be rewritten; the others have been.
//
// One statement lists the sessions. On a large table, give ctx a deadline of its own: without one, the store's time limit for
// any call holds. A KeySource is called first, and its error returned, so that the current key is the one of now.
//
// errors.ErrUnsupported is returned if the store is not a Finder and an Inspector.
func (m *Manager) Reseal(ctx context.Context) (int, error) {
	finder, err := m.finder()
	if err != nil {
		return 0, err
	}
	inspector, ok := m.store.(store.Inspector)
	if !ok {
		return 0, fmt.Errorf("session: reseal on a %T: %w", m.store, errors.ErrUnsupported)
	}
	if m.sealer == nil {
		return 0, errors.New("session: reseal: Config.Sealing is not set")
	}
	if err := m.sealer.ring.renew(); err != nil {
		return 0, fmt.Errorf("session: reseal: %w", err)
	}
	found, err := finder.Find(ctx, store.Selector{Realm: m.realm, All: true}, nil, m.policy())
	if err != nil {
		return 0, fmt.Errorf("session: reseal: %w", err)
	}
	r := resealing{m: m, inspector: inspector}
	for chunk := range slices.Chunk(handlesOf(found), resealChunk) {
		if err := r.rewrite(ctx, chunk); err != nil {
			return r.done, fmt.Errorf("session: reseal: %w", err)
		}
	}
	return r.done, r.failures()
}

// resealing is one run of Reseal.
type resealing struct {
	m         *Manager
	inspector store.Inspector
	done      int
	failed    int
	errs      []error // the first of them
}

// handlesOf returns all that is kept of the sessions while they are rewritten: there may be very many.
func handlesOf(found []store.Record) []Handle {
	keys := make([]Handle, len(found))
	for i := range found {
		keys[i] = found[i].Key
	}
	return keys
}

// rewrite does it for some sessions, and overwrites keys. Its error is one of the database or of ctx.
func (r *resealing) rewrite(ctx context.Context, keys []Handle) error {
	for attempt := 0; len(keys) > 0; attempt++ {
		if attempt == resealAttempts {
			for _, key := range keys {
				r.fail(fmt.Errorf("%s: %w, again and again", key, store.ErrConflict))
			}
			return nil
		}
		rows, err := r.inspector.Inspect(ctx, keys)
		if err != nil {
			return err
		}
		keys = keys[:0]
		for i := range rows {
			again, err := r.row(ctx, &rows[i])
			if err != nil {
				return err
			}
			if again {
				keys = append(keys, rows[i].Key)
			}
		}
		if len(keys) > 0 {
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
	}
	return nil
}

// row rewrites one session. It is to be tried again if the row was rotated or changed meanwhile.
func (r *resealing) row(ctx context.Context, seen *store.Record) (again bool, err error) {
	ref := store.Ref{Key: seen.Key, Hash: seen.Hash, Policy: r.m.policy()}
	ref.Policy.MaxBytes = 0 // what was stored is not refused for a key with a longer id
	rec, err := r.m.store.Load(ctx, ref)
	var c store.Change
	if err == nil {
		c, err = r.stale(rec)
	}
	if err == nil && c.HasData() {
		if _, err = r.m.store.Save(ctx, ref, c); err == nil {
			r.done++
		}
	}
	switch {
	case errors.Is(err, ErrExpired):
		return false, nil
	case errors.Is(err, ErrGone), errors.Is(err, store.ErrConflict):
		return true, nil // gone for this secret: the next look shows another one, or none
	case errors.Is(err, ErrSealed), errors.Is(err, ErrCorrupt), errors.Is(err, ErrTooLarge):
		r.fail(fmt.Errorf("%s: %w", seen.Key, err))
		return false, nil
	}
	return false, err
}

// stale returns the change that seals a row's entries anew, and removes those that have ended and would have to be.
func (r *resealing) stale(rec store.Record) (store.Change, error) {
	c := store.Change{Set: map[string]json.RawMessage{}, IfVersion: rec.Version}
	obj, err := scan(rec.Data)
	if err != nil {
		return c, err
	}
	for _, m := range obj.Members() {
		name := m.Key()
		if !r.m.sealer.stale(name, m.Value) {
			continue
		}
		if e, _ := unwrap(m.Value); e.over(rec.Now) {
			c.Delete = append(c.Delete, name)
			continue
		}
		if c.Set[name], err = r.m.sealer.move(rec.Key, rec.Key, name, m.Value, 0); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (r *resealing) fail(err error) {
	const most = 5
	if r.failed++; len(r.errs) < most {
		r.errs = append(r.errs, err)
	}
}

func (r *resealing) failures() error {
	if r.failed == 0 {
		return nil
	}
	return fmt.Errorf("session: reseal: %d sessions could not be rewritten: %w", r.failed, errors.Join(r.errs...))
}

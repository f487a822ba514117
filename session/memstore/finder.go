package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// makeRoom ends as many of the owner's live sessions as the limit requires before r joins them.
func (m *Store) makeRoom(r store.Record, p store.Policy) (ended []store.Handle, err error) {
	p.IdleLimit = 0 // a session that only this manager refuses counts
	oldest, err := p.Owner.MakeRoom(m.live(store.Selector{Realm: r.Realm, Owner: r.Owner}, r.Now, p))
	for _, old := range oldest {
		m.remove(old.Key, store.Revoked)
		ended = append(ended, old.Key)
	}
	return ended, err
}

// live returns the selected live records, newest first.
func (m *Store) live(selector store.Selector, now time.Time, p store.Policy) []store.Record {
	var found []store.Record
	for _, key := range m.matching(selector) {
		r := m.rows[key]
		if now.Before(r.End(p)) {
			r.Now = now
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b store.Record) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), slices.Compare(b.Key[:], a.Key[:]))
	})
	return found
}

// Find implements store.Finder.
func (m *Store) Find(ctx context.Context, selector store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := m.live(selector, m.now(), p)
	for i := range found {
		obj, err := jsonobj.Scan(found[i].Data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		found[i].Data = obj.Only(keys).Append(nil)
		found[i].Hash, found[i].Former = store.Hash{}, nil
	}
	return found, nil
}

// Revoke implements store.Finder.
func (m *Store) Revoke(ctx context.Context, selector store.Selector) ([]store.Handle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ended := m.matching(selector)
	for _, key := range ended {
		m.remove(key, store.Revoked)
	}
	return ended, nil
}

// matching returns the keys of the selected rows, live or not. Only the owner has an index.
func (m *Store) matching(selector store.Selector) (keys []store.Handle) {
	add := func(key store.Handle) {
		if r, ok := m.rows[key]; ok && selector.Matches(&r) {
			keys = append(keys, key)
		}
	}
	switch {
	case !selector.Key.IsZero():
		add(selector.Key)
	case selector.Owner != "" && selector.Realm != "":
		for key := range m.owners[owner{selector.Realm, selector.Owner}] {
			add(key)
		}
	default:
		for key := range m.rows {
			add(key)
		}
	}
	return keys
}

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

// makeRoom ends as many of the owner's live sessions as the limit asks for before r joins them.
func (m *Store) makeRoom(r store.Record, p store.Policy) ([]store.Handle, error) {
	limit := p.Owner
	others := m.live(r.Owner, r.Now, p)
	excess := len(others) + 1 - limit.Max
	if excess <= 0 {
		return nil, nil
	}
	if !limit.EndOldest {
		return nil, fmt.Errorf("%w: %d of %d", store.ErrOwnerLimit, len(others), limit.Max)
	}
	var ended []store.Handle
	for _, oldest := range others[len(others)-excess:] {
		m.remove(oldest.Key, store.Revoked)
		ended = append(ended, oldest.Key)
	}
	return ended, nil
}

// live returns the owner's live records, newest first.
func (m *Store) live(owner string, now time.Time, p store.Policy) []store.Record {
	var found []store.Record
	for key := range m.owners[owner] {
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

// ListOwner implements OwnerStore.
func (m *Store) ListOwner(ctx context.Context, owner string, keys []string, p store.Policy) ([]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := m.live(owner, m.now(), p)
	for i := range found {
		obj, err := jsonobj.Scan(found[i].Data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		found[i].Data = obj.Only(keys).Append(nil)
		found[i].Hash = store.Hash{}
	}
	return found, nil
}

// Revoke implements OwnerStore.
func (m *Store) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ended []store.Handle
	for _, key := range m.matching(which) {
		m.remove(key, store.Revoked)
		ended = append(ended, key)
	}
	return ended, nil
}

func (m *Store) matching(which store.Selector) []store.Handle {
	var keys []store.Handle
	if which.Key.IsZero() {
		for key := range m.owners[which.Owner] {
			keys = append(keys, key)
		}
	} else if r, ok := m.rows[which.Key]; ok && (which.Owner == "" || r.Owner == which.Owner) {
		keys = append(keys, which.Key)
	}
	return slices.DeleteFunc(keys, func(key store.Handle) bool { return key == which.Except })
}

package session

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/session/internal/jsonobj"
)

// makeRoom ends as many of the owner's live sessions as the limit asks for before r joins them.
func (m *MemoryStore) makeRoom(r Record, p Policy) ([]Handle, error) {
	limit := p.Owner
	others := m.live(r.Owner, r.Now, p.Timeouts)
	excess := len(others) + 1 - limit.Max
	if excess <= 0 {
		return nil, nil
	}
	if !limit.EndOldest {
		return nil, fmt.Errorf("%w: %d of %d", ErrOwnerLimit, len(others), limit.Max)
	}
	var ended []Handle
	for _, oldest := range others[len(others)-excess:] {
		m.remove(oldest.Key, Revoked)
		ended = append(ended, oldest.Key)
	}
	return ended, nil
}

// live returns the owner's live records, newest first.
func (m *MemoryStore) live(owner string, now time.Time, def Timeouts) []Record {
	var found []Record
	for key := range m.owners[owner] {
		r := m.rows[key]
		if now.Before(r.end(def)) {
			r.Now = now
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b Record) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), slices.Compare(b.Key[:], a.Key[:]))
	})
	return found
}

// ListOwner implements OwnerStore.
func (m *MemoryStore) ListOwner(ctx context.Context, owner string, keys []string, p Policy) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := m.live(owner, m.now(), p.Timeouts)
	for i := range found {
		obj, err := jsonobj.Scan(found[i].Data)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		found[i].Data = obj.Only(keys).Append(nil)
		found[i].Hash = Hash{}
	}
	return found, nil
}

// Revoke implements OwnerStore.
func (m *MemoryStore) Revoke(ctx context.Context, which Which) ([]Handle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ended []Handle
	for _, key := range m.matching(which) {
		m.remove(key, Revoked)
		ended = append(ended, key)
	}
	return ended, nil
}

func (m *MemoryStore) matching(which Which) []Handle {
	var keys []Handle
	if which.Key.IsZero() {
		for key := range m.owners[which.Owner] {
			keys = append(keys, key)
		}
	} else if r, ok := m.rows[which.Key]; ok && (which.Owner == "" || r.Owner == which.Owner) {
		keys = append(keys, which.Key)
	}
	return slices.DeleteFunc(keys, func(key Handle) bool { return key == which.Except })
}

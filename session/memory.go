package session

import (
	"context"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/broadcast"
)

// MemoryStore keeps sessions in the process, for development and tests: they end with it. It does all that the SQL stores
// do. The zero value works.
type MemoryStore struct {
	mu     sync.Mutex
	rows   map[Handle]Record
	owners map[string]map[Handle]struct{}
	skew   time.Duration // see Advance
	ended  broadcast.Broadcast[Event]
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{} }

// Advance moves the store's clock forward by d, so that tests need not wait for an expiry.
func (m *MemoryStore) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skew += d
}

// Len returns how many rows the store holds, expired ones included.
func (m *MemoryStore) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

func (m *MemoryStore) now() time.Time { return time.Now().Add(m.skew).UTC().Truncate(time.Millisecond) }

// open returns the live record that ref names. m.mu is held.
func (m *MemoryStore) open(ctx context.Context, ref Ref) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	r, ok := m.rows[ref.Key]
	if !ok {
		return Record{}, ErrGone
	}
	r.Now = m.now()
	return r, r.Open(ref, r.Now)
}

// Load implements Store.
func (m *MemoryStore) Load(ctx context.Context, ref Ref) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.open(ctx, ref)
	if err != nil {
		return Record{}, err
	}
	return r, nil
}

// Create implements Store.
func (m *MemoryStore) Create(ctx context.Context, ref Ref, change Change) (Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Saved{}, err
	}
	if _, ok := m.rows[ref.Key]; ok {
		return Saved{}, ErrExists
	}
	r, err := NewRecord(ref, change, m.now())
	if err != nil {
		return Saved{}, err
	}
	return m.put(Record{}, r, ref.Policy)
}

// Save implements Store.
func (m *MemoryStore) Save(ctx context.Context, ref Ref, change Change) (Saved, error) {
	return m.SaveLocked(ctx, ref, func(Record) (Change, error) { return change, nil })
}

// SaveLocked implements Locker.
func (m *MemoryStore) SaveLocked(ctx context.Context, ref Ref, fn func(Record) (Change, error)) (Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.open(ctx, ref)
	if err != nil {
		return Saved{}, err
	}
	change, err := fn(old)
	if err != nil {
		return Saved{}, err
	}
	r := old
	if err := change.Apply(&r, ref.Policy, old.Now); err != nil {
		return Saved{}, err
	}
	saved, err := m.put(old, r, ref.Policy)
	if err == nil && change.Rotate != nil {
		m.ended.Send(Event{Kind: Rotated, Key: ref.Key})
	}
	return saved, err
}

// put stores r in the place of old, within the owner's limit.
func (m *MemoryStore) put(old, r Record, p Policy) (Saved, error) {
	saved := r.Saved(r.Now)
	if r.Owner != old.Owner && r.Owner != "" && p.Owner.Max > 0 {
		ended, err := m.makeRoom(r, p)
		if err != nil {
			return Saved{}, err
		}
		saved.Ended = ended
	}
	m.disown(old)
	if m.rows == nil {
		m.rows, m.owners = map[Handle]Record{}, map[string]map[Handle]struct{}{}
	}
	m.rows[r.Key] = r
	if r.Owner != "" {
		if m.owners[r.Owner] == nil {
			m.owners[r.Owner] = map[Handle]struct{}{}
		}
		m.owners[r.Owner][r.Key] = struct{}{}
	}
	return saved, nil
}

// remove deletes a row and tells who listens, unless it was expired already. m.mu is held.
func (m *MemoryStore) remove(key Handle, kind EventKind) {
	r := m.rows[key]
	m.disown(r)
	delete(m.rows, key)
	if m.now().Before(r.ExpiresAt) {
		m.ended.Send(Event{Kind: kind, Key: key})
	}
}

func (m *MemoryStore) disown(r Record) {
	delete(m.owners[r.Owner], r.Key)
	if len(m.owners[r.Owner]) == 0 {
		delete(m.owners, r.Owner)
	}
}

// Touch implements Store.
func (m *MemoryStore) Touch(ctx context.Context, ref Ref) (Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.open(ctx, ref)
	if err != nil {
		return Saved{}, err
	}
	r.ExpiresAt = r.Extended(ref.Policy, r.Now)
	m.rows[ref.Key] = r
	return r.Saved(r.Now), nil
}

// TouchAll implements Toucher.
func (m *MemoryStore) TouchAll(ctx context.Context, refs []Ref) error {
	for _, ref := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, _ = m.Touch(ctx, ref) // the dead are passed over
	}
	return nil
}

// Delete implements Store.
func (m *MemoryStore) Delete(ctx context.Context, ref Ref) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	r, ok := m.rows[ref.Key]
	switch {
	case !ok:
		return nil
	case r.Hash == ref.Hash:
		m.remove(ref.Key, Destroyed)
		return nil
	case r.Open(ref, m.now()) == ErrRotated:
		return ErrRotated
	}
	return nil
}

// Inspect implements Inspector.
func (m *MemoryStore) Inspect(ctx context.Context, keys []Handle) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := make([]Record, 0, len(keys))
	for _, key := range keys {
		if r, ok := m.rows[key]; ok {
			r.Data, r.Now = nil, m.now()
			found = append(found, r)
		}
	}
	return found, nil
}

// Watch implements Watcher.
func (m *MemoryStore) Watch(ctx context.Context, fn func(Event)) error {
	return m.ended.Listen(ctx, Event{Kind: Missed}, fn)
}

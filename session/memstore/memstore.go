// Package memstore keeps sessions in the memory of the process, for development and tests.
package memstore

import (
	"context"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/broadcast"
	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/internal/lockedsave"
	"github.com/simples-go/sessions/session/store"
)

// Store keeps sessions in the process, for development and tests: they end with it. It does all that the SQL stores
// do. The zero value works.
type Store struct {
	mu     sync.Mutex
	rows   map[store.Handle]store.Record
	owners map[owner]map[store.Handle]struct{}
	skew   time.Duration // see Advance
	events broadcast.Broadcast[store.Event]
	locks  keylock.Locks[store.Handle] // of sessions for which a SaveLocked is under way
}

// owner is an owner's name in a realm.
type owner struct{ realm, name string }

// New returns an empty store.
func New() *Store { return &Store{} }

// Advance moves the store's clock forward by d, so that tests need not wait for an expiry.
func (m *Store) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.skew += d
}

// Len returns how many rows the store holds, expired ones included.
func (m *Store) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

// Now implements store.Clock.
func (m *Store) Now(ctx context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now(), ctx.Err()
}

func (m *Store) now() time.Time { return time.Now().Add(m.skew).UTC().Truncate(time.Millisecond) }

// open returns the live record that ref names. m.mu is held.
func (m *Store) open(ctx context.Context, ref store.Ref) (store.Record, error) {
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	r, ok := m.rows[ref.Key]
	if !ok {
		return store.Record{}, store.ErrGone
	}
	r.Now = m.now()
	return r, r.Open(ref, r.Now)
}

// Load implements Store.
func (m *Store) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.open(ctx, ref)
	if err != nil {
		return store.Record{}, err
	}
	return r, nil
}

// Create implements Store.
func (m *Store) Create(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return store.Saved{}, err
	}
	if _, ok := m.rows[ref.Key]; ok {
		return store.Saved{}, store.ErrExists
	}
	r, err := store.NewRecord(ref, change, m.now())
	if err != nil {
		return store.Saved{}, err
	}
	return m.put(store.Record{}, r, ref.Policy)
}

// Save implements Store.
func (m *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	if err := m.locks.Wait(ctx, ref.Key); err != nil {
		return store.Saved{}, err
	}
	return m.save(ctx, ref, 0, change)
}

// SaveLocked implements store.Locker.
func (m *Store) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	return lockedsave.Store{Locks: &m.locks, Load: m.Load, Save: m.save}.Run(ctx, ref, fn)
}

// save applies the change to the row, which must have the version if that is not 0.
func (m *Store) save(ctx context.Context, ref store.Ref, version int64, change store.Change) (store.Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.open(ctx, ref)
	if err != nil {
		return store.Saved{}, err
	}
	if version != 0 && version != old.Version {
		return store.Saved{}, lockedsave.ErrMoved
	}
	r := old
	if err := change.Apply(&r, ref.Policy, old.Now); err != nil {
		return store.Saved{}, err
	}
	saved, err := m.put(old, r, ref.Policy)
	if err == nil && change.Rotate != nil {
		m.events.Send(store.Event{Kind: store.Rotated, Key: ref.Key})
	}
	return saved, err
}

// put stores r in the place of old, within the owner's limit.
func (m *Store) put(old, r store.Record, p store.Policy) (store.Saved, error) {
	saved := r.Saved(r.Now)
	if p.Owner.Applies(old.Owner, r.Owner) {
		ended, err := m.makeRoom(r, p)
		if err != nil {
			return store.Saved{}, err
		}
		saved.Ended = ended
	}
	m.disown(old)
	if m.rows == nil {
		m.rows, m.owners = map[store.Handle]store.Record{}, map[owner]map[store.Handle]struct{}{}
	}
	m.rows[r.Key] = r
	if r.Owner != "" {
		of := owner{r.Realm, r.Owner}
		if m.owners[of] == nil {
			m.owners[of] = map[store.Handle]struct{}{}
		}
		m.owners[of][r.Key] = struct{}{}
	}
	return saved, nil
}

// remove deletes a row and sends the event, unless the row was expired already. m.mu is held.
func (m *Store) remove(key store.Handle, kind store.EventKind) {
	r := m.rows[key]
	m.disown(r)
	delete(m.rows, key)
	if m.now().Before(r.ExpiresAt) {
		m.events.Send(store.Event{Kind: kind, Key: key})
	}
}

func (m *Store) disown(r store.Record) {
	of := owner{r.Realm, r.Owner}
	delete(m.owners[of], r.Key)
	if len(m.owners[of]) == 0 {
		delete(m.owners, of)
	}
}

// Touch implements Store.
func (m *Store) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.open(ctx, ref)
	if err != nil {
		return store.Saved{}, err
	}
	if r.Touch(ref.Policy, r.Now) {
		m.rows[ref.Key] = r
	}
	return r.Saved(r.Now), nil
}

// TouchAll implements Toucher.
func (m *Store) TouchAll(ctx context.Context, refs []store.Ref) error {
	for _, ref := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, _ = m.Touch(ctx, ref) // the dead are passed over
	}
	return nil
}

// Delete implements Store.
func (m *Store) Delete(ctx context.Context, ref store.Ref) error {
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
		m.remove(ref.Key, store.Destroyed)
		return nil
	case r.Open(ref, m.now()) == store.ErrRotated:
		return store.ErrRotated
	}
	return nil
}

// Inspect implements Inspector.
func (m *Store) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := make([]store.Record, 0, len(keys))
	for _, key := range keys {
		if r, ok := m.rows[key]; ok {
			r.Data, r.Now = nil, m.now()
			found = append(found, r)
		}
	}
	return found, nil
}

// Watch implements Watcher.
func (m *Store) Watch(ctx context.Context, fn func(store.Event)) error {
	return m.events.Listen(ctx, store.Event{Kind: store.Missed}, fn)
}

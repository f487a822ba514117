package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/session/store"
)

// A row that somebody has locked, an operator in psql for example, must not keep the connections of all others busy
// with waiting. So a statement waits for a lock for a moment only. A caller that finds the row locked then joins
// lockQueue, in which few callers at a time wait longer, and one for each row. Logins of an owner whose sessions are limited
// wait for the owner's lock, and for that of a session which they end, in the same way: one for each owner.
const (
	briefLockWait = `50`
	briefLock     = 50 * time.Millisecond
)

// lockQueue are those who wait for locks. All methods are safe for concurrent use.
type lockQueue struct {
	rows   keylock.Locks[store.Handle]
	places chan struct{} // holds one element for each caller who may wait for its row
}

func newLockQueue(places int) *lockQueue {
	return &lockQueue{places: make(chan struct{}, max(1, places))}
}

// has reports whether somebody waits for the row.
func (q *lockQueue) has(key store.Handle) bool { return q.rows.Held(key) }

// enter returns when the caller may wait for the row's lock, or with ctx's error. leave is to be called after that.
func (q *lockQueue) enter(ctx context.Context, key store.Handle) (leave func(), err error) {
	next, err := q.rows.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	select {
	case q.places <- struct{}{}:
		return func() { <-q.places; next() }, nil
	case <-ctx.Done():
		next()
		return nil, ctx.Err()
	}
}

// withLock calls fn with how long it may wait for the row's lock: briefly first, and if the row is locked for longer, in
// its turn and for as long as ctx has time; in the owner's turn if it is the owner that keeps it waiting.
func (s *Store) withLock(ctx context.Context, key store.Handle, fn func(lock time.Duration) error) error {
	if !s.locks.has(key) {
		err := fn(briefLock)
		if codeOf(err) != lockNotAvailable {
			return err
		}
		var owner *ownerBusy
		if errors.As(err, &owner) {
			key = owner.place
		}
	}
	leave, err := s.locks.enter(ctx, key)
	if err != nil {
		return err
	}
	defer leave()
	end, _ := ctx.Deadline()
	return fn(max(time.Until(end), time.Millisecond))
}

// lockNotAvailable is the SQLSTATE of a statement that has waited for a lock as long as it may.
const lockNotAvailable = "55P03"

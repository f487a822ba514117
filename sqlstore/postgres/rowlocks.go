package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// A row that somebody has locked, an operator in psql for example, must not keep the connections of all others busy
// with waiting. So a statement waits for a lock for a moment only. A caller that finds the row locked then joins
// lockQueue, in which few callers at a time wait longer, and one for each row. New sessions wait for their owner's lock in
// the same way.
const (
	briefLockWait = `50`
	briefLock     = 50 * time.Millisecond
)

// lockQueue are those who wait for locks. All methods are safe for concurrent use.
type lockQueue struct {
	places chan struct{}

	mu   sync.Mutex
	rows map[store.Handle]*queuedRow
}

type queuedRow struct {
	turn    chan struct{} // holds one element while it is nobody's turn
	callers int
}

func newLockQueue(places int) *lockQueue {
	return &lockQueue{places: make(chan struct{}, max(1, places)), rows: map[store.Handle]*queuedRow{}}
}

// has reports whether somebody waits for the row.
func (q *lockQueue) has(key store.Handle) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rows[key] != nil
}

// enter returns when the caller may wait for the row's lock, or with ctx's error. leave is to be called after that.
func (q *lockQueue) enter(ctx context.Context, key store.Handle) (leave func(), err error) {
	row := q.join(key)
	select {
	case <-row.turn:
	case <-ctx.Done():
		q.quit(key, row)
		return nil, ctx.Err()
	}
	next := func() {
		row.turn <- struct{}{}
		q.quit(key, row)
	}
	select {
	case q.places <- struct{}{}:
		return func() { <-q.places; next() }, nil
	case <-ctx.Done():
		next()
		return nil, ctx.Err()
	}
}

func (q *lockQueue) join(key store.Handle) *queuedRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	row := q.rows[key]
	if row == nil {
		row = &queuedRow{turn: make(chan struct{}, 1)}
		row.turn <- struct{}{}
		q.rows[key] = row
	}
	row.callers++
	return row
}

func (q *lockQueue) quit(key store.Handle, row *queuedRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if row.callers--; row.callers == 0 {
		delete(q.rows, key)
	}
}

// withLock calls fn with how long it may wait for the row's lock: briefly first, and if the row is locked for longer, in
// its turn and for as long as ctx has time.
func (s *Store) withLock(ctx context.Context, key store.Handle, fn func(lock time.Duration) error) error {
	if !s.locks.has(key) {
		if err := fn(briefLock); codeOf(err) != lockNotAvailable {
			return err
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

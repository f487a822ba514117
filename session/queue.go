package session

import (
	"context"
	"sync"
)

// queue lets one caller at a time work on a row, in the order of their coming, so that this process's read-modify-writes
// do not conflict with each other. The zero value works.
type queue struct {
	mu   sync.Mutex
	rows map[Handle]chan struct{} // of the last in line: closed when he is done
}

// lock waits for those before. ctx's error where it ends first.
func (q *queue) lock(ctx context.Context, key Handle) (unlock func(), err error) {
	mine := make(chan struct{})
	q.mu.Lock()
	if q.rows == nil {
		q.rows = map[Handle]chan struct{}{}
	}
	before := q.rows[key]
	q.rows[key] = mine
	q.mu.Unlock()
	if before == nil {
		return func() { q.done(key, mine) }, nil
	}
	select {
	case <-before:
		return func() { q.done(key, mine) }, nil
	case <-ctx.Done():
		// Who comes after waits for those before all the same.
		go func() {
			<-before
			q.done(key, mine)
		}()
		return nil, ctx.Err()
	}
}

func (q *queue) done(key Handle, mine chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.rows[key] == mine {
		delete(q.rows, key)
	}
	close(mine)
}

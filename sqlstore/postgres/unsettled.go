package postgres

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// unsettled are the writes that may still reach a row although their callers have left with an error: a statement whose
// caller's context has ended goes on until the server hears of it, and one for many callers until it is done. The next
// write of such a row waits. Else the older one could come after it, and undo what was acknowledged. All methods are safe
// for concurrent use.
type unsettled struct {
	count atomic.Int64 // of rows; read without mu on the path of every save

	mu   sync.Mutex
	rows map[store.Handle][]<-chan struct{} // each closed when its write is over
}

// add says that a write of key is over when done is closed.
func (u *unsettled) add(key store.Handle, done <-chan struct{}) {
	if isClosed(done) {
		return
	}
	u.mu.Lock()
	if u.rows == nil {
		u.rows = map[store.Handle][]<-chan struct{}{}
	}
	u.rows[key] = append(u.rows[key], done)
	u.count.Store(int64(len(u.rows)))
	u.mu.Unlock()
	go func() {
		<-done
		u.next(key)
	}()
}

// next returns a write of key that is not over, nil where there is none, and forgets those that are.
func (u *unsettled) next(key store.Handle) <-chan struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, done := range u.rows[key] {
		if !isClosed(done) {
			u.rows[key] = u.rows[key][i:]
			return done
		}
	}
	delete(u.rows, key)
	u.count.Store(int64(len(u.rows)))
	return nil
}

// wait returns when all writes of key are over, or with ctx's error.
func (u *unsettled) wait(ctx context.Context, key store.Handle) error {
	for done := u.next(key); done != nil; done = u.next(key) {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// settled waits for the writes of key that others have left behind. Where it may have waited, the context that it returns
// is within the store's timeout from when it began. The CancelFunc is to be called when the call is over.
func (s *Store) settled(ctx context.Context, key store.Handle) (context.Context, context.CancelFunc, error) {
	if s.unsettled.count.Load() == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := s.bound(ctx)
	return ctx, cancel, s.unsettled.wait(ctx, key)
}

// write is do for writes of rows. Where a call leaves its connection with the outcome open, the server may be at work
// still: pgx tells it to stop, and has heard the last of it when the connection is cleaned up, or after 15 s.
func (s *Store) write(ctx context.Context, keys []store.Handle, fn func(context.Context, *pgxpool.Conn) error) error {
	return s.do(ctx, untouched, func(ctx context.Context, conn *pgxpool.Conn) error {
		err := fn(ctx, conn)
		if err != nil && conn.Conn().IsClosed() && !notSent(err) {
			for _, key := range keys {
				s.unsettled.add(key, conn.Conn().PgConn().CleanupDone())
			}
		}
		return err
	})
}

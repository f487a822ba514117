package session

import (
	"context"
	"slices"
	"sync"
)

// turn is a lock that is waited for no longer than a context lasts, first come, first served. The zero value is free.
type turn struct {
	mu    sync.Mutex
	taken bool
	line  []chan struct{} // of those who wait; closed when the turn is theirs
}

// take waits for the turn. It returns ctx.Err() if ctx ends first.
func (t *turn) take(ctx context.Context) error {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.line = append(t.line, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		t.leave(mine)
		return ctx.Err()
	}
}

// give passes the turn on.
func (t *turn) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.line) == 0 {
		t.taken = false
		return
	}
	close(t.line[0])
	t.line = t.line[1:]
}

// leave removes a caller from the line, or passes its turn on if that came at the same moment.
func (t *turn) leave(mine chan struct{}) {
	t.mu.Lock()
	i := slices.Index(t.line, mine)
	if i >= 0 {
		t.line = slices.Delete(t.line, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 {
		t.give()
	}
}

// rowTurns has a turn for each row that some connection of this process modifies, so that their read-modify-writes do not
// conflict with each other. The zero value works.
type rowTurns struct {
	mu   sync.Mutex
	rows map[Handle]*rowTurn
}

type rowTurn struct {
	turn
	users int // guarded by rowTurns.mu
}

// take waits for the row's turn. It returns ctx.Err() if ctx ends first.
func (r *rowTurns) take(ctx context.Context, key Handle) (give func(), err error) {
	row := r.enter(key)
	if err := row.take(ctx); err != nil {
		r.exit(key, row)
		return nil, err
	}
	return func() {
		row.give()
		r.exit(key, row)
	}, nil
}

func (r *rowTurns) enter(key Handle) *rowTurn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rows == nil {
		r.rows = map[Handle]*rowTurn{}
	}
	row := r.rows[key]
	if row == nil {
		row = &rowTurn{}
		r.rows[key] = row
	}
	row.users++
	return row
}

func (r *rowTurns) exit(key Handle, row *rowTurn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if row.users--; row.users == 0 {
		delete(r.rows, key)
	}
}

package keylock

import "slices"

// line is who waits for a lock, first come, first served: for each a channel that is closed when the lock is theirs.
type line []chan struct{}

// join adds a caller at the end.
func (l *line) join() <-chan struct{} {
	mine := make(chan struct{})
	*l = append(*l, mine)
	return mine
}

// next removes the first caller, whose the lock is from then on. It reports false if there is none.
func (l *line) next() bool {
	if len(*l) == 0 {
		return false
	}
	close((*l)[0])
	*l = (*l)[1:]
	return true
}

// leave removes a caller that waits no more. It reports false if the lock has become that caller's meanwhile.
func (l *line) leave(mine <-chan struct{}) bool {
	i := slices.IndexFunc(*l, func(waiting chan struct{}) bool { return waiting == mine })
	if i >= 0 {
		*l = slices.Delete(*l, i, i+1)
	}
	return i >= 0
}

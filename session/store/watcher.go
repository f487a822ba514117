package store

import "context"

// Watcher is implemented by stores that learn of sessions that ended, in this process and, if the database can notify, in
// others.
type Watcher interface {
	// Watch calls fn for each event, from one goroutine at a time, until ctx ends, and returns ctx.Err() then. Whenever it
	// may have missed events (at its start, after a lost connection), it sends an Event of kind Missed. It recovers from a
	// failing database by itself. fn must return quickly.
	Watch(ctx context.Context, fn func(Event)) error
}

// Event says that something happened to a session. Key is zero for Missed.
type Event struct {
	Kind EventKind
	Key  Handle
}

// EventKind says what happened to a session.
type EventKind uint8

// The kinds of events.
const (
	// Missed means that events may have been lost, of any session.
	Missed EventKind = iota
	// Destroyed means that a connection destroyed the session.
	Destroyed
	// Revoked means that the session was ended from outside, by Revoke, an OwnerLimit or an operator.
	Revoked
	// Rotated means that the session has a new secret.
	Rotated
	// Changed means that the session's data changed. It is sent only if the application opts in.
	Changed
)

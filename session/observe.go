package session

import (
	"context"
	"time"
)

// Op is the kind of an Observation: a call of the store, or something that a manager has noticed.
type Op string

// The operations that Config.Observe is called for.
const (
	OpLoad     Op = "load"
	OpCreate   Op = "create"
	OpSave     Op = "save"
	OpTouch    Op = "touch"
	OpDestroy  Op = "destroy"
	OpRevoke   Op = "revoke"
	OpRotate   Op = "rotate"   // beside the OpSave that carried it
	OpUnproven Op = "unproven" // a request lacks the proof of the device to which its session is bound
	OpReuse    Op = "reuse"    // a token from before a rotation has come back after the grace: a sign of theft
	OpCheck    Op = "check"    // a poll of the rows of sessions with open sockets; Handle is zero
	OpImport   Op = "import"   // of a session of another system, or of none that lives there
	OpCollect  Op = "collect"  // deleted Observation.Deleted expired rows; Handle is zero
	OpEnd      Op = "end"      // an open socket's session has ended; Err says how
)

// Observation is one operation, done. It holds no token and no data.
type Observation struct {
	Op       Op
	Handle   Handle
	Owner    string // of the session, as it is stored; "" if it has none, or it is not known
	Start    time.Time
	Duration time.Duration
	Err      error // nil, or one that matches this package's sentinels, or the database's
	Deleted  int64 // expired rows, by OpCollect
}

// observeSave observes a save, and the rotation that came with it.
func (m *Manager) observeSave(ctx context.Context, op Op, key Handle, owner string, start time.Time, rotated bool, err error) {
	m.observe(ctx, op, key, owner, start, err)
	if rotated && err == nil {
		m.observe(ctx, OpRotate, key, owner, start, nil)
	}
}

func (m *Manager) observe(ctx context.Context, op Op, key Handle, owner string, start time.Time, err error) {
	m.report(ctx, Observation{Op: op, Handle: key, Owner: owner, Start: start, Err: err})
}

// report observes an operation that is done now.
func (m *Manager) report(ctx context.Context, o Observation) {
	if m.config.Observe != nil {
		o.Duration = time.Since(o.Start)
		m.config.Observe(ctx, o)
	}
}

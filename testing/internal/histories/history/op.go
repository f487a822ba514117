// Package history is what clients record: what was asked of a session, when, and what was answered. It knows nothing of
// the library that is tried.
package history

import "maps"

// Op is one operation on one session. Times are those of [Now].
type Op struct {
	Session string           `json:"session"` // a name that the clients gave it
	Client  int              `json:"client"`
	Server  int              `json:"server"`
	Call    int64            `json:"call"`
	Return  int64            `json:"return"`          // Open if the outcome stays unknown
	Began   int64            `json:"began,omitempty"` // of a commit: when its request was sent
	Token   string           `json:"token,omitempty"` // under which it was asked; empty for operations from outside
	Kind    Kind             `json:"kind"`
	Outcome Outcome          `json:"outcome"`
	Change  Change           `json:"change,omitzero"` // of Create and Write
	View    map[string]int64 `json:"view,omitempty"`  // what Load has seen, or the values that Change.Add gave
	Owner   string           `json:"owner,omitempty"` // whose sessions Revoke and Limit end; empty: this session
	Count   int              `json:"count,omitempty"` // what List has counted
	Socket  bool             `json:"socket,omitempty"`
	Why     string           `json:"why,omitempty"` // an error's text or the reason of a close, for readers
}

// Open is the return time of an operation of which nobody knows whether, or when, it took effect.
const Open = int64(1) << 62

// Kind says what an operation does.
type Kind string

// The kinds.
const (
	Create   Kind = "create"   // makes the session, with the token Change.NewToken
	Load     Kind = "load"     // reads all entries
	Write    Kind = "write"    // applies Change in one atomic step
	Touch    Kind = "touch"    // extends the expiry
	Destroy  Kind = "destroy"  // ends the session
	Revoke   Kind = "revoke"   // ends the session, or all of Owner, from outside
	Limit    Kind = "limit"    // may have ended the session because its owner has a newer one
	Socket   Kind = "socket"   // a socket was open from Call to Return
	List     Kind = "list"     // counts the live sessions of Owner
	Failover Kind = "failover" // the primary was lost at Call, and another one ready at Return
	Away     Kind = "away"     // the database did not work from Call to Return
	Cookie   Kind = "cookie"   // brought Token to a client, whose session has Change.NewToken
)

// Outcome says what became of an operation.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Rotated Outcome = "rotated" // refused: a sibling has a newer token
	Gone    Outcome = "gone"    // refused: there is no such session
	Refused Outcome = "refused" // refused for a reason that is not the session's life
	Unknown Outcome = "unknown" // may have taken effect, may still do so
)

// Change is what a Write does, all of it or nothing.
type Change struct {
	Clear    bool             `json:"clear,omitempty"`
	Set      map[string]int64 `json:"set,omitempty"`
	Delete   []string         `json:"delete,omitempty"`
	Add      map[string]int64 `json:"add,omitempty"` // to what is stored, after the others
	NewToken string           `json:"newToken,omitempty"`
	Renew    bool             `json:"renew,omitempty"`
	Owner    *string          `json:"owner,omitempty"`
	Idle     int64            `json:"idle,omitempty"`     // milliseconds
	Absolute int64            `json:"absolute,omitempty"` // milliseconds
	Any      bool             `json:"any,omitempty"`      // of Create: what it holds is not known
}

// Empty reports whether the change does nothing.
func (c *Change) Empty() bool {
	return !c.Clear && len(c.Set) == 0 && len(c.Delete) == 0 && len(c.Add) == 0 && c.NewToken == "" && c.Owner == nil &&
		c.Idle == 0 && c.Absolute == 0
}

// Apply returns data with the change.
func (c *Change) Apply(data map[string]int64) map[string]int64 {
	out := map[string]int64{}
	if !c.Clear {
		maps.Copy(out, data)
	}
	for _, key := range c.Delete {
		delete(out, key)
	}
	maps.Copy(out, c.Set)
	for key, n := range c.Add {
		out[key] += n
	}
	return out
}

// Package wire is what clients and the server under trial say to each other.
package wire

// Request is a script that one handler runs on its session.
type Request struct {
	Begin bool   `json:"begin,omitempty"` // go on if there is no session, so that the commit makes one
	Steps []Step `json:"steps"`
}

// Step is one thing that a handler does, or one message of a socket.
type Step struct {
	Do       string           `json:"do"`
	Key      string           `json:"key,omitempty"`
	N        int64            `json:"n,omitempty"`
	Add      map[string]int64 `json:"add,omitempty"`
	Owner    string           `json:"owner,omitempty"`
	Idle     int64            `json:"idle,omitempty"`     // milliseconds
	Absolute int64            `json:"absolute,omitempty"` // milliseconds
}

// What a Step does.
const (
	Set     = "set"
	Delete  = "delete"
	Clear   = "clear"
	Add     = "add" // an atomic read-modify-write
	Save    = "save"
	Load    = "load"
	Touch   = "touch"
	Rotate  = "rotate"
	Login   = "login"   // renews, and sets the owner
	Timeout = "timeout" // sets the session's own timeouts
	Destroy = "destroy"
	Panic   = "panic"
	Pause   = "pause" // for N milliseconds
)

// Result is what came of a step. Times are those of history.Now.
type Result struct {
	Call   int64            `json:"call"`
	Return int64            `json:"return"`
	Error  Class            `json:"error,omitempty"`
	Text   string           `json:"text,omitempty"`
	View   map[string]int64 `json:"view,omitempty"` // of Load: all entries; of Add: those that it has changed
	Token  string           `json:"token,omitempty"`
}

// Answer is the response to a Request.
type Answer struct {
	Start   int64            `json:"start"` // when the handler was called
	End     int64            `json:"end"`   // when it had done its steps
	Fresh   bool             `json:"fresh,omitempty"`
	Token   string           `json:"token,omitempty"` // as the handler saw it at its start
	View    map[string]int64 `json:"view,omitempty"`  // likewise
	Results []Result         `json:"results,omitempty"`
	Error   Class            `json:"error,omitempty"` // of the load or the commit
	Text    string           `json:"text,omitempty"`
}

// State is what a server has in use.
type State struct {
	Goroutines int `json:"goroutines"`
	Sockets    int `json:"sockets"`
}

// Class is the kind of an error, as far as a client has to know.
type Class string

// The classes of errors.
const (
	None    Class = ""
	Rotated Class = "rotated"
	Gone    Class = "gone"
	Refused Class = "refused" // nothing was written, the session is as it was
	Failed  Class = "failed"  // nobody knows whether anything was written
)

package session

import (
	"context"
	"errors"

	"github.com/simples-go/sessions/session/store"
)

// Outcome is how an operation went, for metrics, traces and alerts.
type Outcome uint8

// The outcomes of operations. Only Failed is worth an alert.
const (
	OK        Outcome = iota
	Refused           // as it has to be: the session has ended, a limit is reached, the request is not allowed
	Failed            // the database, or a mistake of this server's code, configuration or data
	Cancelled         // the client has gone, the caller has given up, or the manager is shutting down
)

// String returns "ok", "refused", "failed" or "cancelled".
func (o Outcome) String() string {
	return [...]string{"ok", "refused", "failed", "cancelled"}[min(o, Cancelled)]
}

// OutcomeOf is the outcome that err, of this package or a store, stands for; of several, Failed by this package's own
// errors goes before Refused. A deadline that has passed is Failed: nearly always it is that of a database which does not
// answer in time.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case isOneOf(err, mistakes):
		return Failed
	case isOneOf(err, refusedCauses):
		return Refused
	case isOneOf(err, cancelledCauses):
		return Cancelled
	}
	return Failed
}

// mistakes are the errors of this server's code, configuration or data.
var mistakes = []error{ErrValue, ErrCorrupt, ErrClosed, ErrNoCookie, ErrSealed}

var refusedCauses = []error{
	ErrGone, ErrTooLarge, ErrOwnerLimit, ErrAmbiguous, ErrOrigin, store.ErrConflict, store.ErrExists, errNotImported,
}

var cancelledCauses = []error{context.Canceled, errClientGone, ErrShutdown}

func isOneOf(err error, causes []error) bool {
	for _, cause := range causes {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

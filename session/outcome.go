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
	Refused           // the session has ended, a limit is reached, or the request is not allowed
	Failed            // the database has failed, or this server's code, configuration or data is wrong
	Cancelled         // the client has gone, the caller has cancelled its context, or the manager is shutting down
)

// String returns "ok", "refused", "failed" or "cancelled".
func (o Outcome) String() string {
	return [...]string{"ok", "refused", "failed", "cancelled"}[min(o, Cancelled)]
}

// OutcomeOf returns the outcome of an operation that returned err, an error of this package or of a store. If err wraps
// several errors, this package's own mistakes, which are Failed, come before Refused. A deadline that has passed is
// Failed: nearly always the database has not answered in time.
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
	ErrGone, ErrTooLarge, ErrOwnerLimit, ErrAmbiguous, ErrOrigin, store.ErrConflict, store.ErrExists, ErrImportRefused,
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

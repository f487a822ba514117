package otelsession

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// kind holds the attributes by which the metrics group operations. Each has few values.
type kind struct {
	op      session.Op
	outcome session.Outcome
	err     string // error.type; "" for none
}

func (k kind) keyValues() []attribute.KeyValue {
	all := []attribute.KeyValue{attributeOperation.String(string(k.op)), attributeOutcome.String(k.outcome.String())}
	if k.err != "" {
		all = append(all, attributeError.String(k.err))
	}
	return all
}

// refusals are the errors that are answers, the more exact ones first, with the names that they have in error.type.
var refusals = []struct {
	err  error
	name string
}{
	{session.ErrUnproven, "unproven"},
	{session.ErrRotated, "rotated"},
	{session.ErrExpired, "expired"},
	{session.ErrDestroyed, "destroyed"},
	{session.ErrRevoked, "revoked"},
	{store.ErrReused, "reused"},
	{session.ErrGone, "gone"},
	{store.ErrConflict, "conflict"},
	{store.ErrExists, "exists"},
	{session.ErrTooLarge, "too_large"},
	{session.ErrOwnerLimit, "owner_limit"},
}

func kindOf(o session.Observation) kind {
	outcome := session.OutcomeOf(o.Err)
	return kind{o.Op, outcome, errorType(o.Err, outcome)}
}

func errorType(err error, outcome session.Outcome) string {
	switch outcome {
	case session.OK:
		return ""
	case session.Cancelled:
		return "cancelled"
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, session.ErrCorrupt):
		return "corrupt"
	}
	return "_OTHER"
}

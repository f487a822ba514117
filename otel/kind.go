package otelsession

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// The outcomes of an operation.
const (
	outcomeOK        = "ok"
	outcomeRefused   = "refused"   // the store works, and the answer is no
	outcomeCancelled = "cancelled" // by whoever asked
	outcomeFailed    = "failed"    // for an alert
)

// kind is what the metrics tell operations apart by: few values each.
type kind struct {
	op      session.Op
	outcome string
	err     string // error.type; "" for none
}

func (k kind) keyValues() []attribute.KeyValue {
	all := []attribute.KeyValue{attributeOperation.String(string(k.op)), attributeOutcome.String(k.outcome)}
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
	if o.Err == nil {
		return kind{o.Op, outcomeOK, ""}
	}
	for _, r := range refusals {
		if errors.Is(o.Err, r.err) {
			return kind{o.Op, outcomeRefused, r.name}
		}
	}
	switch {
	case errors.Is(o.Err, context.Canceled):
		return kind{o.Op, outcomeCancelled, "cancelled"}
	case errors.Is(o.Err, context.DeadlineExceeded):
		return kind{o.Op, outcomeFailed, "timeout"}
	case errors.Is(o.Err, session.ErrCorrupt):
		return kind{o.Op, outcomeFailed, "corrupt"}
	}
	return kind{o.Op, outcomeFailed, "_OTHER"}
}

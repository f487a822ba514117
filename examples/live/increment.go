package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/simples-go/sessions/session"
)

// increment adds one to an entry, atomically, and returns what it is then. An entry that is not there counts as 0.
func increment(ctx context.Context, s *session.Session, key string) (json.RawMessage, error) {
	return session.ModifyKey(ctx, s, key, successor)
}

// successor works on the entry's text, since null and true decode into numbers or fail with errors that say less.
func successor(value json.RawMessage) (json.RawMessage, error) {
	if value == nil {
		return json.RawMessage("1"), nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), n == math.MaxInt64:
		return nil, errOverflow
	case err != nil:
		return nil, errNotInteger
	}
	return strconv.AppendInt(nil, n+1, 10), nil
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/simples-go/sessions/session"
)

// command is a message of the client. Exactly one field is set.
type command struct {
	Set       *entry  `json:"set"`
	Delete    *string `json:"delete"`
	Increment *string `json:"increment"`
	Save      bool    `json:"save"`
	Load      bool    `json:"load"`
}

type entry struct {
	Key   *string         `json:"key"`
	Value json.RawMessage `json:"value"`
}

var errCommand = badRequest(`send one of {"set":{"key":"k","value":…}}, {"delete":"k"}, {"increment":"k"}, ` +
	`{"save":true}, {"load":true}`)

func parseCommand(text []byte) (command, error) {
	var c command
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, errCommand
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || !c.valid() {
		return c, errCommand
	}
	return c, nil
}

func (c *command) valid() bool {
	n := 0
	for _, given := range []bool{c.Set != nil, c.Delete != nil, c.Increment != nil, c.Save, c.Load} {
		if given {
			n++
		}
	}
	return n == 1 && (c.Set == nil || (c.Set.Key != nil && c.Set.Value != nil))
}

// apply changes the session as the client's command says.
func (c *command) apply(ctx context.Context, s *session.Session) error {
	switch {
	case c.Set != nil:
		return put(ctx, s, *c.Set.Key, c.Set.Value)
	case c.Delete != nil:
		return s.Delete(*c.Delete)
	case c.Increment != nil:
		_, err := increment(ctx, s, *c.Increment)
		return err
	case c.Save:
		return s.Save(ctx)
	}
	return s.Load(ctx)
}

// put sets an entry. The error of a Set comes again with the next Save, for code that ignores it; here the client is told
// at once, and that Save is made now: it writes nothing, and what is pending stays so.
func put(ctx context.Context, s *session.Session, key string, value json.RawMessage) error {
	err := s.Set(key, value)
	if err != nil {
		_ = s.Save(ctx)
	}
	return err
}

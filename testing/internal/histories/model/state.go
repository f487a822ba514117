package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// state is a session as the promises have it. It is never changed once made.
type state struct {
	born, dead bool
	known      bool // what it holds
	token      string
	former     []string
	data       map[string]int64
	owner      string
}

// input is an operation with what its time allows.
type input struct {
	*history.Op
	expired bool // the session may have expired by then
	late    bool // the grace of its token may have passed by then
	racing  bool // an access that began in time was under way, and may have kept it alive
	stepped bool // the session may seem to have expired, until the clock is stepped back
}

// session is the model of one session for porcupine.
var session = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, _ any) (bool, any) { return s.(state).step(in.(input)) },
	Equal: func(a, b any) bool {
		return a.(state).equal(b.(state))
	},
	DescribeOperation: func(in, _ any) string { return Describe(in.(input).Op) },
	DescribeState:     func(s any) string { return s.(state).String() },
}

func (s state) equal(o state) bool {
	return s.born == o.born && s.dead == o.dead && s.known == o.known && s.token == o.token && s.owner == o.owner &&
		maps.Equal(s.data, o.data) && slices.Equal(s.former, o.former)
}

// opens reports whether the token opens the session.
func (s state) opens(token string) bool { return s.born && !s.dead && s.token == token }

// step says whether the operation may have had its outcome in this state, and what the state is then.
func (s state) step(in input) (bool, state) {
	switch in.Outcome {
	case history.OK:
		return s.done(in)
	case history.Rotated:
		return s.born && !s.dead && slices.Contains(s.former, in.Token), s
	case history.Gone:
		return s.gone(in)
	case history.Unknown:
		if done, next := s.done(in); done {
			return true, next
		}
	}
	return true, s
}

// gone: there was no such session. A live one's own token is never answered so, nor, in its grace, a former one.
func (s state) gone(in input) (bool, state) {
	switch {
	case !s.born, s.dead, in.stepped, in.late && s.token != in.Token:
		return true, s
	case in.expired:
		s.dead = !in.racing
		return true, s
	}
	return false, s
}

func (s state) done(in input) (bool, state) {
	switch in.Kind {
	case history.Create:
		return !s.born, state{born: true, known: !in.Change.Any, token: in.Change.NewToken, data: in.Change.Apply(nil),
			owner: deref(in.Change.Owner)}
	case history.Revoke, history.Limit:
		s.dead = s.dead || s.born && s.owner == in.Owner
		return true, s
	case history.Destroy:
		return s.destroyed(in)
	case history.Load:
		return s.loaded(in)
	case history.Write:
		return s.written(in)
	case history.Touch:
		return s.opens(in.Token), s
	}
	return true, s
}

// destroyed: to destroy what is not there is no error.
func (s state) destroyed(in input) (bool, state) {
	if !s.opens(in.Token) {
		return s.dead || in.late || in.expired || in.stepped, s
	}
	s.dead = true
	return true, s
}

func (s state) loaded(in input) (bool, state) {
	if !s.opens(in.Token) {
		return false, s
	}
	if !s.known {
		s.known, s.data = true, in.View
		return true, s
	}
	return maps.Equal(s.data, in.View), s
}

func (s state) written(in input) (bool, state) {
	if !s.opens(in.Token) {
		// A request that began in time ends well, with nothing saved.
		return in.Began != 0 && in.expired && in.Outcome == history.OK, s
	}
	s.data = in.Change.Apply(s.data)
	if in.Outcome == history.OK && s.known {
		for key := range in.Change.Add {
			if s.data[key] != in.View[key] {
				return false, s
			}
		}
	}
	if next := in.Change.NewToken; next != "" && next != s.token {
		s.token, s.former = next, append(slices.Clone(s.former), s.token)
	}
	if in.Change.Owner != nil {
		s.owner = *in.Change.Owner
	}
	return true, s
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s state) String() string {
	switch {
	case !s.born:
		return "none"
	case s.dead:
		return "ended"
	}
	return fmt.Sprintf("%s %v", short(s.token), s.data)
}

// short names a token by its end: the beginning is the same for all of a session.
func short(token string) string {
	if len(token) > 6 {
		token = "…" + token[len(token)-6:]
	}
	return token
}

// Describe says an operation in a line.
func Describe(op *history.Op) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", op.Kind)
	if op.Token != "" {
		fmt.Fprintf(&b, " by %s", short(op.Token))
	}
	describeChange(&b, &op.Change)
	if op.Owner != "" {
		fmt.Fprintf(&b, " of %s", op.Owner)
	}
	fmt.Fprintf(&b, ": %s", op.Outcome)
	if op.View != nil || (op.Kind == history.Load && op.Outcome == history.OK) {
		fmt.Fprintf(&b, " %v", op.View)
	}
	return b.String()
}

func describeChange(b *strings.Builder, c *history.Change) {
	if c.Clear {
		b.WriteString(" clear")
	}
	if len(c.Delete) > 0 {
		fmt.Fprintf(b, " delete %v", c.Delete)
	}
	if len(c.Set) > 0 {
		fmt.Fprintf(b, " set %v", c.Set)
	}
	if len(c.Add) > 0 {
		fmt.Fprintf(b, " add %v", c.Add)
	}
	if c.NewToken != "" {
		fmt.Fprintf(b, " token %s", short(c.NewToken))
	}
	if c.Owner != nil {
		fmt.Fprintf(b, " owner %s", *c.Owner)
	}
}

// Package suite is what the programs of this module have in common: what they do, and the test that drives each of them
// over HTTP.
package suite

import (
	"net/http"
	"strings"

	"github.com/simples-go/sessions/session"
)

// Login begins a user's session and returns what a JSON login answers.
func Login(r *http.Request, user string) (map[string]any, error) {
	s := session.FromContext(r.Context())
	if err := s.Login(user); err != nil {
		return nil, err
	}
	if err := s.Set("flash", "Welcome, "+user); err != nil {
		return nil, err
	}
	return map[string]any{"user": user}, nil
}

// Logout ends the session.
func Logout(r *http.Request) error { return session.FromContext(r.Context()).Destroy(r.Context()) }

// Account shows who is logged in, the flash message once, and how many sessions the user has.
func Account(m *session.Manager, r *http.Request) (map[string]any, error) {
	s := session.FromContext(r.Context())
	flash, err := session.Pop[string](s, "flash")
	if err != nil {
		return nil, err
	}
	list, err := m.Sessions(r.Context(), s.Owner())
	if err != nil {
		return nil, err
	}
	return map[string]any{"user": s.Owner(), "flash": flash, "sessions": len(list)}, nil
}

// Fill sets more than a session holds, and does not look at it: the commit fails.
func Fill(r *http.Request) {
	s := session.FromContext(r.Context())
	for _, key := range []string{"a", "b"} {
		_ = s.Set(key, strings.Repeat("x", 600_000))
	}
}

// Refuse sets what no session holds, for a handler that answers by itself.
func Refuse(r *http.Request) error {
	return session.FromContext(r.Context()).Set("callback", func() {})
}

// Break changes the session and panics.
func Break(r *http.Request) {
	_ = session.FromContext(r.Context()).Set("broken", true)
	panic("broken")
}

// Package peers does with scs what the programs of this module do, so that the lines of both can be counted.
package peers

import (
	"context"

	"github.com/alexedwards/scs/v2"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
)

// UseChi is the documented way with chi.
func UseChi(r chi.Router, m *scs.SessionManager) { r.Use(m.LoadAndSave) }

// UseEcho is Echo's own adapter. For Echo the documentation of scs points to another package besides.
func UseEcho(e *echo.Echo, m *scs.SessionManager) { e.Use(echo.WrapMiddleware(m.LoadAndSave)) }

// Login begins a user's session.
func Login(ctx context.Context, m *scs.SessionManager, user string) (map[string]any, error) {
	if err := m.RenewToken(ctx); err != nil {
		return nil, err
	}
	m.Put(ctx, "user", user)
	m.Put(ctx, "flash", "Welcome, "+user)
	return map[string]any{"user": user}, nil
}

// Logout ends the session.
func Logout(ctx context.Context, m *scs.SessionManager) error { return m.Destroy(ctx) }

// Account shows who is logged in, the flash message once, and the user's sessions, which are found among all sessions of
// all users. What names a session is its token, so the page shows what opens it.
func Account(ctx context.Context, m *scs.SessionManager) (map[string]any, error) {
	user, flash := m.GetString(ctx, "user"), m.PopString(ctx, "flash")
	tokens := []string{}
	err := m.Iterate(ctx, func(ctx context.Context) error {
		if m.GetString(ctx, "user") == user {
			tokens = append(tokens, m.Token(ctx))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"user": user, "flash": flash, "here": m.Token(ctx), "sessions": tokens}, nil
}

// End ends one of the user's sessions, and reports whether there was one.
func End(ctx context.Context, m *scs.SessionManager, token string) (bool, error) {
	user, ended := m.GetString(ctx, "user"), false
	err := m.Iterate(ctx, func(ctx context.Context) error {
		if m.Token(ctx) != token || m.GetString(ctx, "user") != user {
			return nil
		}
		ended = true
		return m.Destroy(ctx)
	})
	return ended, err
}

// Package htmx answers htmx's requests whose session has changed beneath them.
package htmx

import (
	"errors"
	"net/http"

	"github.com/simples-go/sessions/session"
)

// OnError is for session.Config.ErrorHandler. A request that carries the token from before a rotation gets 409: the
// browser has been sent the new one by a parallel request. htmx swaps nothing in for it, so the page would seem dead;
// HX-Refresh has it loaded again, with the new cookie.
func OnError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, session.ErrRotated) && r.Header.Get("HX-Request") == "true" {
		w.Header().Set("HX-Refresh", "true")
	}
	http.Error(w, http.StatusText(session.StatusCode(err)), session.StatusCode(err))
}

// RequireLogin sends whoever is not logged in to the login page: htmx with a header, since it would put the target of
// a redirect into the page.
func RequireLogin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		switch err := s.Err(); {
		case errors.Is(err, session.ErrRotated):
			OnError(w, r, err)
		case s.Owner() != "":
			h.ServeHTTP(w, r)
		case r.Header.Get("HX-Request") == "true":
			w.Header().Set("HX-Redirect", "/login")
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		}
	})
}

// Package accounts keeps a browser logged in to several accounts, of which one is in use.
package accounts

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/simples-go/sessions/session"
)

// Accounts has the handlers that put another session into the response. They stand outside of the sessions' middleware,
// which speaks for the session that the request came with.
type Accounts struct {
	Sessions     *session.Manager
	Authenticate func(*http.Request) (user string, ok bool)
}

// Add logs in to one more account, in a session of its own.
func (a *Accounts) Add(w http.ResponseWriter, r *http.Request) {
	user, ok := a.Authenticate(r)
	switch {
	case !ok:
		http.Error(w, "wrong password", http.StatusForbidden)
	case len(parked(r)) == most:
		http.Error(w, "too many accounts", http.StatusTooManyRequests)
	default:
		a.put(w, r, "", func(s *session.Session) error { return s.Login(user) })
	}
}

// Switch goes on with the session of a parked account, which the form names by its handle.
func (a *Accounts) Switch(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie(prefix + r.FormValue("account"))
	if err != nil {
		http.Error(w, "no such account", http.StatusNotFound)
		return
	}
	a.put(w, r, cookie.Value, func(s *session.Session) error {
		if s.Owner() == "" {
			return fmt.Errorf("switch account: %w", session.ErrGone)
		}
		return s.Rotate() // other rights, so another token
	})
}

// put answers with the session of a token, when begin has changed it, and parks the one that the request came with.
func (a *Accounts) put(w http.ResponseWriter, r *http.Request, token string, begin func(*session.Session) error) {
	from, err := a.Sessions.BeginRequest(r)
	if err != nil {
		fail(w, err)
		return
	}
	defer from.Close()
	to, err := a.Sessions.Begin(r.Context(), token)
	if err != nil {
		fail(w, err)
		return
	}
	defer to.Close()
	before, now := from.Session(), to.Session()
	if err := errors.Join(before.Err(), begin(now)); err != nil {
		fail(w, err)
		return
	}
	if err := to.CommitStatus(http.StatusSeeOther); err != nil {
		fail(w, err)
		return
	}
	forget(w, now.Handle())
	if before.Owner() != "" && before.Handle() != now.Handle() {
		park(w, before)
	}
	to.Announce(w.Header())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// Logout ends the session in use and the parked ones.
func (a *Accounts) Logout(w http.ResponseWriter, r *http.Request) {
	x, err := a.Sessions.BeginRequest(r)
	if err != nil {
		fail(w, err)
		return
	}
	defer x.Close()
	for _, cookie := range parked(r) {
		s, gone := a.Sessions.Open(r.Context(), cookie.Value)
		if gone == nil {
			gone = s.Destroy(r.Context())
		}
		if gone != nil && !errors.Is(gone, session.ErrGone) {
			fail(w, gone)
			return
		}
		cookie.Value = ""
		set(w, cookie, -1)
	}
	if err := errors.Join(x.Session().Destroy(r.Context()), x.CommitStatus(http.StatusSeeOther)); err != nil {
		fail(w, err)
		return
	}
	x.Announce(w.Header())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// List returns the owners of the parked accounts by their handles.
func (a *Accounts) List(r *http.Request) (map[string]string, error) {
	owners := map[string]string{}
	for _, cookie := range parked(r) {
		switch s, err := a.Sessions.Open(r.Context(), cookie.Value); {
		case err == nil:
			owners[s.Handle().String()] = s.Owner()
		case !errors.Is(err, session.ErrGone):
			return nil, err
		}
	}
	return owners, nil
}

// A parked account has its token in a cookie of its own, which is named by the session's handle. It is not an entry of
// the session in use, since a copy of the table would open the account then.
const (
	prefix = "__Host-account-"
	most   = 4 // accounts parked at once
)

// parked returns the cookies of parked accounts, at most so many.
func parked(r *http.Request) (all []*http.Cookie) {
	for _, cookie := range r.Cookies() {
		if strings.HasPrefix(cookie.Name, prefix) && len(all) < most {
			all = append(all, cookie)
		}
	}
	return all
}

// park keeps a session's token for as long as the session lives if nobody uses it.
func park(w http.ResponseWriter, s *session.Session) {
	cookie := &http.Cookie{Name: prefix + s.Handle().String(), Value: s.ID().Reveal()}
	set(w, cookie, int(time.Until(s.Expiration()).Seconds()))
}

func forget(w http.ResponseWriter, h session.Handle) {
	set(w, &http.Cookie{Name: prefix + h.String()}, -1)
}

func set(w http.ResponseWriter, cookie *http.Cookie, maxAge int) {
	cookie.Path, cookie.Secure, cookie.HttpOnly, cookie.SameSite = "/", true, true, http.SameSiteLaxMode
	cookie.MaxAge = maxAge
	http.SetCookie(w, cookie)
}

func fail(w http.ResponseWriter, err error) { http.Error(w, "try again", session.StatusCode(err)) }

package main

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/simples-go/sessions/session"
)

// userPrefix keeps the names that are typed into the page apart from nodesOwner.
const userPrefix = "user:"

const maxName = 64

// browser is the entry by which a user recognizes a session in the list.
var browser = session.NewKey("browser", "unknown browser")

// userSession is one line of the user's list of sessions.
type userSession struct {
	Handle    session.Handle `json:"handle"`
	This      bool           `json:"this"`
	Browser   string         `json:"browser"`
	CreatedAt time.Time      `json:"created_at"`
	LastSeen  time.Time      `json:"last_seen"`
	ExpiresAt time.Time      `json:"expires_at"`
}

type userState struct {
	Name     string        `json:"name"` // "" if nobody is signed in
	Sessions []userSession `json:"sessions"`
}

func (a *app) getUser(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	name, signedIn := strings.CutPrefix(s.Owner(), userPrefix)
	if !signedIn {
		writeJSON(w, http.StatusOK, userState{Sessions: []userSession{}})
		return nil
	}
	infos, err := a.sessions.Sessions(r.Context(), s.Owner(), browser.Name())
	if err != nil {
		return err
	}
	user := userState{Name: name, Sessions: make([]userSession, len(infos))}
	for i, info := range infos {
		user.Sessions[i] = describe(info, s.Handle())
	}
	writeJSON(w, http.StatusOK, user)
	return nil
}

func describe(info session.Summary, this session.Handle) userSession {
	name, err := browser.Get(info)
	if err != nil {
		name = "unknown browser" // somebody has put something else there, from the page
	}
	return userSession{info.Handle, info.Handle == this, name, info.CreatedAt, info.LastSeen, info.ExpiresAt}
}

// putUser signs in: by a name alone, since this is a demo. The token changes with the rights that the name gives.
func putUser(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	var body struct{ Name string }
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	name := strings.TrimSpace(body.Name)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName {
		return badRequest("a name has 1 to %d characters", maxName)
	}
	if err := s.SetOwner(userPrefix + name); err != nil {
		return err
	}
	if err := browser.Set(s, browserName(r.UserAgent())); err != nil {
		return err
	}
	return done(w, s.Renew())
}

// deleteSession ends one of the user's sessions, on whatever node its sockets are.
func (a *app) deleteSession(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	owner, err := signedIn(s)
	if err != nil {
		return err
	}
	handle, err := session.ParseHandle(r.PathValue("handle"))
	if err != nil {
		return badRequest("not the handle of a session")
	}
	found, err := a.sessions.RevokeOwned(r.Context(), owner, handle)
	if err == nil && !found {
		return errNotFound
	}
	return done(w, err)
}

// deleteOtherSessions ends all of the user's sessions but this one.
func (a *app) deleteOtherSessions(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	owner, err := signedIn(s)
	if err != nil {
		return err
	}
	ended, err := a.sessions.RevokeOwner(r.Context(), owner, s.Handle())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]int{"ended": ended})
	return nil
}

func signedIn(s *session.Session) (owner string, err error) {
	if owner = s.Owner(); !strings.HasPrefix(owner, userPrefix) {
		return "", &requestError{http.StatusForbidden, "sign in first"}
	}
	return owner, nil
}

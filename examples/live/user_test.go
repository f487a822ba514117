package main

import (
	"net/http"
	"strings"
	"testing"
)

func (c *client) user() userState {
	c.t.Helper()
	var u userState
	unmarshal(c.t, c.want(http.StatusOK, http.MethodGet, "/api/user", ""), &u)
	return u
}

func (c *client) signIn(name string) {
	c.t.Helper()
	c.want(http.StatusNoContent, http.MethodPut, "/api/user", `{"name":"`+name+`"}`)
}

func TestNobodyIsSignedIn(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	if body := c.want(http.StatusOK, http.MethodGet, "/api/user", ""); body != `{"name":"","sessions":[]}` {
		t.Error(body)
	}
	for _, bad := range []string{``, `{}`, `{"name":""}`, `{"name":"  "}`, `{"name":1}`, `{"name":"` + strings.Repeat("x", 65) + `"}`, `{"name":"\u0000"}`} {
		c.refused(http.StatusBadRequest, http.MethodPut, "/api/user", bad)
	}
	c.refused(http.StatusRequestEntityTooLarge, http.MethodPut, "/api/user", `{"name":"`+strings.Repeat("x", 2*maxForm)+`"}`)
	c.refused(http.StatusForbidden, http.MethodDelete, "/api/user/sessions", "")
	c.refused(http.StatusForbidden, http.MethodDelete, "/api/user/sessions/01980000-0000-7000-8000-000000000000", "")
	if s.store.Len() > 0 {
		t.Error("refused requests have left rows")
	}
}

func TestSignInRotates(t *testing.T) {
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/k", `1`)
	before := c.cookie()
	c.header.Set("User-Agent", "curl/8")
	c.signIn(" ada ")
	u := c.user()
	if c.cookie() == before || u.Name != "ada" || len(u.Sessions) != 1 {
		t.Fatalf("%+v", u)
	}
	if s := u.Sessions[0]; !s.This || s.Browser != "curl" || s.CreatedAt.IsZero() || !s.ExpiresAt.After(s.LastSeen) {
		t.Errorf("%+v", s)
	}
	if got := string(c.session().Data["k"]); got != "1" {
		t.Errorf("signing in has lost an entry: %q", got)
	}
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/browser", `[1]`) // somebody plays with it
	if s := c.user().Sessions[0]; s.Browser != "unknown browser" {
		t.Errorf("%+v", s)
	}
}

func TestUserEndsSessions(t *testing.T) {
	s := newServer(t)
	a, b, other := s.client(t), s.client(t), s.client(t)
	a.signIn("ada")
	b.signIn("ada")
	other.signIn("bob")
	socket := b.dial("")
	socket.told(`{"load":true}`)
	a.refused(http.StatusBadRequest, http.MethodDelete, "/api/user/sessions/nonsense", "")
	foreign := "/api/user/sessions/" + other.user().Sessions[0].Handle.String()
	a.refused(http.StatusNotFound, http.MethodDelete, foreign, "")
	for _, listed := range a.user().Sessions {
		if !listed.This {
			a.want(http.StatusNoContent, http.MethodDelete, "/api/user/sessions/"+listed.Handle.String(), "")
		}
	}
	socket.closed(4001, "session revoked")
	if st := b.session(); !st.New {
		t.Errorf("the ended session: %+v", st)
	}
	b.signIn("ada")
	if body := a.want(http.StatusOK, http.MethodDelete, "/api/user/sessions", ""); body != `{"ended":1}` {
		t.Error(body)
	}
	if n := len(a.user().Sessions); n != 1 {
		t.Errorf("%d sessions are left", n)
	}
	if st := other.session(); st.New {
		t.Error("somebody else's session has ended")
	}
}

package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

func TestUntouchedSession(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	resp, body := c.do(http.MethodGet, "/api/session", "")
	const want = `{"new":true,"changed":false,"timeout_seconds":3600,"expiration":null,"data":{}}`
	if body != want || resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s, want %s", resp.StatusCode, body, want)
	}
	if resp.Header.Get("Set-Cookie") != "" || s.store.Len() != 0 {
		t.Errorf("an untouched visit has left a cookie %q and %d rows", resp.Header["Set-Cookie"], s.store.Len())
	}
}

func TestStoredSession(t *testing.T) {
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/a", `{ "b": [1, 9007199254740993] }`)
	s := c.session()
	if s.New || s.Changed || s.Expiration == nil || s.json() != `{"a":{"b":[1,9007199254740993]}}` {
		t.Errorf("%+v", s)
	}
	c.want(http.StatusNoContent, http.MethodDelete, "/api/session/data/a", "")
	c.want(http.StatusNoContent, http.MethodDelete, "/api/session/data/a", "") // deleting twice is deleting
	if s := c.session(); s.New || len(s.Data) > 0 {
		t.Errorf("after the entry was deleted: %+v", s)
	}
}

func TestKeysAreArbitraryStrings(t *testing.T) {
	c := newServer(t).client(t)
	for _, key := range []string{
		"", "a/b", "//", "a%2Fb", "?q#f", "..", ".", "ünï", "__proto__", `"`, `$.a[0]`, " ", "+", "日本", "\n", "rotate",
	} {
		path := "/api/session/data/" + strings.ReplaceAll(url.PathEscape(key), ".", "%2E")
		c.want(http.StatusNoContent, http.MethodPut, path, `1`)
		if s := c.session(); string(s.Data[key]) != "1" || len(s.Data) != 1 {
			t.Errorf("%q: %s", key, s.json())
		}
		increment := strings.Replace(path, "/data/", "/increment/", 1)
		if body := c.want(http.StatusOK, http.MethodPost, increment, ""); body != `{"value":2}` {
			t.Errorf("increment of %q: %s", key, body)
		}
		c.want(http.StatusNoContent, http.MethodDelete, path, "")
	}
}

func TestBadEntriesAreRefused(t *testing.T) {
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/kept", `"as it was"`)
	large := `"` + strings.Repeat("x", maxBytes) + `"`
	for _, bad := range []struct {
		what, key, body string
		status          int
	}{
		{"no JSON", "k", `{`, http.StatusBadRequest},
		{"nothing", "k", ``, http.StatusBadRequest},
		{"trailing data", "k", `1 2`, http.StatusBadRequest},
		{"U+0000", "k", `"\u0000"`, http.StatusBadRequest},
		{"a lone surrogate", "k", `"\ud800"`, http.StatusBadRequest},
		{"a number beyond float64", "k", `1e400`, http.StatusBadRequest},
		{"1,001 levels", "k", strings.Repeat("[", 1001) + strings.Repeat("]", 1001), http.StatusBadRequest},
		{"U+0000 in the key", "%00", `1`, http.StatusBadRequest},
		{"a key that is not UTF-8", "%FF", `1`, http.StatusBadRequest},
		{"a value that is too large by itself", "k", large, http.StatusRequestEntityTooLarge},
		{"a value that fits alone only", "k", `"` + large[8:], http.StatusRequestEntityTooLarge},
		{"a body beyond all limits", "k", strings.Repeat(" ", maxBody+1), http.StatusRequestEntityTooLarge},
	} {
		resp, body := c.do(http.MethodPut, "/api/session/data/"+bad.key, bad.body)
		if resp.StatusCode != bad.status {
			t.Errorf("%s: %d %.200s, want %d", bad.what, resp.StatusCode, body, bad.status)
		}
		checkError(t, body)
	}
	if s := c.session(); s.json() != `{"kept":"as it was"}` {
		t.Errorf("the session has changed: %.200s", s.json())
	}
}

func TestIncrement(t *testing.T) {
	c := newServer(t).client(t)
	for _, step := range []struct{ before, after string }{
		{"", "1"},
		{"0", "1"},
		{"-1", "0"},
		{"9007199254740992", "9007199254740993"},
		{"9223372036854775806", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775807"},
	} {
		c.want(http.StatusNoContent, http.MethodDelete, "/api/session/data/n", "")
		if step.before != "" {
			c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/n", step.before)
		}
		if body := c.want(http.StatusOK, http.MethodPost, "/api/session/increment/n", ""); body != `{"value":`+step.after+`}` {
			t.Errorf("%q: %s, want %s", step.before, body, step.after)
		}
	}
	for _, bad := range []string{
		"9223372036854775807", "9223372036854775808", "-9223372036854775809", "1.5", `"1"`, "null", "true", "[1]", "{}",
	} {
		c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/n", bad)
		c.refused(http.StatusBadRequest, http.MethodPost, "/api/session/increment/n", "")
		if got := string(c.session().Data["n"]); got != bad {
			t.Errorf("%s has become %s", bad, got)
		}
	}
	c.refused(http.StatusBadRequest, http.MethodPost, "/api/session/increment/%00", "")
}

func TestRotate(t *testing.T) {
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/a", `1`)
	old := c.cookie()
	c.want(http.StatusNoContent, http.MethodPost, "/api/session/rotate", "")
	if s := c.session(); c.cookie() == old || s.json() != `{"a":1}` {
		t.Errorf("after rotating: %+v", s)
	}
	stale := c.server.client(t)
	stale.header.Set("Cookie", old)
	for _, r := range [][3]string{
		{http.MethodGet, "/api/session"},
		{http.MethodGet, "/api/user"},
		{http.MethodPut, "/api/session/data/b", "1"},
		{http.MethodDelete, "/api/session/data/a"},
		{http.MethodPost, "/api/session/increment/b"},
		{http.MethodPost, "/api/session/rotate"},
		{http.MethodPost, "/api/session/destroy"},
		{http.MethodPut, "/api/session/timeout", `{"seconds":60}`},
		{http.MethodPut, "/api/user", `{"name":"ada"}`},
	} {
		stale.refused(http.StatusConflict, r[0], r[1], r[2])
	}
	if s := c.session(); s.json() != `{"a":1}` {
		t.Errorf("the old cookie has changed the session: %+v", s)
	}
}

func TestDestroy(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	c.want(http.StatusNoContent, http.MethodPost, "/api/session/destroy", "") // there is none yet
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/a", `1`)
	old := c.cookie()
	c.want(http.StatusNoContent, http.MethodPost, "/api/session/destroy", "")
	if c.cookie() != "" || s.store.Len() != 0 {
		t.Errorf("cookie %v, %d rows", c.cookie() != "", s.store.Len())
	}
	again := s.client(t)
	again.header.Set("Cookie", old)
	if st := again.session(); !st.New || len(st.Data) > 0 {
		t.Errorf("the destroyed session: %+v", st)
	}
}

func TestTimeout(t *testing.T) {
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/timeout", `{"seconds":90.5}`)
	if s := c.session(); s.TimeoutSeconds != 90.5 {
		t.Errorf("timeout: %v", s.TimeoutSeconds)
	}
	for _, bad := range []string{``, `{}`, `{"seconds":-1}`, `{"seconds":"1"}`, `{"seconds":1e300}`, `{"seconds":864000}`, `{"x":1}`} {
		c.refused(http.StatusBadRequest, http.MethodPut, "/api/session/timeout", bad)
	}
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/timeout", `{"seconds":0}`)
	if s := c.session(); s.TimeoutSeconds != 3600 {
		t.Errorf("timeout: %v", s.TimeoutSeconds)
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	s := newServer(t)
	for _, header := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
		{"Origin": {"null"}},
	} {
		c := s.client(t)
		c.header = header
		c.refused(http.StatusForbidden, http.MethodPut, "/api/session/data/a", "1")
		c.refused(http.StatusForbidden, http.MethodPost, "/api/session/destroy", "")
	}
	same := s.client(t)
	same.header = http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {s.URL}}
	same.want(http.StatusNoContent, http.MethodPut, "/api/session/data/a", "1")
}

func TestUnknownPathsAreJSONErrors(t *testing.T) {
	c := newServer(t).client(t)
	c.refused(http.StatusNotFound, http.MethodGet, "/api/nothing", "")
}

func TestTwoCookiesThatAreNoTokens(t *testing.T) {
	c := newServer(t).client(t)
	c.header.Set("Cookie", "session=a; session=b")
	c.want(http.StatusOK, http.MethodGet, "/api/session", "")
}

// downStore is a store whose database does not answer.
type downStore struct{ *memstore.Store }

var errDown = errors.New("connection to 10.0.0.1 refused")

func (downStore) Load(context.Context, store.Ref) (store.Record, error) {
	return store.Record{}, errDown
}
func (downStore) Create(context.Context, store.Ref, store.Change) (store.Saved, error) {
	return store.Saved{}, errDown
}
func (downStore) Save(context.Context, store.Ref, store.Change) (store.Saved, error) {
	return store.Saved{}, errDown
}
func (downStore) Delete(context.Context, store.Ref) error { return errDown }

func TestStoreThatIsDown(t *testing.T) {
	up := newServer(t).client(t)
	up.want(http.StatusNoContent, http.MethodPut, "/api/session/data/a", "1")
	down := serve(t, downStore{memstore.New()})
	c := down.client(t)
	c.refused(http.StatusServiceUnavailable, http.MethodPut, "/api/session/data/a", "1")
	c.refused(http.StatusServiceUnavailable, http.MethodPost, "/api/session/increment/a", "")
	c.header.Set("Cookie", up.cookie())
	body := c.want(http.StatusServiceUnavailable, http.MethodGet, "/api/session", "")
	checkError(t, body)
	if strings.Contains(body, "10.0.0.1") {
		t.Errorf("the client learns of the inside: %s", body)
	}
}

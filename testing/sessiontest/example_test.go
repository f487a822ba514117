package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/testing/sessiontest"
)

var ctx = context.Background()

// t stands for the *testing.T of a test, which these examples do not have.
var t sessiontest.TB = tb{}

type tb struct{}

func (tb) Helper()                           {}
func (tb) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// visit is the handler under test.
func visit(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	n, err := session.Get[int](s, "visits")
	if err == nil {
		err = s.Set("visits", n+1)
	}
	if err != nil {
		http.Error(w, "sorry", session.StatusCode(err))
		return
	}
	fmt.Fprintf(w, "visit %d", n+1)
}

func logout(w http.ResponseWriter, r *http.Request) {
	if err := session.FromContext(r.Context()).Destroy(r.Context()); err != nil {
		http.Error(w, "try again", session.StatusCode(err))
	}
}

// A handler that changes a session.
func Example() {
	c := sessiontest.New(t, map[string]any{"visits": 2})
	w := c.Serve(http.HandlerFunc(visit), httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Body, "stored", sessiontest.Get[int](c, "visits"))
	// Output: visit 3 stored 3
}

// Without entries the client comes as a stranger, and keeps the cookie that it is given.
func ExampleNew() {
	c := sessiontest.New(t, nil)
	for range 3 {
		w := c.Serve(http.HandlerFunc(visit), httptest.NewRequest("GET", "/", nil))
		fmt.Println(w.Body)
	}
	// Output:
	// visit 1
	// visit 2
	// visit 3
}

// A manager of one's own: other settings, another store, a clock that can be moved.
func ExampleNewWith() {
	store := memstore.New()
	manager, err := session.New(store, session.Config{IdleTimeout: 10 * time.Minute, Header: "X-Session"})
	if err != nil {
		panic(err)
	}
	c := sessiontest.NewWith(t, manager, map[string]any{"visits": 7})
	store.Advance(11 * time.Minute)
	w := c.Serve(http.HandlerFunc(visit), httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Body)
	// Output: visit 1
}

// What a handler left can be looked at, or be changed as by another tab.
func ExampleClient_Session() {
	c := sessiontest.New(t, map[string]any{"visits": 2}).LogIn("ann")
	s := c.Session()
	if err := errors.Join(s.Set("visits", 10), s.Save(ctx)); err != nil {
		panic(err)
	}
	c.Serve(http.HandlerFunc(visit), httptest.NewRequest("GET", "/", nil))
	fmt.Println(c.Session().Owner(), c.Session().Keys(), sessiontest.Get[int](c, "visits"))
	// Output: ann [visits] 11
}

// A logout ends the session, and the client loses its cookie.
func ExampleClient_Lookup() {
	c := sessiontest.New(t, map[string]any{"user": "ann"})
	c.Serve(http.HandlerFunc(logout), httptest.NewRequest("POST", "/logout", nil))
	_, err := c.Lookup()
	fmt.Println(errors.Is(err, session.ErrGone))
	// Output: true
}

// A real server, as a WebSocket needs one.
func ExampleClient_Add() {
	manager, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(manager.Handler(http.HandlerFunc(visit)))
	defer server.Close()

	c := sessiontest.NewWith(t, manager, map[string]any{"visits": 41})
	r, err := http.NewRequest("GET", server.URL, nil)
	if err != nil {
		panic(err)
	}
	response, err := http.DefaultClient.Do(c.Add(r))
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	c.Take(response)
	fmt.Println(sessiontest.Get[int](c, "visits"))
	// Output: 42
}

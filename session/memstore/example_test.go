package memstore_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// A test needs no database, and need not wait until a session has expired.
func Example() {
	store := memstore.New()
	sessions, err := session.New(store, session.Config{IdleTimeout: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	handler := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		before := s.Has("basket")
		s.Set("basket", []string{"tea"})
		fmt.Fprint(w, before)
	}))

	first := httptest.NewRecorder()
	handler.ServeHTTP(first, httptest.NewRequest("GET", "/", nil))
	visit := func() string {
		r := httptest.NewRequest("GET", "/", nil)
		for _, cookie := range first.Result().Cookies() {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Body.String()
	}
	fmt.Println("first visit:", first.Body)
	fmt.Println("at once:", visit())
	store.Advance(time.Hour)
	fmt.Println("an hour later:", visit())
	// Output:
	// first visit: false
	// at once: true
	// an hour later: false
}

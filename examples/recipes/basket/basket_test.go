package basket

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/simples-go/sessions/testing/sessiontest"
)

// accounts is a database of baskets.
type accounts struct {
	baskets map[string]Basket
	merged  map[string]bool
}

func (a *accounts) Merge(_ context.Context, user, id string, add Basket) (Basket, error) {
	b := maps.Clone(a.baskets[user])
	if b == nil {
		b = Basket{}
	}
	if !a.merged[user+id] {
		for article, n := range add {
			b[article] += n
		}
	}
	a.merged[user+id], a.baskets[user] = true, b
	return b, nil
}

// A visitor's basket is added to the user's, once; a user's does not become another user's.
func TestBasket(t *testing.T) {
	a := &accounts{baskets: map[string]Basket{"ann": {"tea": 1, "cup": 2}}, merged: map[string]bool{}}
	login := Login(a, func(r *http.Request) (string, bool) { return r.FormValue("user"), true })
	c := sessiontest.New(t, nil)
	post := func(h http.HandlerFunc, query string) {
		t.Helper()
		if w := c.Serve(h, httptest.NewRequest(http.MethodPost, "/?"+query, nil)); w.Code != http.StatusOK {
			t.Fatalf("%s: status %d", query, w.Code)
		}
	}
	want := func(want Basket) {
		t.Helper()
		if got := sessiontest.Get[Basket](c, "basket"); !maps.Equal(got, want) {
			t.Errorf("the basket holds %v, want %v", got, want)
		}
	}
	post(Add, "article=tea")
	post(Add, "article=pot")
	want(Basket{"tea": 1, "pot": 1})
	post(login, "user=ann")
	want(Basket{"tea": 2, "cup": 2, "pot": 1})
	post(login, "user=ann")
	want(Basket{"tea": 2, "cup": 2, "pot": 1})
	post(login, "user=bob")
	want(Basket{})
}

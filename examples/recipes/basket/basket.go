// Package basket carries an anonymous visitor's basket over to the account of the user who logs in.
package basket

import (
	"context"
	"errors"
	"net/http"

	"github.com/simples-go/sessions/session"
)

// Basket is how many of each article.
type Basket map[string]int

var basket = session.NewKey("basket", Basket{})

// Accounts keeps the baskets of users who are not here now.
type Accounts interface {
	// Merge adds to a user's basket, once for each id, and returns what it holds then.
	Merge(ctx context.Context, user, id string, add Basket) (Basket, error)
}

// Add puts an article into the basket. Two tabs may do so at once.
func Add(w http.ResponseWriter, r *http.Request) {
	_, err := basket.Modify(r.Context(), session.FromContext(r.Context()), func(b Basket) (Basket, error) {
		next := Basket{r.FormValue("article"): 1}
		for article, n := range b {
			next[article] += n
		}
		return next, nil
	})
	if err != nil {
		http.Error(w, "try again", session.StatusCode(err))
	}
}

// Login merges what the visitor has collected into what the user had. Login keeps an anonymous visitor's entries, and
// drops those of another user. The account has to know what it has merged: the session's save may fail after it.
func Login(accounts Accounts, authenticate func(*http.Request) (user string, ok bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, ok := authenticate(r)
		if !ok {
			http.Error(w, "wrong password", http.StatusForbidden)
			return
		}
		s := session.FromContext(r.Context())
		mine := Basket{}
		var err error
		if s.Owner() == "" { // else it is a user's, and is in that account already
			mine, err = basket.Get(s)
		}
		if err == nil {
			mine, err = accounts.Merge(r.Context(), user, s.Handle().String(), mine)
		}
		if err = errors.Join(err, s.Login(user), basket.Set(s, mine)); err != nil {
			http.Error(w, "try again", session.StatusCode(err))
		}
	}
}

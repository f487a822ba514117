// Package impersonation lets somebody of the support act as a user.
package impersonation

import (
	"net/http"
	"time"

	"github.com/simples-go/sessions/session"
)

// acting is whom the session's owner acts as. The owner stays the same: the session is in the owner's list and
// in none of the user's, and a change of the owner's password ends it.
type acting struct {
	As    string
	Until time.Time
}

var actingAs = session.NewKey("acting", acting{})

// User returns whose data a handler shows, and who asked for it, for the log.
func User(s *session.Session) (user, actor string, err error) {
	a, err := actingAs.Get(s)
	if err != nil || a.As == "" || time.Now().After(a.Until) {
		return s.Owner(), s.Owner(), err
	}
	return a.As, s.Owner(), nil
}

// Begin starts to act as a user, for half an hour. Rights change, so the token does too.
func Begin(may func(actor, user string) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, user := session.FromContext(r.Context()), r.FormValue("user")
		if s.Owner() == "" || !may(s.Owner(), user) || !s.AuthenticatedWithin(time.Hour) {
			http.Error(w, "not allowed", http.StatusForbidden)
			return
		}
		err := actingAs.Set(s, acting{As: user, Until: time.Now().Add(30 * time.Minute)})
		if err == nil {
			err = s.Rotate()
		}
		if err != nil {
			http.Error(w, "try again", session.StatusCode(err))
		}
	}
}

// End is oneself again.
func End(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	err := actingAs.Delete(s)
	if err == nil {
		err = s.Rotate()
	}
	if err != nil {
		http.Error(w, "try again", session.StatusCode(err))
	}
}

// Package bearer is for clients that send their token as "Authorization: Bearer".
package bearer

import (
	"net/http"
	"strings"
)

// Handler puts the token of "Authorization: Bearer …" where the sessions look for it: into the header of that name,
// which is their Config.Header. What the client itself has put there is not looked at. It stands outside of them.
func Handler(header string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context()) // middleware outside keeps the request that it has passed on
		r.Header.Del(header)
		if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
			r.Header.Set(header, strings.TrimSpace(token))
		}
		h.ServeHTTP(w, r)
	})
}

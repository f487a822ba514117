// Package contrib has the stores that gin-contrib/sessions and echo-contrib/session take, on this library, for
// applications that keep their handlers.
package contrib

import (
	"github.com/gin-contrib/sessions"

	"github.com/simples-go/sessions/adopt/gorilla"
)

// Gin is a store for gin-contrib/sessions, which asks for one method more than gorilla's interface has. For
// echo-contrib/session, a *gorilla.Store is a store as it is.
type Gin struct{ *gorilla.Store }

// Options implements sessions.Store.
func (g Gin) Options(o sessions.Options) { g.Store.Options = o.ToGorillaOptions() }

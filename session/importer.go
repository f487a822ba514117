package session

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"time"
)

// Importer finds the sessions of another system, for [Import]. Package adopt has those of scs, gorilla, express-session,
// Django and Rails; one of an application's own is these three methods. They are safe for concurrent use.
type Importer interface {
	// Find returns the other system's token that the request carries, as it stood before it was signed or encrypted, or
	// "" if there is none. It uses no database: what is forged or tampered with costs no more than the check of a
	// signature.
	Find(r *http.Request) string

	// Load returns the live session of a token. ErrGone is returned if there is none, ErrCorrupt if it cannot be read,
	// and ErrImportRefused if it is not to be taken over: each gives the client an ordinary new visit. Any other error
	// is one of the database, and fails the request.
	Load(ctx context.Context, token string) (*Imported, error)

	// End ends the session of a token in the other system, so that Load returns ErrGone from now on. It is idempotent.
	End(ctx context.Context, token string) error
}

// Imported is a session of another system.
type Imported struct {
	Entries map[string]any // values that encoding/json takes
	Skipped []error        // what could not become an entry, by name and without its value
	Owner   string         // see Session.SetOwner; an Import's Prepare knows it if the other system does not

	Created  time.Time     // when the session began; zero: not known, it counts from the import
	Deadline time.Time     // when it ends however much it is used; zero: at no fixed time
	Idle     time.Duration // it ends when it is not used for so long; 0: it has no such timeout

	// Whether the cookie outlives the browser, if that is known of this session; else the configuration says it.
	// NonPersistent goes before Persistent.
	Persistent, NonPersistent bool
}

// Has reports whether there is an entry.
func (i *Imported) Has(key string) bool {
	_, ok := i.Entries[key]
	return ok
}

// lookup implements Getter, so that Get and Key.Get read the entries as they will be stored.
func (i *Imported) lookup(key string) (json.RawMessage, error) {
	value, ok := i.Entries[key]
	if !ok {
		return nil, nil
	}
	return encode(value, math.MaxInt)
}

// Import takes sessions over from another system, for [Config]: at the first visit that brings the other system's cookie,
// and no token of this one that opens a session.
//
// All parallel first requests of a browser come to the same session and the same cookie: row key and secret derive from
// the other system's token. Owner, entries and lifetime are taken over, and neither timeout becomes longer than it was.
// Destroy ends what the other system's cookie stands for as well, if the request carries that.
// docs/guide/moving has a page for each system.
type Import struct {
	// From is the other system. If it is nil, nothing is imported. It goes with no Config.Header: the other system's
	// cookie comes along with requests that another site has the browser make, which that header is there to tell
	// apart.
	From Importer

	// Copy leaves the session in the other system, for the time in which servers of both run side by side. Otherwise
	// the session is moved: it is ended there before it is opened here.
	//
	// Copied sessions live apart: what one side writes or ends, the other does not see, but for a Destroy here by a
	// request that carries both cookies. A copy that was revoked or has expired is made anew by a visit with the other
	// cookie.
	Copy bool

	// Strict refuses a session with an entry that cannot be stored, which is an ordinary new visit. Otherwise that entry
	// is left out. The log names it in both cases.
	Strict bool

	// Prepare, if set, changes what is taken over: it renames, converts or deletes entries, finds the owner, and
	// checks what the other system would have checked at this visit. If it returns ErrImportRefused, the session is
	// not taken over, which is an ordinary new visit; any other error, such as one of a database that it asks, fails
	// the request, as one of Load does. It may be called more than once for one session.
	Prepare func(ctx context.Context, from *Imported) error
}

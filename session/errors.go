package session

import (
	"errors"

	"github.com/simples-go/sessions/session/store"
)

// Errors that callers distinguish with errors.Is. They never contain a token.
//
// ErrExpired, ErrRotated, ErrDestroyed, ErrRevoked and ErrUnproven each say more exactly how a session ended, for this
// connection at least, and match ErrGone too.
var (
	// ErrGone is returned if there is no session for this connection: it is unknown, it has ended, or it lives on under a
	// token that the connection does not have.
	ErrGone = store.ErrGone

	// ErrExpired is returned when the idle or absolute timeout has passed. It matches ErrGone.
	ErrExpired = store.ErrExpired

	// ErrRotated is returned to a connection that came with the token from before a rotation, shortly after it. The session
	// lives on under its new token, which this connection does not have. It matches ErrGone.
	ErrRotated = store.ErrRotated

	// ErrDestroyed is returned after a Destroy, on this connection or another. It matches ErrGone.
	ErrDestroyed = store.ErrDestroyed

	// ErrRevoked is returned when the session was ended from outside, for example from a list of the user's sessions. It
	// matches ErrGone.
	ErrRevoked = store.ErrRevoked

	// ErrClosed is returned by a Session's methods after the handler that it belonged to has returned.
	ErrClosed = errors.New("session: closed, its handler has returned")

	// ErrNoCookie is returned for a change that needs a cookie to be sent when the response has begun already.
	ErrNoCookie = errors.New("session: the response has begun, the cookie that this change needs cannot be sent any more")

	// ErrTooLarge is returned if the session's data would exceed Config.MaxBytes. Nothing was written.
	ErrTooLarge = store.ErrTooLarge

	// ErrCorrupt is returned if what the row holds is not a JSON object. The session cannot be read; it can be destroyed.
	ErrCorrupt = store.ErrCorrupt

	// ErrValue is returned for a value or key that cannot be stored: it is not JSON, or not the JSON that every database
	// holds.
	ErrValue = store.ErrValue

	// ErrSealed is returned for an entry that cannot be decrypted, by a Save too that has to move its end: its key is not
	// among Config.Sealing's, it belongs to another session or entry, or it was changed. The text names the key's id. The
	// session itself goes on.
	ErrSealed = errors.New("session: sealed entry cannot be opened")

	// ErrOwnerLimit is returned by a save if the owner has as many live sessions as Config.Owner allows.
	ErrOwnerLimit = store.ErrOwnerLimit

	// ErrAmbiguous is returned for a request that carries Config.Header twice. Neither is picked.
	ErrAmbiguous = errors.New("session: the request carries more than one token")

	// ErrOrigin is returned for a WebSocket handshake from a page that is not allowed to make one.
	ErrOrigin = errors.New("session: WebSocket origin not allowed")

	// ErrImportRefused is returned by an Import's Prepare, or by an Importer's Load, for a session that is not to be
	// taken over: the client gets an ordinary new visit, and the log says why.
	ErrImportRefused = errors.New("session: not imported")

	// ErrShutdown is the cause with which Manager.Shutdown ends the contexts of open sockets.
	ErrShutdown = errors.New("session: shutting down")
)

package session

import "errors"

// Errors that callers tell apart with errors.Is. They never contain a token.
//
// ErrExpired, ErrRotated, ErrDestroyed and ErrRevoked each say more exactly how a session ended and match ErrGone too.
var (
	// ErrGone: there is no live session here. Returned by a Store for a session that is unknown, expired or destroyed,
	// and by a Session's methods after its end.
	ErrGone = errors.New("session: gone")

	// ErrExpired: the idle or absolute timeout has passed. Matches ErrGone.
	ErrExpired error = &ending{"session: expired"}

	// ErrRotated: the connection came with the secret of before a rotation, shortly after it. The session lives on under
	// its new secret, which this connection does not have. Returned by a Store within Policy.Grace; matches ErrGone.
	ErrRotated error = &ending{"session: rotated by a parallel request"}

	// ErrDestroyed: a connection called Destroy. Matches ErrGone.
	ErrDestroyed error = &ending{"session: destroyed"}

	// ErrRevoked: the session was ended from outside, for example from a list of the user's sessions. Matches ErrGone.
	ErrRevoked error = &ending{"session: revoked"}

	// ErrClosed: the handler that this Session belonged to has returned.
	ErrClosed = errors.New("session: closed, its handler has returned")

	// ErrNoCookie: the change needs a cookie to be sent, and the response has begun already.
	ErrNoCookie = errors.New("session: the response has begun, the cookie that this change needs cannot be sent any more")

	// ErrConflict: the row's version is not the one that a conditional Change required. Returned by a Store.
	ErrConflict = errors.New("session: changed by another connection")

	// ErrExists: the row key is taken. Returned by Store.Create.
	ErrExists = errors.New("session: row key exists")

	// ErrTooLarge: the session's data would exceed the configured size. Nothing was written.
	ErrTooLarge = errors.New("session: data too large")

	// ErrCorrupt: what the row holds is not a JSON object. The session cannot be read, but it can be destroyed.
	ErrCorrupt = errors.New("session: stored data is not a JSON object")

	// ErrValue: a value or key cannot be stored: it is not JSON, or not the JSON that every database holds.
	ErrValue = errors.New("session: value cannot be stored")

	// ErrOwnerLimit: the owner has as many live sessions as the configuration allows.
	ErrOwnerLimit = errors.New("session: owner has too many sessions")

	// ErrAmbiguous: the request carries two tokens. Neither is picked.
	ErrAmbiguous = errors.New("session: the request carries more than one token")

	// ErrOrigin: a WebSocket handshake from a page that is not allowed to make one.
	ErrOrigin = errors.New("session: WebSocket origin not allowed")

	// ErrShutdown: the cause with which Manager.Shutdown ends the contexts of open sockets.
	ErrShutdown = errors.New("session: shutting down")
)

// ending is an error that says how a session ended; every one is ErrGone.
type ending struct{ text string }

func (e *ending) Error() string        { return e.text }
func (e *ending) Is(target error) bool { return target == ErrGone }

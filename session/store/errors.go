package store

import "errors"

// Errors that a Store returns, alone or wrapped. Package session has those that an application meets under the same names.
// They never contain a token.
//
// ErrExpired, ErrRotated, ErrReused, ErrDestroyed and ErrRevoked each say more exactly how a session ended and match ErrGone too.
var (
	// ErrGone is returned for a session that is unknown, expired or destroyed.
	ErrGone = errors.New("session: gone")

	// ErrExpired is returned when the idle or absolute timeout has passed, if the store still knows of the session. It
	// matches ErrGone.
	ErrExpired error = &ending{"session: expired"}

	// ErrRotated is returned within Policy.Grace after a rotation for the secret from before it. The session lives on under
	// its new secret. It matches ErrGone.
	ErrRotated error = &ending{"session: rotated by a parallel request"}

	// ErrReused is returned after Policy.Grace for a secret from before the last rotation. Only who had the session's token
	// can have it: a copied cookie, or a very late request. It matches ErrGone.
	ErrReused error = &ending{"session: token from before a rotation"}

	// ErrDestroyed is the cause with which a connection's session ends when another connection has destroyed it. It matches
	// ErrGone.
	ErrDestroyed error = &ending{"session: destroyed"}

	// ErrRevoked is the cause with which a connection's session ends when it was revoked. It matches ErrGone.
	ErrRevoked error = &ending{"session: revoked"}

	// ErrConflict is returned by Save if the row's version is not the one that the Change requires.
	ErrConflict = errors.New("session: changed by another connection")

	// ErrExists is returned by Create if the row key is taken.
	ErrExists = errors.New("session: row key exists")

	// ErrTooLarge is returned by Create and Save if the data would exceed Policy.MaxBytes. Nothing was written.
	ErrTooLarge = errors.New("session: data too large")

	// ErrCorrupt is returned if a row's data is not a JSON object. The session cannot be read; it can be destroyed.
	ErrCorrupt = errors.New("session: stored data is not a JSON object")

	// ErrValue is returned for a value or name that the database cannot hold, such as text that is no valid UTF-8. Nothing was
	// written.
	ErrValue = errors.New("session: value cannot be stored")

	// ErrOwnerLimit is returned by Create and Save if the owner has as many live sessions as Policy.Owner allows.
	ErrOwnerLimit = errors.New("session: owner has too many sessions")
)

// ending is an error that says how a session ended; every one is ErrGone.
type ending struct{ text string }

func (e *ending) Error() string        { return e.text }
func (e *ending) Is(target error) bool { return target == ErrGone }

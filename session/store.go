package session

import "github.com/simples-go/sessions/session/store"

// Store keeps sessions: sqlstore/postgres, sqlstore/sqlite, session/memstore, or one written against package
// session/store, which says what a store has to do.
type Store = store.Store

// Handle is a session's row key: 16 bytes that never change while the session lives. It opens nothing and may stand in
// logs, lists and revocations. The zero Handle names no session.
type Handle = store.Handle

// ParseHandle is the inverse of Handle.String. It accepts that one spelling only, and its error does not repeat s.
func ParseHandle(s string) (Handle, error) { return store.ParseHandle(s) }

// OwnerLimit bounds how many live sessions an owner may have.
type OwnerLimit = store.OwnerLimit

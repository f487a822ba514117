// Package postgres keeps sessions in a table of a Postgres database, or of what speaks its protocol.
//
// Every operation on a session is one statement that finds one row by its key, decides by the database's clock and
// merges what changed within the database. Callers who have to wait for a connection share a statement (see
// WithBatching). The table is made by package migrations; a Store never changes it.
//
// # Databases and poolers
//
// The statements run on plain, hash-partitioned and Citus distributed tables; the store asks once which it is. Through
// PgBouncer in transaction mode everything works but LISTEN: give WithListenURL a direct connection for that, or live
// with the polling that package session does in any case. Before PgBouncer 1.21 prepared statements do not work there
// either: see WithoutPreparedStatements.
//
// # Time
//
// A call whose context has no deadline gets one (see WithTimeout), so that a network that swallows packets costs a
// failed request and not a hanging one. A call is repeated only if the database has surely done nothing, or if doing it
// twice is the same as doing it once.
package postgres

// Package adopt reads the live sessions of other libraries, so that an application moves to this one and nobody is logged
// out. Each type is a [session.Importer] for the field Import of a [session.Config]:
//
//	config.Import = session.Import{From: &adopt.SCS{DB: db}}
//
// [SCS] reads the rows of alexedwards/scs, [PGStore] those of gorilla/sessions with pgstore, [ConnectPG] those of
// express-session with connect-pg-simple, [Django] those of django.contrib.sessions, [Rails] those of
// activerecord-session_store.
//
// DB is a pool on the other system's database, of any driver of database/sql. For pgx, that is
// stdlib.OpenDBFromPool. Give the pool a connection limit that the database can bear: each first visit needs one for the
// length of a statement.
//
// The package imports the standard library and package session. Its folders are for those who want to keep the other
// library's API: adopt/scs and adopt/gorilla.
package adopt

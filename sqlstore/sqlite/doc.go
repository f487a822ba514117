// Package sqlite keeps sessions in a SQLite file, embedded in the process, on the driver modernc.org/sqlite (no cgo).
//
// [Open] opens the file with a write-ahead log, full synchronisation and mode 0600. The store has one connection that
// writes and a few that read. Saves that have to wait for the disk travel together in the next commit, so that many
// callers share one fsync; a save is acknowledged when that fsync is done. Several processes may work on one file.
//
// A save takes this way: Save (save.go) waits for a lock of its session and joins the queue (group.go); the writer
// (writer.go) begins a transaction for all that wait, in which each reads its row, decides and writes (save.go, limit.go,
// record.go) through the one connection (conn.go); when the commit has reached the disk, the answers and events go out.
//
// The store does not make its table: run the command sessions-migrate, or pass migrate.UpSQLite with [WithMigrate].
package sqlite

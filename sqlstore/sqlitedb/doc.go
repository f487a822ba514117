// Package sqlitedb keeps sessions in a SQLite database that the application has open already, through its own *sql.DB
// and whichever driver that has. The package registers no driver and opens no file.
//
// Two SQLite libraries in one process must never open the same file: the locks by which SQLite keeps connections apart
// belong to the process, so that one library drops those of the other, and the file is destroyed. An application that
// has its file open with another library than modernc.org/sqlite hands its handle to this package. Sessions in a file
// of their own are better off with package sqlite, whose callers share commits.
//
// What a commit survives is what the application has set: with a write-ahead log, "pragma synchronous" has to be FULL
// on each connection for an acknowledged save to survive a power cut. Times are those of the host's clock.
package sqlitedb

// Package cmd holds the tests of the two commands as their users run them: built binaries, transcripts of what they print
// and how they exit, many processes at once, and processes that are killed.
//
// The tests on Postgres use the server that SESSIONS_TEST_POSTGRES_URL names, as a user who may create databases, or start
// one of their own from the programs that Debian's package postgresql installs.
package cmd

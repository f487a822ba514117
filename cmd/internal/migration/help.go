package migration

const help = `sessions-migrate makes and changes the table that sessions are stored in.

Usage:
  sessions-migrate COMMAND [flags]

Commands:
  up        apply what is pending; any number of processes may start it at once
  down      take back the newest migration; this drops sessions, so it asks first
  status    show the migrations and which of them are applied
  check     for a pipeline: exit with 0 only where nothing is pending and nothing is wrong
  sql       print what would run, as a script for psql or sqlite3, and change nothing; with --dialect or
            --format all migrations, without a database and without a transaction of their own: give psql
            --single-transaction -v ON_ERROR_STOP=1
  adopt     record the version of a table that another tool has made, after a look at it

Flags:
  --database-url URL   postgres://user:password@host/database or sqlite:path. Better set
                       SESSIONS_DATABASE_URL: others can read a command line.
  --table NAME         name of the table (default "sessions")
  --schema NAME        schema of the table, Postgres only (default: by the search path)
  --to VERSION         up, down and sql: as far as this version; 0 is before the first
  --yes                down: do not ask
  --dialect NAME       sql: postgres or sqlite, where there is no database to look at
  --format NAME        sql: plain, or files for goose, golang-migrate, dbmate, atlas or flyway
  --dir PATH           sql: the folder for these files; what is there already is left as it is
  --first NUMBER       sql: the number of the first new file (default: the time, as in 20261231235959)
  --json               print one JSON object
  --version            print the version of this program
  --help               print this text

Examples:
  export SESSIONS_DATABASE_URL=postgres://app@db.internal/app
  sessions-migrate up
  sessions-migrate check || exit 1
  sessions-migrate sql > pending.sql
  sessions-migrate sql --to 0
  sessions-migrate sql --dialect postgres --format dbmate --dir db/migrations
  sessions-migrate down --yes --database-url sqlite:live.db

Exit codes:
  0  done; check: nothing is pending and nothing is wrong
  1  failed; nothing was changed, unless the message says what was
  2  the command line is wrong
  3  check: migrations are pending
  4  the database is not as the migrations leave it, or the table is somebody else's
  5  up, down, sql: the database is newer than this program
  6  down was not confirmed; nothing was changed
`

package gc

const help = `sessions-gc deletes expired sessions, in batches that others do not feel. It never deletes a session that
is alive. Run it from cron, a systemd timer or a Kubernetes CronJob; a second run beside the first one does nothing.

Usage:
  sessions-gc [flags]

Flags:
  --database-url URL   postgres://user:password@host/database or sqlite:path. Better set
                       SESSIONS_DATABASE_URL: others can read a command line.
  --table NAME         name of the table (default "sessions")
  --schema NAME        schema of the table, Postgres only (default: by the search path)
  --batch N            rows deleted by one statement, 1 to 100000 (default 500)
  --pause DURATION     rest between batches, 0 for none (default: none while nobody else is at work in
                       the database; else 400 times as long as a batch took, at most 5s, and on
                       Postgres less if it would fall behind)
  --max-duration D     stop after this time, but not before one batch (default 0: no limit)
  --keep DURATION      keep rows for this long after they expired (default 0)
  --dry-run            count all that has expired, delete nothing
  --json               print one JSON object
  --metrics-file PATH  write metrics for Prometheus's textfile collector (name it *.prom);
                       a dry run leaves them as they are
  --quiet              print errors only
  --version            print the version of this program
  --help               print this text

Examples:
  export SESSIONS_DATABASE_URL=postgres://app@db.internal/app
  sessions-gc
  sessions-gc --max-duration 5m --quiet
  sessions-gc --keep 24h --json
  sessions-gc --dry-run --database-url sqlite:live.db

The JSON object: deleted; expired_remaining, rows that have expired and are still there, counted up to
100000, and expired_remaining_capped, true where the counting stopped there; batches; duration_seconds;
stopped: done, max-duration, signal, locked or refused; dry_run.

Exit codes:
  0  the run ended as it should: nothing is left to delete, the time of --max-duration is over, or
     another run holds the lock
  1  failed; what was deleted until then stays deleted
  2  the command line is wrong
  3  stopped by SIGTERM or an interrupt, between batches; the next run goes on
  4  expired rows are left that the database does not delete, as row-level security can have it do
`

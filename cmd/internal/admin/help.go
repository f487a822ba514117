package admin

const help = `sessions-admin lists, exports and ends sessions: for a stolen account, a request for somebody's data, a leaked
secret. A session that it ends is gone at once, and its open sockets are closed on every node.

Usage:
  sessions-admin COMMAND SELECTION [flags]

Commands:
  list      show the live sessions of owners or a tag, without what they hold
  export    print the same with all that they hold, as one JSON object
  revoke    end sessions; it asks first

Selection, of which all have to hold:
  --owner NAME         the sessions of one user
  --owner-prefix TEXT  those of the users whose names begin so, as all of a tenant's do in acme/42
  --tag NAME           those with a tag
  --session HANDLE     one session, by the handle that logs and lists show
  --realm NAME         only those of one realm, as a manager's configuration calls it; alone: all of it
  --everybody          revoke: all there are
  --except HANDLE      revoke: not this one

Flags:
  --database-url URL   postgres://user:password@host/database or sqlite:path. Better set
                       SESSIONS_DATABASE_URL: others can read a command line.
  --table NAME         name of the table (default "sessions")
  --schema NAME        schema of the table, Postgres only (default: by the search path)
  --dry-run            revoke: say how many sessions it would end, end none
  --yes                revoke: do not ask
  --json               list, revoke: print one JSON object
  --version            print the version of this program
  --help               print this text

Examples:
  export SESSIONS_DATABASE_URL=postgres://app@db.internal/app
  sessions-admin list --owner 42
  sessions-admin export --owner 42 > ada.json
  sessions-admin revoke --owner 42 --dry-run
  sessions-admin revoke --session 0199d3a0-5e8c-7b1e-9d53-0c8f5a1b2c3d --yes
  sessions-admin revoke --everybody

Exit codes:
  0  done, also if no session was selected
  1  failed; the message says how many sessions were ended until then
  2  the command line is wrong
  6  revoke was not confirmed; nothing was changed
`

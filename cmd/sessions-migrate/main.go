// The command sessions-migrate makes and changes the table that sessions are stored in, on Postgres and on SQLite. See
// sessions-migrate --help.
package main

import (
	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/cmd/internal/migration"
)

func main() { cli.Main(migration.Run) }

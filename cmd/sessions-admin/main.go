// The command sessions-admin lists, exports and ends sessions, on Postgres and on SQLite. See sessions-admin --help.
package main

import (
	"github.com/simples-go/sessions/cmd/internal/admin"
	"github.com/simples-go/sessions/cmd/internal/cli"
)

func main() { cli.Main(admin.Run) }

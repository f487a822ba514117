// The command sessions-gc deletes expired sessions, on Postgres and on SQLite. See sessions-gc --help.
package main

import (
	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/cmd/internal/gc"
)

func main() { cli.Main(gc.Run) }

package node

import (
	"context"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

const allowReplication = `echo 'host replication all all scram-sha-256' >>"$PGDATA/pg_hba.conf" &&
	kill -HUP "$(head -1 "$PGDATA/postmaster.pid")"`

// su keeps neither the path of the image's entrypoint nor its other variables.
const runStandby = `mkdir -p "$PGDATA" /var/run/postgresql && chown postgres "$PGDATA" /var/run/postgresql &&
	chmod 700 "$PGDATA" && exec su postgres -s /bin/sh -c "
		export PATH='$PATH' PGDATA='$PGDATA' PGPASSWORD=postgres &&
		pg_basebackup -h '$PRIMARY' -U postgres -D '$PGDATA' -R -X stream -c fast && exec postgres"`

// Standby starts a streaming replica of n, read-only until Promote.
func (n *Node) Standby(tb testing.TB) *Node {
	tb.Helper()
	n.Sh(allowReplication)
	primary, err := n.ContainerIP(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return run(tb, "5432", []testcontainers.ContainerCustomizer{
		testcontainers.WithEnv(map[string]string{"PRIMARY": primary}),
		testcontainers.WithCmd("sh", "-c", runStandby),
		testcontainers.WithWaitStrategy(wait.ForLog("ready to accept read-only connections")),
	})
}

// Promote makes a standby a primary.
func (n *Node) Promote() {
	n.tb.Helper()
	n.Sh(`psql -U postgres -v ON_ERROR_STOP=1 -c "select pg_promote()"`)
}

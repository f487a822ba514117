package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
)

const bouncerConfig = `
[databases]
* = host=%s port=5432
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
auth_type = trust
auth_file = /tmp/users.txt
`

// PgBouncer starts one in transaction mode in front of the Postgres container at an address of the engine's network, and
// returns its own address.
func PgBouncer(tb testing.TB, upstream string) string {
	tb.Helper()
	return run(tb, "6432", []testcontainers.ContainerCustomizer{
		testcontainers.WithFiles(
			file("/tmp/pgbouncer.ini", fmt.Sprintf(bouncerConfig, upstream)),
			file("/tmp/users.txt", `"postgres" "postgres"`),
		),
		testcontainers.WithCmd("sh", "-c", with("pgbouncer")+"exec pgbouncer -u postgres /tmp/pgbouncer.ini"),
		testcontainers.WithWaitStrategy(wait.ForListeningPort("6432/tcp")),
	}).Addr()
}

// with returns a shell command that installs a program if the image lacks it.
func with(program string) string {
	return fmt.Sprintf("command -v %[1]s >/dev/null || apk add --no-cache %[1]s || "+
		"{ apt-get update && apt-get install -y --no-install-recommends %[1]s; }; ", program)
}

func file(path, text string) testcontainers.ContainerFile {
	return testcontainers.ContainerFile{Reader: strings.NewReader(text), ContainerFilePath: path, FileMode: 0o644}
}

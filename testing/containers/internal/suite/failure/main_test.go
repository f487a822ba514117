package failure_test

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/process"
	"github.com/simples-go/sessions/testing/containers/internal/wire"
)

func TestMain(m *testing.M) {
	process.Play(process.Roles{"write": write})
	containers.Main(m)
}

// proxied returns a proxy in front of a database and the URL that goes through it.
func proxied(t *testing.T, to string) (*wire.Proxy, string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := wire.NewProxy(t, u.Host)
	u.Host = p.Addr()
	return p, u.String()
}

// pool opens one of at most so many connections.
func pool(t *testing.T, at string, conns int32) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(at)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = conns
	return pgstore.Pool(t, config)
}

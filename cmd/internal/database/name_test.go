package database

import (
	"testing"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/migrations"
)

// A password that is not percent-encoded may stand where a database's name does.
func TestNameIsNothingElseOfTheURL(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:s3cret@h/app?sslmode=disable":          "app",
		"postgres://u:s3cret@h1,h2:5433/my%20app":            "my app",
		"postgres://u:12345/s3cret@127.0.0.1/app":            "",
		"postgres://u:s3cret@h/app?connect_timeout=s3cret":   "",
		"sqlite:/var/lib/app/live.db":                        "/var/lib/app/live.db",
		"sqlite:x:s3cret@h":                                  "(10 bytes, not shown)",
		"postgres://u:s3cret@h/?user=other&dbname=elsewhere": "elsewhere",
	} {
		dialect, err := cli.DialectOf(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := Name(cli.Database{URL: url, Dialect: dialect, Table: migrations.Table{}}); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}

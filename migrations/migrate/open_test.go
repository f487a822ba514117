package migrate

import (
	"testing"

	"github.com/simples-go/sessions/internal/pgurl"
)

func TestPostgresDSN(t *testing.T) {
	const exec, rest = "?default_query_exec_mode=exec", "&target_session_attrs=read-write&connect_timeout=5"
	for url, want := range map[string]string{
		"postgres://u@h/d":                             "postgres://u@h/d" + exec + rest,
		"postgres://u:a?connect_timeout=b@h/d":         "postgres://u:a?connect_timeout=b@h/d" + exec + rest,
		"postgres://h:1/d?pool_max_conns=3&a=b":        "postgres://h:1/d" + exec + rest + "&a=b",
		"postgres://h/d?connect_timeout=3&pool_x=y":    "postgres://h/d" + exec + "&target_session_attrs=read-write&connect_timeout=3",
		"postgres://h/d?default_query_exec_mode=cache": "postgres://h/d" + exec + rest + "&default_query_exec_mode=cache",
	} {
		if got := postgresDSN(url, pgurl.Writable); got != want {
			t.Errorf("postgresDSN(%q) = %q", url, got)
		}
	}
}

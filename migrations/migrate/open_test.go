package migrate

import "testing"

func TestPostgresDSN(t *testing.T) {
	const defaults = "?default_query_exec_mode=exec&connect_timeout=10&target_session_attrs=read-write"
	for url, want := range map[string]string{
		"postgres://u@h/d":                             "postgres://u@h/d" + defaults,
		"postgres://u:a?connect_timeout=b@h/d":         "postgres://u:a?connect_timeout=b@h/d" + defaults,
		"postgres://h1:1,h2/d?pool_max_conns=3&a=b":    "postgres://h1:1,h2/d" + defaults + "&a=b",
		"postgres://h/d?connect_timeout=3&pool_x=y":    "postgres://h/d" + defaults + "&connect_timeout=3",
		"postgres://h/d?target_session_attrs=any":      "postgres://h/d" + defaults + "&target_session_attrs=any",
		"postgres://h/d?default_query_exec_mode=cache": "postgres://h/d" + defaults + "&default_query_exec_mode=cache",
	} {
		if got := postgresDSN(url, "read-write"); got != want {
			t.Errorf("postgresDSN(%q) = %q", url, got)
		}
	}
}

package cmd

import (
	"strings"
	"testing"
)

// TestURLSettings: what a service's URL has for its pool, and twice, does not keep sessions-migrate from using it.
func TestURLSettings(t *testing.T) {
	url, separator := database(t), "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	url += separator + "pool_max_conns=3&pool_max_conn_lifetime=1h&connect_timeout=3&application_name=x"
	succeed(t, url, "sessions-migrate", "up")
	succeed(t, url, "sessions-migrate", "check")
}

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestSockets runs the command in small on a store in memory and on a file: it fails where a socket outlives its session.
func TestSockets(t *testing.T) {
	for _, url := range []string{"memory", "sqlite:" + t.TempDir() + "/sockets.db"} {
		var out bytes.Buffer
		if err := run(t.Context(), &out, url, 4, 50, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"within one process", "50 open sockets", "saves beside open sockets"} {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%s: nothing about %q in\n%s", url, line, &out)
			}
		}
	}
}

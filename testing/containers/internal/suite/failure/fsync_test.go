package failure_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/containers/internal/node"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// isOnTheDisk: a save is acknowledged after the server has told the kernel to put its log on the disk, not before.
func isOnTheDisk(t *testing.T, n *node.Node) {
	pool := pool(t, n.URL(), 1)
	s := pgstore.New(t, pool)
	ref := pgstore.Created(t, s, store.Change{})
	trace := traced(t, n, pgstore.Count(t, pool, "select pg_backend_pid()"), func() {
		if _, err := s.Save(context.Background(), ref, pgstore.Set("a", "1")); err != nil {
			t.Fatal(err)
		}
	})
	// What the server receives, then what it syncs, then what it answers.
	saved := regexp.MustCompile(`(?s)recvfrom\(.*(fsync|fdatasync)\(\d+\) += 0.*sendto\(`)
	if !saved.MatchString(trace) {
		t.Errorf("the server's calls during a save were\n%s", trace)
	}
}

// traced returns the system calls that one of the server's processes made while fn ran.
func traced(t *testing.T, n *node.Node, pid int, fn func()) string {
	t.Helper()
	n.Need("strace")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// In the foreground: the server is the container's first process, and takes the end of an orphan for a crash.
		_, _, _ = n.Exec(context.Background(), []string{"sh", "-c", fmt.Sprintf(
			"exec strace -e trace=fsync,fdatasync,recvfrom,sendto -o /tmp/calls -p %d 2>/tmp/strace", pid)})
	}()
	waitFor(t, func() bool { return strings.Contains(n.Sh("touch /tmp/strace; cat /tmp/strace"), "attached") })
	fn()
	n.Sh(fmt.Sprintf("kill -INT $(sed -n 's/TracerPid:[[:space:]]*//p' /proc/%d/status)", pid))
	<-ended
	return n.Sh("cat /tmp/calls")
}

// waitFor waits for what others do in their own time.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not come about")
		}
	}
}

package failure_test

import (
	"bufio"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"

	"github.com/simples-go/sessions/testing/containers/internal/node"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/process"
	"github.com/simples-go/sessions/testing/internal/chance"
)

// What was acknowledged stays, whatever happens to the process that wrote it or to the database.
func TestDurability(t *testing.T) {
	n := durable(t,
		// The log's own writer could make the call that is looked for; it stays asleep.
		testcontainers.WithCmd("postgres", "-c", "wal_writer_delay=10s"),
		testcontainers.WithHostConfigModifier(func(c *container.HostConfig) { c.CapAdd = append(c.CapAdd, "SYS_PTRACE") }),
	)
	t.Run("disk", func(t *testing.T) { isOnTheDisk(t, n) })
	t.Run("restart", func(t *testing.T) { livesThroughRestart(t, n) })
	t.Run("kills", func(t *testing.T) { losesNothing(t, n) })
}

// losesNothing kills the writing process and the database in turn, each time in the middle of saves.
func losesNothing(t *testing.T, n *node.Node) {
	saves := 0
	rounds := chance.Rounds(t, 10)
	for round := range rounds {
		victim := "database"
		if round%2 == 0 {
			victim = "writer"
		}
		saves += killed(t, n, victim)
		if t.Failed() {
			t.Fatalf("in round %d, after a kill of the %s", round, victim)
		}
	}
	t.Logf("%d kills, %d acknowledged saves, none lost", rounds, saves)
}

// durable starts a database that may be killed, and migrates it.
func durable(t *testing.T, opts ...testcontainers.ContainerCustomizer) *node.Node {
	t.Helper()
	n := node.Start(t, opts...)
	if on := setting(t, n, "fsync") + setting(t, n, "synchronous_commit"); on != "onon" {
		t.Fatalf("fsync and synchronous_commit are %s", on)
	}
	pgstore.Migrate(t, n.URL())
	return n
}

func setting(t *testing.T, n *node.Node, name string) string {
	t.Helper()
	return n.Sh("psql -U postgres -At -c 'show " + name + "'")
}

// killed lets a writer write, kills it or the database in the middle, and looks at what is left.
func killed(t *testing.T, n *node.Node, victim string) (saves int) {
	t.Helper()
	writer := process.Start(t, "write", n.URL())
	lines := bufio.NewReader(writer.Stdout)
	acks := acknowledged{}
	saves = acks.read(t, lines, 50+rand.IntN(300))
	if victim == "writer" {
		writer.Kill()
	} else {
		n.Kill()
	}
	saves += acks.read(t, lines, math.MaxInt)
	if err := writer.Wait(); err == nil {
		t.Error("the writer has ended without an error")
	}
	if victim == "database" {
		n.Again()
	}
	pool := pool(t, n.URL(), 2)
	defer pool.Close()
	acks.check(t, pgstore.New(t, pool))
	return saves
}

// Package node runs a Postgres that one test has for itself and may kill: durable, on a port that stays.
package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/simples-go/sessions/testing/containers/internal/engine"
)

// Node is a running container. Its methods end the test on failure.
type Node struct {
	testcontainers.Container
	tb   testing.TB
	port string
}

// Start runs a Postgres with fsync on. Its data lie on a volume, so that they survive Kill.
func Start(tb testing.TB, opts ...testcontainers.ContainerCustomizer) *Node {
	tb.Helper()
	opts = append([]testcontainers.ContainerCustomizer{
		testcontainers.WithCmd("postgres"),
		postgres.BasicWaitStrategies(),
	}, opts...)
	return run(tb, "5432", opts)
}

// run starts a container of the tests' image that listens on a port.
func run(tb testing.TB, listens string, opts []testcontainers.ContainerCustomizer) *Node {
	tb.Helper()
	engine.Require(tb)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	n := &Node{tb: tb, port: freePort(tb)}
	pg, err := postgres.Run(ctx, engine.Image(""), append([]testcontainers.ContainerCustomizer{
		testcontainers.WithExposedPorts(listens + "/tcp"),
		testcontainers.WithEnv(map[string]string{"PGDATA": "/pgdata/data"}),
		testcontainers.WithConfigModifier(func(c *container.Config) {
			c.Volumes = map[string]struct{}{"/pgdata": {}}
		}),
		testcontainers.WithHostConfigModifier(publish(listens, n.port)),
		testcontainers.WithLogger(log.TestLogger(tb)),
	}, opts...)...)
	if pg != nil {
		n.Container = pg
		tb.Cleanup(n.remove)
	}
	if err != nil {
		engine.NoContainer(tb, err)
	}
	return n
}

// publish fixes the port on this host: one that the engine chooses is another one after each start.
func publish(inside, outside string) func(*container.HostConfig) {
	return func(c *container.HostConfig) {
		c.PortBindings = network.PortMap{
			network.MustParsePort(inside + "/tcp"): {{HostIP: netip.IPv4Unspecified(), HostPort: outside}},
		}
	}
}

func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

func (n *Node) remove() {
	if err := testcontainers.TerminateContainer(n.Container, testcontainers.StopTimeout(0)); err != nil {
		n.tb.Errorf("removing a container: %v", err)
	}
}

// Addr returns host and port.
func (n *Node) Addr() string {
	n.tb.Helper()
	host, err := n.Host(context.Background())
	if err != nil {
		n.tb.Fatal(err)
	}
	return net.JoinHostPort(host, n.port)
}

// URL returns the URL of the node's database.
func (n *Node) URL() string {
	n.tb.Helper()
	return URLAt(n.Addr(), "postgres")
}

// URLAt returns the URL of a database behind some other address, for example a proxy's.
func URLAt(addr, database string) string {
	return fmt.Sprintf("postgres://postgres:postgres@%s/%s?sslmode=disable", addr, database)
}

// Kill ends every process of the container with SIGKILL.
func (n *Node) Kill() {
	n.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	docker := n.docker()
	defer func() { _ = docker.Close() }()
	if _, err := docker.ContainerKill(ctx, n.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		n.tb.Fatalf("killing the database: %v", err)
	}
}

// Stop ends the server as an operator does.
func (n *Node) Stop() {
	n.tb.Helper()
	timeout := 30 * time.Second
	if err := n.Container.Stop(context.Background(), &timeout); err != nil {
		n.tb.Fatalf("stopping the database: %v", err)
	}
}

// Again starts the container after Kill or Stop and returns once the server answers.
func (n *Node) Again() {
	n.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	docker := n.docker()
	defer func() { _ = docker.Close() }()
	if _, err := docker.ContainerStart(ctx, n.GetContainerID(), client.ContainerStartOptions{}); err != nil {
		n.tb.Fatalf("starting the database again: %v", err)
	}
	answers(n.tb, n.URL())
}

func (n *Node) docker() *testcontainers.DockerClient {
	n.tb.Helper()
	docker, err := testcontainers.NewDockerClientWithOpts(context.Background())
	if err != nil {
		n.tb.Fatal(err)
	}
	return docker
}

// answers waits until a server accepts queries.
func answers(tb testing.TB, url string) {
	tb.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = ask(url); err == nil {
			return
		}
	}
	tb.Fatalf("the database does not answer: %v", err)
}

func ask(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.Ping(ctx)
}

// Sh runs a shell command in the container, as root, and returns what it printed.
func (n *Node) Sh(command string) string {
	n.tb.Helper()
	code, output, err := n.Exec(context.Background(), []string{"sh", "-c", command},
		tcexec.Multiplexed(), tcexec.WithUser("root"))
	if err != nil {
		n.tb.Fatalf("%s: %v", command, err)
	}
	text, err := io.ReadAll(output)
	if err != nil || code != 0 {
		n.tb.Fatalf("%s: exit code %d, %v\n%s", command, code, err, text)
	}
	return strings.TrimSpace(string(text))
}

// Need installs a program in the container if its image lacks it.
func (n *Node) Need(program string) {
	n.tb.Helper()
	n.Sh(with(program) + "true")
}

// Package engine finds the Docker engine and the image that the tests run on.
package engine

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// Require ends the test if no engine answers: a failure in CI, otherwise a skip that says what to do.
func Require(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	adaptToMachine(ctx)
	require(tb, answers(ctx))
}

func require(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		Unavailable(tb, "This test needs a Docker engine, and none answers: install and start one "+
			"(https://docs.docker.com/engine/install), or set DOCKER_HOST.", err)
	}
}

func answers(ctx context.Context) error {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer func() { _ = provider.Close() }()
	return provider.Health(ctx)
}

// Unavailable ends a test that cannot run on this machine.
func Unavailable(tb testing.TB, text string, err error) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatalf("%s (%v)", text, err)
	}
	tb.Skipf("%s (%v)", text, err)
}

// adaptToMachine sets two variables of testcontainers if its own guess would fail. It reads them once, at its first
// use, so this has to come before.
func adaptToMachine(ctx context.Context) {
	engine, err := client.New(client.FromEnv)
	if err != nil {
		return
	}
	defer func() { _ = engine.Close() }()
	if _, set := os.LookupEnv("TESTCONTAINERS_HOST_OVERRIDE"); !set && sharesNetwork(ctx, engine) {
		_ = os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
	if _, set := os.LookupEnv(ryukDisabled); !set && lacksRyuk(ctx, engine) {
		_ = os.Setenv(ryukDisabled, "true")
	}
}

const ryukDisabled = "TESTCONTAINERS_RYUK_DISABLED"

// sharesNetwork reports whether this looks like a container, from which testcontainers would dial the bridge's gateway,
// while the engine runs right beside the test: then ports are published on the loopback interface.
func sharesNetwork(ctx context.Context, engine *client.Client) bool {
	if _, err := os.Stat("/.dockerenv"); err != nil {
		return false
	}
	bridge, err := engine.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err != nil {
		return false
	}
	_, err = net.InterfaceByName(bridge.Network.Options["com.docker.network.bridge.name"])
	return err == nil
}

// lacksRyuk reports whether the image of Ryuk, the container that removes what a killed test leaves, can neither be found
// nor pulled. A prefix for images means that there is a registry.
func lacksRyuk(ctx context.Context, engine *client.Client) bool {
	if os.Getenv("TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX") != "" {
		return false
	}
	//lint:ignore SA1019 the name's new place is internal to testcontainers
	ryuk := testcontainers.ReaperDefaultImage
	if _, err := engine.ImageInspect(ctx, ryuk); err == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	pull, err := engine.ImagePull(ctx, ryuk, client.ImagePullOptions{})
	if err != nil {
		return !client.IsErrConnectionFailed(err)
	}
	defer func() { _ = pull.Close() }()
	return pull.Wait(ctx) != nil
}

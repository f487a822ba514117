package engine

import (
	"cmp"
	"os"
	"testing"
)

// Where the image's name comes from; package containers exports both.
const (
	ImageVariable = "SESSIONS_TEST_POSTGRES_IMAGE"
	DefaultImage  = "postgres:17-alpine"
)

// Image returns the name of the image to run: the first of what is given, the environment's, the default.
func Image(given string) string { return cmp.Or(given, os.Getenv(ImageVariable), DefaultImage) }

// NoContainer ends a test whose container did not start.
func NoContainer(tb testing.TB, err error) {
	tb.Helper()
	Unavailable(tb, "This test needs a Postgres image: let the engine pull "+DefaultImage+", name one in "+
		ImageVariable+", or build one with testing/containers/image/build.sh.", err)
}

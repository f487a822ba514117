package containers_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/simples-go/sessions/testing/containers"
)

// TestNeedsPostgres is also run in a process of its own, by the tests below.
func TestNeedsPostgres(t *testing.T) {
	if n := scan[int](t, containers.Postgres(t), "select 1"); n != 1 {
		t.Errorf("1 is %d", n)
	}
}

// alone runs a test in a process of its own with variables changed. It returns what that printed and whether it passed.
func alone(t *testing.T, test string, env ...string) (string, bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run="+test, "-test.v")
	cmd.Env = append(os.Environ(), env...)
	output, err := cmd.CombinedOutput()
	return string(output), err == nil
}

func TestWithoutTheImageATestSaysHowToGetOne(t *testing.T) {
	const none = containers.ImageVariable + "=localhost:1/no/such:image"
	output, passed := alone(t, "^TestNeedsPostgres$", none, "CI=")
	if !passed || !strings.Contains(output, "--- SKIP") || !strings.Contains(output, "image/build.sh") {
		t.Errorf("passed: %t, and the output is\n%s", passed, output)
	}
	if output, passed := alone(t, "^TestNeedsPostgres$", none, "CI=true"); passed {
		t.Errorf("the test passes in CI:\n%s", output)
	}
}

package commands_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/simples-go/sessions/testing/containers"
)

// The commands' transcripts hold on the server in the container as on any other.
func TestTranscripts(t *testing.T) {
	db := containers.Postgres(t, containers.WithoutMigrations())
	cmd := exec.Command("go", "test", "-count=1", "-run=^TestPostgres$", "./cmd")
	cmd.Dir = filepath.Join("..", "..", "..", "..", "internal", "checks")
	cmd.Env = append(os.Environ(), "SESSIONS_TEST_POSTGRES_URL="+db.URL)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

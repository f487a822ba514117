package commands_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/simples-go/sessions/testing/containers"
)

// The benchmarks run on Postgres too: they fail where an operation has a wrong result, not where it takes long.
func TestBenchmarks(t *testing.T) {
	for name, b := range map[string]struct {
		flags string
		says  []string
	}{
		"bench": {
			"-databases postgres -rows 1000 -large 2000 -rounds 1 -each 50ms -callers 1,8",
			[]string{"| load | 8 |", "| save | 8 |", "| mixed 95/5 |", "| create |", "| destroy |", "| http write |", "| large |", "| bare large |"},
		},
		"bench/collector": {"-rows 20000 -rounds 1 -slice 100ms", []string{"ratio", "load p99", "save p99"}},
		"bench/growth":    {"-sessions 200 -over 1s", []string{"10/10: ", "% of the saves", "vacuumed"}},
		"bench/sockets":   {"-trials 20 -open 100 -idle 100ms", []string{"across two nodes", "100 open sockets"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := containers.Postgres(t, containers.WithoutMigrations())
			args := append([]string{"run", "./testing/internal/" + name, "-database-url", db.URL}, strings.Fields(b.flags)...)
			cmd := exec.Command("go", args...)
			cmd.Dir = filepath.Join("..", "..", "..", "..", "..")
			output, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for _, text := range b.says {
				if !strings.Contains(string(output), text) {
					t.Errorf("nothing of %q in\n%s", text, output)
				}
			}
		})
	}
}

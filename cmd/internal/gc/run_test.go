package gc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/cmd/internal/database"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// filled returns the URL of a file with five expired sessions.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "live.db")
	files, err := migrations.Render(migrations.SQLite, "", "sessions")
	if err != nil {
		t.Fatal(err)
	}
	text, err := fs.ReadFile(files, "00001_sessions.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, _, _ := strings.Cut(string(text), "-- +goose Down")
	db, err := sqlite.OpenDB(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(up + `;
		insert into sessions (id, secret_hash, data, version, created_at, accessed_at, expires_at)
		select randomblob(16), zeroblob(32), '{}', 1, 0, 0, value from json_each('[1, 2, 3, 4, 5]')`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// run returns the exit code and both outputs of the command.
func run(ctx context.Context, url string, args ...string) (code int, stdout, stderr string) {
	env := cli.Env{
		Getenv:   func(string) string { return url },
		Terminal: func(any) bool { return false },
	}
	var out, complaint strings.Builder
	code = Run(ctx, args, env, &out, &complaint)
	return code, out.String(), complaint.String()
}

func TestASignalBeforeTheFirstBatch(t *testing.T) {
	url := filled(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, complaint := run(ctx, url, "--json")
	if code != stoppedBySignal || complaint != "" || !strings.Contains(out, `"deleted":0,"expired_remaining":5,`) ||
		!strings.Contains(out, `"stopped":"signal"`) {
		t.Errorf("exit code %d, %s%s", code, out, complaint)
	}
}

func TestAPauseThatIsNotGivenIsTheCollectorsOwn(t *testing.T) {
	for args, want := range map[string]time.Duration{"": 0, "--pause 0": -1, "--pause 2s": 2 * time.Second} {
		c, err := parse(strings.Fields("--database-url sqlite:x.db "+args), cli.Env{}, io.Discard)
		if err != nil || c.options.Pause != want {
			t.Errorf("%q: %v, %v, want %v", args, c.options.Pause, err, want)
		}
	}
}

// stopping is a collector that stops for a reason.
type stopping struct {
	store.Finder
	reason store.StopReason
}

func (s stopping) Collect(context.Context, store.CollectOptions) (store.CollectReport, error) {
	return store.CollectReport{Deleted: 3, Remaining: 58_285, Stopped: s.reason}, nil
}

// Rows that nobody has chosen to leave are no success, for a reason that this program does not know yet either.
func TestExitCodeByReason(t *testing.T) {
	for reason, want := range map[store.StopReason]int{
		store.StopDone: 0, store.StopMaxDuration: 0, store.StopLocked: 0, store.StopSignal: 3, store.StopRefused: 4, "news": 4,
	} {
		file := filepath.Join(t.TempDir(), "m.prom")
		c := command{quiet: true, metrics: file, db: cli.Database{Table: migrations.Table{Name: "sessions"}}}
		c.open = func(context.Context, cli.Database, database.Options) (*database.Opened, error) {
			return &database.Opened{Store: stopping{reason: reason}, Close: func() {}}, nil
		}
		var complaint strings.Builder
		if code := c.run(t.Context(), cli.Env{}, io.Discard, &complaint); code != want {
			t.Errorf("%s: exit code %d, want %d", reason, code, want)
		}
		if want != refused {
			continue
		}
		if !strings.Contains(complaint.String(), "row-level security") {
			t.Errorf("%s: it says %q", reason, complaint.String())
		}
		if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), `sessions_gc_success{table="sessions"} 0`) ||
			!strings.Contains(string(text), `sessions_gc_expired_remaining{table="sessions"} 58285`) {
			t.Errorf("%s: the metrics are %s, %v", reason, text, err)
		}
	}
}

package cmd

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestKilledHoldingTheLock: the process is killed for certain in the middle of its transaction, where it waits for a name
// that another one has taken. The next one waits no longer than for that.
func TestKilledHoldingTheLock(t *testing.T) {
	target := database(t)
	db, err := sql.Open("pgx", target)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	other, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("create table sessions (a int)"); err != nil {
		t.Fatal(err)
	}
	p := start(t, target, "sessions-migrate", "up")
	eventually(t, "the migration waits", func() bool {
		return number(t, "pgx", target, "select count(*) from pg_locks where locktype = 'advisory' and granted") == 1 &&
			number(t, "pgx", target, "select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == 1
	})
	_ = p.Process.Kill()
	p.code(t)
	next := start(t, target, "sessions-migrate", "up")
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if code := next.code(t); code != 0 {
		t.Fatalf("exit code %d: %s", code, next.stderr.String())
	}
	succeed(t, target, "sessions-migrate", "check")
}

// TestMissingRights: the error of who may not create says what to grant; who finds everything done needs no rights.
func TestMissingRights(t *testing.T) {
	target := database(t)
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	role := "r_" + strings.TrimPrefix(u.Path, "/")
	admin(t, "create role "+role+" login password 'p'")
	execSQL(t, target, "revoke create on schema public from public")
	t.Cleanup(func() { admin(t, "drop role "+role) })
	u.User = url.UserPassword(role, "p")

	said := fails(t, 1, u.String(), "sessions-migrate", "up")
	if !strings.Contains(said, "grant create on schema") {
		t.Errorf("it says %q", said)
	}
	fails(t, 3, u.String(), "sessions-migrate", "check")
	succeed(t, target, "sessions-migrate", "up")
	execSQL(t, target, "grant select on sessions_migrations to "+role)
	t.Cleanup(func() { execSQL(t, target, "drop owned by "+role) })
	succeed(t, u.String(), "sessions-migrate", "up")
	succeed(t, u.String(), "sessions-migrate", "check")
}

// TestRowsThatTheDatabaseKeeps: row-level security without a policy for delete has nothing deleted and no error.
func TestRowsThatTheDatabaseKeeps(t *testing.T) {
	d := filled(t)["postgres"](t)
	limited := limitedTo(t, d.url, "select, delete")
	execSQL(t, d.url, "alter table sessions enable row level security")
	execSQL(t, d.url, "create policy look on sessions for select using (true)")

	p := start(t, limited, "sessions-gc", "--json")
	if code := p.code(t); code != 4 || !strings.Contains(p.stderr.String(), "row-level security") {
		t.Errorf("exit code %d: %s", code, p.stderr.String())
	}
	if r := parse(t, p.stdout.String()); r.Stopped != "refused" || r.Deleted != 0 || r.Remaining != 5000 {
		t.Errorf("it reports %+v", r)
	}
	succeed(t, limited, "sessions-gc", "--dry-run")
}

// limitedTo returns the URL of a role that has these rights on the table and no others.
func limitedTo(t *testing.T, target, rights string) string {
	t.Helper()
	u, err := url.Parse(target)
	must(t, err)
	role := "r_" + strings.ToLower(rand.Text())
	admin(t, "create role "+role+" login password 'p'")
	t.Cleanup(func() { admin(t, "drop role "+role) })
	execSQL(t, target, "grant "+rights+" on sessions to "+role)
	t.Cleanup(func() { execSQL(t, target, "drop owned by "+role) })
	u.User = url.UserPassword(role, "p")
	return u.String()
}

// TestRightsOfAdmin: the rights that the documentation names are enough, and the error of who has fewer names them.
func TestRightsOfAdmin(t *testing.T) {
	d := filled(t)["postgres"](t)
	looking := limitedTo(t, d.url, "select")
	succeed(t, looking, "sessions-admin", "list", "--owner", "ada")
	succeed(t, looking, "sessions-admin", "export", "--owner", "ada")
	succeed(t, looking, "sessions-admin", "revoke", "--everybody", "--dry-run")
	said := fails(t, 1, limitedTo(t, d.url, "select, delete"), "sessions-admin", "revoke", "--everybody", "--yes")
	if !strings.Contains(said, "ended 0 sessions") || !strings.Contains(said, "to revoke also update") {
		t.Errorf("it says %q", said)
	}
	said = succeed(t, limitedTo(t, d.url, "select, delete, update"), "sessions-admin", "revoke", "--everybody", "--yes")
	if said != "ended 5000 sessions\n" {
		t.Errorf("it says %q", said)
	}
}

// TestRowsThatCannotBeLocked: row-level security without a policy for update hides rows from the statement that locks
// them.
func TestRowsThatCannotBeLocked(t *testing.T) {
	d := filled(t)["postgres"](t)
	limited := limitedTo(t, d.url, "select, delete, update")
	execSQL(t, d.url, "alter table sessions enable row level security")
	execSQL(t, d.url, "create policy look on sessions for select using (true)")
	execSQL(t, d.url, "create policy ends on sessions for delete using (true)")
	said := fails(t, 1, limited, "sessions-admin", "revoke", "--everybody", "--yes")
	if !strings.Contains(said, "ended 0 sessions, then") || !strings.Contains(said, "the database keeps 5000 rows") {
		t.Errorf("it says %q", said)
	}
	execSQL(t, d.url, "create policy locks on sessions for update using (true)")
	said = succeed(t, limited, "sessions-admin", "revoke", "--everybody", "--yes")
	if said != "ended 5000 sessions\n" {
		t.Errorf("it says %q", said)
	}
}

// TestReadOnlyStandby: a standby can be looked at; what cannot be done there says where it can.
func TestReadOnlyStandby(t *testing.T) {
	target := database(t)
	if postgres.own == nil {
		absent(t, "a standby can be made of a server that the tests have started: unset SESSIONS_TEST_POSTGRES_URL")
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	standby := postgres.own.standby(t, strings.TrimPrefix(u.Path, "/"))
	said := fails(t, 1, standby, "sessions-migrate", "up")
	if !strings.Contains(said, "this server is read-only: connect to the primary") {
		t.Errorf("up says %q", said)
	}
	fails(t, 3, standby, "sessions-migrate", "check")
	succeed(t, target, "sessions-migrate", "up")
	eventually(t, "the standby has the table", func() bool {
		return start(t, standby, "sessions-migrate", "check").code(t) == 0
	})
	said = fails(t, 1, standby, "sessions-gc")
	if !strings.Contains(said, "target_session_attrs=read-write") {
		t.Errorf("sessions-gc says %q", said)
	}
	hosts := both(target, standby)
	if !strings.Contains(succeed(t, hosts, "sessions-gc"), "deleted 0") {
		t.Error("sessions-gc did not find the primary")
	}
	succeed(t, hosts, "sessions-migrate", "down", "--yes")
	succeed(t, hosts, "sessions-migrate", "up")
	succeed(t, hosts, "sessions-migrate", "check")
	said = fails(t, 1, hosts+"&target_session_attrs=any", "sessions-migrate", "down", "--yes")
	if !strings.Contains(said, "read-only") {
		t.Errorf("with the first server that answers, down says %q", said)
	}
}

// both returns a URL of two hosts, the standby first.
func both(primary, standby string) string {
	u, _ := url.Parse(primary)
	s, _ := url.Parse(standby)
	return "postgres://postgres@" + s.Host + "," + u.Host + u.Path + "?sslmode=disable"
}

// TestUnwritableFile: an SQLite file or folder that the user may not write. Root may write everything, so it becomes
// somebody else.
func TestUnwritableFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "live.db")
	succeed(t, "sqlite:"+file, "sessions-migrate", "up")
	succeed(t, "sqlite:"+file, "sessions-migrate", "down", "--yes")
	if err := os.Chmod(file, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	said := asSomebody(t, "sqlite:"+file)
	if !strings.Contains(said, "cannot be written by this user") && !strings.Contains(said, "belong to this user") {
		t.Errorf("it says %q", said)
	}
}

func asSomebody(t *testing.T, url string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "sessions-migrate"), "up")
	cmd.Env = append(os.Environ(), "SESSIONS_DATABASE_URL="+url)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for dir := filepath.Dir(strings.TrimPrefix(url, "sqlite:")); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			_ = os.Chmod(dir, 0o555)
		}
		_ = os.Chmod(bin, 0o755)
	}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it succeeded: %s", out)
	}
	return string(out)
}

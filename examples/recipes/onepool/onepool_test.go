package onepool

import (
	"context"
	"errors"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
)

func TestMain(m *testing.M) { containers.Main(m) }

// A transaction of each ends the sessions or leaves them, on the connections of the one pool.
func TestOnePool(t *testing.T) {
	pool := containers.Postgres(t).Pool
	app, err := Open(pool)
	if err != nil {
		t.Fatal(err)
	}
	defer app.SQL.Close()
	if err := app.GORM.AutoMigrate(&User{}); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), refusing); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(ctx context.Context, user, hash string) error{
		"GORM": app.ByGORM, "ent": app.ByEnt, "sqlc": app.BySQLC,
	} {
		t.Run(name, func(t *testing.T) {
			if err := app.GORM.Create(&User{Name: name, Password: "old"}).Error; err != nil {
				t.Fatal(err)
			}
			s, other := app.login(t, name), app.login(t, "somebody else")
			before := pool.Stat().AcquireCount()
			for _, password := range []string{"", "refused"} { // by the first statement, and by the commit
				if err := change(t.Context(), name, password); err == nil {
					t.Errorf("the password %q is taken", password)
				}
			}
			if got := pool.Stat().AcquireCount(); got == before {
				t.Error("it has connections of its own")
			}
			if got := app.password(t, name); got != "old" {
				t.Errorf("after a transaction that failed the password is %q", got)
			}
			if err := s.Load(t.Context()); err != nil {
				t.Errorf("after a transaction that failed: %v", err)
			}
			if err := change(t.Context(), name, "new"); err != nil {
				t.Fatal(err)
			}
			if got := app.password(t, name); got != "new" {
				t.Errorf("the password is %q", got)
			}
			if err := s.Load(t.Context()); !errors.Is(err, session.ErrGone) {
				t.Errorf("after the change: %v", err)
			}
			if err := other.Load(t.Context()); err != nil {
				t.Errorf("somebody else: %v", err)
			}
		})
	}
	if got := pool.Stat().AcquiredConns(); got != 0 {
		t.Errorf("%d connections are not given back", got)
	}
}

// refusing has the commit fail that has changed a password to "refused".
const refusing = `
	create function refuse() returns trigger language plpgsql as $$
	begin
		if new.password = 'refused' then raise 'refused'; end if;
		return new;
	end $$;
	create constraint trigger refuse after update on users deferrable initially deferred
		for each row execute function refuse()`

func (a *App) login(t *testing.T, user string) *session.Session {
	t.Helper()
	s := a.Sessions.NewSession()
	if err := errors.Join(s.Login(user), s.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

func (a *App) password(t *testing.T, user string) (password string) {
	t.Helper()
	row := a.SQL.QueryRowContext(t.Context(), "select password from users where name = $1", user)
	if err := row.Scan(&password); err != nil {
		t.Fatal(err)
	}
	return password
}

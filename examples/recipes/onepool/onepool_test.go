package onepool

import (
	"errors"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
)

func TestMain(m *testing.M) { containers.Main(m) }

// GORM's transaction ends the sessions or leaves them, on the connections of the one pool.
func TestOnePool(t *testing.T) {
	pool := containers.Postgres(t).Pool
	sessions, db, err := Open(pool)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AutoMigrate(&User{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(&User{Name: "ann", Password: "old"}).Error; err != nil {
		t.Fatal(err)
	}
	s := sessions.NewSession()
	if err := errors.Join(s.Login("ann"), s.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	before := pool.Stat().AcquireCount()
	if err := ChangePassword(t.Context(), db, "ann", ""); err == nil {
		t.Error("an empty password is taken")
	}
	if got := pool.Stat().AcquireCount(); got == before {
		t.Error("GORM has connections of its own")
	}
	if err := s.Load(t.Context()); err != nil {
		t.Errorf("after a transaction that failed: %v", err)
	}
	if err := ChangePassword(t.Context(), db, "ann", "new"); err != nil {
		t.Fatal(err)
	}
	if err := s.Load(t.Context()); !errors.Is(err, session.ErrGone) {
		t.Errorf("after the change: %v", err)
	}
}

package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// The connection is the application's, and so is what ends with it.
func TestAWriteThatFailsLeavesTheConnectionOpen(t *testing.T) {
	s, db, h := inMemory(t)
	ref := named(1)
	if _, err := s.Create(t.Context(), ref, store.Change{}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"begin immediate", "update"} {
		ctx, cancel := context.WithCancel(t.Context())
		h.before = func(statement string, _ []driver.NamedValue) {
			if strings.HasPrefix(statement, end) {
				cancel()
			}
		}
		if _, err := s.Save(ctx, ref, store.Change{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a save that is left at %q: %v", end, err)
		}
		h.none()
		if r, err := s.Load(t.Context(), ref); err != nil || r.Version != 1 {
			t.Errorf("after a save that was left at %q: version %d, %v", end, r.Version, err)
		}
	}
	// The database has ended the transaction itself.
	if _, err := db.Exec(`create trigger no before update on sessions begin select raise(rollback, 'no'); end`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), ref, store.Change{}); err == nil {
		t.Error("a save that the database refuses succeeds")
	}
	if r, err := s.Load(t.Context(), ref); err != nil || r.Version != 1 {
		t.Errorf("after a save that was refused: version %d, %v", r.Version, err)
	}
}

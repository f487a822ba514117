package chance

import (
	"database/sql"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// On the memory store time stands still unless all wait for it, so that a thousand rounds take moments.
func TestOnMemory(t *testing.T) {
	for _, s := range Situations {
		t.Run(s.Name, func(t *testing.T) {
			EachSeed(t, 1000, 1, func(seed uint64) (err error) {
				synctest.Test(t, func(*testing.T) {
					m := memstore.New()
					err = s.Play(NewRound(Place{Store: m, Calm: m, Advance: m.Advance}, seed))
				})
				return err
			})
		})
	}
}

func TestOnSQLite(t *testing.T) {
	for _, s := range Situations {
		t.Run(s.Name, func(t *testing.T) {
			place, together := sqlitePlace(t), 8
			if s.Alone {
				together = 1
			}
			EachSeed(t, 50, together, func(seed uint64) error { return s.Play(NewRound(place, seed)) })
		})
	}
}

func sqlitePlace(t *testing.T) Place {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sessions.db")
	st, err := sqlite.Open(t.Context(), path, sqlite.WithMigrate(migrate.UpSQLite))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	db, err := sqlite.OpenDB(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return Place{Store: st, Calm: st, Advance: func(d time.Duration) { advance(t, db, d) }}
}

func advance(t *testing.T, db *sql.DB, d time.Duration) {
	const older = `update sessions set created_at = created_at - ?1, accessed_at = accessed_at - ?1,
		expires_at = expires_at - ?1, rotated_at = rotated_at - ?1, authenticated_at = authenticated_at - ?1`
	if _, err := db.ExecContext(t.Context(), older, d.Milliseconds()); err != nil {
		t.Errorf("%s: %v", older, err)
	}
}

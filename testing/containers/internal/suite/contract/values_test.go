package contract_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/storetest"
)

// allStores are one of each kind.
func allStores(t *testing.T) map[string]store.Store {
	t.Helper()
	db := containers.Postgres(t)
	return map[string]store.Store{
		"memory":   memstore.New(),
		"SQLite":   sqliteStore(t),
		"Postgres": pgstore.New(t, db.Pool),
	}
}

func sqliteStore(t *testing.T) *sqlite.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sessions.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: migrations.SQLite}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// What one store takes all take, they return equal values, and they agree to the byte on what is too large.
func TestStoresTakeTheSameValues(t *testing.T) {
	stores := allStores(t)
	for _, v := range storetest.Values() {
		if v.Refused() {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			want := fmt.Sprintf(`{"value":%s}`, v.Canonical)
			size, err := store.Size([]byte(want))
			if err != nil {
				t.Fatal(err)
			}
			for name, s := range stores {
				takes(t, name, s, v, want, size)
				refuses(t, name, s, v, size-1)
			}
		})
	}
}

func takes(t *testing.T, name string, s store.Store, v storetest.Value, want string, size int) {
	t.Helper()
	ref := pgstore.Ref()
	ref.Policy.MaxBytes = size
	_, err := s.Create(t.Context(), ref, store.Change{})
	if err == nil {
		_, err = s.Save(t.Context(), ref, pgstore.Set("value", v.Canonical))
	}
	if err != nil {
		t.Errorf("%s refuses it at %d bytes: %v", name, size, err)
		return
	}
	r, err := s.Load(t.Context(), ref)
	if err != nil {
		t.Errorf("loading it from %s: %v", name, err)
		return
	}
	if same, err := storetest.EqualJSON(r.Data, []byte(want)); !same || err != nil {
		t.Errorf("%s returns %.200s (%v)", name, r.Data, err)
	}
}

func refuses(t *testing.T, name string, s store.Store, v storetest.Value, size int) {
	t.Helper()
	ref := pgstore.Ref()
	ref.Policy.MaxBytes = size
	if _, err := s.Create(t.Context(), ref, pgstore.Set("value", v.Canonical)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("%s answers %v at %d bytes", name, err, size)
	}
}

// Keys are as free as values: any text but U+0000, and thousands of them.
func TestStoresTakeTheSameKeys(t *testing.T) {
	keys := []string{
		"", " ", "a b", "a.b", "$", "$.a", "[0]", `"`, `\`, "'", `a"]}`, "{1,2}", "%s", "ключ", "😀", "\u2028", "__proto__",
		strings.Repeat("k", 10_000),
	}
	for n := range 10_000 {
		keys = append(keys, fmt.Sprintf("key %d", n))
	}
	set := map[string]json.RawMessage{}
	for _, key := range keys {
		set[key] = json.RawMessage(`1`)
	}
	want, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range allStores(t) {
		ref := pgstore.Created(t, s, store.Change{})
		if _, err := s.Save(t.Context(), ref, store.Change{Set: set}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := s.Load(t.Context(), ref)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if same, err := storetest.EqualJSON(r.Data, want); !same || err != nil {
			t.Errorf("%s returns other keys: %.200s (%v)", name, r.Data, err)
		}
		if _, err := s.Save(t.Context(), ref, store.Change{Delete: keys}); err != nil {
			t.Errorf("%s: deleting them: %v", name, err)
		}
		if r, err := s.Load(t.Context(), ref); err != nil || string(r.Data) != "{}" {
			t.Errorf("%s is left with %.200s, %v", name, r.Data, err)
		}
	}
}

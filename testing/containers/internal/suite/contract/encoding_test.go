package contract_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// encoded returns the URL of a migrated database of an encoding, beside another one.
func encoded(t *testing.T, beside *containers.Database, encoding string) string {
	t.Helper()
	name := "encoded_" + strings.ToLower(encoding)
	sql := "create database " + name + " encoding '" + encoding + "' lc_collate 'C' lc_ctype 'C' template template0"
	if _, err := beside.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := beside.Pool.Exec(context.Background(), "drop database "+name+" with (force)"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(beside.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = name
	pgstore.Migrate(t, u.String())
	return u.String()
}

// A database that cannot hold what a session may is refused before anything is stored in it.
func TestOnlyUTF8IsAccepted(t *testing.T) {
	db := containers.Postgres(t)
	for _, encoding := range []string{"LATIN1", "SQL_ASCII", "UTF8"} {
		s, err := postgres.Open(t.Context(), encoded(t, db, encoding))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		_, err = s.Create(t.Context(), pgstore.Ref(), store.Change{})
		if encoding == "UTF8" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "encoding is "+encoding) {
			t.Errorf("%s: %v", encoding, err)
		}
	}
}

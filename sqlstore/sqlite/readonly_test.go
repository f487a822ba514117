package sqlite

import (
	"bytes"
	"os"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

func TestAStoreThatOnlyReadsChangesNothing(t *testing.T) {
	path := newPath(t)
	db, err := OpenDB(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := upSQL("sessions")
	if err == nil {
		_, err = db.Exec(text + `; insert into sessions (id, secret_hash, data, version, created_at, accessed_at, expires_at, owner)
			values (randomblob(16), zeroblob(32), '{}', 1, 0, 0, 4102444800000, 'ada'); pragma journal_mode = delete`)
	}
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), path, WithReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	ada := store.Selector{Owner: "ada"}
	if found, err := s.Find(t.Context(), ada, nil, store.Policy{}); err != nil || len(found) != 1 {
		t.Errorf("%d found, %v", len(found), err)
	}
	if report, err := s.Collect(t.Context(), store.CollectOptions{DryRun: true}); err != nil || report.Stopped != store.StopDone {
		t.Errorf("the dry run: %+v, %v", report, err)
	}
	for range 2 {
		if ended, err := s.Revoke(t.Context(), ada); err == nil || len(ended) > 0 {
			t.Errorf("%d ended, %v", len(ended), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, %v", err)
	}
	if _, err := Open(t.Context(), path, WithReadOnly(), migrated("sessions")); err == nil {
		t.Error("a file that is only read is migrated")
	}
}

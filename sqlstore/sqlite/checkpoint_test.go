package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// logged returns how many pages the write-ahead log holds.
func logged(t *testing.T, s *Store) (pages int64) {
	t.Helper()
	err := s.writer.do(t.Context(), func(c *conn) error {
		rows, err := c.raw.(driver.QueryerContext).QueryContext(t.Context(), "pragma wal_checkpoint(passive)", nil)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		row := make([]driver.Value, 3)
		err = rows.Next(row)
		pages = integer(row[1])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// After so many changes the log is moved, beside those who write, and begins anew. None of their commits does it: they
// would at longestLog only.
func TestTheLogIsMovedBesideTheSaves(t *testing.T) {
	s := open(t, newPath(t))
	refs := createdMany(t, s, 8)
	const each = 500
	var wg sync.WaitGroup
	for _, ref := range refs {
		wg.Go(func() {
			for i := range each {
				savesNumber(t, s, ref, i)
			}
		})
	}
	wg.Wait()
	s.writer.log.follow(t.Context())
	s.writer.log.pages.Store(checkpointPages - 1)
	savesNumber(t, s, refs[0], each)
	s.writer.log.follow(t.Context())
	savesNumber(t, s, refs[0], each+1)
	if n := logged(t, s); n > 10 {
		t.Errorf("the log has %d pages after one save", n)
	}
	holds(t, s, refs[0], fmt.Sprint(each+1))
}

func savesNumber(t *testing.T, s *Store, ref store.Ref, n int) {
	t.Helper()
	if _, err := s.Save(t.Context(), ref, set("n", fmt.Sprint(n))); err != nil {
		t.Error(err)
	}
}

// The log's file stays within bounds while sessions of many pages are saved without a pause.
func TestTheLogStaysShort(t *testing.T) {
	s := open(t, newPath(t))
	refs := createdMany(t, s, 4)
	large := `"` + strings.Repeat("x", 64<<10) + `"`
	var wg sync.WaitGroup
	for _, ref := range refs {
		wg.Go(func() {
			for range 300 {
				if _, err := s.Save(t.Context(), ref, set("pad", large)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(s.at.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > (longestLog+1000)*4200 {
		t.Errorf("the log has %d bytes", info.Size())
	}
}

// A collector whose store is closed under it ends with an error and waits for nobody.
func TestACollectorEndsWithItsStore(t *testing.T) {
	s := open(t, newPath(t))
	expired(t, s, 2*checkpointPages, 10)
	_, err := s.Collect(context.WithoutCancel(t.Context()), store.CollectOptions{Batch: 10, Progress: func(r store.CollectReport) {
		if r.Deleted > checkpointPages {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}})
	if err == nil {
		t.Error("no error")
	}
}

package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// expired makes n rows, all of them dead for an hour.
func expired(t *testing.T, s *Store, n, size int) {
	t.Helper()
	edit(t, s, fmt.Sprintf(`insert into sessions (id, secret_hash, data, version, created_at, accessed_at, expires_at)
		with recursive n(i) as (select 1 union all select i + 1 from n where i < %d)
		select randomblob(16), zeroblob(32), json_object('pad', hex(zeroblob(%d))), 1, 0, 0,
			unixepoch() * 1000 - 3600000 - i / 10 from n`, n, size/2))
}

func (s *Store) rows(t *testing.T) (n int64) {
	t.Helper()
	err := s.readers.do(t.Context(), func(c *conn) (err error) {
		n, err = c.number(countExpired, int64(1)<<60, int64(1)<<60)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOneCollectorAtATime(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	expired(t, s, 20, 100)
	c := startChild(t, "collect", path)
	if c.line() == "" {
		t.Fatal("the other collector has not begun")
	}
	report, err := s.Collect(t.Context(), store.CollectOptions{})
	if err != nil || report.Stopped != store.StopLocked || report.Deleted != 0 {
		t.Errorf("beside another: %+v, %v", report, err)
	}
	opts := store.CollectOptions{}
	opts.NoLock, opts.Batch = true, 3
	opts.MaxDuration = time.Nanosecond
	if report, err = s.Collect(t.Context(), opts); err != nil || report.Stopped != store.StopMaxDuration {
		t.Errorf("without the lock: %+v, %v", report, err)
	}
	c.kill() // -9
	report, err = s.Collect(t.Context(), store.CollectOptions{})
	if err != nil || report.Stopped != store.StopDone || report.Remaining != 0 || s.rows(t) != 0 {
		t.Errorf("after the other was killed: %+v, %v", report, err)
	}
}

func TestCollectorsInOneProcessExcludeEachOther(t *testing.T) {
	for _, path := range []string{newPath(t), ":memory:"} {
		s := open(t, path)
		expired(t, s, 5, 100)
		opts := store.CollectOptions{}
		opts.Progress = func(store.CollectReport) {
			if report, err := s.Collect(t.Context(), store.CollectOptions{}); err != nil || report.Stopped != store.StopLocked {
				t.Errorf("%s: %+v, %v", path, report, err)
			}
		}
		if report, err := s.Collect(t.Context(), opts); err != nil || report.Deleted != 5 {
			t.Errorf("%s: %+v, %v", path, report, err)
		}
	}
}

func TestACollectorThroughALinkFindsTheLock(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	expired(t, s, 5, 100)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	other := open(t, link)
	report, err := other.Collect(t.Context(), store.CollectOptions{Progress: func(store.CollectReport) {
		report, err := s.Collect(t.Context(), store.CollectOptions{})
		if err != nil || report.Stopped != store.StopLocked {
			t.Errorf("beside it: %+v, %v", report, err)
		}
	}})
	if err != nil || report.Deleted != 5 {
		t.Errorf("%+v, %v", report, err)
	}
	if names := fileNames(t, link); len(names) != 1 {
		t.Errorf("files were made beside the link: %q", names)
	}
}

func TestTheFileShrinks(t *testing.T) {
	s := open(t, newPath(t))
	expired(t, s, 3000, 2000)
	before := pages(t, s)
	report, err := s.Collect(t.Context(), store.CollectOptions{})
	if err != nil || report.Deleted != 3000 || report.Stopped != store.StopDone {
		t.Fatalf("%+v, %v", report, err)
	}
	// A run has only so much time for it, the next one goes on.
	for after := pages(t, s); after > before/10; after = pages(t, s) {
		if _, err := s.Collect(t.Context(), store.CollectOptions{}); err != nil || pages(t, s) >= after {
			t.Fatalf("%d pages were %d, %v", after, before, err)
		}
	}
	// The last connection copies the log into the file.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(s.at.path); err != nil || info.Size() > before*4096/10 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
}

func pages(t *testing.T, s *Store) (n int64) {
	t.Helper()
	err := s.writer.do(t.Context(), func(c *conn) (err error) {
		n, err = c.number(allPages)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARunThatMayNotBeginCountsWhatRemains(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{newPath(t), ":memory:"} {
		s := open(t, path)
		expired(t, s, 5, 100)
		report, err := s.Collect(ctx, store.CollectOptions{})
		if err != nil || report.Stopped != store.StopSignal || report.Deleted != 0 || report.Remaining != 5 {
			t.Errorf("%s: %+v, %v", path, report, err)
		}
		report, err = s.Collect(ctx, store.CollectOptions{DryRun: true})
		if err != nil || report.Stopped != store.StopDone || report.Remaining != 5 {
			t.Errorf("%s, a dry run: %+v, %v", path, report, err)
		}
	}
}

func TestProgressGoesForward(t *testing.T) {
	s := open(t, newPath(t))
	expired(t, s, 95, 100)
	var reports []store.CollectReport
	opts := store.CollectOptions{}
	opts.Batch, opts.Progress = 20, func(r store.CollectReport) { reports = append(reports, r) }
	if _, err := s.Collect(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	for i, r := range reports {
		if want := min(int64(i+1)*20, 95); r.Deleted != want || r.Remaining != 95-want || r.Batches != i+1 {
			t.Errorf("report %d: %+v", i, r)
		}
	}
	if len(reports) != 5 {
		t.Errorf("%d reports", len(reports))
	}
}

func TestWhatRemainsIsCountedUpToALimit(t *testing.T) {
	s := open(t, newPath(t))
	expired(t, s, store.RemainingLimit+10, 10)
	opts := store.CollectOptions{}
	opts.DryRun = true
	if report, err := s.Collect(t.Context(), opts); err != nil || report.Remaining != store.RemainingLimit {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestCollectingWithoutTheTableIsAnError(t *testing.T) {
	s := open(t, newPath(t))
	edit(t, s, "drop table sessions")
	if _, err := s.Collect(t.Context(), store.CollectOptions{}); err == nil || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("got %v", err)
	}
}

// Saves beside a collector come through between its steps, and a session that is kept alive is never collected.
func TestSavesGoOnBesideACollector(t *testing.T) {
	s := open(t, newPath(t))
	expired(t, s, 20_000, 400)
	refs := createdMany(t, s, 8)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	saved := make([]int, len(refs))
	for i, ref := range refs {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Save(t.Context(), ref, set("n", fmt.Sprint(saved[i]+1))); err != nil {
					t.Error(err)
					return
				}
				saved[i]++
			}
		})
	}
	report, err := s.Collect(t.Context(), store.CollectOptions{Pause: -1})
	stop()
	wg.Wait()
	if err != nil || report.Deleted != 20_000 {
		t.Errorf("%+v, %v", report, err)
	}
	for i, ref := range refs {
		if saved[i] == 0 {
			t.Error("a save never came through")
		}
		holds(t, s, ref, fmt.Sprint(saved[i]))
	}
}

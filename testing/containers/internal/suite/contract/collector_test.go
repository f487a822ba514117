package contract_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// Four collectors at once, none of which waits for the run lock, beside connections that refresh sessions at the moment
// they expire: what was refreshed is there, and what was not is gone.
func TestCollectorsLeaveRefreshedSessions(t *testing.T) {
	const sessions = 100_000
	for table, opts := range tables() {
		t.Run(table, func(t *testing.T) {
			db := containers.Postgres(t, opts...)
			pgstore.Fill(t, db.Pool, 0, sessions, -time.Second, 5*time.Second)
			s := pgstore.New(t, db.Pool)
			stop := collectors(t, s, 4)
			refreshed := refresh(t, s, sessions)
			stop()
			if lost := missing(t, db, refreshed); lost > 0 || len(refreshed) == 0 {
				t.Errorf("%d of %d refreshed sessions are gone", lost, len(refreshed))
			}
			t.Logf("%d of %d sessions were refreshed in time", len(refreshed), sessions)
			collectedAll(t, db, s)
		})
	}
}

// collectors runs some without pause until the returned function is called.
func collectors(t *testing.T, s session.Collector, n int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Collect(ctx, session.CollectOptions{Batch: 500, Pause: -1, NoLock: true}); err != nil {
					t.Errorf("collecting: %v", err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// refresh touches every session once and returns those for which that was acknowledged.
func refresh(t *testing.T, s session.Store, sessions int) (refreshed []session.Handle) {
	t.Helper()
	const callers = 64
	var mu sync.Mutex
	together(t, callers, func(caller int) error {
		for n := caller; n < sessions; n += callers {
			ref := pgstore.Numbered(n)
			_, err := s.Touch(t.Context(), ref)
			if errors.Is(err, session.ErrGone) {
				continue
			}
			if err != nil {
				return err
			}
			mu.Lock()
			refreshed = append(refreshed, ref.Key)
			mu.Unlock()
		}
		return nil
	})
	return refreshed
}

func missing(t *testing.T, db *containers.Database, keys []session.Handle) int {
	t.Helper()
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.String()
	}
	const sql = `select count(*) from unnest($1::uuid[]) k where not exists (select from sessions where id = k)`
	return pgstore.Count(t, db.Pool, sql, texts)
}

// collectedAll waits until no session is about to expire and has the rest collected.
func collectedAll(t *testing.T, db *containers.Database, s session.Collector) {
	t.Helper()
	eventually(t, func() bool {
		return pgstore.Count(t, db.Pool, `select count(*) from sessions
			where expires_at between now() and now() + interval '10 s'`) == 0
	})
	report, err := s.Collect(t.Context(), session.CollectOptions{Pause: -1})
	if err != nil || report.Stopped != session.StopDone || report.Remaining != 0 {
		t.Errorf("the last run: %+v, %v", report, err)
	}
	if left := pgstore.Count(t, db.Pool, "select count(*) from sessions where expires_at <= now()"); left != 0 {
		t.Errorf("%d expired sessions are left", left)
	}
}

// More rows that share an expiry than a batch holds do not keep the collector from getting through.
func TestCollectorGetsThroughTies(t *testing.T) {
	const tied, live = 5_000, 1_000
	for table, opts := range tables() {
		t.Run(table, func(t *testing.T) {
			db := containers.Postgres(t, opts...)
			pgstore.Fill(t, db.Pool, 0, tied, -time.Minute, -time.Minute)
			pgstore.Fill(t, db.Pool, tied, tied+live, time.Hour, 2*time.Hour)
			report, err := pgstore.New(t, db.Pool).Collect(t.Context(), session.CollectOptions{Batch: 100, Pause: -1})
			if err != nil || report.Deleted != tied || report.Stopped != session.StopDone {
				t.Errorf("%+v, %v", report, err)
			}
			if left := pgstore.Count(t, db.Pool, "select count(*) from sessions"); left != live {
				t.Errorf("%d of %d live sessions are left", left, live)
			}
		})
	}
}

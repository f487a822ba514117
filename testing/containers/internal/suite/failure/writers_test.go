package failure_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// writers save in this process, each in a session of its own, through whatever happens to the database.
type writers struct {
	t      *testing.T
	saves  atomic.Int64
	errors atomic.Int64
	cancel context.CancelFunc
	wg     sync.WaitGroup
	each   []*oneWriter
}

// oneWriter counts up in one session. What failed may have been done all the same.
type oneWriter struct {
	ref      store.Ref
	tried    int
	acked    int
	accepted int // saves that were acknowledged
}

func startWriters(t *testing.T, s session.Store, n int) *writers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writers{t: t, cancel: cancel}
	t.Cleanup(cancel)
	for range n {
		one := &oneWriter{ref: pgstore.Created(t, s, pgstore.Set("n", "0"))}
		w.each = append(w.each, one)
		w.wg.Go(func() { w.run(ctx, s, one) })
	}
	return w
}

func (w *writers) run(ctx context.Context, s session.Store, one *oneWriter) {
	for ctx.Err() == nil {
		one.tried++
		// Not under ctx: the last save is to end by itself, so that its outcome is known.
		_, err := s.Save(context.Background(), one.ref, pgstore.Set("n", strconv.Itoa(one.tried)))
		if err != nil {
			w.errors.Add(1)
			broken(w.t, "save", err)
			continue
		}
		one.acked = one.tried
		one.accepted++
		w.saves.Add(1)
	}
}

// waitForSaves returns when so many more saves were acknowledged.
func (w *writers) waitForSaves(n int64) {
	w.t.Helper()
	enough := w.saves.Load() + n
	waitFor(w.t, func() bool { return w.saves.Load() >= enough })
}

// stop ends the writers and fails where an acknowledged save is lost, or there are more saves than were tried.
func (w *writers) stop(s session.Store) {
	w.t.Helper()
	w.cancel()
	w.wg.Wait()
	w.t.Logf("%d saves acknowledged, %d failed", w.saves.Load(), w.errors.Load())
	for _, one := range w.each {
		n, version := stored(w.t, s, one.ref)
		if n < one.acked || n > one.tried {
			w.t.Errorf("of the saves up to %d number %d was acknowledged last, and the database holds %d", one.tried, one.acked, n)
		}
		if saves := int(version) - 1; saves < one.accepted || saves > one.tried {
			w.t.Errorf("%d saves were tried, %d acknowledged, and %d made", one.tried, one.accepted, saves)
		}
	}
}

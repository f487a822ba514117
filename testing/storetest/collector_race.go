package storetest

import (
	"errors"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func collectorRaceRules() []rule {
	return []rule{
		{
			name: "collectors side by side", needs: Collector,
			text: "Of collectors that start at once each deletes what it can or steps back with \"locked\"; no row is counted twice.",
			test: collectorsSideBySide,
		},
		{
			name: "no collector deletes a live session", needs: Collector,
			text: "A session that was touched or saved in its last moment stays, however many collectors run beside it.",
			test: collectBesideTouch,
		},
	}
}

func collectorsSideBySide(e *env) {
	const n = 200
	for _, noLock := range []bool{false, true} {
		refs := e.fill(n, store.Change{})
		e.Advance(idle)
		var mu sync.Mutex
		var deleted int64
		done := false
		e.parallel(4, func(int) {
			report, err := e.Store.(store.Collector).Collect(e.ctx, store.CollectOptions{Batch: 20, NoLock: noLock})
			if err != nil {
				e.Errorf("Collect: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			deleted += report.Deleted
			switch {
			case report.Stopped == store.StopDone:
				done = true
			case noLock || report.Stopped != store.StopLocked || report.Deleted != 0:
				e.Errorf("got %+v", report)
			}
		})
		deleted += e.collect(store.CollectOptions{}).Deleted
		if !done || deleted != n || e.left(refs) != 0 {
			e.Errorf("%d of %d rows were deleted, a collector finished: %v", deleted, n, done)
		}
		e.Advance(idle)
		e.collect(store.CollectOptions{})
	}
}

// collectBesideTouch has sessions expire, one each millisecond, while they are touched and collected. A session for
// which a touch has succeeded must still be there.
func collectBesideTouch(e *env) {
	const n, workers = 400, 4
	early := []time.Duration{0, margin, 5 * margin} // how long before a session's end its turn is, by and by
	refs := make([]store.Ref, n)
	e.parallel(workers, func(w int) {
		for i := w; i < n; i += workers {
			refs[i] = e.ref()
			change := store.Change{Idle: ptr(idle + time.Duration(i)*time.Millisecond + early[i%len(early)])}
			if _, err := e.Store.Create(e.ctx, refs[i], change); err != nil {
				e.Errorf("Create: %v", err)
			}
		}
	})
	e.Advance(e.untilEnd(refs[0]) - margin)
	kept := make([]bool, n)
	stop := make(chan struct{})
	var collectors sync.WaitGroup
	for range workers {
		collectors.Go(func() { e.collectUntil(stop) })
	}
	e.parallel(workers, func(w int) {
		turn := time.NewTicker(workers * time.Millisecond)
		defer turn.Stop()
		for i := w; i < n; i += workers {
			kept[i] = e.keep(refs[i], i/workers%2 == 0)
			<-turn.C
		}
	})
	close(stop)
	collectors.Wait()
	for i, ref := range refs {
		if _, err := e.Store.Load(e.ctx, ref); kept[i] && err != nil {
			e.Errorf("a session that was kept alive is lost: %v", err)
		}
	}
}

func (e *env) untilEnd(ref store.Ref) time.Duration {
	r := e.load(ref)
	return r.ExpiresAt.Sub(r.Now)
}

// keep touches or saves the session and reports whether it lives.
func (e *env) keep(ref store.Ref, touch bool) bool {
	var err error
	if touch {
		_, err = e.Store.Touch(e.ctx, ref)
	} else {
		_, err = e.Store.Save(e.ctx, ref, store.Change{Extend: true})
	}
	if err != nil && !errors.Is(err, store.ErrGone) {
		e.Errorf("keeping a session alive: %v", err)
	}
	return err == nil
}

func (e *env) collectUntil(stop <-chan struct{}) {
	turn := time.NewTicker(time.Millisecond)
	defer turn.Stop()
	for {
		select {
		case <-stop:
			return
		case <-turn.C:
		}
		_, err := e.Store.(store.Collector).Collect(e.ctx, store.CollectOptions{Batch: 7, NoLock: true})
		if err != nil {
			e.Errorf("Collect: %v", err)
			return
		}
	}
}

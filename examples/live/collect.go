package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/simples-go/sessions/session/store"
)

const (
	collectEvery = time.Minute
	collectFor   = 10 * time.Second
)

// collect deletes expired sessions now and then. Of several nodes one does it at a time: the collector has a lock.
func collect(ctx context.Context, collector store.Collector) {
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		report, err := collector.Collect(ctx, store.CollectOptions{MaxDuration: collectFor})
		switch {
		case err != nil:
			slog.Error("live: collecting expired sessions failed", "error", err)
		case report.Deleted > 0:
			slog.Info("live: collected expired sessions", "deleted", report.Deleted, "remaining", report.Remaining)
		}
	}
}

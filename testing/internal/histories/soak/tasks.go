package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// tasks are what happens at times, each beside the others.
type tasks struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs error
}

// every has a task done first after some time and then in each period, as cron does, until ctx ends. A period of zero
// is never. What has begun is done to its end.
func (t *tasks) every(ctx context.Context, first, period time.Duration, do func(context.Context) error) {
	if period <= 0 {
		return
	}
	t.wg.Go(func() {
		next := time.NewTimer(first)
		defer next.Stop()
		for due := time.Now().Add(first); ; {
			select {
			case <-ctx.Done():
				return
			case <-next.C:
			}
			if err := do(context.WithoutCancel(ctx)); err != nil {
				t.failed(err)
				return
			}
			for due = due.Add(period); time.Until(due) < 0; due = due.Add(period) {
			}
			next.Reset(time.Until(due))
		}
	})
}

func (t *tasks) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errs = errors.Join(t.errs, err)
}

// wait waits for all of them, and returns what has failed.
func (t *tasks) wait() error {
	t.wg.Wait()
	return t.errs
}

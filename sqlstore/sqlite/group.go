package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// write is one caller's part of a transaction that it may share with others.
type write struct {
	what    string
	relaxed bool // need not survive a power cut

	// apply reads, decides and writes, in this order. An error that is not the database's means that it has written
	// nothing, so that the others' transaction goes on. It may be called again, after a rollback.
	apply func(*conn) (outcome, error)
}

// outcome is the result of a write that is committed.
type outcome struct {
	saved  store.Saved
	ended  []store.Handle
	events []store.Event
}

type result = batch.Result[outcome]

// newGroup returns the queue before the writer. One commit is in flight at a time; writes that wait for it share the
// next. Every write is a key of its own: two writes to one row are applied one after the other in one transaction. A
// batch waits behind this process's own touches, collector and checkpoint too, however short the busy timeout is.
func (s *Store) newGroup(size int, busy time.Duration) *batch.Group[*write, *write, outcome] {
	return batch.New(batch.Options[*write, *write, outcome]{
		Slots:   1,
		Max:     size,
		Timeout: max(2*busy, batch.DefaultTimeout),
		One:     s.alone,
		Many:    s.together,
		Key:     func(w *write) *write { return w },
	})
}

// write queues w and waits for its commit.
func (s *Store) write(ctx context.Context, w *write) (outcome, error) {
	out, err := s.group.Do(ctx, w)
	if err != nil {
		return outcome{}, explain(w.what, err)
	}
	return out, nil
}

func (s *Store) alone(ctx context.Context, w *write) (out outcome, err error) {
	err = s.writer.transact(ctx, w.relaxed, func(c *conn) error {
		out, err = w.apply(c)
		return err
	})
	if err != nil {
		return outcome{}, err
	}
	s.events.Send(out.events...)
	return out, nil
}

// together commits the writes as one transaction. What the database refuses to one of them is found out by giving each
// its own; a commit that fails, fails for all of them.
func (s *Store) together(ctx context.Context, writes []*write) []result {
	results := make([]result, len(writes))
	refused := false
	err := s.writer.transact(ctx, allRelaxed(writes), func(c *conn) error {
		for i, w := range writes {
			results[i].Value, results[i].Err = w.apply(c)
			if ofDatabase(results[i].Err) {
				refused = len(writes) > 1
				return results[i].Err
			}
		}
		return nil
	})
	switch {
	case refused:
		return s.apart(ctx, writes)
	case err != nil:
		for i := range results {
			results[i] = result{Err: err}
		}
		return results
	}
	for _, r := range results {
		if r.Err == nil {
			s.events.Send(r.Value.events...)
		}
	}
	return results
}

func (s *Store) apart(ctx context.Context, writes []*write) []result {
	results := make([]result, len(writes))
	for i, w := range writes {
		results[i].Value, results[i].Err = s.alone(ctx, w)
	}
	return results
}

func allRelaxed(writes []*write) bool {
	for _, w := range writes {
		if !w.relaxed {
			return false
		}
	}
	return true
}

// explain adds what was tried to errors that do not say it.
func explain(what string, err error) error {
	if ofDatabase(err) {
		return fmt.Errorf("sqlite: %s: %w", what, err)
	}
	return err
}

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// foldableBytes is how large a change may be to share a statement with others.
const foldableBytes = 64 << 10

// saveRequest is one change, or several of one row folded into one.
type saveRequest struct {
	ref    store.Ref
	change *store.Change
	n      int64
}

func (r saveRequest) key() store.Handle { return r.ref.Key }

// foldable reports whether the request may share a statement: it changes data and at most extends the expiry. What is
// conditional must see the row as it is, and what is rare goes alone.
func (r saveRequest) foldable() bool {
	c := r.change
	rare := c.IfVersion != 0 || c.Rotate != nil || c.Owner != nil || c.Resets()
	return !rare && isSmall(c)
}

func isSmall(c *store.Change) bool {
	return changeBytes(c) <= foldableBytes && len(c.Delete) <= manyDeletes
}

func changeBytes(c *store.Change) (n int) {
	for key, value := range c.Set {
		n += len(key) + len(value)
	}
	for _, key := range c.Delete {
		n += len(key)
	}
	return n
}

func keysIn(requests []saveRequest) []store.Handle {
	keys := make([]store.Handle, len(requests))
	for i, r := range requests {
		keys[i] = r.ref.Key
	}
	return keys
}

// join folds second into r where both ask under the same rules. Each still counts as a change of its own.
func (r saveRequest) join(second saveRequest) (saveRequest, bool) {
	if r.ref != second.ref {
		return r, false
	}
	both := r.change.Then(*second.change)
	return saveRequest{r.ref, &both, r.n + second.n}, isSmall(&both)
}

// saveMany serves a batch in one statement. What it did not save is left to the callers, each of whom then goes alone
// and learns his own reason; only where the outcome is not known do all get the error.
func (s *Store) saveMany(ctx context.Context, requests []saveRequest) []batch.Result[store.Saved] {
	results := make([]batch.Result[store.Saved], len(requests))
	saved := make(map[store.Handle]store.Saved, len(requests))
	at, err := s.at(ctx)
	if err == nil {
		err = s.write(ctx, keysIn(requests), func(ctx context.Context, conn *pgxpool.Conn) error {
			clear(saved)
			return s.saveTogether(ctx, conn, at, requests, saved)
		})
	}
	for i, r := range requests {
		row, ok := saved[r.ref.Key]
		row.Folded = r.n > 1
		switch {
		case err != nil && untold(err):
			results[i].Err = err
		case err != nil || !ok:
			results[i].Err = errAlone
		default:
			results[i].Value = row
		}
	}
	return results
}

func (s *Store) saveTogether(ctx context.Context, q querier, at *site, requests []saveRequest,
	saved map[store.Handle]store.Saved) error {
	text, argsOf := s.sql.saveMany, saveManyArgs
	if setOnly(requests) {
		text, argsOf = s.sql.setMany, setManyArgs
	}
	args := argsOf(requests)
	if s.opts.changes {
		p := placeholders{len(args)}
		notify := `pg_notify(` + p.next() + `, ` + p.next() + ` || w.id || ` + p.next() + `)`
		text = `with w as (` + text + `) select w.*, ` + notify + ` from w`
		args = append(args, at.channel, string(letters[store.Changed]), ":"+s.node)
	}
	_, err := query(ctx, q, s.statement(text, args...), func(v [][]byte) error {
		if len(v) < 5 || len(v[4]) != len(store.Handle{}) {
			return localErrorf("a saved row of unexpected form")
		}
		saved[store.Handle(v[4])] = readSaved(v)
		return nil
	})
	return err
}

// setOnly reports whether setManyText does for the requests.
func setOnly(requests []saveRequest) bool {
	first := &requests[0].ref.Policy
	for _, r := range requests {
		c, p := r.change, &r.ref.Policy
		if r.n != 1 || c.Clear || c.Extend || len(c.Delete) > 0 || len(c.Set) == 0 ||
			p.Absolute != first.Absolute || p.MaxBytes != first.MaxBytes {
			return false
		}
	}
	return true
}

// setManyArgs are the arguments of setManyText.
func setManyArgs(requests []saveRequest) []any {
	ids, hashes := make([]pgtype.UUID, len(requests)), make([][]byte, len(requests))
	patches := make([]string, len(requests))
	for i, r := range requests {
		ids[i], hashes[i], patches[i] = uuid(r.ref.Key), r.ref.Hash[:], objectText(r.change.Set)
	}
	p := requests[0].ref.Policy
	return []any{ids, hashes, patches, absoluteMillis(p), int64(max(0, p.MaxBytes))}
}

// saveManyArgs are the arguments of saveManyText.
func saveManyArgs(requests []saveRequest) []any {
	size := len(requests)
	ids, hashes := make([]pgtype.UUID, size), make([][]byte, size)
	idle, absolute, count, limit := make([]int64, size), make([]int64, size), make([]int64, size), make([]int64, size)
	clears, extends := make([]bool, size), make([]bool, size)
	deletes, patches := make([]*string, size), make([]string, size)
	for i, r := range requests {
		ids[i], hashes[i] = uuid(r.ref.Key), r.ref.Hash[:]
		idle[i], absolute[i] = idleMillis(r.ref.Policy), absoluteMillis(r.ref.Policy)
		clears[i], extends[i], count[i] = r.change.Clear, r.change.Extend, r.n
		limit[i] = int64(max(0, r.ref.Policy.MaxBytes))
		if !r.change.HasData() {
			limit[i] = 0
		}
		if len(r.change.Delete) > 0 {
			text := arrayText(r.change.Delete)
			deletes[i] = &text
		}
		patches[i] = objectText(r.change.Set)
	}
	return []any{ids, hashes, idle, absolute, clears, deletes, patches, count, extends, limit}
}

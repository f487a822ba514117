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

// foldableText is how large a row's whole text may be to share a statement with others. A batch hands each
// text from one of its steps to the next; docs/decisions has what that costs.
const foldableText = 8 << 10

// foldable reports whether a plain request may share a statement. What is conditional must see the row as it is.
func (r saveRequest) foldable() bool {
	large := r.change.Base != nil && r.change.Base.Exceeds(foldableText)
	return r.change.IfVersion == 0 && !large && isSmall(r.change)
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

// join folds second into r if both are under the same rules. Each still counts as a change of its own.
func (r saveRequest) join(second saveRequest) (saveRequest, bool) {
	if r.ref != second.ref {
		return r, false
	}
	both := r.change.Then(*second.change)
	return saveRequest{r.ref, &both, r.n + second.n}, isSmall(&both)
}

// saveMany serves a batch, in one statement for each policy; most batches have one. What it does not save is left to
// the callers, each of which then locks the row and finds its own reason; only if the outcome is unknown do all get the
// error.
func (s *Store) saveMany(ctx context.Context, requests []saveRequest) []batch.Result[store.Saved] {
	results := make([]batch.Result[store.Saved], len(requests))
	failAll(results, errUnserved)
	for rest := indexes(len(requests)); len(rest) > 0; {
		same, others := samePolicy(requests, rest)
		s.saveTogether(ctx, requests, same, results)
		rest = others
	}
	return results
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// samePolicy parts those of the requests that are under the policy of the first from the others.
func samePolicy(requests []saveRequest, rest []int) (same, others []int) {
	policy := requests[rest[0]].ref.Policy
	for i, at := range rest {
		if requests[at].ref.Policy != policy {
			if same == nil {
				same = append([]int(nil), rest[:i]...)
			}
			others = append(others, at)
		} else if same != nil {
			same = append(same, at)
		}
	}
	if same == nil {
		same = rest
	}
	return same, others
}

// saveTogether serves those requests, which are under one policy.
func (s *Store) saveTogether(ctx context.Context, requests []saveRequest, which []int,
	results []batch.Result[store.Saved]) {
	b := s.newSaveBatch(requests, which)
	err := s.do(ctx, ifNotApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		f := s.fences.next()
		return s.fenced(ctx, f, b.keys, func(ctx context.Context) error { return s.saveBatch(ctx, conn, b, f) })
	})
	for _, i := range which {
		saved, ok := b.saved[requests[i].ref.Key]
		saved.Folded = requests[i].n > 1
		switch {
		case err != nil && outcomeUnknown(err):
			results[i].Err = err
		case err == nil && ok:
			results[i] = batch.Result[store.Saved]{Value: saved}
		}
	}
}

// saveBatch is one statement with its arguments, and what it has saved.
type saveBatch struct {
	text  string
	keys  []store.Handle
	args  []any
	fence int // its place among args
	saved map[store.Handle]store.Saved
}

func (s *Store) newSaveBatch(requests []saveRequest, which []int) *saveBatch {
	size := len(which)
	b := &saveBatch{keys: make([]store.Handle, size), saved: make(map[store.Handle]store.Saved, size)}
	var (
		ids, hashes = make([]pgtype.UUID, size), make([][]byte, size)
		base, whole = make([]int64, size), make([][]byte, size)
		p           = requests[which[0]].ref.Policy
		setOnly     = true
	)
	for i, at := range which {
		r := &requests[at]
		b.keys[i], ids[i], hashes[i] = r.ref.Key, uuid(r.ref.Key), r.ref.Hash[:]
		base[i], whole[i] = wholeText(r.change, p)
		setOnly = setOnly && r.setsOnly()
	}
	b.args = []any{ids, hashes, base, whole}
	if setOnly {
		b.text = s.sql.setMany
		b.args = append(b.args, setArrays(requests, which)...)
	} else {
		b.text = s.sql.saveMany
		b.args = append(b.args, changeArrays(requests, which)...)
	}
	b.fence = len(b.args)
	b.args = append(b.args, nil, limitMillis(p.Absolute), limitMillis(p.IdleLimit), int64(max(0, p.MaxBytes)))
	if !setOnly {
		b.args = append(b.args, idleMillis(p))
	}
	return b
}

// setsOnly reports whether setManyText does for the request.
func (r *saveRequest) setsOnly() bool {
	c := r.change
	return r.n == 1 && len(c.Set) > 0 && len(c.Delete) == 0 && !c.Clear && !c.Extend
}

// setArrays are the arrays that setManyText alone has.
func setArrays(requests []saveRequest, which []int) []any {
	patches := make([]string, len(which))
	for i, at := range which {
		patches[i] = objectText(requests[at].change.Set)
	}
	return []any{patches}
}

// changeArrays are the arrays that saveManyText alone has.
func changeArrays(requests []saveRequest, which []int) []any {
	size := len(which)
	clears, extends, count := make([]bool, size), make([]bool, size), make([]int64, size)
	deletes, patches := make([]string, size), make([]*string, size)
	for i, at := range which {
		r := &requests[at]
		clears[i], extends[i], count[i] = r.change.Clear, r.change.Extend, r.n
		deletes[i] = arrayText(r.change.Delete)
		if r.change.HasData() {
			patches[i] = nullable(objectText(r.change.Set))
		}
	}
	return []any{clears, deletes, patches, count, extends}
}

func (s *Store) saveBatch(ctx context.Context, q querier, b *saveBatch, f fence) error {
	clear(b.saved)
	b.args[b.fence] = f.end
	text, args := b.text, b.args
	if s.opts.changes {
		info, err := s.tableInfo(ctx)
		if err != nil {
			return err
		}
		text, args = withChangedNotify(text, info.channel, s.node, args)
	}
	_, err := query(ctx, q, s.statement(text, args...), func(v [][]byte) error {
		if len(v) <= savedCount || len(v[savedCount]) != len(store.Handle{}) {
			return localErrorf("a saved row of unexpected form")
		}
		saved := readSaved(v)
		b.saved[store.Handle(v[savedCount])] = saved
		s.fences.note(f.sent, saved.Now)
		return nil
	})
	return err
}

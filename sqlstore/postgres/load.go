package postgres

import (
	"bytes"
	"context"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	info, err := s.tableInfo(ctx)
	if err != nil {
		return store.Record{}, err
	}
	r, err := grouped(ctx, s, info.batching, s.loads, ref, s.loadOne, s.loadOne)
	if err != nil {
		return store.Record{}, failed("loading a session", err)
	}
	if err := r.Open(ref, r.Now); err != nil {
		return store.Record{}, err
	}
	if !isObject(r.Data) {
		return store.Record{}, store.ErrCorrupt
	}
	return r, nil
}

// loadOne returns the row, whether ref opens it or not.
func (s *Store) loadOne(ctx context.Context, ref store.Ref) (r store.Record, err error) {
	st := s.statement(s.sql.load, uuid(ref.Key), bytes.Clone(ref.Hash[:])) // the copy is small, and all of ref would escape
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		r, err = readOne(ctx, conn, st)
		return err
	})
	r.Key = ref.Key
	if r.Hash == (store.Hash{}) {
		r.Hash = ref.Hash
	}
	return r, err
}

// readOne runs a statement that returns at most one record.
func readOne(ctx context.Context, q querier, st statement) (r store.Record, err error) {
	n, err := query(ctx, q, st, func(v [][]byte) (err error) {
		r, err = readRecord(v)
		return err
	})
	if err == nil && n == 0 {
		err = store.ErrGone
	}
	return r, err
}

// readAll runs a statement that returns records.
func readAll(ctx context.Context, q querier, st statement) (found []store.Record, err error) {
	_, err = query(ctx, q, st, func(v [][]byte) error {
		r, err := readRecord(v)
		found = append(found, r)
		return err
	})
	return found, err
}

// loadMany serves a batch, which holds each id once.
func (s *Store) loadMany(ctx context.Context, refs []store.Ref) []batch.Result[store.Record] {
	ids, places := make([]pgtype.UUID, len(refs)), make(map[store.Handle]int, len(refs))
	for i := range refs {
		ids[i], places[refs[i].Key] = uuid(refs[i].Key), i
	}
	st := s.statement(s.sql.loadMany, ids)
	results := make([]batch.Result[store.Record], len(refs))
	err := s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		failAll(results, store.ErrGone)
		_, err := query(ctx, conn, st, func(v [][]byte) error {
			r, err := readRecord(v)
			if i, found := places[r.Key]; found {
				results[i] = batch.Result[store.Record]{Value: r}
			}
			return err
		})
		return err
	})
	if err != nil {
		failAll(results, errUnserved)
	}
	return results
}

// failAll sets all results to the same error.
func failAll[Res any](results []batch.Result[Res], err error) {
	for i := range results {
		results[i] = batch.Result[Res]{Err: err}
	}
}

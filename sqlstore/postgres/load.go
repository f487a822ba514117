package postgres

import (
	"bytes"
	"context"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	at, err := s.at(ctx)
	if err != nil {
		return store.Record{}, err
	}
	r, err := grouped(ctx, s, at.batching, s.loads, ref, s.loadOne)
	if err != nil {
		return store.Record{}, failed("loading a session", err)
	}
	if err := opened(&r, ref); err != nil {
		return store.Record{}, err
	}
	return r, nil
}

// opened is what Load answers for a row.
func opened(r *store.Record, ref store.Ref) error {
	if err := r.Open(ref, r.Now); err != nil {
		return err
	}
	if !isObject(r.Data) {
		return store.ErrCorrupt
	}
	return nil
}

// loadOne returns the row, whether ref opens it or not.
func (s *Store) loadOne(ctx context.Context, ref store.Ref) (r store.Record, err error) {
	st := s.statement(s.sql.load, uuid(ref.Key), bytes.Clone(ref.Hash[:])) // the copy is small, and all of ref would escape
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		r, err = readOne(ctx, conn, st)
		return err
	})
	return r, err
}

// readOne runs a statement that gives at most one record with its data.
func readOne(ctx context.Context, q querier, st statement) (r store.Record, err error) {
	n, err := query(ctx, q, st, func(v [][]byte) (err error) {
		r, err = readLoaded(v)
		return err
	})
	if err == nil && n == 0 {
		err = store.ErrGone
	}
	return r, err
}

func readLoaded(v [][]byte) (store.Record, error) {
	r, err := readRecord(v)
	if err == nil && len(v) > columnCount {
		r.Data = readData(v[columnCount])
	}
	return r, err
}

// loadMany serves a batch, which holds each id once.
func (s *Store) loadMany(ctx context.Context, refs []store.Ref) []batch.Result[store.Record] {
	ids, places := make([]pgtype.UUID, len(refs)), make(map[store.Handle]int, len(refs))
	for i := range refs {
		ids[i], places[refs[i].Key] = uuid(refs[i].Key), i
	}
	st := s.statement(s.sql.loadMany, ids)
	results := make([]batch.Result[store.Record], len(refs))
	err := s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		refuse(results, store.ErrGone)
		_, err := query(ctx, conn, st, func(v [][]byte) error {
			r, err := readLoaded(v)
			if i, asked := places[r.Key]; asked {
				results[i] = batch.Result[store.Record]{Value: r}
			}
			return err
		})
		return err
	})
	if err != nil {
		refuse(results, errAlone)
	}
	return results
}

// refuse gives all the same error.
func refuse[Res any](results []batch.Result[Res], err error) {
	for i := range results {
		results[i] = batch.Result[Res]{Err: err}
	}
}

// keysOf returns refs' ids and secret hashes as arguments.
func keysOf(refs []store.Ref) (ids []pgtype.UUID, hashes [][]byte) {
	ids, hashes = make([]pgtype.UUID, len(refs)), make([][]byte, len(refs))
	for i := range refs {
		ids[i], hashes[i] = uuid(refs[i].Key), refs[i].Hash[:]
	}
	return ids, hashes
}

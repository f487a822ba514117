package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// loadKey is what callers who share a row have in common.
type loadKey struct {
	handle session.Handle
	hash   session.Hash
}

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, ref session.Ref) (session.Record, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return session.Record{}, err
	}
	r, err := grouped(ctx, at.batching, s.loads, ref, s.loadOne)
	if err != nil {
		return session.Record{}, failed("loading a session", err)
	}
	if err := opened(&r, ref); err != nil {
		return session.Record{}, err
	}
	return r, nil
}

// opened is what Load answers for a row.
func opened(r *session.Record, ref session.Ref) error {
	if err := r.Open(ref, r.Now); err != nil {
		return err
	}
	if !isObject(r.Data) {
		return session.ErrCorrupt
	}
	return nil
}

// loadOne returns the row, whether ref opens it or not.
func (s *Store) loadOne(ctx context.Context, ref session.Ref) (r session.Record, err error) {
	st := s.statement(s.sql.load, uuid(ref.Key), ref.Hash[:])
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		r, err = readOne(ctx, conn, st)
		return err
	})
	return r, err
}

// readOne runs a statement that gives at most one record with its data.
func readOne(ctx context.Context, q querier, st statement) (r session.Record, err error) {
	n, err := query(ctx, q, st, func(v [][]byte) (err error) {
		r, err = readLoaded(v)
		return err
	})
	if err == nil && n == 0 {
		err = session.ErrGone
	}
	return r, err
}

func readLoaded(v [][]byte) (session.Record, error) {
	r, err := readRecord(v)
	if err == nil && len(v) > columnCount {
		r.Data = readData(v[columnCount])
	}
	return r, err
}

func (s *Store) loadMany(ctx context.Context, refs []session.Ref) []batch.Result[session.Record] {
	ids := make([]pgtype.UUID, len(refs))
	for i := range refs {
		ids[i] = uuid(refs[i].Key)
	}
	st := s.statement(s.sql.loadMany, ids)
	var found map[session.Handle]session.Record
	err := s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		found = make(map[session.Handle]session.Record, len(refs))
		_, err := query(ctx, conn, st, func(v [][]byte) error {
			r, err := readLoaded(v)
			found[r.Key] = r
			return err
		})
		return err
	})
	results := make([]batch.Result[session.Record], len(refs))
	for i, ref := range refs {
		r, ok := found[ref.Key]
		switch {
		case err != nil:
			results[i].Err = errAlone
		case !ok:
			results[i].Err = session.ErrGone
		default:
			results[i].Value = r
		}
	}
	return results
}

// keysOf returns refs' ids and secret hashes as arguments.
func keysOf(refs []session.Ref) (ids []pgtype.UUID, hashes [][]byte) {
	ids, hashes = make([]pgtype.UUID, len(refs)), make([][]byte, len(refs))
	for i := range refs {
		ids[i], hashes[i] = uuid(refs[i].Key), refs[i].Hash[:]
	}
	return ids, hashes
}

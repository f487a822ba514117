package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// saveOne serves a request in a statement of its own: with the whole text if the row still has the version that the
// connection has seen, else by merging the entries in the database.
func (s *Store) saveOne(ctx context.Context, r saveRequest) (saved store.Saved, err error) {
	if r.change.Extend {
		result := s.saveMany(ctx, []saveRequest{r})[0]
		return result.Value, result.Err
	}
	if base, whole := wholeText(r.change, r.ref.Policy); whole != nil {
		saved, err = s.updateOne(ctx, r, s.sql.replaceOne, base, whole)
		if err != errUnserved || r.change.IfVersion != 0 {
			return saved, err
		}
	}
	del := r.change.Delete
	if del == nil {
		del = noKeys
	}
	return s.updateOne(ctx, r, s.sql.mergeOne, r.change.IfVersion, r.change.Clear, del, objectText(r.change.Set),
		int64(max(0, r.ref.Policy.MaxBytes)))
}

var noKeys = []string{}

const fenceArg = 4 // among those that all statements of updateOne have

// updateOne runs a statement that updates one row, and returns errUnserved if it has not.
func (s *Store) updateOne(ctx context.Context, r saveRequest, text string, more ...any) (saved store.Saved, err error) {
	info, err := s.tableInfo(ctx)
	if err != nil {
		return saved, err
	}
	p, keys, e := r.ref.Policy, []store.Handle{r.ref.Key}, eventOf(r.ref, r.change, s.opts.changes)
	args := append([]any{uuid(r.ref.Key), r.ref.Hash[:], limitMillis(p.Absolute), limitMillis(p.IdleLimit), nil}, more...)
	err = s.do(ctx, ifNotApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		f, n := s.fences.next(), 0
		args[fenceArg] = f.end
		err := s.fenced(ctx, f, keys, func(ctx context.Context) (err error) {
			n, err = s.queryAndNotify(ctx, conn, info, s.statement(text, args...), e, func(v [][]byte) error {
				saved = readSaved(v)
				return nil
			})
			return err
		})
		switch {
		case err != nil && isRefusal(err), err == nil && n == 0:
			return errUnserved
		case err == nil:
			s.fences.note(f.sent, saved.Now)
		}
		return err
	})
	return saved, err
}

// isRefusal reports whether a statement has refused a row: it is locked, or its time was over when the lock was released.
func isRefusal(err error) bool {
	const divisionByZero = "22012"
	code := codeOf(err)
	return code == lockNotAvailable || code == divisionByZero
}

// wholeText is what the row's data become if it has the version base. 0, which no row has, if the client does not know.
func wholeText(c *store.Change, p store.Policy) (base int64, whole []byte) {
	whole, ok := c.Whole(p.MaxBytes)
	if !ok {
		return 0, nil
	}
	return c.Base.Version, whole
}

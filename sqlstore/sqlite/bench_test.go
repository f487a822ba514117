package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// fill makes n sessions with about size bytes of data each.
func fill(b *testing.B, s *Store, n, size int) []store.Ref {
	b.Helper()
	refs := make([]store.Ref, n)
	change := set("pad", `"`+strings.Repeat("a", size-30)+`"`)
	change.Set["user"] = []byte(`"anna"`)
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				refs[i] = created(b, s, change)
			}
		})
	}
	wg.Wait()
	return refs
}

func BenchmarkLoad(b *testing.B) {
	for _, size := range []int{400, 20_000} {
		s := open(b, newPath(b))
		refs := fill(b, s, 5000, size)
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("bytes=%d/callers=%d", size, callers), func(b *testing.B) {
				each(b, callers, refs, func(ctx context.Context, ref store.Ref) error {
					_, err := s.Load(ctx, ref)
					return err
				})
			})
		}
	}
}

// BenchmarkDatabaseSQL runs the statement of a load, prepared, through the pool of database/sql, as a measure of what
// the store spares by holding its connections itself.
func BenchmarkDatabaseSQL(b *testing.B) {
	s := open(b, newPath(b))
	refs := fill(b, s, 5000, 400)
	db := sql.OpenDB(connector{s.at.dsn(reading, time.Minute, "")})
	stmt, err := db.Prepare(s.writer.conn.sql[selectRow])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bytes=400/callers=1", func(b *testing.B) {
		each(b, 1, refs, func(ctx context.Context, ref store.Ref) error {
			var packed []byte
			if err := stmt.QueryRowContext(ctx, ref.Key[:]).Scan(&packed); err != nil {
				return err
			}
			return unpack(packed, new(store.Record))
		})
	})
	if err := db.Close(); err != nil {
		b.Error(err)
	}
}

func BenchmarkSave(b *testing.B) {
	for _, batch := range []int{1, 256} {
		for _, size := range []int{400, 20_000} {
			s := open(b, newPath(b), WithBatchSize(batch))
			refs := fill(b, s, 5000, size)
			for _, callers := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("batch=%d/bytes=%d/callers=%d", batch, size, callers), func(b *testing.B) {
					each(b, callers, refs, func(ctx context.Context, ref store.Ref) error {
						_, err := s.Save(ctx, ref, set("user", `"berta"`))
						return err
					})
				})
			}
		}
	}
}

// each runs op b.N times over the refs, from so many callers at once.
func each(b *testing.B, callers int, refs []store.Ref, op func(context.Context, store.Ref) error) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				if err := op(ctx, refs[i*7919%len(refs)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

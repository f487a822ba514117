package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// BenchmarkRowid compares a table with a rowid against one WITHOUT ROWID. docs/decisions/sqlite-without-rowid.md has
// the figures. Run it with -benchtime 5x; each round is 20,000 operations or the bytes of the file.
func BenchmarkRowid(b *testing.B) {
	const rows = 20_000
	for _, size := range []int{400, 20_000} {
		for _, without := range []bool{false, true} {
			b.Run(fmt.Sprintf("bytes=%d/without=%t", size, without), func(b *testing.B) {
				var times [4][]float64
				var bytes int64
				for b.Loop() {
					took, n := rowidRound(b, rows, size, without)
					bytes = n
					for i := range took {
						times[i] = append(times[i], took[i].Seconds()/rows*1e6)
					}
				}
				for i, name := range []string{"create", "load", "save", "collect"} {
					slices.Sort(times[i])
					b.ReportMetric(times[i][len(times[i])/2], name+"-µs")
				}
				b.ReportMetric(float64(bytes)/rows, "file-B/row")
			})
		}
	}
}

func rowidRound(b *testing.B, rows, size int, without bool) (took [4]time.Duration, bytes int64) {
	s, err := Open(b.Context(), newPath(b), WithMigrate(func(ctx context.Context, db *sql.DB, _ string) error {
		text, err := upSQL("sessions")
		text = strings.Replace(text, "strict, without rowid", "strict", 1)
		if without {
			text = strings.Replace(text, ") strict", ") strict, without rowid", 1)
		}
		if err == nil {
			_, err = db.ExecContext(ctx, text)
		}
		return err
	}))
	if err != nil {
		b.Fatal(err)
	}
	change := set("pad", `"`+strings.Repeat("a", size-30)+`"`)
	refs := make([]store.Ref, rows)
	for i := range refs {
		refs[i] = newRef()
		binary.BigEndian.PutUint64(refs[i].Key[:], uint64(time.Now().UnixMilli()+int64(i/20))<<16)
		_, _ = rand.Read(refs[i].Key[6:])
	}
	took[0] = together(rows, func(i int) error { _, err := s.Create(b.Context(), refs[i], change); return err })
	took[1] = together(rows, func(i int) error { _, err := s.Load(b.Context(), refs[i*7919%rows]); return err })
	took[2] = together(rows, func(i int) error {
		_, err := s.Save(b.Context(), refs[i*7919%rows], set("user", `"anna"`))
		return err
	})
	if info, err := os.Stat(s.at.path); err == nil {
		bytes = info.Size()
	}
	edit(b, s, "update sessions set expires_at = expires_at - 100000000")
	took[3] = together(1, func(int) error {
		_, err := s.Collect(b.Context(), store.CollectOptions{})
		return err
	})
	if err := s.Close(); err != nil {
		b.Error(err)
	}
	return took, bytes
}

// together calls op n times from 64 goroutines and returns how long that took.
func together(n int, op func(i int) error) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				if err := op(i); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

package pgstore

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Statement is one that a store has sent.
type Statement struct {
	SQL  string
	Args []any
}

// Tracer remembers the first statement of each text that passes a pool.
type Tracer struct {
	mu   sync.Mutex
	seen map[string]Statement
	sent int
}

// TraceQueryStart implements pgx.QueryTracer.
func (tr *Tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.sent++
	if tr.seen == nil {
		tr.seen = map[string]Statement{}
	}
	if _, known := tr.seen[data.SQL]; !known {
		tr.seen[data.SQL] = Statement{data.SQL, slices.DeleteFunc(slices.Clone(data.Args), isOption)}
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (tr *Tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// isOption tells what precedes a statement's arguments in pgx.
func isOption(arg any) bool {
	switch arg.(type) {
	case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID, pgx.QueryRewriter:
		return true
	}
	return false
}

// Sent returns how many statements were sent since the last call, each time that one was.
func (tr *Tracer) Sent() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	n := tr.sent
	tr.sent = 0
	return n
}

// Take returns the statements since the last Take.
func (tr *Tracer) Take() []Statement {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var all []Statement
	for _, st := range tr.seen {
		all = append(all, st)
	}
	tr.seen = nil
	return all
}

// TracedPool opens a pool whose statements the tracer sees.
func TracedPool(tb testing.TB, url string, tr *Tracer) *pgxpool.Pool {
	tb.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		tb.Fatal(err)
	}
	config.ConnConfig.Tracer = tr
	return Pool(tb, config)
}

// Pool opens a pool that ends with the test.
func Pool(tb testing.TB, config *pgxpool.Config) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return pool
}

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A process on this machine, if it may be looked at, says how long its main thread has run: on Linux, in nanoseconds.
func ranFor(pid int) (ran time.Duration) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err == nil {
		_, _ = fmt.Sscan(string(text), &ran)
	}
	return ran
}

// backendsRanFor is how long the server has worked for a pool, all of whose connections are idle. 0 if it is on another
// machine.
func backendsRanFor(pool *pgxpool.Pool) func() time.Duration {
	return func() (sum time.Duration) {
		for _, conn := range pool.AcquireAllIdle(context.Background()) {
			sum += ranFor(int(conn.Conn().PgConn().PID()))
			conn.Release()
		}
		return sum
	}
}

package failure_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// sessionsPerWriter is how many sessions a writer keeps saving, each by a goroutine of its own.
const sessionsPerWriter = 16

// write is the role of a process that saves without end and prints a line for each save that was acknowledged. It ends
// with the first error.
func write(url string) error {
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		return err
	}
	store, err := postgres.New(pool)
	if err != nil {
		return err
	}
	errs := make(chan error)
	var out sync.Mutex
	for range sessionsPerWriter {
		go func() { errs <- count(store, &out) }()
	}
	return <-errs
}

// count makes a session and saves the numbers from 1 on in it.
func count(store session.Store, out *sync.Mutex) error {
	ref := pgstore.Ref()
	if _, err := store.Create(context.Background(), ref, pgstore.Set("n", "0")); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n > 0 {
			if _, err := store.Save(context.Background(), ref, pgstore.Set("n", strconv.Itoa(n))); err != nil {
				return err
			}
		}
		out.Lock()
		_, err := fmt.Fprintf(os.Stdout, "%s %x %d\n", ref.Key, ref.Hash, n)
		out.Unlock()
		if err != nil {
			return err
		}
	}
}

// acknowledged holds the last number of each session that was acknowledged.
type acknowledged map[store.Ref]int

// read takes in lines of a writer until enough saves were acknowledged, or all of them.
func (a acknowledged) read(t *testing.T, from *bufio.Reader, enough int) (saves int) {
	t.Helper()
	for saves < enough {
		line, err := from.ReadString('\n')
		if err == io.EOF {
			return saves // a line that was cut by the kill was not printed
		}
		if err != nil {
			t.Fatalf("reading from the writer: %v", err)
		}
		ref, n := parse(t, line)
		a[ref] = n
		saves++
	}
	return saves
}

func parse(t *testing.T, line string) (ref store.Ref, n int) {
	t.Helper()
	var key string
	var hash []byte
	_, err := fmt.Sscanf(line, "%s %x %d", &key, &hash, &n)
	if err == nil {
		ref.Key, err = session.ParseHandle(key)
	}
	if err != nil || len(hash) != len(ref.Hash) {
		t.Fatalf("the writer says %q: %v", line, err)
	}
	copy(ref.Hash[:], hash)
	ref.Policy = pgstore.Policy()
	return ref, n
}

// stored returns the number that a session holds, and its version.
func stored(t *testing.T, s session.Store, ref store.Ref) (n int, version int64) {
	t.Helper()
	r, err := s.Load(context.Background(), ref)
	if err != nil {
		t.Errorf("a session whose saves were acknowledged: %v", err)
		return -1, 0
	}
	var data struct{ N int }
	if err := json.Unmarshal(r.Data, &data); err != nil {
		t.Errorf("%s: %v", r.Data, err)
	}
	return data.N, r.Version
}

// check fails where an acknowledged save is lost, or if one was made twice. Of each session one save may have been
// under way.
func (a acknowledged) check(t *testing.T, s session.Store) {
	t.Helper()
	for ref, n := range a {
		held, version := stored(t, s, ref)
		if held < n || held > n+1 {
			t.Errorf("save %d was acknowledged, and the database holds %d", n, held)
		}
		if version != int64(held)+1 {
			t.Errorf("after %d saves the version is %d", held, version)
		}
	}
}

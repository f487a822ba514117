// Package chance plays situations in which a promise has been broken once, many times and in a random order each time:
// contexts are given up, the store fails before or after it has done what it was asked, parallel requests meet. The
// tests of each store play them there.
package chance

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// Store is what a situation needs of one.
type Store interface {
	store.Store
	store.Locker
	store.Inspector
	store.Finder
}

// Place is where a situation is played.
type Place struct {
	Store   Store
	Calm    Store               // on the same rows, by a way on which nothing goes wrong
	Late    time.Duration       // how long a statement whose caller has left may be on its way
	Advance func(time.Duration) // shifts the times of all rows into the past
}

// Round is a situation played once.
type Round struct {
	Place
	Seed uint64
	Rand *rand.Rand // for the goroutine that plays the round
}

// NewRound returns the round of a seed.
func NewRound(p Place, seed uint64) *Round {
	return &Round{Place: p, Seed: seed, Rand: rand.New(rand.NewPCG(seed, 1))}
}

// moment is a random time below most.
func (r *Round) moment(most time.Duration) time.Duration {
	return time.Duration(r.Rand.Int64N(int64(most)))
}

// oneIn is true once in n times.
func (r *Round) oneIn(n int) bool { return r.Rand.IntN(n) == 0 }

// impatient returns a context that ends within 4 ms, once in n times.
func (r *Round) impatient(n int) (context.Context, context.CancelFunc) {
	if r.oneIn(n) {
		return context.WithTimeout(context.Background(), r.moment(4*time.Millisecond))
	}
	return context.Background(), func() {}
}

// apart is a Round for another goroutine.
func (r *Round) apart() *Round {
	return &Round{Place: r.Place, Seed: r.Seed, Rand: rand.New(rand.NewPCG(r.Rand.Uint64(), r.Seed))}
}

// manager returns one on a store, to be shut down by the function.
func manager(s store.Store, config session.Config) (m *session.Manager, shutdown func(), err error) {
	config.Realm, config.CollectInterval = realm, -1
	config.Logger = slog.New(slog.DiscardHandler)
	m, err = session.New(s, config)
	if err != nil {
		return nil, nil, err
	}
	return m, func() { _ = m.Shutdown(context.Background()) }, nil
}

const realm = "chance"

// Situation is one of Situations.
type Situation struct {
	Name  string
	Play  func(*Round) error // what has been broken
	Alone bool               // it shifts times: no other round may have rows at the same place
}

// Situations are all of them.
var Situations = []Situation{
	{Name: "a create and a destroy", Play: createAndDestroy},
	{Name: "saves that are given up", Play: savesGivenUp},
	{Name: "a limit and who leaves the owner", Play: leavingTheOwner},
	{Name: "cookies of parallel requests", Play: parallelCookies},
	{Name: "parallel logins", Play: parallelLogins},
	{Name: "rotations after a create", Play: rotationsAfterACreate},
	{Name: "accesses up to the absolute end", Play: untilTheEnd, Alone: true},
}

const (
	roundsVariable = "SESSIONS_TEST_ROUNDS"
	seedVariable   = "SESSIONS_TEST_SEED"
)

// Rounds returns how often a test repeats what may go wrong once in many times: SESSIONS_TEST_ROUNDS if it is set, else
// unset.
func Rounds(tb testing.TB, unset int) int {
	tb.Helper()
	return int(number(tb, roundsVariable, uint64(unset)))
}

func number(tb testing.TB, variable string, unset uint64) uint64 {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return unset
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n < 1 {
		tb.Fatalf("%s=%q is no number of rounds or seed", variable, text)
	}
	return n
}

// EachSeed calls play with one seed after the other, so many at a time: as often as Rounds says, from
// SESSIONS_TEST_SEED on, which is 1 if it is not set. It ends with the first error, and says how to have the same round
// again.
func EachSeed(t *testing.T, rounds, together int, play func(seed uint64) error) {
	t.Helper()
	first := number(t, seedVariable, 1)
	seeds := make(chan uint64)
	var work sync.WaitGroup
	for range together {
		work.Go(func() {
			for seed := range seeds {
				if err := play(seed); err != nil {
					t.Errorf("%v\nagain, in this folder: %s=%d %s=1 go test -run '^%s$' (on Postgres after .ci/with-postgres)",
						err, seedVariable, seed, roundsVariable, t.Name())
				}
			}
		})
	}
	played := 0
	for ; played < Rounds(t, rounds) && !t.Failed(); played++ {
		seeds <- first + uint64(played)
	}
	close(seeds)
	work.Wait()
	t.Logf("%d rounds", played)
}

// all calls each function on a goroutine of its own, and returns the first error when all have returned.
func all(n int, fn func(i int) error) error {
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- fn(i) }()
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

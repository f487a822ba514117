package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type request struct {
	key, value string
}

// fake is a database that answers when the test lets it.
type fake struct {
	t       *testing.T
	mu      sync.Mutex
	batches [][]request
	gate    chan struct{} // one receive for each call
	fail    func(request) error
}

func (f *fake) one(ctx context.Context, r request) (string, error) {
	results := f.serve(ctx, []request{r})
	return results[0].Value, results[0].Err
}

func (f *fake) serve(ctx context.Context, reqs []request) []Result[string] {
	f.mu.Lock()
	f.batches = append(f.batches, slices.Clone(reqs))
	f.mu.Unlock()
	var err error
	select {
	case <-f.gate:
	case <-ctx.Done():
		err = ctx.Err()
	}
	results := make([]Result[string], len(reqs))
	for i, r := range reqs {
		results[i] = Result[string]{Value: r.key + "=" + r.value, Err: err}
		if f.fail != nil && err == nil {
			results[i].Err = f.fail(r)
		}
	}
	return results
}

func (f *fake) seen() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, b := range f.batches {
		var keys []string
		for _, r := range b {
			keys = append(keys, r.key+r.value)
		}
		out = append(out, strings.Join(keys, " "))
	}
	return strings.Join(out, " | ")
}

type group = Group[string, request, string]

func newGroup(t *testing.T, change func(*Options[string, request, string])) (*group, *fake) {
	f := &fake{t: t, gate: make(chan struct{})}
	opts := Options[string, request, string]{
		Slots: 1, Max: 4, Queue: 100, Timeout: time.Minute,
		One: f.one, Many: f.serve, Key: func(r request) string { return r.key },
	}
	if change != nil {
		change(&opts)
	}
	return New(opts), f
}

// call starts a Do and waits until it stands in the group.
func call(g *group, ctx context.Context, key, value string) chan Result[string] {
	answer := make(chan Result[string], 1)
	go func() {
		value, err := g.Do(ctx, request{key, value})
		answer <- Result[string]{value, err}
	}()
	synctest.Wait()
	return answer
}

func expect(t *testing.T, answer chan Result[string], value string) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-answer:
		if got.Err != nil || got.Value != value {
			t.Errorf("got %q, %v, want %q", got.Value, got.Err, value)
		}
	default:
		t.Errorf("no answer yet, want %q", value)
	}
}

func expectError(t *testing.T, answer chan Result[string], want error) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-answer:
		if !errors.Is(got.Err, want) {
			t.Errorf("got %v, want %v", got.Err, want)
		}
	default:
		t.Errorf("no answer yet, want %v", want)
	}
}

func expectSeen(t *testing.T, f *fake, want string) {
	t.Helper()
	if got := f.seen(); got != want {
		t.Errorf("the database saw %q, want %q", got, want)
	}
}

func TestWhoFindsAFreeSlotGoesAloneTheOthersTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) { o.Slots = 2 })
		ctx := t.Context()
		a, b := call(g, ctx, "a", ""), call(g, ctx, "b", "")
		c, d := call(g, ctx, "c", ""), call(g, ctx, "d", "")
		expectSeen(t, f, "a | b")
		f.gate <- struct{}{}
		expect(t, a, "a=")
		expectSeen(t, f, "a | b | c d")
		f.gate <- struct{}{}
		expect(t, b, "b=")
		f.gate <- struct{}{}
		expect(t, c, "c=")
		expect(t, d, "d=")
	})
}

// While a batch is in flight the slots that are not for batches stay free, and everybody is looked after nevertheless.
func TestBesideABatchCallersWaitForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) { o.Slots, o.Batches = 3, 1 })
		var answers []chan Result[string]
		ask := func(key string) { answers = append(answers, call(g, t.Context(), key, "")) }
		next := func() { f.gate <- struct{}{}; synctest.Wait() }
		for _, key := range []string{"a", "b", "c", "d"} {
			ask(key)
		}
		next() // a has its answer, d goes as a batch
		next()
		next() // b and c have theirs: two slots are free
		ask("e")
		ask("f")
		expectSeen(t, f, "a | b | c | d")
		next()
		expectSeen(t, f, "a | b | c | d | e f")
		next()
		ask("g")
		ask("h")
		expectSeen(t, f, "a | b | c | d | e f | g | h")
		next()
		next()
		for i, answer := range answers {
			expect(t, answer, string(rune('a'+i))+"=")
		}
	})
}

// A batch that can grow no more waits for no other, while there is a slot.
func TestAFullBatchGoesBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) { o.Slots, o.Batches, o.Max = 3, 1, 2 })
		var answers []chan Result[string]
		ask := func(key string) { answers = append(answers, call(g, t.Context(), key, "")) }
		next := func() { f.gate <- struct{}{}; synctest.Wait() }
		for _, key := range []string{"a", "b", "c", "d"} {
			ask(key)
		}
		next()
		next()
		next() // a, b and c have their answers, d is in flight
		ask("e")
		expectSeen(t, f, "a | b | c | d")
		ask("f")
		expectSeen(t, f, "a | b | c | d | e f")
		ask("g")
		ask("h")
		expectSeen(t, f, "a | b | c | d | e f | g h")
		ask("i")
		ask("j") // no slot is left
		expectSeen(t, f, "a | b | c | d | e f | g h")
		for range 4 {
			next()
		}
		expectSeen(t, f, "a | b | c | d | e f | g h | i j")
		for i, answer := range answers {
			expect(t, answer, string(rune('a'+i))+"=")
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.free != 3 || g.batches != 0 {
			t.Errorf("%d slots are free and %d batches in flight at the end", g.free, g.batches)
		}
	})
}

// Enough callers who wait are worth a batch beside another, though it is not full.
func TestEnoughCallersGoBesideABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) { o.Slots, o.Batches, o.Enough, o.Max = 2, 1, 3, 9 })
		var answers []chan Result[string]
		ask := func(keys ...string) {
			for _, key := range keys {
				answers = append(answers, call(g, t.Context(), key, ""))
			}
		}
		next := func() { f.gate <- struct{}{}; synctest.Wait() }
		ask("a", "b", "c")
		next()
		next() // c is in flight, where a batch would be
		ask("d", "e")
		expectSeen(t, f, "a | b | c")
		ask("f")
		expectSeen(t, f, "a | b | c | d e f")
		ask("g", "h", "i", "j")
		next()
		expectSeen(t, f, "a | b | c | d e f | g h i j")
		ask("k", "l")
		next()
		expectSeen(t, f, "a | b | c | d e f | g h i j") // two wait for the batch in flight
		next()
		expectSeen(t, f, "a | b | c | d e f | g h i j | k l")
		next()
		for i, answer := range answers {
			expect(t, answer, string(rune('a'+i))+"=")
		}
	})
}

// Callers who ask again as soon as they have their answer keep in step: all are in each batch, not half of them in every
// other one.
func TestCallersInStepShareEachBatch(t *testing.T) {
	const callers, times = 4, 100
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // who is woken first runs first
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		g := New(Options[int, int, int]{
			Slots: 1,
			One:   func(_ context.Context, r int) (int, error) { calls++; time.Sleep(time.Millisecond); return r, nil },
			Many: func(_ context.Context, reqs []int) []Result[int] {
				calls++
				time.Sleep(time.Millisecond) // of the bubble's clock
				return make([]Result[int], len(reqs))
			},
			Key: func(r int) int { return r },
		})
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				for range times {
					if _, err := g.Do(t.Context(), i); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if most := times * 5 / 4; calls > most {
			t.Errorf("%d callers made %d calls each in %d batches, want at most %d", callers, times, calls, most)
		}
	})
}

func TestBatchesAreFormedInOrderUpToTheMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		var answers []chan Result[string]
		for i := range 10 {
			answers = append(answers, call(g, t.Context(), fmt.Sprint(i), ""))
		}
		for range 4 {
			f.gate <- struct{}{}
			synctest.Wait()
		}
		expectSeen(t, f, "0 | 1 2 3 4 | 5 6 7 8 | 9")
		for i, answer := range answers {
			expect(t, answer, fmt.Sprint(i, "="))
		}
	})
}

func TestAKeyStandsOnceInABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		first := call(g, t.Context(), "z", "")
		x1, x2, y := call(g, t.Context(), "x", "1"), call(g, t.Context(), "x", "2"), call(g, t.Context(), "y", "")
		for range 3 {
			f.gate <- struct{}{}
			synctest.Wait()
		}
		expectSeen(t, f, "z | x1 y | x2")
		expect(t, first, "z=")
		expect(t, x1, "x=1")
		expect(t, x2, "x=2")
		expect(t, y, "y=")
	})
}

func TestJoinedRequestsShareAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) {
			o.Join = func(a, b request) (request, bool) { return request{a.key, a.value + b.value}, b.value != "alone" }
		})
		first := call(g, t.Context(), "z", "")
		var answers []chan Result[string]
		for _, value := range []string{"1", "2", "alone", "3"} {
			answers = append(answers, call(g, t.Context(), "x", value))
		}
		for range 3 {
			f.gate <- struct{}{}
			synctest.Wait()
		}
		expectSeen(t, f, "z | x123 | xalone")
		expect(t, first, "z=")
		expect(t, answers[0], "x=123")
		expect(t, answers[1], "x=123")
		expect(t, answers[2], "x=alone")
		expect(t, answers[3], "x=123")
	})
}

func TestACallerWhoLeavesTheQueueIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		first := call(g, t.Context(), "a", "")
		gone, cancel := context.WithCancel(t.Context())
		b, c := call(g, gone, "b", ""), call(g, t.Context(), "c", "")
		cancel()
		expectError(t, b, context.Canceled)
		f.gate <- struct{}{}
		expect(t, first, "a=")
		f.gate <- struct{}{}
		expect(t, c, "c=")
		expectSeen(t, f, "a | c")
	})
}

func TestACallerWhoLeavesABatchInFlightDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		first := call(g, t.Context(), "a", "")
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		b, c := call(g, brief, "b", ""), call(g, t.Context(), "c", "")
		f.gate <- struct{}{}
		expect(t, first, "a=")
		expectSeen(t, f, "a | b c")
		<-brief.Done()
		expectError(t, b, context.DeadlineExceeded)
		f.gate <- struct{}{}
		expect(t, c, "c=")
	})
}

// The group's owner is told of a caller that leaves while its request is being served, and when that is over; of no
// other.
func TestWhoLeavesWhatBehindIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := map[string]<-chan struct{}{}
		g, f := newGroup(t, func(o *Options[string, request, string]) {
			o.Left = func(r request, done <-chan struct{}) { left[r.key] = done }
		})
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first := call(g, t.Context(), "a", "")
		b, c := call(g, brief, "b", ""), call(g, t.Context(), "c", "")
		f.gate <- struct{}{}
		expect(t, first, "a=")
		expectSeen(t, f, "a | b c")
		d := call(g, brief, "d", "")
		<-brief.Done()
		expectError(t, b, context.DeadlineExceeded)
		expectError(t, d, context.DeadlineExceeded) // still in the queue
		if len(left) != 1 || left["b"] == nil {
			t.Fatalf("told of %v", left)
		}
		select {
		case <-left["b"]:
			t.Error("over before it is")
		default:
		}
		f.gate <- struct{}{}
		expect(t, c, "c=")
		<-left["b"]
	})
}

func TestABatchHasItsOwnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		first := call(g, t.Context(), "a", "")
		b := call(g, t.Context(), "b", "")
		f.gate <- struct{}{}
		expect(t, first, "a=")
		time.Sleep(time.Minute) // of the bubble's clock
		expectError(t, b, context.DeadlineExceeded)
	})
}

// Who brings no deadline has that of the group, alone and in the queue; who brings one keeps it.
func TestCallersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newGroup(t, func(o *Options[string, request, string]) { o.Bounded = true })
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		alone, patient := call(g, t.Context(), "a", ""), call(g, ctx, "b", "")
		waiting, detached := call(g, t.Context(), "c", ""), call(g, context.Background(), "d", "")
		g.mu.Lock()
		g.batches = g.opts.Batches // as if one were in flight that hangs: nobody is looked after
		g.mu.Unlock()
		time.Sleep(time.Minute - time.Nanosecond) // of the bubble's clock
		synctest.Wait()
		if len(alone)+len(patient)+len(waiting)+len(detached) > 0 {
			t.Error("somebody had an answer before the time")
		}
		time.Sleep(time.Nanosecond)
		expectError(t, alone, context.DeadlineExceeded)
		expectError(t, waiting, context.DeadlineExceeded)
		expectError(t, detached, context.DeadlineExceeded)
		if len(patient) > 0 {
			t.Error("a caller's own deadline did not hold")
		}
		cancel()
		expectError(t, patient, context.Canceled)
		if g.queue.len > 0 {
			t.Errorf("%d are left in the queue", g.queue.len)
		}
	})
}

func TestEachCallerHasItsOwnError(t *testing.T) {
	poisoned := errors.New("poisoned")
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		f.fail = func(r request) error {
			if r.key == "c" {
				return poisoned
			}
			return nil
		}
		first := call(g, t.Context(), "a", "")
		b, c, d := call(g, t.Context(), "b", ""), call(g, t.Context(), "c", ""), call(g, t.Context(), "d", "")
		f.gate <- struct{}{}
		expect(t, first, "a=")
		f.gate <- struct{}{}
		expect(t, b, "b=")
		expectError(t, c, poisoned)
		expect(t, d, "d=")
	})
}

func TestAFullQueueIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) { o.Queue = 2 })
		leaving, leave := context.WithCancel(t.Context())
		a, b, c := call(g, t.Context(), "a", ""), call(g, leaving, "b", ""), call(g, t.Context(), "c", "")
		expectError(t, call(g, t.Context(), "d", ""), ErrFull)
		leave()
		expectError(t, b, context.Canceled)
		e := call(g, t.Context(), "e", "")
		f.gate <- struct{}{}
		expect(t, a, "a=")
		f.gate <- struct{}{}
		expect(t, c, "c=")
		expect(t, e, "e=")
	})
}

func TestAnEndedContextNeverReachesTheDatabase(t *testing.T) {
	g, f := newGroup(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Do(ctx, request{"a", ""}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	expectSeen(t, f, "")
}

func TestAPanicLosesNoSlotAndNoCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, nil)
		f.fail = func(r request) error {
			if strings.HasPrefix(r.key, "panic") {
				panic("at the " + r.key)
			}
			return nil
		}
		alone := make(chan any, 1)
		go func() {
			defer func() { alone <- recover() }()
			_, _ = g.Do(t.Context(), request{"panic alone", ""})
		}()
		synctest.Wait()
		b := call(g, t.Context(), "panic in batch", "")
		f.gate <- struct{}{}
		if got := <-alone; got != "at the panic alone" {
			t.Errorf("the caller's own panic is %v", got)
		}
		f.gate <- struct{}{}
		synctest.Wait()
		if got := <-b; got.Err == nil || !strings.Contains(got.Err.Error(), "at the panic in batch") {
			t.Errorf("got %v", got)
		}
		c := call(g, t.Context(), "c", "")
		f.gate <- struct{}{}
		expect(t, c, "c=")
	})
}

func TestAMissingResultIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, f := newGroup(t, func(o *Options[string, request, string]) {
			o.Many = func(context.Context, []request) []Result[string] { return nil }
		})
		a, b, c := call(g, t.Context(), "a", ""), call(g, t.Context(), "b", ""), call(g, t.Context(), "c", "")
		f.gate <- struct{}{}
		expect(t, a, "a=")
		synctest.Wait()
		for _, answer := range []chan Result[string]{b, c} {
			if got := <-answer; got.Err == nil || !strings.Contains(got.Err.Error(), "0 results") {
				t.Errorf("got %v", got)
			}
		}
	})
}

// Who waited and has nobody to travel with gets the simpler call, unless the request is several callers'.
func TestASingleRequestIsNoBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var many int
		g, f := newGroup(t, func(o *Options[string, request, string]) {
			serve := o.Many
			o.Many = func(ctx context.Context, reqs []request) []Result[string] { many++; return serve(ctx, reqs) }
			o.Join = func(a, b request) (request, bool) { return request{a.key, a.value + b.value}, true }
		})
		a, b := call(g, t.Context(), "a", ""), call(g, t.Context(), "b", "")
		f.gate <- struct{}{}
		expect(t, a, "a=")
		c1, c2 := call(g, t.Context(), "c", "1"), call(g, t.Context(), "c", "2")
		expectSeen(t, f, "a | b")
		if many != 0 {
			t.Errorf("%d batches for one request each", many)
		}
		f.gate <- struct{}{}
		expect(t, b, "b=")
		f.gate <- struct{}{}
		expect(t, c1, "c=12")
		expect(t, c2, "c=12")
		if many != 1 {
			t.Errorf("%d batches for a request of two callers", many)
		}
	})
}

func TestNoAllocationWhenAlone(t *testing.T) {
	g := New(Options[string, request, string]{
		One:  func(_ context.Context, r request) (string, error) { return r.value, nil },
		Many: func(context.Context, []request) []Result[string] { return nil },
		Key:  func(r request) string { return r.key },
	})
	ctx := t.Context()
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := g.Do(ctx, request{"a", "1"}); err != nil {
			t.Error(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Many callers, some of whom leave, on few keys and slots: every answer is the caller's own, and at the end all slots
// are free and nobody is forgotten.
func TestManyCallers(t *testing.T) {
	serve := func(_ context.Context, reqs []request) []Result[string] {
		results := make([]Result[string], len(reqs))
		for i, r := range reqs {
			results[i].Value = r.key
		}
		return results
	}
	g := New(Options[string, request, string]{
		Slots: 3, Max: 5,
		One:  func(_ context.Context, r request) (string, error) { return r.key, nil },
		Many: serve,
		Key:  func(r request) string { return r.key },
		Join: func(a, b request) (request, bool) { return a, a.value == b.value },
	})
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			for n := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%7 == 0 {
					go cancel()
				}
				key := fmt.Sprint((i + n) % 20)
				got, err := g.Do(ctx, request{key, fmt.Sprint(n % 2)})
				if err != nil && ctx.Err() == nil || err == nil && got != key {
					t.Errorf("got %q, %v, want %q", got, err, key)
				}
				cancel()
			}
		})
	}
	callers.Wait()
	deadline := time.After(10 * time.Second)
	for free, waiting := 0, 0; free != 3 || waiting != 0; {
		g.mu.Lock()
		free, waiting = g.free, g.queue.len
		g.mu.Unlock()
		select {
		case <-deadline:
			t.Fatalf("%d slots are free and %d callers wait", free, waiting)
		default:
		}
	}
}

func BenchmarkAlone(b *testing.B) {
	g := New(Options[int, int, int]{
		One:  func(_ context.Context, r int) (int, error) { return r, nil },
		Many: func(context.Context, []int) []Result[int] { return nil },
		Key:  func(r int) int { return r },
	})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Do(b.Context(), 1); err != nil {
			b.Fatal(err)
		}
	}
}

package postgres

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/internal/deadline"
	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// A fence is a time of the database's clock that a writing statement carries: once it has passed, the statement does
// nothing. So a statement whose answer was lost, or whose caller has left, takes effect before its fence or not at all,
// however long the network or a pooler holds it. Statements that wait for a lock first carry no fence: while their
// transaction may still commit, it has the lock.
type fences struct {
	window time.Duration // how long a statement has until its fence
	begun  time.Time     // has the monotonic clock that clock is relative to

	// clock is a lower bound of the database's clock, in µs of the Unix epoch, when begun was. It is that of the last
	// answer: databases change, and set their clocks.
	clock atomic.Int64

	pending pendingWrites
}

func newFences(timeout time.Duration) *fences { return &fences{window: timeout / 4, begun: time.Now()} }

// fence is what a statement carries.
type fence struct {
	sent, until time.Time // on this process's clock
	end         time.Time // on the database's, which has passed it when this process's has passed until
}

// next returns the fence of a statement that is sent now.
func (f *fences) next() fence {
	sent := time.Now()
	us := f.clock.Load() + (sent.Sub(f.begun) + f.window).Microseconds()
	return fence{sent: sent, until: sent.Add(f.window), end: time.UnixMicro(us)}
}

// later is the fence for a statement that may wait for a lock first, or a transaction that may wait for its commit.
func (f fence) later(d time.Duration) fence {
	f.end, f.until = f.end.Add(d), f.until.Add(d)
	return f
}

// note takes in what the database's clock was at some moment since sent. An answer that took long says little.
func (f *fences) note(sent, clock time.Time) {
	now := time.Now()
	if f.clock.Load() == 0 || now.Sub(sent) < f.window/2 {
		f.clock.Store(clock.UnixMicro() - now.Sub(f.begun).Microseconds())
	}
}

// pendingWrites are statements that may still take effect although their callers have an error. The next write of such a
// row waits, or else the older one could come after it and undo what was acknowledged. All methods are safe for
// concurrent use; the zero value is ready.
type pendingWrites struct {
	count atomic.Int64 // of rows; read without mu by every write

	mu   sync.Mutex
	rows map[store.Handle][]pendingWrite
}

// pendingWrite is over when done is closed, or if that is nil at a time.
type pendingWrite struct {
	done  <-chan struct{}
	until time.Time
}

func (w pendingWrite) over() bool {
	if w.done == nil {
		return !time.Now().Before(w.until)
	}
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

func (w pendingWrite) wait(ctx context.Context) error {
	if w.done == nil {
		return retry.Sleep(ctx, time.Until(w.until))
	}
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// add takes a write in, and has it forgotten when it is over.
func (p *pendingWrites) add(key store.Handle, w pendingWrite) {
	if w.over() {
		return
	}
	p.mu.Lock()
	if p.rows == nil {
		p.rows = map[store.Handle][]pendingWrite{}
	}
	p.rows[key] = append(p.rows[key], w)
	p.count.Store(int64(len(p.rows)))
	p.mu.Unlock()
	go func() {
		_ = w.wait(context.Background())
		p.next(key)
	}()
}

// next returns a write of key that is not over, if there is one, and forgets those that are.
func (p *pendingWrites) next(key store.Handle) (w pendingWrite, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.rows[key] {
		if !w.over() {
			p.rows[key] = p.rows[key][i:]
			return w, true
		}
	}
	delete(p.rows, key)
	p.count.Store(int64(len(p.rows)))
	return pendingWrite{}, false
}

// wait returns when all writes of key are over, or with ctx's error.
func (p *pendingWrites) wait(ctx context.Context, key store.Handle) error {
	if p.count.Load() == 0 {
		return nil
	}
	for w, found := p.next(key); found; w, found = p.next(key) {
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// outliving returns a context that ends a moment after ctx: most statements that are under way are answered by then, so
// that their outcome is known and the connection can be kept. The CancelFunc has to be called when the statement is
// over. If nothing but its deadline can end ctx, outliving returns ctx: the fence has long passed then.
func (f *fences) outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, fixed := deadline.Fixed(ctx); fixed || ctx.Done() == nil {
		return ctx, func() {}
	}
	lingering, end := context.WithCancel(context.WithoutCancel(ctx))
	leave := context.AfterFunc(ctx, func() { time.AfterFunc(f.window/8, end) })
	return lingering, func() {
		leave()
		end()
	}
}

// ended is called for a statement that ended with err. If that leaves open whether it takes effect, ended returns once it
// no longer can, or when ctx ends; until then it is pending.
func (f *fences) ended(ctx context.Context, of fence, err error, keys ...store.Handle) {
	if err == nil || !outcomeUnknown(err) {
		return
	}
	w := pendingWrite{until: of.until}
	for _, key := range keys {
		f.pending.add(key, w)
	}
	_ = w.wait(ctx)
}

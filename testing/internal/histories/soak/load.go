package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/internal/retry"
)

// load is all browsers. It asks at a fixed rate, whether answers come or not, so that a request's time includes its
// waiting.
type load struct {
	config
	report   *report
	nodes    []*node
	browsers []*browser
	graves   graves
	http     *http.Client // for requests
	sockets  *http.Client // has as many connections as there are sockets
	open     atomic.Int64
	asked    sync.WaitGroup
	underWay atomic.Int64
}

func newLoad(c config, nodes []*node, r *report) *load {
	l := &load{config: c, nodes: nodes, report: r,
		http:    client(&http.Transport{MaxIdleConnsPerHost: 1000, IdleConnTimeout: 10 * time.Second}),
		sockets: client(&http.Transport{})}
	for i := range c.Browsers {
		l.browsers = append(l.browsers, &browser{load: l, number: i})
	}
	return l
}

// waiting is how many seconds' requests may be under way. One more is turned away, as a balancer does: otherwise those
// that wait would have the machine, and nothing would ever be answered in time again.
const waiting = 4

func client(t *http.Transport) *http.Client { return &http.Client{Transport: t, Timeout: patience} }

// patience is how long a client waits for an answer. A server has given up by then.
const patience = 10 * time.Second

// fill gives each browser a session.
func (l *load) fill(ctx context.Context) error {
	browsers := make(chan *browser)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for b := range browsers {
				b.mu.Lock()
				b.begin()
				b.mu.Unlock()
			}
		})
	}
	for _, b := range l.browsers {
		browsers <- b
	}
	close(browsers)
	wg.Wait()
	l.report.requests.take() // they are not part of the load
	return ctx.Err()
}

// run asks until ctx ends, and returns when all has its answer and all sockets are closed.
func (l *load) run(ctx context.Context) {
	var sockets sync.WaitGroup
	for i, b := range l.browsers[:l.Sockets] {
		sockets.Go(func() {
			late := l.opening() * time.Duration(i) / time.Duration(l.Sockets)
			if retry.Sleep(ctx, late) == nil {
				(&socket{browser: b, rnd: rand.New(rand.NewPCG(l.Seed, uint64(i)))}).run(ctx)
			}
		})
	}
	rnd := rand.New(rand.NewPCG(l.Seed, 1<<40))
	for n, start := 0, time.Now(); ; n++ {
		due := start.Add(time.Duration(n) * time.Second / time.Duration(l.Rate))
		if retry.Sleep(ctx, time.Until(due)) != nil {
			break
		}
		if l.underWay.Load() >= int64(waiting*l.Rate) {
			l.report.shed.Add(1)
			l.report.requests.add(patience, true)
			continue
		}
		l.underWay.Add(1)
		do, b := actions[rnd.IntN(len(actions))], l.browsers[rnd.IntN(len(l.browsers))]
		l.asked.Go(func() {
			defer l.underWay.Add(-1)
			do(b, due)
		})
	}
	sockets.Wait()
	l.asked.Wait()
}

// opening is the time in which the sockets are opened.
func (l *load) opening() time.Duration { return l.Duration / 60 }

// node picks one that the balancer has not taken out, and notes that it is busy until done is called.
func (l *load) node() (n *node, done func()) {
	first := rand.IntN(len(l.nodes))
	for i := range l.nodes {
		n = l.nodes[(first+i)%len(l.nodes)]
		n.busy.Add(1)
		if !n.out.Load() {
			break
		}
		n.busy.Add(-1)
		n = nil
	}
	if n == nil { // the only one: it will be there again
		n = l.nodes[0]
		n.busy.Add(1)
	}
	return n, func() { n.busy.Add(-1) }
}

// compare looks at the end whether each session has what was acknowledged.
func (l *load) compare() {
	for _, b := range l.browsers {
		b.mu.Lock()
		b.last()
		b.mu.Unlock()
	}
}

// Package drive is the clients: browsers with several tabs and sockets each, who ask at random and record every answer.
package drive

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// Config is how a process of clients is started, as JSON on its command line.
type Config struct {
	Name     string // distinguishes the sessions of several processes
	Seed     uint64
	Servers  []string // addresses
	Ops      int      // how many operations to record, at least
	Browsers int      // at a time
	Tabs     int      // of each
	Owner    string   // what owners' names begin with
	Owners   int      // in all
	Timeout  time.Duration
	Cancel   bool          // give some requests up at random
	Think    time.Duration // a tab waits for up to this long before it acts
	Tell     time.Duration // within which a socket should hear of its session's end
	Faults   bool          // saves may fail, and be tried again
	Out      string
}

// fleet is all browsers of a process.
type fleet struct {
	Config
	log   *history.Log
	http  *http.Client
	lives atomic.Int64
	stop  <-chan struct{}
	calls atomic.Int64
}

// Main is the clients as a process. They end when they have asked enough, or standard input ends.
func Main(config string) error {
	var c Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return fmt.Errorf("the clients' configuration: %w", err)
	}
	log, err := history.NewLog(c.Out)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	Run(c, log, &http.Transport{MaxIdleConnsPerHost: 4 * c.Browsers * c.Tabs, DisableCompression: true}, stop)
	return log.Close()
}

// Run has the clients ask by way of a transport until they have asked enough, or stop is closed.
func Run(c Config, log *history.Log, by http.RoundTripper, stop <-chan struct{}) {
	f := &fleet{Config: c, log: log, http: &http.Client{Transport: by}, stop: stop}
	f.run()
}

func (f *fleet) stopped() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

func (f *fleet) run() {
	var wg sync.WaitGroup
	for i := range f.Browsers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(f.Seed, uint64(i)))
			var last *life
			for f.log.Len() < f.Ops && !f.stopped() {
				last = f.live(rnd, last)
			}
		})
	}
	wg.Wait()
}

// server picks one.
func (f *fleet) server(rnd *rand.Rand) int { return rnd.IntN(len(f.Servers)) }

func (f *fleet) url(server int, path string) string { return "http://" + f.Servers[server] + path }

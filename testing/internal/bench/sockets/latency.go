package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/simples-go/sessions/session"
)

// latency ends sessions on one node whose sockets are open on another, half by Destroy and half by Revoke, and measures from
// the call of it, so a little more than from its commit, to the end of the socket's context.
func latency(ctx context.Context, w io.Writer, what string, sockets, ends *session.Manager, trials int) error {
	first, err := login(ctx, sockets)
	if err != nil {
		return err
	}
	held := socket(sockets, first)
	<-held.open
	time.Sleep(500 * time.Millisecond) // the watcher's first connection is not what is measured
	var taken, calls []time.Duration
	for i := range trials {
		token, err := login(ctx, sockets)
		if err != nil {
			return err
		}
		s := socket(sockets, token)
		<-s.open
		other, err := ends.Open(ctx, token)
		if err != nil {
			return err
		}
		start := time.Now()
		if i%2 == 0 {
			err = other.Destroy(ctx)
		} else {
			_, err = ends.Revoke(ctx, other.Handle())
		}
		if err != nil {
			return err
		}
		calls = append(calls, time.Since(start))
		select {
		case ended := <-s.ended:
			taken = append(taken, max(0, ended.Sub(start)))
		case <-time.After(time.Minute):
			return fmt.Errorf("%s: a socket outlives its session", what)
		}
	}
	held.leave()
	percentiles(w, what+": from the call of Destroy or Revoke to the end of the socket's context", taken)
	percentiles(w, what+": of which the call itself took", calls)
	return nil
}

// watcher is a handler that waits for the end of its session.
type watcher struct {
	open  chan struct{}
	ended chan time.Time
	leave context.CancelFunc
}

// socket opens a long-lived handler under the manager.
func socket(m *session.Manager, token string) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	s := &watcher{make(chan struct{}), make(chan time.Time, 1), cancel}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if token != "" {
		r.Header.Set("Cookie", "__Host-Http-session="+token)
	}
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, err := session.Watch(r.Context())
		if err != nil {
			return
		}
		close(s.open)
		<-ctx.Done()
		s.ended <- time.Now()
	}))
	go h.ServeHTTP(httptest.NewRecorder(), r)
	return s
}

func login(ctx context.Context, m *session.Manager) (string, error) {
	s := m.NewSession()
	if err := s.Set("name", "somebody"); err != nil {
		return "", err
	}
	return s.ID().Reveal(), s.Save(ctx)
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/testing/internal/histories/run"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

// inProcess returns two nodes on one memory store, which makes a mistake.
func inProcess(t *testing.T, mistake string) (nodes []*node) {
	s := memstore.New()
	for range 2 {
		handler, m, err := serve.New(&serve.Config{Grace: 30 * time.Second, Mistake: mistake, Seed: 1}, s)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		t.Cleanup(func() { _ = m.Shutdown(context.Background()) })
		addr := strings.TrimPrefix(server.URL, "http://")
		nodes = append(nodes, &node{Node: run.Node{Config: serve.Config{Addr: addr}}})
	}
	return nodes
}

// deafening is the mistake that takes a while to be noticed.
const deafening = "does not tell sockets"

// onMemory has the load work until something is noticed. Without a mistake that is until it has read and has tried a token
// of before a rotation: what follows shows nothing otherwise.
func onMemory(t *testing.T, mistake string) *report {
	conf := config{Duration: time.Second, Rate: 400, Sockets: 10, Browsers: 20, Say: 50 * time.Millisecond,
		Reconnect: 100 * time.Millisecond, Idle: time.Second, Tell: time.Minute, Nodes: 2, Seed: 1, Log: io.Discard}
	if mistake == deafening {
		conf.Tell, conf.Duration = time.Second, 5*time.Second
	}
	l := newLoad(conf, inProcess(t, mistake), newReport(conf))
	if err := l.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), conf.Duration)
		l.run(ctx)
		cancel()
		l.compare()
		r := l.report
		if r.broken.n() > 0 || mistake == "" && r.reads.Load() > 0 && r.olds.Load() > 0 {
			break
		}
	}
	return l.report
}

// TestMistakesAreNoticed has the store break promises that the load's counters and graves are there for.
func TestMistakesAreNoticed(t *testing.T) {
	for mistake, sign := range map[string]string{
		"":                                   "",
		"acknowledges what it does not save": "acknowledged before",
		"answers a load from a cache":        "",
		"destroys nothing":                   "destroyed session has opened",
		"revokes nothing":                    "revoked session has opened",
		"opens by an old token":              "rotated session has opened",
		deafening:                            "after its session's end",
	} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			r := onMemory(t, mistake)
			if reads, olds := r.reads.Load(), r.olds.Load(); mistake == "" && (reads == 0 || olds == 0) {
				t.Errorf("%d reads and %d old tokens", reads, olds)
			}
			said := strings.Join(r.broken.first, "\n")
			if (r.broken.n() > 0) != (mistake != "") || !strings.Contains(said, sign) {
				t.Errorf("%d broken promises:\n%s", r.broken.n(), said)
			}
		})
	}
}

// TestFlat: growth is seen, over the whole time and in lives that begin small again and again.
func TestFlat(t *testing.T) {
	r := newReport(config{Nodes: 1})
	for i := range 240 {
		r.samples = append(r.samples, sample{At: time.Duration(i) * time.Second, Connections: 20, Rows: int64(1000 + 10*i),
			TableBytes: 1 << 20, Nodes: []usage{{Life: int64(1 + i/40), Memory: int64(100+i%40) << 20}}})
	}
	got := map[string]string{}
	for _, f := range r.flatness() {
		got[f.what] = fmt.Sprint(f.known, f.flat())
	}
	for what, want := range map[string]string{"memory of all nodes": "true true",
		"memory of a node in one life": "true false", "connections to Postgres": "true true", "rows": "true false"} {
		if got[what] != want {
			t.Errorf("%s: known and flat are %s", what, got[what])
		}
	}
}

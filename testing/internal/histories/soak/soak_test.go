package main

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/pg"
	"github.com/simples-go/sessions/testing/internal/histories/run"
)

func TestMain(m *testing.M) {
	run.Play()
	os.Exit(m.Run())
}

// shortly is a soak with all that the long one has.
func shortly(t *testing.T) config {
	return config{
		Duration: 30 * time.Second, Sample: time.Second, Collect: 4 * time.Second, Restart: 10 * time.Second,
		Failover: 24 * time.Second, Alone: 3 * time.Second, Idle: 2 * time.Second, Say: time.Second, Tell: time.Minute,
		Reconnect: time.Second, Nodes: 2, Rate: 60, Sockets: 40, Browsers: 80, Seed: 1, Dir: t.TempDir(), Log: io.Discard,
	}
}

// TestSoak: nothing that was acknowledged is lost and nothing comes back, over restarts, a failover and collections,
// and all that is to be sampled is.
func TestSoak(t *testing.T) {
	if _, err := pg.Bin(); errors.Is(err, pg.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	c := shortly(t)
	r, err := c.soak(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.markdown())
	for _, text := range r.broken.first {
		t.Error(text)
	}
	for what, n := range map[string]int64{"reads": r.reads.Load(), "old tokens": r.olds.Load(),
		"messages": r.messages.Load(), "increments at the end": r.kept.Load(),
		"sockets that were told": int64(len(r.tellings.sorted()))} {
		if n == 0 {
			t.Errorf("there were no %s", what)
		}
	}
	for _, kind := range []string{restarted, failedOn, collected} {
		if r.count(kind) == 0 {
			t.Errorf("no %s has happened", kind)
		}
	}
	if runs, failed, deleted := r.collections(); deleted == 0 || failed == runs {
		t.Errorf("%d runs of sessions-gc, of which %d failed, deleted %d rows", runs, failed, deleted)
	}
	r.sawAll(t)
	r.wroteAll(t, c.Dir)
}

// sawAll checks that the samples have a value of all that is in use.
func (r *report) sawAll(t *testing.T) {
	var all sample
	lives := make([]int64, r.config.Nodes)
	for i := range r.samples {
		s := &r.samples[i]
		all.Connections, all.TableBytes = max(all.Connections, s.Connections), max(all.TableBytes, s.TableBytes)
		all.Rows, all.Dead = max(all.Rows, s.Rows), max(all.Dead, s.Dead)
		all.Open, all.P99 = max(all.Open, s.Open), max(all.P99, s.P99)
		for node, u := range s.Nodes {
			lives[node] = max(lives[node], u.Life)
			if u.Life > 0 && (u.Memory == 0 || u.Goroutines == 0) {
				t.Errorf("a sample without memory or goroutines: %+v", u)
			}
		}
	}
	if all.Connections == 0 || all.TableBytes == 0 || all.Rows == 0 || all.Dead == 0 || all.Open == 0 || all.P99 == 0 {
		t.Errorf("something was never sampled: %+v", all)
	}
	for node, life := range lives {
		if life < 2 {
			t.Errorf("node %d was never restarted", node)
		}
	}
}

// wroteAll checks the files.
func (r *report) wroteAll(t *testing.T, dir string) {
	file, err := os.Open(filepath.Join(dir, "samples.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if rows, err := csv.NewReader(file).ReadAll(); err != nil || len(rows) != len(r.samples)+1 {
		t.Errorf("samples.csv has %d rows of %d samples: %v", len(rows), len(r.samples), err)
	}
	svg, err := os.ReadFile(filepath.Join(dir, "soak.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(svg, new(struct{})); err != nil || strings.Count(string(svg), "<polyline") != 3 {
		t.Errorf("soak.svg: %v\n%s", err, svg)
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	if err != nil || !strings.Contains(string(text), "**0 broken promises**") {
		t.Errorf("report.md: %v\n%s", err, text)
	}
}
